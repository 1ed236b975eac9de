//! Resolves the root of a call and the paths inside it.
//!
//! The roots of a call are fixed before it starts. Every path inside a root that is returned from here is relative,
//! stays below the root by components, and does not leave it through a symbolic link. The engine checks paths again
//! when it reads them.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use engine::{Engine, Filter};
use text::display::escape_name;

use super::percent::percent_encode;
use super::runs::IndexRuns;
use crate::call::arguments::GivenArguments;
use crate::call::result::ToolError;
use crate::wire::argument::{Argument, LANGUAGE, PROJECT};

/// A served folder.
pub struct ServedRoot {
    pub engine: Arc<Engine>,
    pub runs: Arc<IndexRuns>,
}

impl ServedRoot {
    /// Creates the served root of `engine`, with no index run yet.
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { runs: Arc::new(IndexRuns::new(Arc::clone(&engine))), engine }
    }

    /// Returns the absolute path of the folder.
    pub fn path(&self) -> &Path {
        self.engine.root()
    }

    /// Returns the path of the folder as text, for display.
    pub fn name(&self) -> String {
        escape_name(&self.path().to_string_lossy()).into_owned()
    }
}

/// The folders that a call may use.
#[derive(Default)]
pub struct ServedRoots {
    pub list: Vec<Arc<ServedRoot>>,
    /// Advice for a call while no folder is served, or when it names one that is not.
    pub advice: String,
}

impl ServedRoots {
    /// Creates the list of these served roots, without advice.
    pub fn new(roots: impl IntoIterator<Item = ServedRoot>) -> Self {
        Self { list: roots.into_iter().map(Arc::new).collect(), advice: String::new() }
    }

    /// Returns the root of a call: the one named by `root`, the only one, or the innermost one that contains the
    /// absolute `path`.
    ///
    /// # Errors
    /// When no root is served under the given name, or the arguments do not determine a root.
    pub fn select_root(&self, root: Option<&str>, path: Option<&str>) -> Result<&ServedRoot, ToolError> {
        if self.list.is_empty() && root.is_none() {
            return Err(ToolError(format!("no folder is served; {}", self.advice)));
        }
        if let Some(name) = root.map(str::trim) {
            let by_path = self.list.iter().find(|root| root.path() == Path::new(name));
            let by_name = || self.list.get(self.short_names().iter().position(|short| *short == name)?);
            // The folder that a client works in, as it names it itself.
            let only = || self.list.first().filter(|_| self.list.len() == 1 && matches!(name, "." | "./"));
            let named = by_path.or_else(by_name).or_else(only);
            return named
                .map(Arc::as_ref)
                .ok_or_else(|| ToolError(format!("root {} is not served; {}", escape_name(name), self.list_served())));
        }
        if let [only] = self.list.as_slice() {
            return Ok(only);
        }
        let Some(path) = path.map(Path::new).filter(|path| path.is_absolute()) else {
            return Err(ToolError(format!(
                "several roots are served; name one in the root argument; {}",
                self.list_served()
            )));
        };
        let holds = |root: &&Arc<ServedRoot>| path.starts_with(root.path());
        let innermost = self.list.iter().filter(holds).max_by_key(|root| root.path().components().count());
        innermost.map(Arc::as_ref).ok_or_else(|| self.outside_error(&path.to_string_lossy()))
    }

