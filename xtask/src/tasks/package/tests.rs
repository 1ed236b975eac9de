//! Tests of the packages: their contents, their names, and that equal input gives equal bytes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use libdeflater::Decompressor;
use rawzip::ZipArchive;
use serde_json::{Value, json};

use super::archive::{self, FileEntry, ReleaseFile, hash_for_record};
use super::program::{Processor, ProgramFile, ProgramSystem, Version};
use super::project::PackagedProject;
use super::{PackageKind, build_packages, collect_release};
use clap::ValueEnum as _;

const LINUX: ProgramSystem = ProgramSystem::Linux { glibc: Version(2, 28) };
const MACOS: ProgramSystem = ProgramSystem::MacOs { oldest: Version(11, 0) };

fn project() -> PackagedProject {
    PackagedProject::read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))).expect("the project can be read")
}

/// Returns the packages of a platform. Their program is made of arbitrary bytes, long enough to be compressed.
fn build_all(system: ProgramSystem, processor: Processor) -> Vec<ReleaseFile> {
    let content = (0..40_000_u32).flat_map(|number| (number * number % 1009).to_le_bytes()).collect();
    let program = ProgramFile { content, system, processor };
    // A bundle for macOS is universal.
    let is_packaged = |kind: &&PackageKind| (processor == Processor::Universal) == (**kind == PackageKind::Bundle);
    let is_macos = matches!(system, ProgramSystem::MacOs { .. });
    let kinds = PackageKind::value_variants().iter().filter(|kind| !is_macos || is_packaged(kind)).copied();
    build_packages(&kinds.collect::<Vec<_>>(), &program, &project()).expect("the packages are built")
}

/// Returns the files of a zip archive with their permissions, after a check of their checksums.
fn read_zip(content: &[u8]) -> BTreeMap<String, (Vec<u8>, u32)> {
    let archive = ZipArchive::from_slice(content).expect("it is a zip archive");
    let mut files = BTreeMap::new();
    for entry in archive.entries() {
        let entry = entry.expect("the entry is intact");
        let path = String::from_utf8(entry.file_path().as_ref().to_vec()).expect("the path is UTF-8");
        let data = archive.get_entry(entry.wayfinder()).expect("the entry is intact").data();
        let mut file = vec![0; usize::try_from(entry.uncompressed_size_hint()).expect("it is small")];
        let length = Decompressor::new().deflate_decompress(data, &mut file).expect("it is compressed");
        assert_eq!((length, rawzip::crc32(&file)), (file.len(), entry.crc32()), "{path}");
        assert!(files.insert(path, (file, entry.mode().value() & 0o777)).is_none());
    }
    files
}

/// Returns the files of a compressed tar archive with their permissions.
fn read_tar(content: &[u8]) -> BTreeMap<String, (Vec<u8>, u32)> {
    let mut tar = vec![0; 4_000_000];
    let length = Decompressor::new().gzip_decompress(content, &mut tar).expect("it is compressed");
    let mut archive = tar::Archive::new(&tar[..length]);
    let mut files = BTreeMap::new();
    for entry in archive.entries().expect("it is a tar archive") {
        let mut entry = entry.expect("the entry is intact");
        let path = entry.path().expect("it has a path").to_string_lossy().into_owned();
        let mut file = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut file).expect("the entry is whole");
        assert!(files.insert(path, (file, entry.header().mode().expect("it has a mode"))).is_none());
    }
    files
}

fn find<'file>(files: &'file [ReleaseFile], name: &str) -> &'file ReleaseFile {
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    files.iter().find(|file| file.name == name).unwrap_or_else(|| panic!("no {name} in {names:?}"))
}

fn text(file: &ReleaseFile) -> &str {
    std::str::from_utf8(&file.content).expect("it is UTF-8")
}

#[test]
fn equal_programs_give_equal_packages() {
    let names_and_contents =
        |files: Vec<ReleaseFile>| files.into_iter().map(|file| (file.name, file.content)).collect::<Vec<_>>();
    let one = names_and_contents(build_all(LINUX, Processor::X86_64));
    assert_eq!(one.len(), 4);
    assert!(one == names_and_contents(build_all(LINUX, Processor::X86_64)));
}

