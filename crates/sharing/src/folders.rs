//! The folders that a shared server may use.

use std::path::PathBuf;

use engine::Settings;
use mcp::FolderAccess;

/// The folders that a server may use.
#[derive(Clone)]
pub struct SharedFolders {
    /// The folders that are served from the start.
    pub served: Vec<Settings>,
    /// The settings of the folders below which a call may name any project.
    pub within: Vec<Settings>,
    /// The rules by which further folders are served.
    pub access: FolderAccess,
}

/// A folder with its index. Servers of the worktrees of a project share a process; each serves one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedTree {
    pub root: PathBuf,
    pub index_dir: PathBuf,
}

impl SharedFolders {
    /// Returns the tree of a server of one folder; `None` if it serves others, too. Only servers of one folder share a
    /// process with other worktrees.
    pub fn only_tree(&self) -> Option<ServedTree> {
        let [only] = self.served.as_slice() else { return None };
        let tree = ServedTree { root: only.root.as_path().to_owned(), index_dir: only.index_dir.clone() };
        (self.within.is_empty() && !self.access.is_open()).then_some(tree)
    }
}