    /// Returns `path` relative to `root`, with `/` between its components; `None` when it is the root itself.
    ///
    /// # Errors
    /// When the path leads out of `root`, by `..`, as an absolute path or through a symbolic link, or is a broken link.
    pub fn relative_path(&self, root: &ServedRoot, path: &str) -> Result<Option<String>, ToolError> {
        let outside = || self.outside_error(path);
        let mut parts = Vec::new();
        for component in strip_root(root.path(), Path::new(path)).ok_or_else(outside)?.components() {
            match component {
                Component::CurDir => {}
                Component::Normal(name) => parts.push(name.to_string_lossy().into_owned()),
                // As in a shell that follows no links: `a/../b` is `b`. Above the root is outside.
                Component::ParentDir if parts.pop().is_some() => {}
                Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                    return Err(outside());
                }
            }
        }
        if path.contains('\0') || leads_out_of_root(root.path(), &parts) {
            return Err(outside());
        }
        Ok((!parts.is_empty()).then(|| parts.join("/")))
    }

    /// Returns the filter of a call: languages, the paths of the argument `below` inside `root`, and a project.
    ///
    /// # Errors
    /// When a path leads out of `root`.
    pub fn build_filter(
        &self,
        root: &ServedRoot,
        given: &GivenArguments,
        below: &Argument,
    ) -> Result<Filter, ToolError> {
        let paths: Vec<Option<String>> =
            given.list(below).iter().map(|path| self.relative_path(root, path)).collect::<Result<_, _>>()?;
        // The root itself holds all other paths.
        let paths: Option<Vec<String>> = paths.into_iter().collect();
        let path = paths.filter(|paths| !paths.is_empty()).map(|paths| paths.join(","));
        let project = given.text(&PROJECT).map(str::to_owned);
        Ok(Filter { languages: given.list(&LANGUAGE), path, project, ..Filter::default() })
    }

    /// Returns the path of a file of `root`, relative to it.
    ///
    /// # Errors
    /// When the path leads out of `root` or is the root itself.
    pub fn relative_file(&self, root: &ServedRoot, path: &str) -> Result<String, ToolError> {
        let path = self.relative_path(root, path)?;
        path.ok_or_else(|| ToolError("path is the root; give a file inside it".to_owned()))
    }

    /// Returns a unique, percent-encoded name for each root, used in resource URIs: the name of its folder, followed
    /// by a number where an earlier root has the same name.
    pub fn short_names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::with_capacity(self.list.len());
        for root in &self.list {
            let folder =
                root.path().file_name().map_or_else(|| "root".to_owned(), |name| name.to_string_lossy().into_owned());
            let folder = percent_encode(&folder);
            let mut name = folder.clone();
            let mut number = 2;
            while names.contains(&name) {
                name = format!("{folder}~{number}");
                number += 1;
            }
            names.push(name);
        }
        names
    }

    fn outside_error(&self, path: &str) -> ToolError {
        ToolError(format!(
            "path {} is outside the served roots; give a path inside the root, relative to it; {}",
            escape_name(path),
            self.list_served()
        ))
    }

    /// Lists the roots, such as `served: /a, /b`, and how to serve others.
    fn list_served(&self) -> String {
        let names: Vec<_> = self.list.iter().map(|root| root.name()).collect();
        let served = format!("served: {}", if names.is_empty() { "nothing".to_owned() } else { names.join(", ") });
        if self.advice.is_empty() { served } else { format!("{served}; {}", self.advice) }
    }
}

/// Returns `path` without `root`: a relative path unchanged, `None` for an absolute path outside the root.
fn strip_root(root: &Path, path: &Path) -> Option<PathBuf> {
    if path.is_relative() {
        return Some(path.to_owned());
    }
    // A `..` may lead out of the root and back into it.
    let has_parent = path.components().any(|component| component == Component::ParentDir);
    let plain = if has_parent { remove_parents(path) } else { path.to_owned() };
    if let Ok(relative) = plain.strip_prefix(root) {
        return Some(relative.to_owned());
    }
    // The path may reach the root through a link: on macOS, /tmp is a link to /private/tmp.
    let resolved = path.canonicalize().ok()?;
    resolved.strip_prefix(root).ok().map(Path::to_owned)
}

/// Returns an absolute path without `..`: each one removes the component before it.
fn remove_parents(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut plain, component| {
        match component {
            Component::ParentDir => _ = plain.pop(),
            other => plain.push(other),
        }
        plain
    })
}

