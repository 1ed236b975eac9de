//! Resolves the root of a call and the paths inside it.
//!
//! The roots of a call are fixed before it starts. Every path inside a root that is returned from here is relative,
//! stays below the root by components, and does not leave it through a symbolic link. The engine checks paths again
//! when it reads them.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use engine::{Engine, EngineGroup, Filter, QueryCalls};
use mcp_schema::argument::{Argument, LANGUAGE, PROJECT};
use platform::open::is_link_loop;
use text::display::escape_name;
use text::encoding::percent::percent_encode;

use super::runs::IndexRuns;
use crate::call::arguments::GivenArguments;
use crate::call::result::ToolError;

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

/// The root that a call works on, or all roots as one.
#[derive(Clone, Copy)]
pub enum CallTarget<'r> {
    Root(&'r ServedRoot),
    /// All roots; paths begin with the name of one.
    Group(&'r ServedRoots, &'r Arc<EngineGroup>),
}

impl<'r> CallTarget<'r> {
    /// Returns the engine of the root, or the group.
    pub fn calls(self) -> Arc<dyn QueryCalls> {
        match self {
            Self::Root(root) => Arc::clone(&root.engine) as Arc<dyn QueryCalls>,
            Self::Group(_, group) => Arc::clone(group) as Arc<dyn QueryCalls>,
        }
    }

    /// Returns the roots, each with its name in the group; the name is `None` for a single root.
    pub fn roots(self) -> Vec<(Option<&'r str>, &'r ServedRoot)> {
        match self {
            Self::Root(root) => vec![(None, root)],
            Self::Group(roots, group) => roots.named_in(group).map(|(name, root)| (Some(name), root)).collect(),
        }
    }
}

/// The folders that a call may use.
#[derive(Default)]
pub struct ServedRoots {
    pub list: Vec<Arc<ServedRoot>>,
    /// The roots as one, if there are several.
    group: Option<Arc<EngineGroup>>,
    /// Advice for a call while no folder is served, or when it names one that is not.
    pub advice: String,
}

impl ServedRoots {
    /// Creates the served folders.
    #[cfg(test)]
    pub fn new(roots: impl IntoIterator<Item = ServedRoot>) -> Self {
        Self::with_advice(roots.into_iter().map(Arc::new).collect(), String::new())
    }

    /// Creates the served folders with advice for calls that find none.
    pub fn with_advice(list: Vec<Arc<ServedRoot>>, advice: String) -> Self {
        let engines = || list.iter().map(|root| Arc::clone(&root.engine)).collect();
        let group = (list.len() > 1).then(|| Arc::new(EngineGroup::new(engines(), Vec::new())));
        Self { list, group, advice }
    }

