#!/usr/bin/env bash
# Publishes the npm packages in a folder, the launcher last, so that nobody can install a launcher without programs:
#
#   tools/release/publish-npm.sh dist [--dry-run]
#
# A package that the registry has already is left out. `--provenance` needs a workflow that may request its identity.
set -euo pipefail
folder="$1" mode="${2:-}"
options=(--access public)
[ "$mode" = --dry-run ] && options+=(--dry-run --offline) || options+=(--provenance)
publish() {
    local name version
    read -r name version < <(tar --extract --gzip --to-stdout --file "$1" package/package.json |
        node -e 'const m = JSON.parse(require("fs").readFileSync(0, "utf8")); console.log(m.name, m.version)')
    if [ "$mode" != --dry-run ] && npm view "$name@$version" version > /dev/null 2>&1; then
        echo "$name@$version is published already"
        return
    fi
    npm publish "$1" "${options[@]}"
}
for package in "$folder"/codescry-{linux,darwin,win32}-*.tgz; do
    [ ! -e "$package" ] || publish "$(realpath "$package")"
done
publish "$(realpath "$folder"/codescry-[0-9]*.tgz)"
