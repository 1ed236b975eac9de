//! `server.json`: the entry of the MCP registry, with the packages that a client can install.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::archive::ReleaseFile;
use super::collected::CollectedPackages;
use super::project::PackagedProject;

/// Builds the entry from `server.json`: drops packages that are not in the folder, and adds the checksums of bundles.
/// The image is built later, from the archives for Linux.
///
/// # Errors
/// If `server.json` has no packages, or a bundle in the folder has no entry.
pub fn build_server_json(packages: &CollectedPackages, project: &PackagedProject) -> Result<ReleaseFile> {
    let mut entry = project.registry_entry.clone();
    let listed = entry["packages"].as_array_mut().context("server.json has no packages")?;
    let mut bundles: BTreeMap<String, &str> = packages
        .with_ending(".mcpb")
        .map(|bundle| (project.release_address(&bundle.name), bundle.hash.as_str()))
        .collect();
    listed.retain_mut(|package| match package["registryType"].as_str() {
        Some("mcpb") => {
            let hash = bundles.remove(package["identifier"].as_str().unwrap_or_default());
            hash.inspect(|hash| package["fileSha256"] = json!(hash)).is_some()
        }
        Some("npm") => !packages.npm_platforms().is_empty(),
        Some("pypi") => packages.with_ending(".whl").next().is_some(),
        _ => packages.with_ending("-linux-gnu.tar.gz").next().is_some(),
    });
    let unlisted: Vec<&str> = bundles.keys().map(String::as_str).collect();
    ensure!(unlisted.is_empty(), "server.json has no entry for {}: add one, or remove the bundle", unlisted.join(", "));
    let content = format!("{}\n", serde_json::to_string_pretty(&entry)?).into_bytes();
    Ok(ReleaseFile { name: "server.json".to_owned(), content })
}
