#!/usr/bin/env bash
# Installs the program from its packed crates, as `cargo install codescry` does from the registry: without the stand-ins
# of this workspace, with protoc from the environment, and without cmake.
#
#   PROTOC=FILE tools/release/install-crates.sh FOLDER            takes as long as a cold build
#   PROTOC=FILE tools/release/install-crates.sh FOLDER --resolve  only checks which crates it would compile
#
# FOLDER is new; the program is FOLDER/installed/bin/codescry.
set -euo pipefail
folder="$1" mode="${2:-}"
: "${PROTOC:?set PROTOC to the path of protoc, such as /usr/bin/protoc}"
[ ! -e "$folder" ] || { echo "$folder exists; name a new folder" >&2; exit 2; }
mkdir -p "$folder/crates" && folder="$(cd "$folder" && pwd)"
cd "$(dirname "$0")/../.."
cargo xtask pack-crates --out "$folder/packed"
patches=()
for packed in "$folder/packed/target/package/"*.crate; do
    tar --extract --gzip --file "$packed" --directory "$folder/crates"
    unpacked="$(basename "$packed" .crate)"
    name="${unpacked%-*}"
    [ "$name" = codescry ] || patches+=(--config "patch.crates-io.$name.path=\"$folder/crates/$unpacked\"")
done
program="$(echo "$folder"/crates/codescry-[0-9]*)"
# With the versions of the packed Cargo.lock, as `cargo install --locked` uses them. This call puts the crates above into it.
cd "$program"
resolved="$(cargo tree "${patches[@]}" --edges normal,build --prefix none --target all --format '{p}' | sed "s, (\*)\$,,")"
if grep -E '^(protobuf-src|cmake) ' <<< "$resolved"; then
    echo "these crates need a C++ tool chain" >&2
    exit 1
fi
echo "$(sort -u <<< "$resolved" | wc -l) crates, none of them protobuf-src or cmake"
[ "$mode" != --resolve ] || exit 0
# A cmake that fails shows that none is needed.
mkdir -p "$folder/bin"
printf '#!/bin/sh\necho "cmake was called: $*" >&2\nexit 1\n' > "$folder/bin/cmake" && chmod +x "$folder/bin/cmake"
PATH="$folder/bin:$PATH" CARGO_TARGET_DIR="$folder/target" \
    cargo install --locked --path . "${patches[@]}" --root "$folder/installed" --no-track
"$folder/installed/bin/codescry" --version
