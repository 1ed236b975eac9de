//! The packages of a release that are in a folder, recognized by their names.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::archive::hash_bytes;
use super::project::PackagedProject;

/// The scope of the npm packages of single platforms.
pub const NPM_SCOPE: &str = "codescry";

/// A package in the folder.
pub struct CollectedPackage {
    pub name: String,
    /// The SHA-256 hash of the file.
    pub hash: String,
}

/// The packages of one version, sorted by name.
pub struct CollectedPackages {
    packages: Vec<CollectedPackage>,
    version: String,
}

impl CollectedPackages {
    /// Reads the packages of the project's version; files of other versions are left out.
    ///
    /// # Errors
    /// If the folder or a package cannot be read.
    pub fn read(folder: &Path, project: &PackagedProject) -> Result<Self> {
        let mut packages = Vec::new();
        for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let collected = Self { packages: Vec::new(), version: project.version.clone() };
            if collected.is_program_package(&name) {
                let content = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
                packages.push(CollectedPackage { name, hash: hash_bytes(&content) });
            }
        }
        packages.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Self { packages, version: project.version.clone() })
    }

    fn is_program_package(&self, name: &str) -> bool {
        let version = &self.version;
        let is_platform = |rest: &str, ending: &str| rest.len() > ending.len() && rest.ends_with(ending);
        if let Some(rest) = name.strip_prefix(&format!("codescry-{version}-")) {
            return [".whl", ".tar.gz", ".zip", ".mcpb"].iter().any(|ending| is_platform(rest, ending));
        }
        self.npm_platform(name).is_some()
    }

    /// Returns the platform of an npm package, such as `linux-x64`; `None` for another file.
    fn npm_platform<'name>(&self, file: &'name str) -> Option<&'name str> {
        let platform = file.strip_prefix(NPM_SCOPE)?.strip_prefix('-')?;
        let platform = platform.strip_suffix(&format!("-{}.tgz", self.version))?;
        ["linux-", "darwin-", "win32-"].iter().any(|system| platform.starts_with(system)).then_some(platform)
    }

    /// Returns the names of the npm packages for single platforms, such as `@codescry/linux-x64`.
    pub fn npm_platforms(&self) -> Vec<String> {
        let platforms = self.packages.iter().filter_map(|package| self.npm_platform(&package.name));
        platforms.map(|platform| format!("@{NPM_SCOPE}/{platform}")).collect()
    }

    /// Returns the archive for a target of Rust, such as `x86_64-unknown-linux-gnu`, if there is one.
    pub fn find_archive(&self, target: &str) -> Option<&CollectedPackage> {
        let name = format!("codescry-{}-{target}", self.version);
        self.packages.iter().find(|package| {
            package.name.strip_prefix(&name).is_some_and(|ending| ending == ".tar.gz" || ending == ".zip")
        })
    }

    /// Returns the packages whose names end with `ending`.
    pub fn with_ending(&self, ending: &str) -> impl Iterator<Item = &CollectedPackage> {
        self.packages.iter().filter(move |package| package.name.ends_with(ending))
    }

    /// Returns the names and hashes of all packages.
    pub fn list_hashes(&self) -> Vec<(String, String)> {
        self.packages.iter().map(|package| (package.name.clone(), package.hash.clone())).collect()
    }
}
