//! Reads the packages of a workspace.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use toml_edit::DocumentMut;

use crate::rust::items::{FileItems, list_items};
use crate::rust::test_code::remove_test_code;
use crate::rust::tokens::{Token, tokenize};

/// The packages of a workspace.
pub struct Workspace {
    pub packages: Vec<Package>,
    /// The Rust files in the packages' `src`, `tests`, `benches` and `examples`, without fixtures: path from the root,
    /// and text.
    pub all_files: Vec<(String, String)>,
}

/// A package with the source files of its library or program.
pub struct Package {
    /// The folder of the package from the root of the workspace; empty for the root package.
    pub folder: String,
    /// The text of `Cargo.toml`.
    pub manifest: String,
    /// The files in `src`, without files that are compiled only for tests, sorted by path.
    pub files: Vec<CodeFile>,
}

/// A source file of a package.
pub struct CodeFile {
    /// The path from the root of the workspace, with `/`.
    pub path: String,
    /// The module path of the file, such as `["query", "frames"]`; empty for `lib.rs` and `main.rs`.
    pub module: Vec<String>,
    pub text: String,
    /// The tokens without test code.
    pub tokens: Vec<Token>,
    pub items: FileItems,
}

impl Workspace {
    /// Reads a workspace: the packages that `members` of the root manifest names.
    ///
    /// # Errors
    /// If a folder or a file cannot be read, or the root manifest lists no members.
    pub fn read(root: &Path) -> io::Result<Self> {
        let manifest = fs::read_to_string(root.join("Cargo.toml"))?;
        let (mut packages, mut all_files) = (Vec::new(), Vec::new());
        for folder in list_members(root, &manifest)? {
            let base = root.join(&folder);
            let mut texts = Vec::new();
            for part in ["src", "tests", "benches", "examples"] {
                read_folder(root, &base.join(part), &mut texts)?;
            }
            let prefix = if folder.is_empty() { "src/".to_owned() } else { format!("{folder}/src/") };
            let sources = texts.iter().filter(|(path, _)| path.starts_with(&prefix)).cloned().collect();
            let manifest = fs::read_to_string(base.join("Cargo.toml"))?;
            packages.push(Package::from_texts(&folder, manifest, sources));
            all_files.extend(texts);
        }
        Ok(Self { packages, all_files })
    }
}

impl Package {
    /// Creates a package from the paths and texts of the files in its `src` folder.
    pub fn from_texts(folder: &str, manifest: String, texts: Vec<(String, String)>) -> Self {
        let prefix = if folder.is_empty() { "src/".to_owned() } else { format!("{folder}/src/") };
        let (mut files, mut test_modules) = (Vec::new(), Vec::new());
        for (path, text) in texts {
            let module = parse_module_path(path.strip_prefix(&prefix).unwrap_or(&path));
            let code = remove_test_code(tokenize(&text));
            test_modules.extend(code.test_modules.into_iter().map(|name| [module.clone(), vec![name]].concat()));
            let items = list_items(&code.tokens);
            files.push(CodeFile { path, module, text, tokens: code.tokens, items });
        }
        files.retain(|file| !test_modules.iter().any(|module| file.module.starts_with(module)));
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Self { folder: folder.to_owned(), manifest, files }
    }

    /// Returns the name by which other packages depend on this one: the name of its folder, or `codescry` for the root.
    pub fn crate_name(&self) -> &str {
        self.folder.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("codescry")
    }

    /// Returns the description in the manifest, or an empty text.
    pub fn description(&self) -> String {
        let manifest = self.manifest.parse::<DocumentMut>().unwrap_or_default();
        let package = manifest.get("package").and_then(|package| package.get("description"));
        package.and_then(|description| description.as_str()).unwrap_or_default().to_owned()
    }

    /// Lists the dependencies of the library or program, including dependencies for a single platform.
    pub fn list_dependencies(&self) -> Vec<String> {
        let manifest = self.manifest.parse::<DocumentMut>().unwrap_or_default();
        let mut tables = vec![manifest.get("dependencies")];
        if let Some(targets) = manifest.get("target").and_then(|target| target.as_table_like()) {
            tables.extend(targets.iter().map(|(_, target)| target.get("dependencies")));
        }
        let names = tables.into_iter().flatten().filter_map(|table| table.as_table_like());
        names.flat_map(|table| table.iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>()).collect()
    }
}

/// Returns the module of a file from its path below `src`: `["a", "b"]` for `a/b.rs` and `a/b/mod.rs`.
fn parse_module_path(path: &str) -> Vec<String> {
    let mut parts: Vec<String> = path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    let is_root = parts.len() == 1 && ["lib", "main"].contains(&parts[0].as_str());
    if is_root || parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    parts
}

/// Lists the folders of the members, the root package first.
fn list_members(root: &Path, manifest: &str) -> io::Result<Vec<String>> {
    let manifest: DocumentMut = manifest.parse().map_err(io::Error::other)?;
    let members = manifest.get("workspace").and_then(|workspace| workspace.get("members"));
    let members = members.and_then(|members| members.as_array()).ok_or_else(|| io::Error::other("no members"))?;
    let mut folders = Vec::new();
    for member in members.iter().filter_map(|member| member.as_str()) {
        match member.strip_suffix("/*") {
            Some(parent) => {
                for entry in fs::read_dir(root.join(parent))? {
                    let entry = entry?;
                    if entry.path().join("Cargo.toml").is_file() {
                        folders.push(format!("{parent}/{}", entry.file_name().to_string_lossy()));
                    }
                }
            }
            None => folders.push(if member == "." { String::new() } else { member.to_owned() }),
        }
    }
    folders.sort();
    Ok(folders)
}

/// Reads the Rust files below a folder, which may be missing. Folders of fixtures are left out.
fn read_folder(root: &Path, folder: &Path, texts: &mut Vec<(String, String)>) -> io::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    paths.sort();
    for path in paths {
        if path.is_dir() {
            if !path.ends_with("fixtures") {
                read_folder(root, &path, texts)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let relative = path.strip_prefix(root).unwrap_or(&path);
            let relative: Vec<String> =
                relative.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
            texts.push((relative.join("/"), fs::read_to_string(&path)?));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_read_without_test_files_and_fixtures() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("created");
            fs::write(path, text).expect("written");
        };
        write("Cargo.toml", "[workspace]\nmembers = [\".\", \"crates/*\"]\n");
        write("src/main.rs", "fn main() {}");
        write("crates/a/Cargo.toml", "[package]");
        write("crates/a/src/lib.rs", "mod b;\n#[cfg(test)]\nmod tests;");
        write("crates/a/src/b/mod.rs", "");
        write("crates/a/src/tests/c.rs", "");
        write("crates/a/tests/fixtures/d.rs", "");
        write("crates/a/tests/e.rs", "");
        let workspace = Workspace::read(folder.path()).expect("read");
        let modules: Vec<Vec<Vec<String>>> = workspace
            .packages
            .iter()
            .map(|package| package.files.iter().map(|file| file.module.clone()).collect())
            .collect();
        assert_eq!(modules, [vec![vec![]], vec![vec!["b".to_owned()], vec![]]]);
        let all: Vec<&str> = workspace.all_files.iter().map(|(path, _)| path.as_str()).collect();
        let expected =
            ["crates/a/src/b/mod.rs", "crates/a/src/lib.rs", "crates/a/src/tests/c.rs", "crates/a/tests/e.rs"];
        assert_eq!(all, [&["src/main.rs"], &expected[..]].concat());
    }
}
