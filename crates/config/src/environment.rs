//! The user's folders and the path of this program.
//!
//! They are read from the environment once and passed down, so that tests can simulate any operating system.

mod git_settings;
pub(crate) mod groups;
mod locations;

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::error::ConfigError;
use super::variables::variable_path;
pub use git_settings::{GitSetting, GitSettings, find_git_excludes};
pub use locations::LocationSettings;

/// The operating system whose conventions apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperatingSystem {
    Linux,
    MacOs,
    Windows,
}

/// The variables with which users move the settings of a client to another folder.
const CLIENT_VARIABLES: &[&str] =
    &["CLAUDE_CONFIG_DIR", "CODEX_HOME", "COPILOT_HOME", "CLINE_DIR", "CONTINUE_GLOBAL_DIR"];

/// The user's folders and the path of this program.
#[derive(Clone, Debug)]
pub struct UserEnvironment {
    pub system: OperatingSystem,
    /// The user's home folder.
    pub home: PathBuf,
    /// The user's configuration directory: `$XDG_CONFIG_HOME` or `~/.config` on Linux, `~/Library/Application Support`
    /// on macOS, `%APPDATA%` on Windows.
    pub settings: PathBuf,
    /// `$XDG_CONFIG_HOME` or `~/.config`, on every system.
    pub dot_config: PathBuf,
    /// The user's local configuration directory: `%LOCALAPPDATA%` on Windows, otherwise `dot_config`.
    pub local_settings: PathBuf,
    /// The folders that replace the default ones of clients, by the name of the variable that holds each.
    pub client_folders: BTreeMap<&'static str, PathBuf>,
    /// The folders that codescry writes to by default: those of its indexes and its caches.
    pub written_folders: Vec<PathBuf>,
    /// The folders of `$PATH`.
    pub path: Vec<PathBuf>,
    /// The file of the running program.
    pub program: PathBuf,
    /// The working folder.
    pub working: PathBuf,
}

impl UserEnvironment {
    /// Reads the environment of this process.
    ///
    /// # Errors
    /// When the home folder, the data and cache folders, the working folder or the program's own file cannot be
    /// determined.
    pub fn detect() -> Result<Self, ConfigError> {
        let home = etcetera::home_dir().map_err(|error| ConfigError::HomeFolder(error.to_string()))?;
        let dot_config = variable_path("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config"));
        let system = if cfg!(windows) {
            OperatingSystem::Windows
        } else if cfg!(target_os = "macos") {
            OperatingSystem::MacOs
        } else {
            OperatingSystem::Linux
        };
        let settings = match system {
            OperatingSystem::Linux => dot_config.clone(),
            OperatingSystem::MacOs => home.join("Library/Application Support"),
            OperatingSystem::Windows => {
                variable_path("APPDATA").unwrap_or_else(|| home.join("AppData").join("Roaming"))
            }
        };
        Ok(Self {
            system,
            settings,
            local_settings: match system {
                OperatingSystem::Linux | OperatingSystem::MacOs => dot_config.clone(),
                OperatingSystem::Windows => {
                    variable_path("LOCALAPPDATA").unwrap_or_else(|| home.join("AppData").join("Local"))
                }
            },
            dot_config,
            client_folders: CLIENT_VARIABLES.iter().filter_map(|name| Some((*name, variable_path(name)?))).collect(),
            written_folders: vec![
                user_folder(etcetera::BaseStrategy::data_dir)?,
                user_folder(etcetera::BaseStrategy::cache_dir)?,
            ],
            path: env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect(),
            program: env::current_exe().map_err(ConfigError::Program)?,
            working: env::current_dir().map_err(ConfigError::WorkingFolder)?,
            home,
        })
    }

    /// Returns the first file named `name` in the absolute folders of `$PATH`; `None` if there is none. On Windows,
    /// `.exe` is added to a name without an extension.
    pub fn find_on_path(&self, name: &str) -> Option<PathBuf> {
        let mut file = OsString::from(name);
        if self.system == OperatingSystem::Windows && Path::new(name).extension().is_none() {
            file.push(".exe");
        }
        self.path
            .iter()
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(&file))
            .find(|path| path.is_file())
    }

    /// Returns the path to store in configurations: the one on `$PATH` if it leads to this program, otherwise its own
    /// file. A symbolic link on `$PATH` stays the same when a new version is installed.
    pub fn stable_program_path(&self) -> PathBuf {
        let same = |found: &PathBuf| found.canonicalize().ok() == self.program.canonicalize().ok();
        self.find_on_path("codescry").filter(same).unwrap_or_else(|| self.program.clone())
    }

    /// Formats `path` for messages, with `~` for the home folder.
    pub fn display_path(&self, path: &Path) -> String {
        match path.strip_prefix(&self.home) {
            Ok(below) => Path::new("~").join(below).display().to_string(),
            Err(_) => path.display().to_string(),
        }
    }
}

