#!/usr/bin/env bash
# Publishes the crates in the order of their dependencies:
#
#   tools/release/publish-crates.sh              needs CARGO_REGISTRY_TOKEN
#   tools/release/publish-crates.sh --dry-run    packs them and asks the registry nothing
#
# A crate that the registry has already is left out, so that a stopped run can be repeated.
set -euo pipefail
cd "$(dirname "$0")/../.."
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
if [ "${1:-}" = --dry-run ]; then
    cargo xtask pack-crates --out "$work"
    exit
fi
cargo xtask pack-crates --out "$work" --copy-only
cd "$work/source"
version="$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -1)"
excluded=(--exclude xtask --exclude tidy)
for manifest in crates/*/Cargo.toml Cargo.toml; do
    name="$(sed -n 's/^name = "\(.*\)"$/\1/p' "$manifest" | head -1)"
    if cargo info --registry crates-io "$name@$version" > /dev/null 2>&1; then
        excluded+=(--exclude "$name")
    fi
done
# The crates were compiled and tested in the workspace.
cargo publish --workspace "${excluded[@]}" --no-verify
