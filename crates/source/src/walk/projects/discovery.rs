//! Discovery of the projects below a root, by the manifests in its folders.
//!
//! Searches the folders of indexed files and the folders above them up to the root. Each folder is listed
//! once, and only manifests are opened. Links are not followed. A folder that cannot be read is not a
//! project; a manifest that cannot be read makes a project named after its folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::manifests::{self, ManifestKind, ProjectClaim};
use text::display::is_display_control;
use types::Project;

/// Maximum size of a manifest, in bytes; the project of a larger one is named after its folder.
const MAX_MANIFEST_BYTES: u64 = 1 << 20;

/// Maximum number of entries that are listed per folder.
const MAX_ENTRIES: usize = 20_000;

/// Maximum length of a project's name, in characters.
const MAX_NAME_CHARS: usize = 120;

/// Finds the projects that contain `folders`, ordered by descending number of files, then by folder.
///
/// `folders` has one entry per file. A file counts for the deepest project that contains it.
pub fn find_projects<'f>(root: &Path, folders: impl Iterator<Item = &'f str>) -> Vec<Project> {
    let Ok(root) = root.canonicalize() else {
        return Vec::new();
    };
    let mut files: BTreeMap<&str, u64> = BTreeMap::new();
    for folder in folders {
        *files.entry(folder).or_default() += 1;
    }
    let mut found: BTreeMap<&str, Option<Project>> = BTreeMap::new();
    for (folder, count) in files {
        let mut owned = false;
        for above in ancestors(folder) {
            let project = found.entry(above).or_insert_with(|| read_project(&root, above));
            if let Some(project) = project.as_mut().filter(|_| !owned) {
                project.files += count;
                owned = true;
            }
        }
    }
    let mut found: Vec<Project> = found.into_values().flatten().collect();
    found.sort_by(|a, b| b.files.cmp(&a.files).then_with(|| a.folder.cmp(&b.folder)));
    found
}

/// Returns the folder, then each folder above it; the root, an empty path, comes last.
fn ancestors(folder: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(folder), |path| {
        let above = path.rsplit_once('/').map_or("", |(above, _)| above);
        (!path.is_empty()).then_some(above)
    })
}

/// Returns the project whose top is this folder, named by the first manifest that has a name.
fn read_project(root: &Path, folder: &str) -> Option<Project> {
    let path = root.join(folder);
    if path.canonicalize().ok()? != path {
        return None; // a link replaced the folder since it was indexed
    }
    let mut kind = None;
    for (manifest, file) in list_manifests(&path, folder.is_empty()) {
        let text = if manifest.needs_text() { read_manifest_text(&path.join(&file)) } else { None };
        let name = match manifest.claim(&file, text.as_deref()) {
            ProjectClaim::NotAProject => continue,
            ProjectClaim::Unnamed => String::new(),
            ProjectClaim::Named(name) => sanitize_name(&name),
        };
        if !name.is_empty() {
            return Some(Project { name, kind: manifest.kind, folder: folder.to_owned(), files: 0 });
        }
        kind = kind.or(Some(manifest.kind));
    }
    let name = sanitize_name(&path.file_name().unwrap_or_default().to_string_lossy());
    let name = if name.is_empty() { ".".to_owned() } else { name };
    kind.map(|kind| Project { name, kind, folder: folder.to_owned(), files: 0 })
}

/// Lists the manifests in a folder by precedence, then by name. The `.git` of the root does not count.
fn list_manifests(path: &Path, is_root: bool) -> Vec<(&'static ManifestKind, String)> {
    let Ok(entries) = fs::read_dir(path) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for entry in entries.take(MAX_ENTRIES).flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let Some(rank) = manifests::manifest_rank(&name) else { continue };
        let is_git = manifests::MANIFEST_KINDS[rank].pattern == manifests::GIT;
        let fits = entry.file_type().is_ok_and(|kind| kind.is_file() || (is_git && kind.is_dir()));
        if fits && !(is_git && is_root) {
            found.push((rank, name));
        }
    }
    found.sort();
    found.into_iter().map(|(rank, name)| (&manifests::MANIFEST_KINDS[rank], name)).collect()
}

/// Reads the text of a manifest; `None` if it is too large, not a regular file or unreadable.
fn read_manifest_text(path: &Path) -> Option<String> {
    let read = platform::open::read_without_links(path, MAX_MANIFEST_BYTES).ok()?;
    let text = String::from_utf8_lossy(&read.bytes).into_owned();
    if read.metadata.len() > MAX_MANIFEST_BYTES {
        return None;
    }
    Some(text.trim_start_matches('\u{feff}').to_owned())
}