    /// Returns the roots that are members of the group, each with its name.
    fn named_in<'r>(&'r self, group: &'r EngineGroup) -> impl Iterator<Item = (&'r str, &'r ServedRoot)> {
        group.members().iter().filter_map(|(name, engine)| {
            let root = self.list.iter().find(|root| Arc::ptr_eq(&root.engine, engine))?;
            Some((name.as_str(), root.as_ref()))
        })
    }

    /// Returns the names of the roots as paths and calls give them, in the order in which they are served.
    pub fn call_names(&self) -> Vec<String> {
        match &self.group {
            Some(group) => self.named_in(group).map(|(name, _)| name.to_owned()).collect(),
            None => self.short_names(),
        }
    }

    /// Returns the target of a call: the root named by `root`, or else the only root, or all roots as one.
    ///
    /// # Errors
    /// When no root is served under the given name, or none is served.
    pub fn select_target(&self, root: Option<&str>) -> Result<CallTarget<'_>, ToolError> {
        match &self.group {
            Some(group) if root.is_none_or(is_current_folder) => Ok(CallTarget::Group(self, group)),
            _ => self.select_root(root).map(CallTarget::Root),
        }
    }

    /// Returns the roots of a call: the one named by `root`, or else all of them.
    ///
    /// # Errors
    /// When no root is served under the given name, or none is served.
    pub fn select_roots(&self, root: Option<&str>) -> Result<Vec<&ServedRoot>, ToolError> {
        match self.list.len() {
            2.. if root.is_none_or(is_current_folder) => Ok(self.list.iter().map(Arc::as_ref).collect()),
            _ => Ok(vec![self.select_root(root)?]),
        }
    }

    /// Returns the root of a call: the one named by `root`, or the only one.
    ///
    /// # Errors
    /// When no root is served under the given name, or none is named and none or several are served.
    pub fn select_root(&self, root: Option<&str>) -> Result<&ServedRoot, ToolError> {
        if self.list.is_empty() && root.is_none() {
            return Err(ToolError(format!("no folder is served; {}", self.advice)));
        }
        if let Some(name) = root.map(str::trim) {
            let by_path = self.list.iter().find(|root| root.path() == Path::new(name));
            let by_name = || self.list.get(self.short_names().iter().position(|short| *short == name)?);
            let in_group = || {
                let found = self.named_in(self.group.as_ref()?).find(|(known, _)| *known == name)?;
                self.list.iter().find(|root| std::ptr::eq(root.as_ref(), found.1))
            };
            // The folder that a client works in, as it names it itself.
            let only = || self.list.first().filter(|_| self.list.len() == 1 && is_current_folder(name));
            let named = by_path.or_else(in_group).or_else(by_name).or_else(only);
            return named
                .map(Arc::as_ref)
                .ok_or_else(|| ToolError(format!("root {} is not served; {}", escape_name(name), self.list_served())));
        }
        if let [only] = self.list.as_slice() {
            return Ok(only);
        }
        Err(ToolError(format!("several roots are served; name one in the root argument; {}", self.list_served())))
    }

    /// Returns `path` relative to `root`, with `/` between its components; `None` when it is the root itself.
    ///
    /// # Errors
    /// When the path leads out of `root`, by `..`, as an absolute path or through a symbolic link, or is a broken link.
    pub fn path_in_root(&self, root: &ServedRoot, path: &str) -> Result<Option<String>, ToolError> {
        let outside = || self.outside_error(path);
        let relative = strip_root(root.path(), Path::new(path)).ok_or_else(outside)?;
        let parts = split_relative(&relative).ok_or_else(outside)?;
        if path.contains('\0') || leads_out_of_root(root.path(), &parts) {
            return Err(outside());
        }
        Ok((!parts.is_empty()).then(|| parts.join("/")))
    }

    /// Returns `path` relative to the target of a call; `None` when it is the whole target. In a group, a path begins
    /// with the name of its root, unless several roots may have the path, such as `src/**`.
    ///
    /// # Errors
    /// When the path leads out of the roots, directly or through a symbolic link.
    pub fn relative_path(&self, target: CallTarget<'_>, path: &str) -> Result<Option<String>, ToolError> {
        let group = match target {
            CallTarget::Root(root) => return self.path_in_root(root, path),
            CallTarget::Group(_, group) => group,
        };
        let outside = || self.outside_error(path);
        let join = |name: &str, inner: Option<String>| match inner {
            Some(inner) => Some(format!("{name}/{inner}")),
            None => Some(name.to_owned()),
        };
        if Path::new(path).is_absolute() {
            let holds = |(_, root): &(&str, &ServedRoot)| strip_root(root.path(), Path::new(path)).is_some();
            let depth = |(_, root): &(&str, &ServedRoot)| root.path().components().count();
            let (name, root) = self.named_in(group).filter(holds).max_by_key(depth).ok_or_else(outside)?;
            return Ok(join(name, self.path_in_root(root, path)?));
        }
        let parts = split_relative(Path::new(path)).filter(|_| !path.contains('\0')).ok_or_else(outside)?;
        let Some((first, rest)) = parts.split_first() else { return Ok(None) };
        if let Some((name, root)) = self.named_in(group).find(|(name, _)| name == first) {
            return Ok(join(name, self.path_in_root(root, &rest.join("/"))?));
        }
        if self.named_in(group).any(|(_, root)| leads_out_of_root(root.path(), &parts)) {
            return Err(outside());
        }
        Ok(Some(parts.join("/")))
    }

    /// Returns whether a path of a call is that of a file.
    pub fn is_file(&self, target: CallTarget<'_>, path: &str) -> bool {
        let Ok(Some(relative)) = self.relative_path(target, path) else { return false };
        match target {
            CallTarget::Root(root) => root.path().join(relative).is_file(),
            CallTarget::Group(_, group) => self.named_in(group).any(|(name, root)| {
                let inner = relative.strip_prefix(name).and_then(|rest| rest.strip_prefix('/'));
                root.path().join(inner.unwrap_or(&relative)).is_file()
            }),
        }
    }

    /// Returns the filter of a call: languages, the paths of the argument `below`, and a project.
    ///
    /// # Errors
    /// When a path leads out of the roots.
    pub fn build_filter(
        &self,
        target: CallTarget<'_>,
        given: &GivenArguments,
        below: &Argument,
    ) -> Result<Filter, ToolError> {
        let paths: Vec<Option<String>> =
            given.list(below).iter().map(|path| self.relative_path(target, path)).collect::<Result<_, _>>()?;
        // The whole holds all other paths.
        let paths: Option<Vec<String>> = paths.into_iter().collect();
        let path = paths.filter(|paths| !paths.is_empty()).map(|paths| paths.join(","));
        let project = given.text(&PROJECT).map(str::to_owned);
        Ok(Filter { languages: given.list(&LANGUAGE), path, project, ..Filter::default() })
    }

    /// Returns the path of a file, like [`ServedRoots::relative_path`].
    ///
    /// # Errors
    /// When the path leads out of the roots, or is a root itself.
    pub fn relative_file(&self, target: CallTarget<'_>, path: &str) -> Result<String, ToolError> {
        let path = self.relative_path(target, path)?;
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

/// Returns whether the name of a root means the folder in which the client works: `.` or `./`.
pub fn is_current_folder(root: &str) -> bool {
    matches!(root.trim(), "." | "./")
}

/// Returns the components of a relative path; `None` if it leads out of the folder or is absolute. Removes `..` without
/// following symbolic links: `a/../b` is `b`.
fn split_relative(path: &Path) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::Normal(name) => parts.push(name.to_string_lossy().into_owned()),
            Component::ParentDir => _ = parts.pop()?,
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(parts)
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

/// Returns whether the existing part of the path resolves to a folder or file outside `root`, or is a broken link. A
/// loop of links leads nowhere, so it is left to the engine, which says what it is.
fn leads_out_of_root(root: &Path, parts: &[String]) -> bool {
    let full = parts.iter().fold(root.to_owned(), |path, part| path.join(part));
    let existing = full.ancestors().find_map(|path| path.canonicalize().ok());
    let is_broken = |path: &Path| path.metadata().is_err_and(|error| !is_link_loop(&error));
    let dangling = full.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink()) && is_broken(&full);
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
        let select = |root: &str| {
            let selected = roots.select_root(Some(root)).map_err(|error| error.0)?;
            Ok::<_, String>(selected.path().to_owned())
        };
        assert_eq!(select(&text("b")), Ok(base.join("b")));
        assert_eq!(select("b"), Ok(base.join("b")));
        let namesakes = serve_folders(&base, &["x/app", "y/app"]);
        for name in ["app~2", "y-app"] {
            let second = namesakes.select_root(Some(name)).map(|root| root.path().to_owned());
            assert!(second.is_ok_and(|path| path == base.join("y/app")), "{name}");
        }
        for root in [text("c"), text("a/src")] {
            let refused = select(&root).expect_err("it is not served");
            assert!(refused.contains(&text("a")) && refused.contains(&text("b")), "{refused}");
        }
        let all = roots.select_target(None).unwrap_or_else(|error| panic!("{}", error.0));
        let in_all = |path: &str| roots.relative_path(all, path).map_err(|error| error.0);
        assert_eq!(in_all(&text("b/src/x.rs")), Ok(Some("b/src/x.rs".to_owned())));
        assert_eq!(in_all("b/./src/x.rs"), Ok(Some("b/src/x.rs".to_owned())));
        assert_eq!(in_all("src/**"), Ok(Some("src/**".to_owned())));
        for inside in ["a/../b/x.rs", "b/src/../x.rs", "src/../b/x.rs"] {
            assert_eq!(in_all(inside), Ok(Some("b/x.rs".to_owned())), "{inside}");
        }
        assert_eq!(in_all("src/../x.rs"), Ok(Some("x.rs".to_owned())));
        assert_eq!((in_all("."), in_all(&text("a"))), (Ok(None), Ok(Some("a".to_owned()))));
        for path in [text("b-evil/x.rs"), "b/../../x.rs".to_owned(), "../x.rs".to_owned(), "/etc/passwd".to_owned()] {
            let refused = in_all(&path).expect_err("it is outside");
            assert!(refused.contains(&text("a")) && refused.contains(&text("b")), "{refused}");
        }
        let none = ServedRoots { advice: "give one".to_owned(), ..ServedRoots::default() };
        let refused = none.select_target(None).map(|_| ()).map_err(|error| error.0);
        assert_eq!(refused, Err("no folder is served; give one".to_owned()));
        let only = serve_folders(&base, &["a"]);
        assert!(matches!(only.select_target(None), Ok(CallTarget::Root(_))));
        let relative = |path: &str| only.path_in_root(&only.list[0], path).map_err(|error| error.0);
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
        assert!(only.select_root(Some(".")).is_ok() && roots.select_root(Some(".")).is_err());
        assert!(matches!(roots.select_target(Some("./")), Ok(CallTarget::Group(..))), "all folders");
        assert_eq!(roots.select_roots(Some(".")).map(|all| all.len()).map_err(|error| error.0), Ok(2));
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
        assert!(served.path_in_root(&served.list[0], "src/../out/x.rs").is_err(), "a link is followed after `..`");
        assert!(!out("src") && !out("in") && !out("src/**/*.rs") && !out("nothing/here.rs"));
    }
}
