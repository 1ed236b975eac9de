//! The Homebrew formula and the Scoop manifest. Both download the archives of a release and compare their checksums.
//! They list the platforms whose archives exist.

use std::fmt::Write as _;

use anyhow::Result;
use serde_json::{Map, json};

use super::archive::ReleaseFile;
use super::collected::CollectedPackages;
use super::project::PackagedProject;

/// Builds the formula; `None` if no archive for macOS or Linux exists.
pub fn build_formula(packages: &CollectedPackages, project: &PackagedProject) -> Option<ReleaseFile> {
    let systems = [
        ("on_macos", [("on_arm", "aarch64-apple-darwin"), ("on_intel", "x86_64-apple-darwin")]),
        ("on_linux", [("on_arm", "aarch64-unknown-linux-gnu"), ("on_intel", "x86_64-unknown-linux-gnu")]),
    ];
    let mut archives = String::new();
    for (system, processors) in systems {
        let found = processors.map(|(processor, target)| packages.find_archive(target).map(|found| (processor, found)));
        let mut blocks = String::new();
        for (processor, archive) in found.into_iter().flatten() {
            let address = project.release_address(&archive.name);
            let hash = &archive.hash;
            write!(blocks, "    {processor} do\n      url \"{address}\"\n      sha256 \"{hash}\"\n    end\n").ok()?;
        }
        if !blocks.is_empty() {
            write!(archives, "\n  {system} do\n{blocks}  end\n").ok()?;
        }
    }
    if archives.is_empty() {
        return None;
    }
    let licenses: Vec<String> = project.license.split(" OR ").map(|license| format!("\"{license}\"")).collect();
    let text = format!(
        r##"class Codescry < Formula
  desc "Semantic code search for AI coding assistants"
  homepage "{}"
  version "{}"
  license any_of: [{}]
{archives}
  def install
    bin.install "codescry"
    generate_completions_from_executable(bin/"codescry", "completions")
  end

  test do
    (testpath/"greet.py").write "def greet(name):\n    return 'hello ' + name\n"
    assert_match "greet.py", shell_output("#{{bin}}/codescry search greet #{{testpath}}")
  end
end
"##,
        project.repository,
        project.version,
        licenses.join(", "),
    );
    Some(ReleaseFile { name: "codescry.rb".to_owned(), content: text.into_bytes() })
}

/// Builds the manifest; `None` if no archive for Windows exists.
///
/// # Errors
/// Never: the manifest consists of texts.
pub fn build_scoop_manifest(packages: &CollectedPackages, project: &PackagedProject) -> Result<Option<ReleaseFile>> {
    let mut processors = Map::new();
    for (processor, target) in [("64bit", "x86_64-pc-windows-msvc"), ("arm64", "aarch64-pc-windows-msvc")] {
        if let Some(archive) = packages.find_archive(target) {
            let folder = archive.name.trim_end_matches(".zip");
            let address = project.release_address(&archive.name);
            let entry = json!({ "url": address, "hash": archive.hash, "extract_dir": folder });
            processors.insert(processor.to_owned(), entry);
        }
    }
    if processors.is_empty() {
        return Ok(None);
    }
    let manifest = json!({
        "version": project.version,
        "description": project.description,
        "homepage": project.repository,
        "license": project.license.replace(" OR ", "|"),
        "architecture": processors,
        "bin": "codescry.exe",
    });
    let content = format!("{}\n", serde_json::to_string_pretty(&manifest)?).into_bytes();
    Ok(Some(ReleaseFile { name: "codescry.json".to_owned(), content }))
}
