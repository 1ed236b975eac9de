//! `cargo xtask pack-crates`: packs the crates as the Rust registry receives them, and checks their sizes.
//!
//! The registry ignores `[patch]`, so the stand-ins in `tools` do not exist there. The feature `protoc` of LanceDB's
//! crates would then compile protobuf from C++. The crates are therefore packed from a copy of the workspace without
//! both; see "Publishing" in `docs/building.md`.

#![expect(clippy::print_stdout, reason = "a command's answer")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use toml_edit::{DocumentMut, Item};

/// The registry's limit for a crate.
const REGISTRY_LIMIT_BYTES: u64 = 10 * 1024 * 1024;

/// This project's limit for a crate, 9.5 MiB: another version of the compressor can make a packed crate a few percent
/// larger.
const CRATE_LIMIT_BYTES: u64 = REGISTRY_LIMIT_BYTES - 512 * 1024;

/// The feature of LanceDB's crates that compiles `protoc`, unless a stand-in replaces the crate `protobuf-src`.
const PROTOC_FEATURE: &str = "protoc";

/// Packs the crates as the Rust registry receives them, and fails if one exceeds the limit
#[derive(clap::Args)]
pub struct PackCratesArguments {
    /// The folder for the copy of the workspace (`source`) and the packed crates (`target/package`), which replace
    /// older ones
    #[arg(long)]
    out: PathBuf,
    /// Only write the copy of the workspace
    #[arg(long)]
    copy_only: bool,
    /// The root of the workspace
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/.."), hide_default_value = true)]
    root: PathBuf,
}

/// Copies the workspace, packs its crates and prints their sizes.
///
/// # Errors
/// If the workspace cannot be copied or packed, or a crate exceeds [`CRATE_LIMIT_BYTES`].
pub fn run_pack_crates(arguments: &PackCratesArguments) -> Result<()> {
    let (source, target) = (arguments.out.join("source"), arguments.out.join("target"));
    for folder in [&source, &target] {
        if folder.exists() {
            fs::remove_dir_all(folder).with_context(|| format!("cannot empty {}", folder.display()))?;
        }
    }
    copy_workspace(&arguments.root, &source)?;
    let manifest = source.join("Cargo.toml");
    let text = fs::read_to_string(&manifest).with_context(|| format!("cannot read {}", manifest.display()))?;
    fs::write(&manifest, adapt_manifest(&text)?).with_context(|| format!("cannot write {}", manifest.display()))?;
    if arguments.copy_only {
        return Ok(());
    }
    // The target folder of the running `cargo xtask` is locked, so cargo gets another one.
    let target = std::path::absolute(&target)?;
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["package", "--workspace", "--exclude", "xtask", "--exclude", "tidy", "--no-verify", "--quiet"]);
    command.arg("--target-dir").arg(&target).current_dir(&source);
    let status = command.status().context("cannot run cargo")?;
    ensure!(status.success(), "the crates could not be packed");
    check_sizes(&target.join("package"))
}

/// Copies the files that git tracks, and the untracked ones that it does not ignore.
fn copy_workspace(root: &Path, source: &Path) -> Result<()> {
    let mut command = Command::new("git");
    command.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(root);
    let output = command.output().context("cannot run git")?;
    ensure!(output.status.success(), "git could not list the files: {}", String::from_utf8_lossy(&output.stderr));
    let names = String::from_utf8(output.stdout).context("the name of a file is not UTF-8")?;
    // A deleted file is listed until the deletion is staged.
    for name in names.split_terminator('\0').filter(|name| root.join(name).is_file()) {
        let copy = source.join(name);
        let parent = copy.parent().context("a file has no folder")?;
        fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
        fs::copy(root.join(name), &copy).with_context(|| format!("cannot copy {name}"))?;
    }
    Ok(())
}

/// Returns the manifest of the workspace without stand-ins, and without the feature that needs one of them.
fn adapt_manifest(text: &str) -> Result<String> {
    let mut manifest: DocumentMut = text.parse().context("the manifest is not TOML")?;
    manifest.remove("patch");
    let dependencies = manifest.get_mut("workspace").and_then(|workspace| workspace.get_mut("dependencies"));
    let dependencies = dependencies.and_then(Item::as_table_like_mut).context("the workspace has no dependencies")?;
    for (_, dependency) in dependencies.iter_mut() {
        if let Some(features) = dependency.get_mut("features").and_then(Item::as_array_mut) {
            features.retain(|feature| feature.as_str() != Some(PROTOC_FEATURE));
        }
    }
    Ok(manifest.to_string())
}

/// Prints the packed crates, largest first. Fails if there is no crate, or if one exceeds [`CRATE_LIMIT_BYTES`].
fn check_sizes(folder: &Path) -> Result<()> {
    let mut crates = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(name) = name.strip_suffix(".crate") {
            crates.push((entry.metadata()?.len(), name.to_owned()));
        }
    }
    ensure!(!crates.is_empty(), "cargo packed no crate");
    crates.sort_by(|one, other| other.cmp(one));
    for (bytes, name) in &crates {
        println!("{bytes:>10}  {name}");
    }
    let large: Vec<&str> =
        crates.iter().filter(|(bytes, _)| *bytes > CRATE_LIMIT_BYTES).map(|(_, name)| name.as_str()).collect();
    if !large.is_empty() {
        bail!(
            "larger than {CRATE_LIMIT_BYTES} bytes (the registry takes {REGISTRY_LIMIT_BYTES}): {}",
            large.join(", ")
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_gets_no_stand_ins() {
        let manifest = "[workspace]\nmembers = [\".\"]\n\n[workspace.dependencies]\n\
                        lance = { version = \"14\", features = [\"protoc\"] }\n\
                        other = { version = \"1\", features = [\"b\", \"protoc\"] }\nplain = \"2\"\n\n\
                        [package]\nname = \"codescry\"\n\n[patch.crates-io]\nprotobuf-src = { path = \"tools/x\" }\n";
        let adapted = adapt_manifest(manifest).expect("it is a manifest");
        assert!(!adapted.contains("patch") && !adapted.contains("protoc"), "{adapted}");
        assert!(adapted.contains("other = { version = \"1\", features = [\"b\"] }\nplain = \"2\"\n"), "{adapted}");
        assert!(adapted.contains("name = \"codescry\""), "{adapted}");
        assert!(adapt_manifest("[package]\nname = \"a\"\n").is_err());
    }

    #[test]
    fn a_crate_above_the_limit_fails() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(check_sizes(folder.path()).is_err(), "there is no crate");
        let write = |name: &str, bytes: u64| {
            let file = fs::File::create(folder.path().join(name)).expect("created");
            file.set_len(bytes).expect("extended");
        };
        write("small-0.1.0.crate", 10);
        write("edge-0.1.0.crate", CRATE_LIMIT_BYTES);
        write("other.tar", REGISTRY_LIMIT_BYTES + 1);
        check_sizes(folder.path()).expect("all are small enough");
        write("large-0.1.0.crate", CRATE_LIMIT_BYTES + 1);
        let error = check_sizes(folder.path()).expect_err("one is too large").to_string();
        assert!(error.contains("large-0.1.0") && !error.contains("edge"), "{error}");
    }
}
