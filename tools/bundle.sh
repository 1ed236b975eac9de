#!/usr/bin/env bash
# Makes an MCP bundle (.mcpb) of the program for this platform, and a server.json with its checksum:
#
#   tools/bundle.sh            builds the program first
#   tools/bundle.sh PROGRAM    bundles this program
#
# Writes both to $BUNDLE_DIR (default: dist). Equal programs produce equal bundles, byte for byte. Needs python3.
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
out="${BUNDLE_DIR:-$root/dist}"
program="${1:-}"
if [ -z "$program" ]; then
    (cd "$root" && cargo build --release --locked --bin codescry)
    program="${CARGO_TARGET_DIR:-$root/target}/release/codescry"
    [ -e "$program" ] || program="$program.exe"
fi
mkdir -p "$out"
python3 - "$root" "$program" "$out" <<'PYTHON'
import hashlib, json, pathlib, platform, subprocess, sys, zipfile

root, program, out = map(pathlib.Path, sys.argv[1:])
manifest = json.loads((root / "mcp-manifest.json").read_text())
said = subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout.split()
if said != ["codescry", manifest["version"]]:
    sys.exit(f"{program} says {' '.join(said)}, mcp-manifest.json says {manifest['version']}: build it, or correct the manifest")

system = {"Linux": "linux", "Darwin": "darwin", "Windows": "win32"}[platform.system()]
machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
inside = "server/codescry" + (".exe" if system == "win32" else "")
# A bundle contains one program, which only one platform can run.
manifest["compatibility"]["platforms"] = [system]
manifest["server"]["entry_point"] = inside
config = manifest["server"]["mcp_config"]
config.pop("platform_overrides", None)
config["command"] = "${__dirname}/" + inside

files = {"manifest.json": ((json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode(), 0o644)}
files[inside] = (program.read_bytes(), 0o755)
for name in ["LICENSE-APACHE", "LICENSE-MIT", "NOTICE"]:
    files[name] = ((root / name).read_bytes(), 0o644)

bundle = out / f"codescry-{manifest['version']}-{system}-{machine}.mcpb"
with zipfile.ZipFile(bundle, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
    for name, (content, mode) in sorted(files.items()):
        entry = zipfile.ZipInfo(name)  # dated 1980, so that equal content produces an equal bundle
        entry.create_system = 3  # Unix, so that the mode is kept
        entry.external_attr = (0o100000 | mode) << 16
        entry.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(entry, content)

digest = hashlib.sha256(bundle.read_bytes()).hexdigest()
server = json.loads((root / "server.json").read_text())
package = server["packages"][0]
package["identifier"] = package["identifier"].rsplit("/", 1)[0] + "/" + bundle.name
package["fileSha256"] = digest
(out / "server.json").write_text(json.dumps(server, indent=2, ensure_ascii=False) + "\n")
print(f"{bundle}  {bundle.stat().st_size / 2**20:.1f} MiB  sha256 {digest}")
PYTHON