#[test]
fn entries_are_sorted_and_unique() {
    let entry = |path: &str| FileEntry::text(path.to_owned(), path);
    let one = archive::write_zip(vec![entry("b"), entry("a")]).expect("written");
    assert!(one == archive::write_zip(vec![entry("a"), entry("b")]).expect("written"));
    assert!(archive::write_zip(vec![entry("a"), entry("b"), entry("a")]).is_err());
    assert!(archive::write_tar_gz(vec![entry("a"), entry("a")]).is_err());
}

#[test]
fn a_wheel_lists_every_file_with_its_hash() {
    let version = project().version;
    let files = build_all(LINUX, Processor::X86_64);
    let wheel = read_zip(&find(&files, &format!("codescry-{version}-py3-none-manylinux_2_28_x86_64.whl")).content);
    let info = format!("codescry-{version}.dist-info");
    let (record, _) = &wheel[&format!("{info}/RECORD")];
    let record = std::str::from_utf8(record).expect("it is UTF-8");
    let listed: Vec<Vec<&str>> = record.lines().map(|line| line.split(',').collect()).collect();
    let mut paths: Vec<&str> = listed.iter().map(|fields| fields[0]).collect();
    paths.sort_unstable();
    assert_eq!(paths, wheel.keys().map(String::as_str).collect::<Vec<_>>());
    for fields in listed {
        let [path, hash, size] = fields[..] else { panic!("{fields:?}") };
        let (content, _) = &wheel[path];
        let expected = (format!("sha256={}", hash_for_record(content)), content.len().to_string());
        let is_record = path == format!("{info}/RECORD");
        assert_eq!((hash.to_owned(), size.to_owned()), if is_record { Default::default() } else { expected }, "{path}");
    }
    let (_, mode) = wheel[&format!("codescry-{version}.data/scripts/codescry")];
    assert_eq!(mode, 0o755);
    let about = |name: &str| String::from_utf8(wheel[&format!("{info}/{name}")].0.clone()).expect("it is UTF-8");
    assert!(about("WHEEL").contains("\nTag: py3-none-manylinux_2_28_x86_64\n"));
    let metadata = about("METADATA");
    assert!(metadata.contains(&format!("\nName: codescry\nVersion: {version}\n")), "{metadata}");
    // The MCP registry looks for this line in the description of the package.
    assert!(metadata.contains("mcp-name: io.github.codescry/codescry"), "{metadata}");
}

#[test]
fn an_npm_package_has_the_program_and_names_its_platform() {
    let version = project().version;
    let files = build_all(LINUX, Processor::Aarch64);
    let package = read_tar(&find(&files, &format!("codescry-linux-arm64-{version}.tgz")).content);
    assert_eq!(package["package/bin/codescry"].1, 0o755);
    let manifest: Value = serde_json::from_slice(&package["package/package.json"].0).expect("it is JSON");
    assert_eq!(manifest["name"], "@codescry/linux-arm64");
    assert_eq!(
        (&manifest["os"], &manifest["cpu"], &manifest["libc"]),
        (&json!(["linux"]), &json!(["arm64"]), &json!(["glibc"]))
    );
    // With scripts disabled, everything must already be in place.
    assert_eq!(manifest["scripts"], Value::Null);
}

#[test]
fn the_archive_lies_where_cargo_binstall_looks() {
    let version = project().version;
    let files = build_all(LINUX, Processor::X86_64);
    let folder = format!("codescry-{version}-x86_64-unknown-linux-gnu");
    let archive = read_tar(&find(&files, &format!("{folder}.tar.gz")).content);
    assert_eq!(archive[&format!("{folder}/codescry")].1, 0o755);
    assert!(archive.contains_key(&format!("{folder}/LICENSE-MIT")));
    let files = build_all(ProgramSystem::Windows, Processor::X86_64);
    let folder = format!("codescry-{version}-x86_64-pc-windows-msvc");
    let archive = read_zip(&find(&files, &format!("{folder}.zip")).content);
    assert!(archive.contains_key(&format!("{folder}/codescry.exe")));
}

