//! `server.json`: the entry of the MCP registry, with the packages that a client can install.

use anyhow::Result;
use serde_json::{Value, json};

use super::ReleaseFile;
use super::collected::CollectedPackages;
use super::project::Project;

/// Builds the entry: every bundle with its checksum, and the packages of npm and PyPI.
pub fn build_server_json(packages: &CollectedPackages, project: &Project) -> Result<ReleaseFile> {
    let mut listed: Vec<Value> = Vec::new();
    for bundle in packages.with_ending(".mcpb") {
        listed.push(json!({
            "registryType": "mcpb",
            "identifier": project.release_address(&bundle.name),
            "version": project.version,
            "fileSha256": bundle.hash,
            "transport": { "type": "stdio" },
        }));
    }
    let has_npm = !packages.npm_platforms().is_empty();
    let has_wheels = packages.with_ending(".whl").next().is_some();
    for (registry, runner, _) in [("npm", "npx", has_npm), ("pypi", "uvx", has_wheels)].iter().filter(|kind| kind.2) {
        listed.push(json!({
            "registryType": registry,
            "identifier": "codescry",
            "version": project.version,
            "runtimeHint": runner,
            "packageArguments": describe_arguments(),
            "transport": { "type": "stdio" },
        }));
    }
    let mut entry = project.registry_entry.clone();
    entry["packages"] = Value::Array(listed);
    let content = format!("{}\n", serde_json::to_string_pretty(&entry)?).into_bytes();
    Ok(ReleaseFile { name: "server.json".to_owned(), content })
}

/// Returns the arguments that start the server for a folder.
fn describe_arguments() -> Value {
    json!([
        { "type": "positional", "value": "serve" },
        { "type": "named", "name": "--stdio" },
        {
            "type": "positional",
            "valueHint": "folder",
            "description": "The folder with your code. Files outside of it are not read.",
            "format": "filepath",
            "isRequired": true,
        },
    ])
}
