//! The name, version and texts of the project, from its manifest and documents.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;
use toml_edit::DocumentMut;

/// The project as its packages describe it.
pub struct PackagedProject {
    pub version: String,
    pub description: String,
    /// The license, as an SPDX expression.
    pub license: String,
    pub keywords: Vec<String>,
    /// The address of the repository.
    pub repository: String,
    /// The README, with links to the repository in place of paths.
    pub readme: String,
    /// The files that every package contains beside the program: names and texts.
    notices: Vec<(&'static str, String)>,
    /// The program that npm starts.
    pub launcher: String,
    /// The manifest of MCP bundles, for all platforms.
    pub bundle_manifest: Value,
    /// The entry of the MCP registry, with all packages that a release can have, and without checksums.
    pub registry_entry: Value,
}

impl PackagedProject {
    /// Reads the project in a folder.
    ///
    /// # Errors
    /// If a file cannot be read or lacks a field, or if the manifests disagree about the version.
    pub fn read(root: &Path) -> Result<Self> {
        let read = |name: &str| {
            let path = root.join(name);
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        let manifest: DocumentMut = read("Cargo.toml")?.parse().context("Cargo.toml is not TOML")?;
        let text = |keys: &[&str]| -> Result<String> {
            let mut item = manifest.as_item();
            for key in keys {
                item = item.get(key).with_context(|| format!("Cargo.toml has no {}", keys.join(".")))?;
            }
            Ok(item.as_str().with_context(|| format!("{} is not a text", keys.join(".")))?.to_owned())
        };
        let keywords = manifest["package"]["keywords"].as_array().context("Cargo.toml has no keywords")?;
        let json = |name: &str| -> Result<Value> {
            serde_json::from_str(&read(name)?).with_context(|| format!("{name} is not JSON"))
        };
        let mut notices = Vec::new();
        for name in ["LICENSE-APACHE", "LICENSE-MIT", "NOTICE"] {
            notices.push((name, read(name)?));
        }
        let (version, repository) =
            (text(&["workspace", "package", "version"])?, text(&["workspace", "package", "repository"])?);
        let project = Self {
            readme: link_paths(&read("README.md")?, &format!("{repository}/blob/v{version}")),
            version,
            description: text(&["package", "description"])?,
            license: text(&["workspace", "package", "license"])?,
            repository,
            keywords: keywords.iter().filter_map(|keyword| keyword.as_str()).map(str::to_owned).collect(),
            notices,
            launcher: read("tools/package/launcher.js")?,
            bundle_manifest: json("mcp-manifest.json")?,
            registry_entry: json("server.json")?,
        };
        for (name, value) in [("mcp-manifest.json", &project.bundle_manifest), ("server.json", &project.registry_entry)]
        {
            let found = value["version"].as_str().unwrap_or_default();
            anyhow::ensure!(found == project.version, "{name} has version {found}, Cargo.toml {}", project.version);
        }
        Ok(project)
    }

    /// Returns the licenses and the notice: names and texts.
    pub fn notices(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.notices.iter().map(|(name, text)| (*name, text.as_str()))
    }

    /// Returns the notices and the README: names and texts.
    pub fn documents(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.notices().chain([("README.md", self.readme.as_str())])
    }

    /// Returns the address of a file of this version's release.
    pub fn release_address(&self, name: &str) -> String {
        format!("{}/releases/download/v{}/{name}", self.repository, self.version)
    }

    /// Returns the name of the project in the MCP registry.
    pub fn registry_name(&self) -> &str {
        self.registry_entry["name"].as_str().unwrap_or_default()
    }
}

/// Replaces links to paths in Markdown by links below `base`, since a package's page is not in the repository.
fn link_paths(text: &str, base: &str) -> String {
    let mut parts = text.split("](");
    let mut linked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_path = part.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '.')
            && !part.split(')').next().is_some_and(|target| target.contains(':'));
        linked.push_str("](");
        if is_path {
            linked.push_str(base);
            linked.push('/');
        }
        linked.push_str(part);
    }
    linked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_links_to_the_repository() {
        let text = "[a](docs/a.md), [`b`](b.rs#L1), [c](https://c/d), [d](#part), [e](mailto:e), [f]()";
        let expected = "[a](r/docs/a.md), [`b`](r/b.rs#L1), [c](https://c/d), [d](#part), [e](mailto:e), [f]()";
        assert_eq!(link_paths(text, "r"), expected);
        assert_eq!(link_paths("", "r"), "");
    }
}
