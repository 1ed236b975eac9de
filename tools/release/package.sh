#!/usr/bin/env bash
# Builds the program for a platform, tests it there, and packages it into dist:
#
#   tools/release/package.sh TARGET "KIND..."    the kinds are those of cargo xtask package
set -euo pipefail
cd "$(dirname "$0")/../.."
target="$1"
read -ra kinds <<< "$2"
program="$(tools/release/build.sh "$target")"
# The tests build the commands, too.
xtask="$(tools/release/build.sh "$target" --test "$program")/xtask"
case "$target" in
# The packages are installed and used only on Linux so far.
*-linux-gnu) tests/packages/run "$program" "$xtask" ;;
esac
"$xtask" package "${kinds[@]}" --program "$program" --out dist
