#!/usr/bin/env bash
# Makes an MCP bundle (.mcpb) of the program for this platform, and a server.json for the MCP registry:
#
#   tools/bundle.sh            builds the program first
#   tools/bundle.sh PROGRAM    bundles this program
#
# Writes both to $BUNDLE_DIR (default: dist). A bundle holds one program, so there is one for each platform; on macOS, a
# universal program makes one for both processors. server.json gets an entry, with its checksum, for each bundle of this
# version in $BUNDLE_DIR: gather the bundles of all platforms there before the last run. Equal programs produce equal bundles, byte for byte. Needs python3.
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
if system == "darwin":
    archs = subprocess.run(["lipo", "-archs", program], check=True, capture_output=True, text=True).stdout.split()
    machine = "universal" if {"x86_64", "arm64"} <= set(archs) else machine
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

def checksum(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


server = json.loads((root / "server.json").read_text())
listed = {package["identifier"].rsplit("/", 1)[-1]: package for package in server["packages"]}
made = {path.name: checksum(path) for path in sorted(out.glob(f"codescry-{manifest['version']}-*.mcpb"))}
if unknown := sorted(set(made) - set(listed)):
    sys.exit(f"server.json has no entry for {', '.join(unknown)}: add one, or remove the bundle")
for name, digest in made.items():
    listed[name]["fileSha256"] = digest
# The registry refuses a bundle without a checksum. An image has none.
server["packages"] = [package for name, package in listed.items() if name in made or package["registryType"] != "mcpb"]
(out / "server.json").write_text(json.dumps(server, indent=2, ensure_ascii=False) + "\n")
print(f"{bundle}  {bundle.stat().st_size / 2**20:.1f} MiB  sha256 {made[bundle.name]}")
PYTHON
