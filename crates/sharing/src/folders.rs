//! The folders that a shared server may use.

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
