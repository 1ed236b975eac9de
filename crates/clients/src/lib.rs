//! Installs and removes codescry's server entry in the configuration files of MCP clients, and files that guide agents.
//!
//! A change is planned ([`plan_install`], [`plan_uninstall`]), shown by the caller, then applied
//! ([`FileChange::apply`]). Invariants: only the bytes of the entry, the hook or the block of instructions change. The
//! result is parsed again and must be the old content with or without the entry, and nothing else. A file that cannot
//! be parsed is not changed. A file is replaced by one rename and keeps its permissions. A file that gets an entry or a
//! hook is backed up beside itself.
//!
//! The hook finds the words of a client's grep with [`pattern_of_command`] and [`words_of_pattern`].
//!
//! [`MCP_CLIENTS`] is the table of clients, with the source of the facts about each of them.

mod client;
mod disk;
mod entry;
mod error;
mod files;
mod formats;
mod grep_pattern;
mod guidance;
mod plan;
mod table;
#[cfg(test)]
mod tests;

pub use client::{
    AgentForm, Base, ConfigFormat, EntryField, FolderSignals, Guidance, GuidancePath, HookSettings, Location,
    McpClient, Systems,
};
pub use entry::{InstalledEntry, SERVER_NAME};
pub use error::{ClientError, EditError};
pub use files::{ClientConfigFile, project_config_files, user_config_files};
pub use grep_pattern::{pattern_of_command, words_of_pattern};
pub use guidance::{Extra, agent_document, instructions_block, skill_document};
pub use plan::{AppliedChange, FileChange, InstallRequest, PlannedFile, plan_install, plan_uninstall};
pub use table::MCP_CLIENTS;
