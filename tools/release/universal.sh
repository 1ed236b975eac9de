#!/usr/bin/env bash
# Makes the MCP bundle for macOS, from the archives for both processors: tools/release/universal.sh FOLDER OUT. Needs lipo.
set -euo pipefail
folder="$1" out="$2"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
programs=()
for archive in "$folder"/codescry-*-apple-darwin.tar.gz; do
    tar -xzf "$archive" -C "$work"
    programs+=("$work/$(basename "$archive" .tar.gz)/codescry")
done
[ ${#programs[@]} = 2 ] || { echo "$folder has ${#programs[@]} archives for macOS, expected 2" >&2; exit 2; }
"${LIPO:-lipo}" -create -output "$work/codescry" "${programs[@]}"
cd "$(dirname "$0")/../.."
cargo xtask package bundle --program "$work/codescry" --out "$out"
