//! Installs and removes codescry's server entry in the configuration files of MCP clients.
//!
//! A change is planned ([`plan`]), shown by the caller, then applied ([`ConfigChange::apply`]). Invariants:
//! only the bytes of the entry change. The result is parsed again and must be the old content with or without
//! the entry, and nothing else. A file that cannot be parsed is not changed. A file is replaced by one rename,
//! keeps its permissions and is backed up beside itself.

mod catalog;
mod disk;
mod edit;
mod entry;
mod error;
mod json;
mod plan;
mod splice;
mod syntax;
#[cfg(test)]
mod tests;
mod toml;

pub use catalog::{ClientConfigFile, FolderSource, MCP_CLIENTS, McpClient, project_config_files, user_config_files};
pub use entry::InstalledEntry;
pub use error::{ClientError, EditError};
pub use plan::{AppliedChange, ConfigChange, InstallRequest, plan_install, plan_uninstall};
pub use syntax::ConfigSyntax;