/// Returns a path that starts this program again.
///
/// On Linux it is `/proc/self/exe`, which leads to the running program even after its file was replaced by another
/// version or deleted. Elsewhere it is the program's file, or `codescry` if that is unknown.
pub fn own_program() -> PathBuf {
    const RUNNING: &str = "/proc/self/exe";
    let is_linked = cfg!(target_os = "linux") && Path::new(RUNNING).exists();
    if is_linked { PathBuf::from(RUNNING) } else { env::current_exe().unwrap_or_else(|_| PathBuf::from("codescry")) }
}

/// Returns whether this process is a parser process: its only argument is `parse-worker`.
pub fn is_parse_worker() -> bool {
    let mut arguments = env::args_os().skip(1);
    arguments.next().is_some_and(|command| command == PARSE_WORKER_COMMAND) && arguments.next().is_none()
}

/// Returns the arguments of this process, the first of which names the program.
pub fn program_arguments() -> impl Iterator<Item = OsString> {
    env::args_os()
}

/// The argument that makes this program a parser process.
pub const PARSE_WORKER_COMMAND: &str = "parse-worker";

/// Folders that a client names, and where it names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFolders {
    /// The name of the variable, or `the working folder`.
    pub source: &'static str,
    pub folders: Vec<PathBuf>,
}

/// Returns the folders that a client names by variables, then the working folder, which the client chose, unless it is
/// a plugin's folder.
pub fn client_folders() -> Vec<ClientFolders> {
    let mut named = Vec::new();
    named.extend(
        variable_path("CLAUDE_PROJECT_DIR")
            .map(|folder| ClientFolders { source: "CLAUDE_PROJECT_DIR", folders: vec![folder] }),
    );
    named.extend(
        variable_path("WORKSPACE_FOLDER_PATHS")
            .map(|list| ClientFolders { source: "WORKSPACE_FOLDER_PATHS", folders: split_folder_list(&list) }),
    );
    let working = env::current_dir().ok().filter(|folder| !is_plugin_folder(folder));
    named.extend(working.map(|folder| ClientFolders { source: "the working folder", folders: vec![folder] }));
    named
}

/// The variables in which clients pass the folders of a plugin to its servers.
const PLUGIN_VARIABLES: [&str; 4] = ["PLUGIN_ROOT", "PLUGIN_DATA", "CLAUDE_PLUGIN_ROOT", "CLAUDE_PLUGIN_DATA"];

/// Returns whether `folder` is the folder of the plugin that starts this server, which holds none of the user's code.
fn is_plugin_folder(folder: &Path) -> bool {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let plugin_folders = PLUGIN_VARIABLES.iter().filter_map(|name| variable_path(name));
    plugin_folders.filter_map(|path| path.canonicalize().ok()).any(|path| path == folder)
}

/// Splits a list of folders. Clients separate them by commas or as in `$PATH`; a folder may have a comma in its name.
fn split_folder_list(list: &Path) -> Vec<PathBuf> {
    if list.is_dir() {
        return vec![list.to_owned()];
    }
    let text = list.to_string_lossy();
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let split_part = |part: &str| match Path::new(part).is_dir() {
        true => vec![PathBuf::from(part)],
        false => env::split_paths(part).collect(),
    };
    parts.flat_map(split_part).collect()
}

/// Returns the data folder, which holds one folder for each index by default.
///
/// # Errors
/// When the user's folders cannot be determined.
pub fn data_folder() -> Result<PathBuf, ConfigError> {
    user_folder(etcetera::BaseStrategy::data_dir)
}

/// Returns codescry's folder in the user's data, cache or configuration folder, such as `$XDG_DATA_HOME/codescry`.
///
/// # Errors
/// When the user's folders cannot be determined.
pub(crate) fn user_folder(which: fn(&UserFolders) -> PathBuf) -> Result<PathBuf, ConfigError> {
    let folders = etcetera::choose_base_strategy().map_err(|error| ConfigError::DataFolder(error.to_string()))?;
    Ok(which(&folders).join("codescry"))
}

/// The platform's convention for the folders of a user.
#[cfg(not(windows))]
pub(crate) type UserFolders = etcetera::base_strategy::Xdg;
#[cfg(windows)]
pub(crate) type UserFolders = etcetera::base_strategy::Windows;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_folders_are_split_as_clients_write_them() {
        let dir = tempfile::tempdir().expect("a folder");
        let folder = |name: &str| {
            let folder = dir.path().join(name);
            std::fs::create_dir_all(&folder).expect("a folder");
            folder.to_string_lossy().into_owned()
        };
        let (one, two, comma) = (folder("one"), folder("two"), folder("a, b"));
        let split = |list: &str| -> Vec<String> {
            split_folder_list(Path::new(list)).iter().map(|path| path.to_string_lossy().into_owned()).collect()
        };
        assert_eq!(split(&one), std::slice::from_ref(&one));
        assert_eq!(split(&comma), std::slice::from_ref(&comma));
        assert_eq!(split(&format!("{one}, {two}")), [one.clone(), two.clone()]);
        if cfg!(unix) {
            assert_eq!(split(&format!("{one}:{two}")), [one, two]);
        }
    }
}