/// Returns a name without characters that control the display, cut to [`MAX_NAME_CHARS`].
fn sanitize_name(name: &str) -> String {
    let shown: String = name.chars().filter(|c| !is_display_control(*c)).take(MAX_NAME_CHARS).collect();
    shown.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Creates a folder with these files and returns its projects as `name kind folder files`, by folder.
    ///
    /// A path that ends with `/` is a folder. Files named `x.rs` count as indexed.
    fn projects_of(files: &[(&str, &str)]) -> Vec<String> {
        let dir = tempfile::tempdir().expect("a folder");
        let root = dir.path().join("mono");
        for (path, text) in files {
            let at = root.join(path);
            fs::create_dir_all(if path.ends_with('/') { &at } else { at.parent().expect("a parent") }).expect("made");
            if !path.ends_with('/') {
                fs::write(at, text).expect("a file");
            }
        }
        let indexed = files.iter().filter_map(|(path, _)| path.strip_suffix("x.rs"));
        let mut found = find_projects(&root, indexed.map(|folder| folder.trim_end_matches('/')));
        found.sort_by(|a, b| a.folder.cmp(&b.folder));
        let shown = |project: &Project| {
            format!("{} {} {} {}", project.name, project.kind, project.display_folder(), project.files)
        };
        found.iter().map(shown).collect()
    }

    #[test]
    fn each_kind_of_manifest_makes_a_project() {
        let rows: &[(&str, &str, &str)] = &[
            ("cargo/Cargo.toml", "[package] # x\nversion = \"1\"\nname = 'the-crate'\n", "the-crate cargo"),
            ("ws/Cargo.toml", "[workspace]\nmembers = [\"a\"]\n[[bin]]\nname = \"tool\"\n", "ws cargo"),
            ("npm/package.json", "\u{feff}{\"name\": \"@org/app\"}", "@org/app npm"),
            ("go/go.mod", "// m\nmodule github.com/org/server/v2 // x\n\ngo 1.22\n", "server go"),
            ("py/pyproject.toml", "[tool.black]\nname = \"no\"\n[project]\nname = \"lib\"\n", "lib python"),
            ("poetry/pyproject.toml", "[tool.poetry]\nname = \"verse\"\n", "verse python"),
            ("setup/setup.py", "setup(\n    name='old',\n)\n", "old python"),
            ("cfg/setup.cfg", "[metadata]\nname = configured\n", "configured python"),
            (
                "mvn/pom.xml",
                "<?xml version='1.0'?><!-- <artifactId>no</artifactId> -->\n<project xmlns='x'><parent>\
                 <artifactId>parent</artifactId></parent><a/><artifactId> core </artifactId></project>",
                "core maven",
            ),
            ("gradle/settings.gradle.kts", "rootProject.name = \"big\"\n", "big gradle"),
            ("module/build.gradle", "plugins { }\n", "module gradle"),
            ("php/composer.json", "{\"name\": \"vendor/pack\"}", "vendor/pack composer"),
            ("cs/My.App.csproj", "<Project/>", "My.App dotnet"),
            ("ex/mix.exs", "def project do\n  [app: :phone_book, version: 1]\n", "phone_book mix"),
            ("dart/pubspec.yaml", "# p\nname: flutter_app # x\ndependencies:\n  name: no\n", "flutter_app pub"),
            ("swift/Package.swift", "let package = Package(\n    name: \"Kit\",\n", "Kit swift"),
            ("gem/a.gemspec", "Gem::Specification.new do |s|\n  s.name = %q{x}\n  s.version = '1'\nend\n", "a gem"),
            ("rb/b.gemspec", "Gem::Specification.new do |spec|\n  spec.name        = \"ruby-b\"\n", "ruby-b gem"),
            (
                "scala/build.sbt",
                "lazy val docs = x.settings(\n    name := \"no\",\n)\nname := \"scaled\"\n",
                "scaled sbt",
            ),
            ("cpp/CMakeLists.txt", "# project(no)\nPROJECT ( engine LANGUAGES CXX)\n", "engine cmake"),
            ("zig/build.zig.zon", ".{\n    .name = .zap,\n}\n", "zap zig"),
            ("ziggy/build.zig", "const std = 1;\n", "ziggy zig"),
            ("hs/x.cabal", "cabal-version: 2\nName:   lens\n", "lens haskell"),
            ("hpack/package.yaml", "name: 'packed'\n", "packed haskell"),
            ("ml/dune-project", "(lang dune 3.0)\n(name camel)\n", "camel dune"),
            ("repo/.git/HEAD", "ref", "repo git"),
            ("worktree/.git", "gitdir: elsewhere\n", "worktree git"),
        ];
        for (manifest, text, wanted) in rows {
            let folder = manifest.split('/').next().expect("a folder");
            let source = format!("{folder}/src/x.rs");
            assert_eq!(projects_of(&[(manifest, text), (&source, "")]), [format!("{wanted} {folder} 1")], "{manifest}");
        }
    }

    #[test]
    fn a_file_belongs_to_the_deepest_project_that_holds_it() {
        let files = [
            ("package.json", "{\"name\": \"root\"}"),
            (".git/HEAD", ""),
            ("x.rs", ""),
            ("docs/x.rs", ""),
            ("packages/app/package.json", "{\"name\": \"app\"}"),
            ("packages/app/x.rs", ""),
            ("packages/app/src/deep/x.rs", ""),
            ("packages/app/native/Cargo.toml", "[package]\nname = \"app\"\n"),
            ("packages/app/native/src/x.rs", ""),
            ("packages/empty/package.json", "{\"name\": \"nothing-indexed\"}"),
        ];
        assert_eq!(
            projects_of(&files),
            ["root npm . 2", "app npm packages/app 2", "app cargo packages/app/native 1"],
            "projects of the same name have different folders"
        );
    }

    #[test]
    fn other_files_make_no_project() {
        let files = [
            (".git/HEAD", ""),
            ("a/CMakeLists.txt", "add_library(x)\n"),
            ("a/x.rs", ""),
            ("b/setup.cfg", "[flake8]\nname = no\n"),
            ("b/x.rs", ""),
            ("c/package.json/", ""),
            ("c/x.rs", ""),
            ("d/package.json", "{\"type\": \"module\"}"),
            ("d/x.rs", ""),
        ];
        assert_eq!(projects_of(&files), [""; 0], "the repository of the root does not make a project");
        assert!(find_projects(Path::new("/no/such/folder"), ["a"].into_iter()).is_empty());
    }

    #[test]
    fn a_project_without_a_name_is_named_by_the_next_manifest_or_the_folder() {
        let large = format!("{{\"name\": \"large\", \"x\": \"{}\"}}", "x".repeat(1 << 20));
        let files = [
            ("a/pyproject.toml", "[tool.black]\n"),
            ("a/setup.py", "setup(name=\"named-here\")\n"),
            ("a/x.rs", ""),
            ("b/package.json", large.as_str()),
            ("b/x.rs", ""),
            ("c/package.json", "{ broken"),
            ("c/x.rs", ""),
            ("d/package.json", "{\"name\": \"\\u001b[31m\\u202ered\\n\"}"),
            ("d/x.rs", ""),
            ("e/package.json", "{\"name\": \"\\u0007\", \"private\": true}"),
            ("e/x.rs", ""),
            ("f/CMakeLists.txt", "project(${NAME})\n"),
            ("f/x.rs", ""),
            ("g/package.json", "{\"name\": \"assets\"}"),
            ("g/mix.exs", "[app: :server]\n"),
            ("g/x.rs", ""),
            ("Cargo.toml", "[workspace]\n"),
            ("x.rs", ""),
        ];
        let wanted = ["mono cargo . 1", "named-here python a 1", "b npm b 1", "c npm c 1", "[31mred npm d 1"];
        assert_eq!(projects_of(&files), [&wanted[..], &["e npm e 1", "f cmake f 1", "server mix g 1"]].concat());
    }

    #[test]
    #[cfg(unix)]
    fn links_are_not_followed() {
        let dir = tempfile::tempdir().expect("a folder");
        let root = dir.path().join("root");
        fs::create_dir_all(dir.path().join("outside")).expect("a folder");
        fs::create_dir_all(root.join("a")).expect("a folder");
        fs::write(dir.path().join("outside/package.json"), "{\"name\": \"outside\"}").expect("a file");
        std::os::unix::fs::symlink(dir.path().join("outside"), root.join("link")).expect("a link");
        std::os::unix::fs::symlink(dir.path().join("outside/package.json"), root.join("a/package.json"))
            .expect("a link");
        assert!(find_projects(&root, ["link", "a"].into_iter()).is_empty());
    }
}
