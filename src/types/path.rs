use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::ops::Bound;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// A file's place inside its root: relative, `/` between components on every platform.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepoPath(Arc<str>);

impl RepoPath {
    /// Takes a path that is already relative and `/`-separated, as the store gives it back.
    pub fn new(path: impl Into<Arc<str>>) -> Self {
        Self(path.into())
    }

    /// The path of `path` below `root`. `None` when it is not below it.
    pub fn below(root: &Path, path: &Path) -> Option<Self> {
        let relative = path.strip_prefix(root).ok()?;
        let mut text = String::new();
        for component in relative.components() {
            let Component::Normal(name) = component else {
                return None;
            };
            if !text.is_empty() {
                text.push('/');
            }
            text.push_str(&name.to_string_lossy());
        }
        Some(Self(text.into()))
    }

    /// The text, `/`-separated.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last component: `mod.rs` of `src/types/mod.rs`.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The file name up to its first dot (`app` of `app.test.ts`); the whole name if it starts with one.
    pub fn stem(&self) -> &str {
        let name = self.file_name();
        match name.find('.') {
            Some(0) | None => name,
            Some(dot) => &name[..dot],
        }
    }

    /// The folder part without a trailing `/`; empty for a file at the root.
    pub fn folder(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// The path on disk.
    pub fn under(&self, root: &Path) -> PathBuf {
        self.0.split('/').fold(root.to_owned(), |path, part| path.join(part))
    }
}

impl Borrow<str> for RepoPath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Files and folders; a folder stands for all that is below it, the empty path for everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places(BTreeSet<RepoPath>);

impl Places {
    /// Whether `path`, or a folder it lies in, is one of them.
    pub fn cover(&self, path: &RepoPath) -> bool {
        let path = path.as_str();
        let folders = path.match_indices('/').map(|(end, _)| &path[..end]);
        ["", path].into_iter().chain(folders).any(|path| self.0.contains(path))
    }

    /// Whether one of them is at `path`, above it or below it.
    pub fn touch(&self, path: &RepoPath) -> bool {
        self.cover(path) || self.lie_below(path)
    }

    fn lie_below(&self, folder: &RepoPath) -> bool {
        let start = format!("{folder}/");
        let mut rest = self.0.range::<str, _>((Bound::Included(start.as_str()), Bound::Unbounded));
        rest.next().is_some_and(|first| first.as_str().starts_with(&start))
    }

    /// Adds one.
    pub fn insert(&mut self, path: RepoPath) {
        self.0.insert(path);
    }
}

impl FromIterator<RepoPath> for Places {
    fn from_iter<I: IntoIterator<Item = RepoPath>>(paths: I) -> Self {
        Self(paths.into_iter().collect())
    }
}

impl IntoIterator for Places {
    type Item = RepoPath;
    type IntoIter = std::collections::btree_set::IntoIter<RepoPath>;

    /// By path.
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An existing path with symbolic links, `.` and `..` resolved.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AbsPath(PathBuf);

impl AbsPath {
    /// Resolves `path`.
    ///
    /// # Errors
    /// When it does not exist or cannot be read.
    pub fn canonical(path: &Path) -> io::Result<Self> {
        path.canonicalize().map(Self)
    }

    /// The resolved path.
    pub fn as_path(&self) -> &Path {
        &self.0
    }
}

impl fmt::Display for AbsPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(f)
    }
}
