//! Where a user's programs keep their settings, and where this program is.
//!
//! Read from the environment once and passed down, so that everything that depends on it can be
//! asked about any system. Must never import: anything but `config`.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::ConfigError;

/// Which system's habits hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    Linux,
    MacOs,
    Windows,
}

/// The user's folders, and this program's place among them.
#[derive(Clone, Debug)]
pub struct Surroundings {
    pub system: System,
    /// The user's home folder.
    pub home: PathBuf,
    /// Where most programs keep settings: `~/.config`, `~/Library/Application Support` or `%APPDATA%`.
    pub settings: PathBuf,
    /// `$XDG_CONFIG_HOME` or `~/.config`, for programs that go there on every system but Windows.
    pub dot_config: PathBuf,
    /// `$CLAUDE_CONFIG_DIR`: where Claude Code keeps its files instead.
    pub claude: Option<PathBuf>,
    /// `$CODEX_HOME`: where Codex keeps its files instead.
    pub codex: Option<PathBuf>,
    /// The folders of `$PATH`.
    pub path: Vec<PathBuf>,
    /// The file of the running program.
    pub program: PathBuf,
    /// The working folder.
    pub working: PathBuf,
}

impl Surroundings {
    /// Reads the environment.
    ///
    /// # Errors
    /// When there is no home folder, no working folder, or the program cannot tell its own file.
    pub fn of_this_process() -> Result<Self, ConfigError> {
        let home = etcetera::home_dir().map_err(|error| ConfigError::HomeFolder(error.to_string()))?;
        let folder = |name| env::var_os(name).filter(|dir| !dir.is_empty()).map(PathBuf::from);
        let dot_config = folder("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config"));
        let system = if cfg!(windows) {
            System::Windows
        } else if cfg!(target_os = "macos") {
            System::MacOs
        } else {
            System::Linux
        };
        let settings = match system {
            System::Linux => dot_config.clone(),
            System::MacOs => home.join("Library/Application Support"),
            System::Windows => folder("APPDATA").unwrap_or_else(|| home.join("AppData").join("Roaming")),
        };
        Ok(Self {
            system,
            settings,
            dot_config,
            claude: folder("CLAUDE_CONFIG_DIR"),
            codex: folder("CODEX_HOME"),
            path: env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect(),
            program: env::current_exe().map_err(ConfigError::Program)?,
            working: env::current_dir().map_err(ConfigError::WorkingFolder)?,
            home,
        })
    }

    /// The first file of this name in the folders of `$PATH`.
    pub fn on_path(&self, name: &str) -> Option<PathBuf> {
        let mut file = OsString::from(name);
        if self.system == System::Windows && Path::new(name).extension().is_none() {
            file.push(".exe");
        }
        self.path.iter().filter(|folder| folder.is_absolute()).map(|folder| folder.join(&file)).find(|at| at.is_file())
    }

    /// The path by which this program is best remembered: the one on `$PATH` where that is the same
    /// file, because it stays when a new version takes another place behind it.
    pub fn program_to_remember(&self) -> PathBuf {
        let same = |found: &PathBuf| found.canonicalize().ok() == self.program.canonicalize().ok();
        self.on_path("codescry").filter(same).unwrap_or_else(|| self.program.clone())
    }

    /// `path` as a person writes it: `~` for the home folder.
    pub fn shown(&self, path: &Path) -> String {
        match path.strip_prefix(&self.home) {
            Ok(below) => Path::new("~").join(below).display().to_string(),
            Err(_) => path.display().to_string(),
        }
    }
}
