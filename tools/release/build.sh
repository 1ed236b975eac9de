#!/usr/bin/env bash
# Builds the program of a release, or its tests:
#
#   tools/release/build.sh TARGET                   builds the program with the profile `dist` and prints its path
#   tools/release/build.sh TARGET --test PROGRAM    runs all tests, with that program, and prints the folder of the
#                                                   other programs, such as xtask
#
# Programs for Linux need glibc 2.28 (Debian 10, RHEL 8). They are linked with zig, which the Python package registry has,
# and which knows the symbols of every glibc. Set CODESCRY_BUILD_ARGUMENTS and CODESCRY_BUILD_PROFILE to build something
# else, as a quick trial.
set -euo pipefail
cd "$(dirname "$0")/../.."
# Incremental compilation is for development: its results depend on what was compiled before.
export CARGO_INCREMENTAL=0
target="$1" mode="${2:-}"
glibc=2.28
read -ra arguments <<< "${CODESCRY_BUILD_ARGUMENTS:---bin codescry}"
if [ "$mode" = --test ]; then
    profile=release
    CODESCRY_TEST_PROGRAM="$(realpath "$3")"
    export CODESCRY_TEST_PROGRAM
else
    profile="${CODESCRY_BUILD_PROFILE:-dist}"
fi
common=(--profile "$profile" --locked --target)
built="${CARGO_TARGET_DIR:-target}/$target/$profile"
case "$target" in
*-linux-gnu)
    tools="${XDG_CACHE_HOME:-$HOME/.cache}/codescry-zig"
    if [ ! -x "$tools/bin/cargo-zigbuild" ]; then
        python3 -m venv "$tools" >&2
        "$tools/bin/pip" install --quiet --disable-pip-version-check -r tools/release/requirements.txt >&2
    fi
    export PATH="$tools/bin:$PATH"
    cargo=(cargo-zigbuild) build=zigbuild target="$target.$glibc"
    ;;
*)
    cargo=(cargo) build=build
    ;;
esac
if [ "$mode" = --test ]; then
    "${cargo[@]}" test "${common[@]}" "$target" --workspace >&2
    echo "$built"
    exit
fi
"${cargo[@]}" "$build" "${common[@]}" "$target" "${arguments[@]}" >&2
case "$target" in
*-windows-*) echo "$built/codescry.exe" ;;
*) echo "$built/codescry" ;;
esac
