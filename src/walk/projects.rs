//! The projects below a root, as the manifests in its folders tell.
//!
//! Owns which folders are looked at: those that hold a file of the index, and the folders above
//! them up to the root. Each is listed once, and of what is listed only manifests are opened.
//! Invariants: a link is not followed; what cannot be read is no project, or one named by its
//! folder, never an error. Never imports the store, the embedder, `index` or `search`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use super::manifests::{self, Manifest, Told};
use crate::types::Project;

/// A manifest above this size is not read: its project is named by the folder.
const MAX_MANIFEST_BYTES: u64 = 1 << 20;

/// Most entries of a folder that are looked at; the rest of a folder full of data is not listed.
const MAX_ENTRIES: usize = 20_000;

/// Longest name, in characters.
const MAX_NAME_CHARS: usize = 120;

/// The projects that hold these folders, those with the most files first, then by folder. Give the
/// folder of each file: a file counts for the deepest project that holds it.
pub fn projects<'f>(root: &Path, folders: impl Iterator<Item = &'f str>) -> Vec<Project> {
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
        for above in upwards(folder) {
            let project = found.entry(above).or_insert_with(|| project(&root, above));
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

/// The folder, then each one above it, the root (an empty path) last.
fn upwards(folder: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(folder), |path| {
        let above = path.rsplit_once('/').map_or("", |(above, _)| above);
        (!path.is_empty()).then_some(above)
    })
}

/// The project that a folder is by itself: named by its first manifest that has a name.
fn project(root: &Path, folder: &str) -> Option<Project> {
    let path = root.join(folder);
    if path.canonicalize().ok()? != path {
        return None; // a link took the folder's place since it was indexed
    }
    let mut kind = None;
    for (manifest, file) in manifests_in(&path, folder.is_empty()) {
        let told = if manifest.is_read() { read(&path.join(&file)) } else { None };
        let name = match manifest.tell(&file, told.as_deref()) {
            Told::Nothing => continue,
            Told::Unnamed => String::new(),
            Told::Name(name) => clean(&name),
        };
        if !name.is_empty() {
            return Some(Project { name, kind: manifest.kind, folder: folder.to_owned(), files: 0 });
        }
        kind = kind.or(Some(manifest.kind));
    }
    let name = clean(&path.file_name().unwrap_or_default().to_string_lossy());
    let name = if name.is_empty() { ".".to_owned() } else { name };
    kind.map(|kind| Project { name, kind, folder: folder.to_owned(), files: 0 })
}

/// The manifests in a folder by rank, then by name. The root's own `.git` makes it no project.
fn manifests_in(path: &Path, is_root: bool) -> Vec<(&'static Manifest, String)> {
    let Ok(entries) = fs::read_dir(path) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for entry in entries.take(MAX_ENTRIES).flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let Some(rank) = manifests::rank(&name) else { continue };
        let is_git = manifests::ALL[rank].pattern == manifests::GIT;
        let fits = entry.file_type().is_ok_and(|kind| kind.is_file() || (is_git && kind.is_dir()));
        if fits && !(is_git && is_root) {
            found.push((rank, name));
        }
    }
    found.sort();
    found.into_iter().map(|(rank, name)| (&manifests::ALL[rank], name)).collect()
}

/// The text of a manifest, unless it is too large.
fn read(path: &Path) -> Option<String> {
    // A pipe would be waited for.
    if !fs::symlink_metadata(path).is_ok_and(|found| found.is_file() && found.len() <= MAX_MANIFEST_BYTES) {
        return None;
    }
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MAX_MANIFEST_BYTES).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    Some(text.trim_start_matches('\u{feff}').to_owned())
}

/// A name on one line, without what steers a display.
fn clean(name: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c,
                '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    let shown: String = name.chars().filter(|c| !steers(*c)).take(MAX_NAME_CHARS).collect();
    shown.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The projects of a folder with these files, as `name kind folder files`, by folder. A path
    /// that ends with `/` is a folder. Files named `…/x.rs` are the indexed ones.
    fn found(files: &[(&str, &str)]) -> Vec<String> {
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
        let mut found = projects(&root, indexed.map(|folder| folder.trim_end_matches('/')));
        found.sort_by(|a, b| a.folder.cmp(&b.folder));
        let shown =
            |project: &Project| format!("{} {} {} {}", project.name, project.kind, project.place(), project.files);
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
            assert_eq!(found(&[(manifest, text), (&source, "")]), [format!("{wanted} {folder} 1")], "{manifest}");
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
            found(&files),
            ["root npm . 2", "app npm packages/app 2", "app cargo packages/app/native 1"],
            "two of one name have two folders"
        );
    }

    #[test]
    fn what_is_no_manifest_makes_no_project() {
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
        assert_eq!(found(&files), [""; 0], "the root's own repository is none either");
        assert!(projects(Path::new("/no/such/folder"), ["a"].into_iter()).is_empty());
    }

    #[test]
    fn a_manifest_that_tells_no_name_leaves_it_to_the_next_and_then_to_the_folder() {
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
        assert_eq!(found(&files), [&wanted[..], &["e npm e 1", "f cmake f 1", "server mix g 1"]].concat());
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
        assert!(projects(&root, ["link", "a"].into_iter()).is_empty());
    }
}
