//! The npm packages: one for each platform with its program, and the launcher `codescry`, which depends on all of them
//! optionally. npm installs the one that fits; no script runs during the installation.

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::archive::{self, FileEntry, ReleaseFile};
use super::collected::{CollectedPackages, NPM_SCOPE};
use super::program::{ProgramFile, ProgramSystem};
use super::project::PackagedProject;

/// The folder that every npm archive begins with.
const ROOT: &str = "package";

/// Builds the package of one platform.
///
/// # Errors
/// If the archive cannot be compressed.
pub fn build_platform_package(program: &ProgramFile, project: &PackagedProject) -> Result<ReleaseFile> {
    let (system, processor) = program.node_platform();
    let mut manifest = describe_package(&format!("@{NPM_SCOPE}/{system}-{processor}"), project);
    manifest.insert("description".to_owned(), json!(format!("The program codescry for {system} on {processor}")));
    manifest.insert("os".to_owned(), json!([system]));
    manifest.insert("cpu".to_owned(), json!([processor]));
    if matches!(program.system, ProgramSystem::Linux { .. }) {
        manifest.insert("libc".to_owned(), json!(["glibc"]));
    }
    // Yarn keeps packages in archives, where programs cannot be started.
    manifest.insert("preferUnplugged".to_owned(), json!(true));
    let mut entries = vec![FileEntry::program(format!("{ROOT}/bin/{}", program.file_name()), &program.content)];
    let readme = format!(
        "# {system}-{processor}\n\nThe program of [codescry]({}) for {system} on {processor}. Install `codescry`, which \
         depends on this package.\n",
        project.repository
    );
    entries.push(FileEntry::text(format!("{ROOT}/README.md"), readme));
    let name = format!("{NPM_SCOPE}-{system}-{processor}-{}.tgz", project.version);
    write_package(name, manifest, entries, project)
}

/// Builds the launcher.
///
/// # Errors
/// If the archive cannot be compressed.
pub fn build_launcher(packages: &CollectedPackages, project: &PackagedProject) -> Result<ReleaseFile> {
    let mut manifest = describe_package("codescry", project);
    manifest.insert("description".to_owned(), json!(project.description));
    manifest.insert("keywords".to_owned(), json!(project.keywords));
    manifest.insert("bin".to_owned(), json!({ "codescry": "bin/codescry.js" }));
    manifest.insert("engines".to_owned(), json!({ "node": ">=18" }));
    // The MCP registry compares this name with its own entry.
    manifest.insert("mcpName".to_owned(), json!(project.registry_name()));
    let platforms = packages.npm_platforms().into_iter().map(|name| (name, json!(project.version)));
    manifest.insert("optionalDependencies".to_owned(), Value::Object(platforms.collect()));
    let entries = vec![
        FileEntry::program(format!("{ROOT}/bin/codescry.js"), project.launcher.as_bytes()),
        FileEntry::text(format!("{ROOT}/README.md"), project.readme.as_str()),
    ];
    write_package(format!("codescry-{}.tgz", project.version), manifest, entries, project)
}

/// Returns the fields that all packages have.
fn describe_package(name: &str, project: &PackagedProject) -> Map<String, Value> {
    let repository = json!({ "type": "git", "url": format!("git+{}.git", project.repository) });
    let fields = [
        ("name", json!(name)),
        ("version", json!(project.version)),
        ("license", json!(project.license)),
        ("homepage", json!(project.repository)),
        ("repository", repository),
    ];
    fields.map(|(key, value)| (key.to_owned(), value)).into_iter().collect()
}

fn write_package(
    name: String,
    manifest: Map<String, Value>,
    mut entries: Vec<FileEntry<'_>>,
    project: &PackagedProject,
) -> Result<ReleaseFile> {
    let manifest = format!("{}\n", serde_json::to_string_pretty(&manifest)?);
    entries.push(FileEntry::text(format!("{ROOT}/package.json"), manifest));
    for (file, text) in project.notices() {
        entries.push(FileEntry::text(format!("{ROOT}/{file}"), text));
    }
    Ok(ReleaseFile { name, content: archive::write_tar_gz(entries)? })
}
