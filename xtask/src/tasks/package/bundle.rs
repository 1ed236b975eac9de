//! The MCP bundle (`.mcpb`): a zip archive with the program, for one platform, since the format does not name
//! processors.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::archive::{self, FileEntry, ReleaseFile};
use super::program::ProgramFile;
use super::project::PackagedProject;

/// Builds the bundle of a program.
///
/// # Errors
/// If the manifest of bundles has no `mcp_config`, or the archive cannot be compressed.
pub fn build_bundle(program: &ProgramFile, project: &PackagedProject) -> Result<ReleaseFile> {
    let system = program.node_system();
    let inside = format!("server/{}", program.file_name());
    let manifest = describe_bundle(&project.bundle_manifest, system, &inside)?;
    let mut entries = vec![
        FileEntry::text("manifest.json".to_owned(), format!("{}\n", serde_json::to_string_pretty(&manifest)?)),
        FileEntry::program(inside, &program.content),
    ];
    for (file, text) in project.notices() {
        entries.push(FileEntry::text(file.to_owned(), text));
    }
    let name = format!("codescry-{}-{system}-{}.mcpb", project.version, program.processor_name());
    Ok(ReleaseFile { name, content: archive::write_zip(entries)? })
}

/// Returns the manifest for one system, from the one for all systems.
fn describe_bundle(all: &Value, system: &str, program: &str) -> Result<Value> {
    let mut manifest = all.clone();
    manifest["compatibility"]["platforms"] = json!([system]);
    manifest["server"]["entry_point"] = json!(program);
    let start = manifest["server"]["mcp_config"].as_object_mut().context("mcp-manifest.json has no mcp_config")?;
    start.remove("platform_overrides");
    start.insert("command".to_owned(), json!(format!("${{__dirname}}/{program}")));
    Ok(manifest)
}
