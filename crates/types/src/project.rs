//! Projects: the packages and repositories inside a root.

/// A part of a root that has its own manifest: a package, a module, a nested repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// The name in the manifest, or the folder's name. Several projects may share a name.
    pub name: String,
    /// The kind of its manifest, such as `cargo`, `npm`, `python` or `git`.
    pub kind: &'static str,
    /// The folder relative to the root, with `/` between components; empty for the root itself. Unique among
    /// projects.
    pub folder: String,
    /// The number of indexed files in the project, without those of nested projects.
    pub files: u64,
}

impl Project {
    /// Returns the folder for display, with `.` for the root.
    pub fn display_folder(&self) -> &str {
        if self.folder.is_empty() { "." } else { &self.folder }
    }

    /// Returns whether `folder` is the project's folder or lies below it.
    pub fn contains_folder(&self, folder: &str) -> bool {
        is_below(folder, &self.folder)
    }
}

/// Returns whether `path` is `folder` or lies below it. Compares whole path components.
pub fn is_below(path: &str, folder: &str) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
