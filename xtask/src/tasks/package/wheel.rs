//! The Python wheel: a program that `pip install` puts into the folder of scripts, and no Python code.
//!
//! The layout is that of the binary distribution format, version 1.0, as maturin's `bindings = "bin"` writes it too.
//! maturin always compiles; this wheel contains a program that exists.

use std::fmt::Write as _;

use anyhow::Result;

use super::archive::{self, FileEntry, ReleaseFile, hash_for_record};
use super::program::ProgramFile;
use super::project::PackagedProject;

/// Builds the wheel of a program.
///
/// # Errors
/// If the archive cannot be compressed.
pub fn build_wheel(program: &ProgramFile, project: &PackagedProject) -> Result<ReleaseFile> {
    let name = format!("codescry-{}", project.version);
    let tag = format!("py3-none-{}", program.wheel_platform());
    let info = format!("{name}.dist-info");
    let script = format!("{name}.data/scripts/{}", program.file_name());
    let mut entries = vec![
        FileEntry::program(script, &program.content),
        FileEntry::text(format!("{info}/METADATA"), write_metadata(project)?),
        FileEntry::text(format!("{info}/WHEEL"), write_wheel_file(&tag)),
    ];
    for (file, text) in project.notices() {
        entries.push(FileEntry::text(format!("{info}/licenses/{file}"), text));
    }
    let record = write_record(&entries, &info)?;
    entries.push(FileEntry::text(format!("{info}/RECORD"), record));
    Ok(ReleaseFile { name: format!("{name}-{tag}.whl"), content: archive::write_zip(entries)? })
}

/// Returns the metadata, in version 2.4 of the core metadata.
fn write_metadata(project: &PackagedProject) -> Result<String> {
    let mut text = String::new();
    writeln!(text, "Metadata-Version: 2.4\nName: codescry\nVersion: {}", project.version)?;
    writeln!(text, "Summary: {}", project.description)?;
    writeln!(text, "License-Expression: {}", project.license)?;
    for (file, _) in project.notices() {
        writeln!(text, "License-File: {file}")?;
    }
    writeln!(text, "Keywords: {}", project.keywords.join(","))?;
    for classifier in ["Environment :: Console", "Intended Audience :: Developers", "Programming Language :: Rust"] {
        writeln!(text, "Classifier: {classifier}")?;
    }
    writeln!(text, "Requires-Python: >=3.8")?;
    writeln!(text, "Project-URL: Source, {}", project.repository)?;
    writeln!(text, "Project-URL: Changelog, {}/blob/main/CHANGELOG.md", project.repository)?;
    writeln!(text, "Description-Content-Type: text/markdown\n\n{}", project.readme)?;
    Ok(text)
}

fn write_wheel_file(tag: &str) -> String {
    format!("Wheel-Version: 1.0\nGenerator: codescry xtask\nRoot-Is-Purelib: false\nTag: {tag}\n")
}

/// Returns the list of files with their hashes and sizes. The list itself has neither.
fn write_record(entries: &[FileEntry<'_>], info: &str) -> Result<String> {
    let mut text = String::new();
    for entry in entries {
        writeln!(text, "{},sha256={},{}", entry.path, hash_for_record(&entry.content), entry.content.len())?;
    }
    writeln!(text, "{info}/RECORD,,")?;
    Ok(text)
}
