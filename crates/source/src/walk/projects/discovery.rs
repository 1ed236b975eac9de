//! Discovery of the projects below a root, by the manifests in its folders.
//!
//! Searches the folders of indexed files and the folders above them up to the root. Each folder is listed once, and
//! only manifests are opened. Symbolic links are not followed. A folder that cannot be read is not a project; a
//! manifest that cannot be read makes a project named after its folder.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::manifests::{self, ManifestKind, ProjectClaim};
use platform::open::FolderHandle;
use text::display::is_display_control;
use types::Project;

/// Maximum size of a manifest, in bytes; the project of a larger one is named after its folder.
const MAX_MANIFEST_BYTES: u64 = 1 << 20;

/// Maximum number of entries that are listed per folder.
const MAX_ENTRIES: usize = 20_000;

/// Maximum length of a project's name, in characters.
const MAX_NAME_CHARS: usize = 120;

/// Finds the projects that contain at least one of `folders`, ordered by descending number of files, then by folder.
///
/// `folders` has one entry per file: its folder, relative to `root`. A file counts for the deepest project that
/// contains it. Finds nothing if `root` cannot be opened.
pub fn find_projects<'f>(root: &Path, folders: impl Iterator<Item = &'f str>) -> Vec<Project> {
    let Some(mut discovery) = Discovery::start(root) else {
        return Vec::new();
    };
    let mut files: BTreeMap<&str, u64> = BTreeMap::new();
    for folder in folders {
        *files.entry(folder).or_default() += 1;
    }
    for (folder, count) in files {
        discovery.read_folders_to(folder);
        let mut above = ancestors(folder);
        if let Some(holder) = above.find(|above| discovery.found.get(above).is_some_and(Option::is_some)) {
            discovery.count_files(holder, count);
        }
    }
    let mut found: Vec<Project> = discovery.found.into_values().flatten().collect();
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

/// The folders examined so far, and the projects among them.
///
/// A folder is opened from the one above it. If folders are read in sorted order, most are opened once, at any depth.
struct Discovery<'f> {
    root: FolderHandle,
    /// `None` for a folder that is not a project, or that cannot be read.
    found: HashMap<&'f str, Option<Project>>,
    /// The folder opened last.
    last: Option<(&'f str, FolderHandle)>,
    /// Number of folders opened by their names.
    opened_folders: usize,
}

impl<'f> Discovery<'f> {
    /// Opens the root; `None` if it cannot be opened.
    fn start(root: &Path) -> Option<Self> {
        let path = root.canonicalize().ok()?;
        let root_name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let root = FolderHandle::open(&path).ok()?;
        let found = HashMap::from([("", read_project(&root, "", &root_name))]);
        Some(Self { root, found, last: None, opened_folders: 0 })
    }

    /// Examines the folders from the root to `folder` that were not examined yet.
    fn read_folders_to(&mut self, folder: &'f str) {
        let known = ancestors(folder).find(|above| self.found.contains_key(above)).unwrap_or("");
        let unknown = folder[known.len()..].trim_start_matches('/');
        if unknown.is_empty() {
            return;
        }
        // Folders come sorted, so the one above is most often the last one.
        let mut above = match self.last.take() {
            Some((path, handle)) if path == known => Some(handle),
            _ => self.open_folder(known),
        };
        let mut is_open = known.is_empty() || above.is_some();
        let mut path = known;
        for name in unknown.split('/') {
            let length = path.len() + usize::from(!path.is_empty()) + name.len();
            path = &folder[..length];
            // A symbolic link may have replaced the folder since it was indexed.
            above = if is_open { above.as_ref().unwrap_or(&self.root).enter(name).ok() } else { None };
            is_open = above.is_some();
            self.opened_folders += 1;
            self.found.insert(path, above.as_ref().and_then(|handle| read_project(handle, path, name)));
        }
        self.last = above.map(|handle| (path, handle));
    }

    /// Opens a folder by its path; `None` if that is impossible, and for the root.
    fn open_folder(&mut self, path: &str) -> Option<FolderHandle> {
        let mut handle: Option<FolderHandle> = None;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            self.opened_folders += 1;
            handle = Some(handle.as_ref().unwrap_or(&self.root).enter(name).ok()?);
        }
        handle
    }

    fn count_files(&mut self, folder: &str, count: u64) {
        if let Some(project) = self.found.get_mut(folder).and_then(Option::as_mut) {
            project.files += count;
        }
    }
}

