//! The configuration files of the known clients.

use std::path::{Path, PathBuf};

use config::UserEnvironment;

use super::client::{ConfigFormat, McpClient};
use super::entry::InstalledEntry;
use super::error::{ClientError, EditError};
use super::table::MCP_CLIENTS;
use super::{disk, formats};

/// A configuration file of a client.
#[derive(Clone, Debug)]
pub struct ClientConfigFile {
    pub client: &'static McpClient,
    pub file: PathBuf,
    /// Whether the client seems to be installed, or used in the project.
    pub in_use: bool,
    /// The project whose configuration this is; `None` for the user's.
    pub project: Option<PathBuf>,
}

impl ClientConfigFile {
    /// Reads the entry in the file, if there is one.
    ///
    /// # Errors
    /// When the file cannot be read or parsed.
    pub fn read_entry(&self) -> Result<Option<InstalledEntry>, ClientError> {
        match disk::read_config(&self.file)? {
            Some(text) => self.parse_entry(&text),
            None => Ok(None),
        }
    }

    /// Reads the entry that applies to the folder `root` only; `None` if there is none, or if the client has no entries
    /// for single folders. The client prefers it to the general entry.
    ///
    /// # Errors
    /// When the file cannot be read or parsed.
    pub fn read_project_entry(&self, root: &Path) -> Result<Option<InstalledEntry>, ClientError> {
        let (Some(projects), ConfigFormat::Json { .. }) = (self.client.projects, self.client.format) else {
            return Ok(None);
        };
        let (Some(text), Some(root)) = (disk::read_config(&self.file)?, root.to_str()) else { return Ok(None) };
        formats::find_project_entry(&text, self.client, &[projects, root]).map_err(|source| self.edit_error(source))
    }

    /// Returns the entry in `text`, the content of this file; `None` if it has none.
    pub(crate) fn parse_entry(&self, text: &str) -> Result<Option<InstalledEntry>, ClientError> {
        formats::find_entry(text, self.client).map_err(|source| self.edit_error(source))
    }

    /// Returns whether the client replaces `placeholder` in this file by the open folder.
    pub(crate) fn replaces(&self, placeholder: &str) -> bool {
        self.project.is_some() && self.client.folder.placeholder == Some(placeholder)
    }

    /// Adds the path of this file to an edit error.
    fn edit_error(&self, source: EditError) -> ClientError {
        ClientError::Edit { path: self.file.clone(), source }
    }
}

/// Returns the user's configuration file of every client that has one on this operating system, whether or not it
/// exists.
pub fn user_config_files(user: &UserEnvironment) -> Vec<ClientConfigFile> {
    let config_file = |client: &'static McpClient| {
        let file = first_existing(client.user_files.iter().filter_map(|location| location.resolve(user)))?;
        let mut folders = client.installed.iter().filter_map(|location| location.resolve(user));
        let in_use = file.exists() || folders.any(|folder| folder.is_dir());
        Some(ClientConfigFile { client, file, in_use, project: None })
    };
    MCP_CLIENTS.iter().filter_map(config_file).collect()
}

/// Returns the configuration files in the project at `root`, of every client with project configuration.
///
/// A client counts as used in the project if its file exists, if the file's folder exists and is not the root, or if
/// the user's own configuration or an installation of the client exists.
pub fn project_config_files(root: &Path, user: &UserEnvironment) -> Vec<ClientConfigFile> {
    let config_file = |user_file: ClientConfigFile| {
        let file = first_existing(user_file.client.project_files.iter().map(|path| root.join(path)))?;
        let has_folder = file.parent().is_some_and(|folder| folder != root && folder.is_dir());
        let in_use = user_file.in_use || file.exists() || has_folder;
        Some(ClientConfigFile { client: user_file.client, file, in_use, project: Some(root.to_owned()) })
    };
    user_config_files(user).into_iter().filter_map(config_file).collect()
}

/// Returns the first path that exists, otherwise the first path; `None` without paths.
fn first_existing(paths: impl Iterator<Item = PathBuf>) -> Option<PathBuf> {
    let mut first = None;
    for path in paths {
        if path.exists() {
            return Some(path);
        }
        first.get_or_insert(path);
    }
    first
}
