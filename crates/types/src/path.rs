//! Paths: paths relative to a root, sets of such paths, and absolute paths.

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::ops::Bound;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// The path of a file or folder relative to its root, with `/` between components on every platform.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepoPath(Arc<str>);

impl RepoPath {
    /// Creates a path from text that is already relative and `/`-separated, such as a path read from the store.
    pub fn new(path: impl Into<Arc<str>>) -> Self {
        Self(path.into())
    }

    /// Returns `path` relative to `root`: empty if they are equal, `None` if `path` is not below `root`, or has a `..`
    /// below it. U+FFFD replaces bytes that are not UTF-8.
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

    /// Returns the path of the entry `name` of this folder. The empty path is the root.
    pub fn entry(&self, name: &str) -> Self {
        if self.0.is_empty() { Self::new(name) } else { Self([&*self.0, "/", name].concat().into()) }
    }

    /// Returns the path as text, `/`-separated.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the last component: `mod.rs` for `src/types/mod.rs`.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// Returns the file name up to its first dot (`app` for `app.test.ts`), or the whole name if it starts with
    /// a dot.
    pub fn stem(&self) -> &str {
        let name = self.file_name();
        match name.find('.') {
            Some(0) | None => name,
            Some(dot) => &name[..dot],
        }
    }

    /// Returns the path of the folder above, without a trailing `/`; empty for an entry of the root.
    pub fn folder(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// Returns the path on disk, which is below the folder `root`. A name with U+FFFD that does not exist stands for
    /// the entry that has this name after lossy conversion to UTF-8, if there is exactly one.
    pub fn under(&self, root: &Path) -> PathBuf {
        let mut path = root.to_owned();
        if self.0.contains(char::REPLACEMENT_CHARACTER) {
            self.0.split('/').for_each(|name| path = find_entry(&path, name));
        } else {
            path.extend(self.0.split('/'));
        }
        path
    }
}

/// Returns the path of the entry `name` of a folder, whose name on disk may not be UTF-8: see [`RepoPath::under`].
fn find_entry(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    if !name.contains(char::REPLACEMENT_CHARACTER) || path.symlink_metadata().is_ok() {
        return path;
    }
    let entries = folder.read_dir().into_iter().flatten().flatten();
    let mut shown_so = entries.filter(|entry| entry.file_name().to_string_lossy() == name);
    match (shown_so.next(), shown_so.next()) {
        (Some(entry), None) => entry.path(),
        _ => path,
    }
}

impl Borrow<str> for RepoPath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// A set of files and folders. A folder stands for everything below it, the empty path for the whole root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathSet(BTreeSet<RepoPath>);

impl PathSet {
    /// Returns whether the set contains `path` or a folder above it.
    pub fn covers(&self, path: &RepoPath) -> bool {
        let path = path.as_str();
        let folders = path.match_indices('/').map(|(end, _)| &path[..end]);
        ["", path].into_iter().chain(folders).any(|path| self.0.contains(path))
    }

    /// Returns whether the set contains `path` itself; a folder above it does not count.
    pub fn has_entry(&self, path: &RepoPath) -> bool {
        self.0.contains(path)
    }

    /// Returns whether the set contains anything below `folder`, which is not the root.
    pub fn has_entry_below(&self, folder: &RepoPath) -> bool {
        let start = format!("{folder}/");
        let mut rest = self.0.range::<str, _>((Bound::Included(start.as_str()), Bound::Unbounded));
        rest.next().is_some_and(|first| first.as_str().starts_with(&start))
    }

    /// Adds a file or a folder.
    pub fn insert(&mut self, path: RepoPath) {
        self.0.insert(path);
    }
}

impl FromIterator<RepoPath> for PathSet {
    fn from_iter<I: IntoIterator<Item = RepoPath>>(paths: I) -> Self {
        Self(paths.into_iter().collect())
    }
}

impl IntoIterator for PathSet {
    type Item = RepoPath;
    type IntoIter = std::collections::btree_set::IntoIter<RepoPath>;

    /// Iterates over the paths in ascending order.
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The path of an existing file or folder, with symbolic links, `.` and `..` resolved.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AbsPath(PathBuf);

impl AbsPath {
    /// Resolves `path`.
    ///
    /// # Errors
    ///
    /// Fails if `path` does not exist or cannot be resolved.
    pub fn canonical(path: &Path) -> io::Result<Self> {
        path.canonicalize().map(Self)
    }

    /// Returns the resolved path.
    pub fn as_path(&self) -> &Path {
        &self.0
    }
}

impl fmt::Display for AbsPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(f)
    }
}

/// Returns whether a glob with at most one `*` matches the whole name.
pub fn matches_glob(pattern: &str, name: &str) -> bool {
    // Most names end otherwise than the pattern, which is faster to see than a star is to find.
    let last = |text: &str| text.as_bytes().last().copied();
    if last(pattern) != Some(b'*') && last(pattern) != last(name) {
        return false;
    }
    pattern
        .split_once('*')
        .map_or(pattern == name, |(start, end)| name.strip_prefix(start).is_some_and(|rest| rest.ends_with(end)))
}
