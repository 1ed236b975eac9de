#!/usr/bin/env bash
# Builds the program of a release and prints its path:
#
#   tools/release/build.sh TARGET           builds the program
#   tools/release/build.sh TARGET --test    runs all tests first, in the same build
#
# Programs for Linux need glibc 2.28 (Debian 10, RHEL 8). They are linked with zig, which the Python package registry has,
# and which knows the symbols of every glibc. Set CODESCRY_BUILD_ARGUMENTS to build something else, as a quick trial.
set -euo pipefail
cd "$(dirname "$0")/../.."
# Incremental compilation is for development: its results depend on what was compiled before.
export CARGO_INCREMENTAL=0
target="$1" mode="${2:-}"
glibc=2.28
profile="${CODESCRY_BUILD_PROFILE:-release}"
read -ra arguments <<< "${CODESCRY_BUILD_ARGUMENTS:---bin codescry}"
common=(--profile "$profile" --locked --target)
case "$target" in
*-linux-gnu)
    tools="${XDG_CACHE_HOME:-$HOME/.cache}/codescry-zig"
    if [ ! -x "$tools/bin/cargo-zigbuild" ]; then
        python3 -m venv "$tools" >&2
        "$tools/bin/pip" install --quiet --disable-pip-version-check -r tools/release/requirements.txt >&2
    fi
    export PATH="$tools/bin:$PATH"
    [ "$mode" != --test ] || cargo-zigbuild test "${common[@]}" "$target.$glibc" --workspace >&2
    cargo-zigbuild zigbuild "${common[@]}" "$target.$glibc" "${arguments[@]}" >&2
    ;;
*)
    [ "$mode" != --test ] || cargo test "${common[@]}" "$target" --workspace >&2
    cargo build "${common[@]}" "$target" "${arguments[@]}" >&2
    ;;
esac
program="${CARGO_TARGET_DIR:-target}/$target/$profile/codescry"
case "$target" in *-windows-*) program="$program.exe" ;; esac
echo "$program"