/// Returns the project whose top is this folder, named by the first manifest that has a name, or after the folder;
/// `None` if no manifest makes it a project.
fn read_project(handle: &FolderHandle, folder: &str, folder_name: &str) -> Option<Project> {
    let mut kind = None;
    for (manifest, file) in list_manifests(handle, folder.is_empty()) {
        let text = if manifest.needs_text() { read_manifest_text(handle, &file) } else { None };
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
    let name = sanitize_name(folder_name);
    let name = if name.is_empty() { ".".to_owned() } else { name };
    kind.map(|kind| Project { name, kind, folder: folder.to_owned(), files: 0 })
}

/// Lists the manifests in a folder by precedence, then by name. The `.git` of the root does not count.
fn list_manifests(handle: &FolderHandle, is_root: bool) -> Vec<(&'static ManifestKind, String)> {
    let mut found = Vec::new();
    for entry in handle.list_entries(MAX_ENTRIES).unwrap_or_default() {
        let Ok(name) = entry.name.into_string() else { continue };
        let Some(rank) = manifests::manifest_rank(&name) else { continue };
        let is_git = manifests::MANIFEST_KINDS[rank].pattern == manifests::GIT;
        let fits = entry.is_file || (is_git && entry.is_folder);
        if fits && !(is_git && is_root) {
            found.push((rank, name));
        }
    }
    found.sort();
    found.into_iter().map(|(rank, name)| (&manifests::MANIFEST_KINDS[rank], name)).collect()
}

/// Reads the text of a manifest; `None` if it is too large, not a regular file or unreadable.
fn read_manifest_text(handle: &FolderHandle, file: &str) -> Option<String> {
    let unusable = |error: &std::io::Error| tracing::debug!("cannot use the manifest {file}: {error}");
    let bytes = handle.read_small_file(file, MAX_MANIFEST_BYTES).inspect_err(unusable).ok()?;
    Some(String::from_utf8_lossy(&bytes).trim_start_matches('\u{feff}').to_owned())
}

/// Returns a name without characters that control the display, cut to [`MAX_NAME_CHARS`].
fn sanitize_name(name: &str) -> String {
    let shown: String = name.chars().filter(|c| !is_display_control(*c)).take(MAX_NAME_CHARS).collect();
    shown.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use std::fs;

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

    /// Reading a deep folder opens each folder of its path once, with and without files in them.
    #[test]
    #[cfg(unix)]
    fn the_cost_of_a_deep_folder_is_its_depth() {
        const DEPTH: usize = 1_000;
        let dir = tempfile::tempdir().expect("a folder");
        let deepest = vec!["d"; DEPTH].join("/");
        fs::create_dir_all(dir.path().join(&deepest)).expect("folders");
        fs::write(dir.path().join(&deepest[..DEPTH - 1]).join("go.mod"), "module middle\n").expect("a file");
        let all: Vec<&str> = ancestors(&deepest).collect();
        for folders in [vec![deepest.as_str()], all] {
            let mut discovery = Discovery::start(dir.path()).expect("the root");
            let mut sorted = folders.clone();
            sorted.sort_unstable();
            sorted.iter().for_each(|folder| discovery.read_folders_to(folder));
            assert_eq!(discovery.opened_folders, DEPTH);
            let found = find_projects(dir.path(), folders.iter().copied());
            let shown: Vec<_> = found.iter().map(|project| (project.name.as_str(), project.folder.len())).collect();
            assert_eq!(shown, [("middle", DEPTH - 1)]);
        }
        // Removing the folders together would open all of them at once.
        fs::remove_file(dir.path().join(&deepest[..DEPTH - 1]).join("go.mod")).expect("removed");
        ancestors(&deepest).filter(|path| !path.is_empty()).for_each(|path| {
            fs::remove_dir(dir.path().join(path)).expect("removed");
        });
    }
}
