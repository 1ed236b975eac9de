#!/usr/bin/env bash
# Builds the image from the archives of a release, for each Linux platform that has one:
#
#   tools/release/image.sh dist NAME:TAG [arguments of docker buildx build, such as --push]
#   tools/release/image.sh dist NAME:TAG --context FOLDER    only writes the folder that docker receives
set -euo pipefail
folder="$1" name="$2"
shift 2
root="$(cd "$(dirname "$0")/../.." && pwd)"
context="$(mktemp -d)"
if [ "${1:-}" = --context ]; then context="$2" && mkdir -p "$context"; else trap 'rm -rf "$context"' EXIT; fi
platforms=()
for pair in x86_64:amd64 aarch64:arm64; do
    archive="$(find "$folder" -name "codescry-*-${pair%:*}-unknown-linux-gnu.tar.gz" | sort | tail -1)"
    [ -n "$archive" ] || continue
    mkdir -p "$context/${pair#*:}/data"
    tar --extract --gzip --file "$archive" --directory "$context/${pair#*:}" --strip-components 1
    platforms+=("linux/${pair#*:}")
done
[ ${#platforms[@]} -gt 0 ] || { echo "$folder has no archive for Linux; run cargo xtask package" >&2; exit 2; }
printf 'as an image\ndocker pull %s\n' "${name%:*}" > "$context/installed-by"
cp "$root/tools/package/Dockerfile" "$context/Dockerfile"
[ "${1:-}" != --context ] || exit 0
docker buildx build --platform "$(IFS=,; echo "${platforms[*]}")" --tag "$name" "$@" "$context"
