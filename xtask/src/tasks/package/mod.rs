//! `cargo xtask package`: builds the packages of a release into `dist`.
//!
//! A program is packaged as it was tested: no package compiles anything. The requirements of a program are read from
//! its file ([`program`]), so that no package claims a platform on which the program does not run. Equal input gives
//! equal packages, byte for byte: entries are sorted, and their dates and modes are fixed ([`archive`]).
//!
//! Packages of one platform: a Python wheel, an npm package, an archive for `cargo binstall`, Homebrew and Scoop, and
//! an MCP bundle. Files of a whole release: the npm launcher, the Homebrew formula, the Scoop manifest, the entry of
//! the MCP registry, and the checksums. They are written from the packages that are in the folder.

#![expect(clippy::print_stdout, reason = "a command's answer")]

mod archive;
mod bundle;
mod collected;
mod formulas;
mod npm;
mod program;
mod project;
mod registry;
mod wheel;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::{Context as _, Result, bail, ensure};
use clap::ValueEnum as _;

use self::archive::{FileEntry, ReleaseFile, hash_bytes};
use self::collected::CollectedPackages;
use self::program::{Processor, ProgramFile};
use self::project::PackagedProject;

/// The kinds of packages that contain a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum PackageKind {
    /// A wheel for pip, uv and pipx
    Wheel,
    /// The npm package of a platform
    Npm,
    /// A tar or zip archive for `cargo binstall`, Homebrew and Scoop
    Archive,
    /// An MCP bundle
    Bundle,
}

/// Builds the packages of a release: those of one platform, and the files of the whole release
#[derive(clap::Args)]
pub struct PackageArguments {
    /// The kinds of packages [default: all]
    #[arg(value_enum)]
    kinds: Vec<PackageKind>,
    /// The program to package [default: the program of a release build, which is built first]
    #[arg(long)]
    program: Option<PathBuf>,
    /// Only write the files of the whole release, from packages that are in the folder
    #[arg(long, conflicts_with_all = ["program", "kinds"])]
    collect: bool,
    /// The folder to write to
    #[arg(long, default_value = "dist")]
    out: PathBuf,
    /// The root of the workspace
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/.."), hide_default_value = true)]
    root: PathBuf,
}

/// Writes the packages and prints their names, sizes and checksums.
///
/// # Errors
/// If the project or the program cannot be read, the program cannot be built, has another version or is universal where
/// that is not allowed, or a package cannot be built or written.
pub fn run_package(arguments: &PackageArguments) -> Result<()> {
    let project = PackagedProject::read(&arguments.root)?;
    fs::create_dir_all(&arguments.out).with_context(|| format!("cannot create {}", arguments.out.display()))?;
    if !arguments.collect {
        let path = match &arguments.program {
            Some(path) => path.clone(),
            None => build_program(&arguments.root)?,
        };
        let program = ProgramFile::read(&path)?;
        check_version(&path, &program, &project)?;
        let kinds: &[PackageKind] =
            if arguments.kinds.is_empty() { PackageKind::value_variants() } else { &arguments.kinds };
        let only_bundles = kinds.iter().all(|kind| *kind == PackageKind::Bundle);
        ensure!(only_bundles || program.processor != Processor::Universal, "a universal program is only for `bundle`");
        for file in build_packages(kinds, &program, &project)? {
            write_file(&arguments.out, &file)?;
        }
    }
    for file in collect_release(&arguments.out, &project)? {
        write_file(&arguments.out, &file)?;
    }
    Ok(())
}

/// Builds the packages of one platform, each on its own thread, since compression takes most of the time.
fn build_packages(kinds: &[PackageKind], program: &ProgramFile, project: &PackagedProject) -> Result<Vec<ReleaseFile>> {
    thread::scope(|scope| {
        let build = |kind: &PackageKind| match kind {
            PackageKind::Wheel => wheel::build_wheel(program, project),
            PackageKind::Npm => npm::build_platform_package(program, project),
            PackageKind::Archive => build_archive(program, project),
            PackageKind::Bundle => bundle::build_bundle(program, project),
        };
        let running: Vec<_> = kinds.iter().map(|kind| scope.spawn(move || build(kind))).collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

/// Builds the archive with the program, its license and its documentation.
fn build_archive(program: &ProgramFile, project: &PackagedProject) -> Result<ReleaseFile> {
    let folder = format!("codescry-{}-{}", project.version, program.target());
    let mut entries = vec![FileEntry::program(format!("{folder}/{}", program.file_name()), &program.content)];
    for (name, text) in project.documents() {
        entries.push(FileEntry::text(format!("{folder}/{name}"), text));
    }
    Ok(if program.is_windows() {
        ReleaseFile { name: format!("{folder}.zip"), content: archive::write_zip(entries)? }
    } else {
        ReleaseFile { name: format!("{folder}.tar.gz"), content: archive::write_tar_gz(entries)? }
    })
}

/// Builds the files that belong to the whole release, from the packages in the folder.
fn collect_release(folder: &Path, project: &PackagedProject) -> Result<Vec<ReleaseFile>> {
    let packages = CollectedPackages::read(folder, project)?;
    let mut files = vec![npm::build_launcher(&packages, project)?];
    files.extend(formulas::build_formula(&packages, project));
    files.extend(formulas::build_scoop_manifest(&packages, project)?);
    files.push(registry::build_server_json(&packages, project)?);
    let mut hashes = packages.list_hashes();
    // The launcher is published as it is; the other files are copied into other repositories.
    hashes.extend(files[..1].iter().map(|file| (file.name.clone(), hash_bytes(&file.content))));
    hashes.sort();
    let lines: String = hashes.iter().map(|(name, hash)| format!("{hash}  {name}\n")).collect();
    files.push(ReleaseFile { name: "SHA256SUMS".to_owned(), content: lines.into_bytes() });
    Ok(files)
}

fn write_file(folder: &Path, file: &ReleaseFile) -> Result<()> {
    let path = folder.join(&file.name);
    fs::write(&path, &file.content).with_context(|| format!("cannot write {}", path.display()))?;
    println!("{}  {} bytes  sha256 {}", path.display(), file.content.len(), hash_bytes(&file.content));
    Ok(())
}

/// Builds the program with the release profile, and returns its path.
fn build_program(root: &Path) -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args([
        "build",
        "--release",
        "--locked",
        "--bin",
        "codescry",
        "--message-format",
        "json-render-diagnostics",
    ]);
    let output =
        command.current_dir(root).stderr(std::process::Stdio::inherit()).output().context("cannot run cargo")?;
    ensure!(output.status.success(), "the program could not be built");
    let messages = String::from_utf8(output.stdout).context("cargo's messages are not UTF-8")?;
    let executables = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut executables = executables.filter_map(|message| message["executable"].as_str().map(PathBuf::from));
    executables.next().context("cargo did not say where the program is")
}

/// Checks that the program has the version of the packages. Programs for other platforms cannot run here; their name
/// and version must be checked where they were built.
fn check_version(path: &Path, program: &ProgramFile, project: &PackagedProject) -> Result<()> {
    if !program.runs_here() {
        println!("{} is for {}: its version is not checked here", path.display(), program.target());
        return Ok(());
    }
    let output =
        Command::new(path).arg("--version").output().with_context(|| format!("cannot run {}", path.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let expected = format!("codescry {}", project.version);
    if text.trim() != expected {
        bail!("{} says `{}`, but the packages are for `{expected}`: build it again", path.display(), text.trim());
    }
    Ok(())
}

#[cfg(test)]
mod tests;