/// Returns whether the existing part of the path resolves to a folder or file outside `root`, or is a broken link.
fn leads_out_of_root(root: &Path, parts: &[String]) -> bool {
    let full = parts.iter().fold(root.to_owned(), |path, part| path.join(part));
    let existing = full.ancestors().find_map(|path| path.canonicalize().ok());
    let dangling = full.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink()) && !full.exists();
    dangling || existing.is_none_or(|path| !path.starts_with(root))
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::{Options, Settings};

    #[test]
    fn absolute_paths_lose_their_root_by_components() {
        let strip = |path: &str| strip_root(Path::new("/srv/app"), Path::new(path));
        assert_eq!(strip("/srv/app/src/a.rs"), Some("src/a.rs".into()));
        assert_eq!(strip("/srv/app"), Some("".into()));
        assert_eq!(strip("src/a.rs"), Some("src/a.rs".into()));
        assert_eq!(strip("/srv/app-evil/a.rs"), None);
    }

    /// Creates these folders in `base` and serves them.
    fn serve_folders(base: &Path, names: &[&str]) -> ServedRoots {
        let root = |name: &&str| {
            let path = base.join(name);
            std::fs::create_dir_all(&path).expect("a folder");
            let index_dir = Some(base.join("index").join(name));
            let options = Options { path: Some(path), index_dir, ..Options::default() };
            let settings = Settings::resolve(&options).expect("the folder is there");
            ServedRoot::new(Arc::new(Engine::open(settings).expect("it opens")))
        };
        ServedRoots::new(names.iter().map(root))
    }

    #[test]
    fn the_root_of_a_call_is_named_or_unambiguous() {
        let dir = tempfile::tempdir().expect("a folder");
        let base = dir.path().canonicalize().expect("it is there");
        let text = |path: &str| base.join(path).to_string_lossy().into_owned();
        let roots = serve_folders(&base, &["a", "b"]);
        let select = |root: Option<&str>, path: Option<&str>| {
            let selected = roots.select_root(root, path).map_err(|error| error.0)?;
            Ok::<_, String>(selected.path().to_owned())
        };
        assert_eq!(select(Some(&text("b")), None), Ok(base.join("b")));
        assert_eq!(select(None, Some(&text("b/src/x.rs"))), Ok(base.join("b")));
        assert_eq!(select(Some("b"), None), Ok(base.join("b")));
        let namesakes = serve_folders(&base, &["x/app", "y/app"]);
        let second = namesakes.select_root(Some("app~2"), None).map(|root| root.path().to_owned());
        assert!(second.is_ok_and(|path| path == base.join("y/app")));
        for (root, path) in [
            (None, None),
            (None, Some("src/x.rs".to_owned())),
            (None, Some(text("b-evil/x.rs"))),
            (Some(text("c")), None),
            (Some(text("a/src")), None),
        ] {
            let refused = select(root.as_deref(), path.as_deref()).expect_err("it is not clear");
            assert!(refused.contains(&text("a")) && refused.contains(&text("b")), "{refused}");
        }
        let none = ServedRoots { advice: "give one".to_owned(), ..ServedRoots::default() };
        let refused = none.select_root(None, None).map(|_| ()).map_err(|error| error.0);
        assert_eq!(refused, Err("no folder is served; give one".to_owned()));
        let only = serve_folders(&base, &["a"]);
        assert!(only.select_root(None, Some("src/x.rs")).is_ok());
        let relative = |path: &str| only.relative_path(&only.list[0], path).map_err(|error| error.0);
        assert_eq!(relative(&text("a/./src//x.rs")), Ok(Some("src/x.rs".to_owned())));
        assert_eq!(relative("./"), Ok(None));
        for inside in
            ["src/../x.rs", "src/net/../../x.rs", "src/./../x.rs", &text("a/src/../x.rs"), &text("b/../a/x.rs")]
        {
            assert_eq!(relative(inside), Ok(Some("x.rs".to_owned())), "{inside}");
        }
        assert_eq!(relative("src/.."), Ok(None));
        for outside in ["../x.rs", "src/../../x.rs", "src/../../a/x.rs", "..", &text("b/x.rs"), &text("a/../b/x.rs")] {
            assert!(relative(outside).is_err(), "{outside}");
        }
        assert!(only.select_root(Some("."), None).is_ok() && roots.select_root(Some("."), None).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn links_out_of_the_root_are_rejected() {
        let dir = tempfile::tempdir().expect("a folder");
        let base = dir.path().canonicalize().expect("it is there");
        let root = base.join("root");
        std::fs::create_dir_all(root.join("src")).expect("a folder");
        std::os::unix::fs::symlink(&base, root.join("out")).expect("a link");
        std::os::unix::fs::symlink(root.join("src"), root.join("in")).expect("a link");
        std::os::unix::fs::symlink(base.join("nowhere"), root.join("broken")).expect("a link");
        let out = |path: &str| leads_out_of_root(&root, &path.split('/').map(str::to_owned).collect::<Vec<_>>());
        assert!(out("out") && out("out/x/y.rs") && out("broken"));
        let served = serve_folders(&base, &["root"]);
        assert!(served.relative_path(&served.list[0], "src/../out/x.rs").is_err(), "a link is followed after `..`");
        assert!(!out("src") && !out("in") && !out("src/**/*.rs") && !out("nothing/here.rs"));
    }
}
