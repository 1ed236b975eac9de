//! Plans changes of configuration files, and applies them.

use std::fs;
use std::path::{Path, PathBuf};

use config::UserEnvironment;

use super::catalog::{ClientConfigFile, FolderSource};
use super::entry::{InstalledEntry, ServerEntry};
use super::error::ClientError;
use super::{disk, edit};

/// The entry to write into configurations.
#[derive(Clone, Debug)]
pub struct InstallRequest {
    /// The command that starts codescry.
    pub command: String,
    /// The folder to serve; `None` for the client's working folder.
    pub folder: Option<PathBuf>,
}

/// A planned change of a configuration file.
#[derive(Clone, Debug)]
pub struct ConfigChange {
    pub config_file: ClientConfigFile,
    /// The text before the change; `None` if there is no file.
    pub before: Option<String>,
    /// The text after the change; `None` if the file is removed.
    pub after: Option<String>,
    /// The entry before the change.
    pub found: Option<InstalledEntry>,
    /// A backup with the text `after`, which is removed once the change is applied.
    restored_backup: Option<PathBuf>,
}

/// The result of an applied change.
#[derive(Clone, Debug, Default)]
pub struct AppliedChange {
    /// The backup of the file before the change.
    pub backup: Option<PathBuf>,
}

/// Plans to write the entry into a file. In an existing entry, only the command is replaced, and the arguments
/// if a folder is given or they do not start a server.
///
/// # Errors
/// When the file cannot be read or edited, or there is no folder to serve.
pub fn plan_install(
    config_file: ClientConfigFile,
    request: &InstallRequest,
    user: &UserEnvironment,
) -> Result<ConfigChange, ClientError> {
    let before = disk::read_config(&config_file.file)?;
    let text = before.as_deref().unwrap_or_default();
    let found = config_file.parse_entry(text)?;
    let starts_server = |found: &&InstalledEntry| found.args.iter().any(|word| word == "--stdio" || word == "serve");
    let args = match found.as_ref().filter(starts_server) {
        Some(found) if request.folder.is_none() => found.args.clone(),
        _ => entry_args(&config_file, request, user)?,
    };
    let entry = ServerEntry { command: request.command.clone(), args };
    let after =
        edit::insert_entry(text, config_file.client.syntax, &entry).map_err(|source| config_file.edit_error(source))?;
    Ok(ConfigChange { config_file, before, after: Some(after), found, restored_backup: None })
}

/// Plans to remove the entry from a file.
///
/// If inserting the entry into a backup, or into an empty text, gives the file's text, then that backup or
/// no file is restored. Otherwise, the entry is cut out.
///
/// # Errors
/// When the file cannot be read or edited.
pub fn plan_uninstall(config_file: ClientConfigFile) -> Result<ConfigChange, ClientError> {
    let before = disk::read_config(&config_file.file)?;
    let found = before.as_deref().map_or(Ok(None), |text| config_file.parse_entry(text))?;
    let (Some(text), Some(entry)) = (before.as_deref(), &found) else {
        return Ok(ConfigChange { after: before.clone(), config_file, before, found, restored_backup: None });
    };
    let entry = entry.command.clone().map(|command| ServerEntry { command, args: entry.args.clone() });
    let gives_text = |old: &str| {
        let edited = entry.as_ref().and_then(|entry| edit::insert_entry(old, config_file.client.syntax, entry).ok());
        edited.as_deref() == Some(text)
    };
    let backups = disk::read_backups(&config_file.file);
    let has_no_backup = backups.is_empty();
    if let Some((backup, old)) = backups.into_iter().find(|(_, old)| gives_text(old)) {
        return Ok(ConfigChange { config_file, before, after: Some(old), found, restored_backup: Some(backup) });
    }
    if has_no_backup && gives_text("") {
        return Ok(ConfigChange { config_file, before, after: None, found, restored_backup: None });
    }
    let after = edit::remove_entry(text, config_file.client.syntax).map_err(|source| config_file.edit_error(source))?;
    Ok(ConfigChange { config_file, before, after: Some(after), found, restored_backup: None })
}

/// Returns the arguments of a new entry.
///
/// # Errors
/// When there is no folder to serve, or its path is not UTF-8.
fn entry_args(
    config_file: &ClientConfigFile,
    request: &InstallRequest,
    user: &UserEnvironment,
) -> Result<Vec<String>, ClientError> {
    let folder = match (&request.folder, config_file.client.folder) {
        (Some(folder), _) => Some(path_text(folder)?),
        (None, FolderSource::WorkingFolder) => None,
        (None, FolderSource::Variable(name)) => Some(name.to_owned()),
        (None, FolderSource::NotPassed) => {
            let folder = user.working.clone();
            if folder == user.home || folder.parent().is_none() {
                return Err(ClientError::NeedsFolder { client: config_file.client.title, folder });
            }
            Some(path_text(&folder)?)
        }
    };
    // A home or root folder that is given explicitly is served in full.
    let is_home_or_root =
        request.folder.as_deref().is_some_and(|folder| folder == user.home || folder.parent().is_none());
    let allow_home = is_home_or_root.then(|| "--allow-home".to_owned());
    Ok(["serve", "--stdio"].map(str::to_owned).into_iter().chain(allow_home).chain(folder).collect())
}

/// Returns a path as text.
///
/// # Errors
/// When the path is not UTF-8.
fn path_text(path: &Path) -> Result<String, ClientError> {
    path.to_str().map(str::to_owned).ok_or_else(|| ClientError::PathNotUtf8 { path: path.to_owned() })
}

impl InstallRequest {
    /// Creates a request to start `command` for `folder`.
    ///
    /// # Errors
    /// When a path is not UTF-8.
    pub fn new(command: &Path, folder: Option<PathBuf>) -> Result<Self, ClientError> {
        Ok(Self { command: path_text(command)?, folder })
    }
}

impl ConfigChange {
    /// Returns whether the change changes anything.
    pub fn is_needed(&self) -> bool {
        self.before != self.after
    }

    /// Writes the file.
    ///
    /// # Errors
    /// When the file has changed since the plan, or cannot be written. The file is unchanged then.
    pub fn apply(&self) -> Result<AppliedChange, ClientError> {
        let mut applied = AppliedChange::default();
        match (&self.before, &self.after) {
            (before, Some(after)) => {
                let keep = self.restored_backup.is_none();
                applied.backup = disk::replace_config(&self.config_file.file, before.as_deref(), after, keep)?;
            }
            (Some(before), None) => disk::remove_config(&self.config_file.file, before)?,
            (None, None) => {}
        }
        if let Some(backup) = &self.restored_backup {
            // A backup that cannot be removed does no harm.
            _ = fs::remove_file(backup);
        }
        Ok(applied)
    }
}