#[test]
fn a_bundle_starts_the_program_inside() {
    let version = project().version;
    let files = build_all(ProgramSystem::Windows, Processor::X86_64);
    let bundle = read_zip(&find(&files, &format!("codescry-{version}-win32-x86_64.mcpb")).content);
    let manifest: Value = serde_json::from_slice(&bundle["manifest.json"].0).expect("it is JSON");
    assert!(bundle.contains_key("server/codescry.exe"));
    assert_eq!(manifest["server"]["entry_point"], "server/codescry.exe");
    assert_eq!(manifest["server"]["mcp_config"]["command"], "${__dirname}/server/codescry.exe");
    assert_eq!(manifest["compatibility"]["platforms"], json!(["win32"]));
    assert_eq!(manifest["server"]["mcp_config"]["platform_overrides"], Value::Null);
}

#[test]
fn the_files_of_a_release_list_the_packages_that_exist() {
    let (folder, project) = (tempfile::tempdir().expect("a folder"), project());
    let version = &project.version;
    let collect = || collect_release(folder.path(), &project).expect("the files are built");
    let write = |files: Vec<ReleaseFile>| {
        for file in files {
            fs::write(folder.path().join(file.name), file.content).expect("written");
        }
    };
    write(build_all(LINUX, Processor::X86_64));
    fs::write(folder.path().join("codescry-0.0.0-py3-none-win_amd64.whl"), "another version").expect("written");
    let linux = collect();
    assert!(!linux.iter().any(|file| file.name == "codescry.json"), "there is no archive for Windows");
    let formula = text(find(&linux, "codescry.rb"));
    assert!(formula.contains("on_linux do") && !formula.contains("on_macos do"), "{formula}");

    write(build_all(MACOS, Processor::Aarch64));
    write(build_all(MACOS, Processor::Universal));
    write(build_all(ProgramSystem::Windows, Processor::X86_64));
    // The files of the release are not packages, so a second run gives the same.
    write(collect());
    let all = collect();
    let sums = text(find(&all, "SHA256SUMS"));
    assert_eq!(sums.lines().count(), 3 * 4 + 1, "{sums}");
    let hash = |ending: &str| -> &str {
        let line = sums.lines().find(|line| line.ends_with(ending)).unwrap_or_else(|| panic!("no {ending} in {sums}"));
        line.split("  ").next().expect("a hash")
    };
    let formula = text(find(&all, "codescry.rb"));
    for ending in ["aarch64-apple-darwin.tar.gz", "x86_64-unknown-linux-gnu.tar.gz"] {
        assert!(formula.contains(&format!("{ending}\"\n      sha256 \"{}\"", hash(ending))), "{formula}");
    }
    let scoop: Value = serde_json::from_slice(&find(&all, "codescry.json").content).expect("it is JSON");
    assert_eq!(scoop["architecture"]["64bit"]["hash"], hash("windows-msvc.zip"));

    let launcher = read_tar(&find(&all, &format!("codescry-{version}.tgz")).content);
    let manifest: Value = serde_json::from_slice(&launcher["package/package.json"].0).expect("it is JSON");
    let platforms =
        ["darwin-arm64", "linux-x64", "win32-x64"].map(|name| (format!("@codescry/{name}"), json!(version)));
    assert_eq!(manifest["optionalDependencies"], Value::Object(platforms.into_iter().collect()));
    assert_eq!(launcher["package/bin/codescry.js"].1, 0o755);

    let server: Value = serde_json::from_slice(&find(&all, "server.json").content).expect("it is JSON");
    assert_eq!(manifest["mcpName"], server["name"]);
    let packages = server["packages"].as_array().expect("a list");
    let kinds: Vec<&Value> = packages.iter().map(|package| &package["registryType"]).collect();
    assert_eq!(kinds, ["mcpb", "mcpb", "mcpb", "oci", "npm", "pypi"]);
    for (package, ending) in packages.iter().zip(["linux-x86_64", "darwin-universal", "win32-x86_64"]) {
        assert_eq!(package["fileSha256"], hash(&format!("{ending}.mcpb")));
    }
    fs::write(folder.path().join(format!("codescry-{version}-plan9-x86_64.mcpb")), "").expect("written");
    let error = collect_release(folder.path(), &project).err().expect("the bundle is not listed").to_string();
    assert!(error.contains("plan9-x86_64.mcpb: add one"), "{error}");
}
