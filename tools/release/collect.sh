#!/usr/bin/env bash
# Writes the files of a whole release from the packages of all platforms in a folder, and checks them:
#
#   tools/release/collect.sh dist
set -euo pipefail
cd "$(dirname "$0")/../.."
folder="$(realpath "$1")"
cargo xtask package --collect --out "$folder"
(cd "$folder" && sha256sum --check --quiet SHA256SUMS)
# Homebrew and Scoop take these files from a repository of their own.
ls -l "$folder"
