use std::fmt;
use std::io;
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
