#!/usr/bin/env bash
# Checks that a tag names the version of the workspace: tools/release/check-version.sh tag v1.2.3. Branches pass.
set -euo pipefail
kind="$1" name="$2"
cd "$(dirname "$0")/../.."
version="$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -1)"
if [ "$kind" = tag ] && [ "$name" != "v$version" ]; then
    echo "the tag is $name, Cargo.toml has version $version; change one of them" >&2
    exit 1
fi
if [ "$kind" = tag ] && ! grep -q "^## $version" CHANGELOG.md; then
    echo "CHANGELOG.md has no section for $version; rename \"Unreleased\"" >&2
    exit 1
fi
echo "version $version"
