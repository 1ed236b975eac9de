/// A part of a root that has a manifest of its own: a package, a module, a nested repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// From its manifest, or its folder's name; others may have the same one.
    pub name: String,
    /// What builds it, in one word: `cargo`, `npm`, `git`.
    pub kind: &'static str,
    /// Inside the root, `/` between components; empty for the root itself. No two have the same one.
    pub folder: String,
    /// Indexed files that no deeper project holds.
    pub files: u64,
}

impl Project {
    /// The folder as a person writes it: `.` for the root.
    pub fn place(&self) -> &str {
        if self.folder.is_empty() { "." } else { &self.folder }
    }

    /// Whether a folder is the project's or lies below it.
    pub fn holds(&self, folder: &str) -> bool {
        is_below(folder, &self.folder)
    }
}

/// Whether `path` is `folder` or lies below it, by components.
pub fn is_below(path: &str, folder: &str) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
