//! The known MCP clients and the location of their configuration files.

use std::path::{Path, PathBuf};

use config::{OperatingSystem, UserEnvironment};

use super::entry::InstalledEntry;
use super::error::{ClientError, EditError};
use super::syntax::ConfigSyntax;
use super::{disk, edit};

/// The way a client passes its working folder to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FolderSource {
    /// The server is started in the folder.
    WorkingFolder,
    /// The client replaces this variable in the arguments by the folder.
    Variable(&'static str),
    /// The client does not pass the folder.
    NotPassed,
}

/// A program that starts MCP servers.
#[derive(Clone, Copy, Debug)]
pub struct McpClient {
    /// The name on the command line, such as `claude-code`.
    pub name: &'static str,
    /// The name in messages, such as `Claude Code`.
    pub title: &'static str,
    pub syntax: ConfigSyntax,
    pub folder: FolderSource,
    /// The path of its configuration file in a project, if it has one.
    pub project_file: Option<&'static str>,
    /// The key below which its user configuration keeps entries of single folders, by the folder's path.
    pub projects: Option<&'static str>,
    /// Returns the user's configuration file, and a folder that exists if the client is installed.
    user: fn(&UserEnvironment) -> (PathBuf, PathBuf),
}

/// A configuration file of a client.
#[derive(Clone, Debug)]
pub struct ClientConfigFile {
    pub client: &'static McpClient,
    pub file: PathBuf,
    /// Whether the client seems to be installed, or used in the project.
    pub in_use: bool,
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

    /// Reads the entry for the folder `root` only, which the client prefers to the general entry.
    ///
    /// # Errors
    /// When the file cannot be read or parsed.
    pub fn read_project_entry(&self, root: &Path) -> Result<Option<InstalledEntry>, ClientError> {
        let (Some(projects), ConfigSyntax::Json { key, .. }) = (self.client.projects, self.client.syntax) else {
            return Ok(None);
        };
        let (Some(text), Some(root)) = (disk::read_config(&self.file)?, root.to_str()) else { return Ok(None) };
        edit::find_project_entry(&text, projects, root, key).map_err(|source| self.edit_error(source))
    }

    /// Returns the entry in `text`, the content of this file.
    pub(crate) fn parse_entry(&self, text: &str) -> Result<Option<InstalledEntry>, ClientError> {
        edit::find_entry(text, self.client.syntax).map_err(|source| self.edit_error(source))
    }

    /// Adds the path of this file to an edit error.
    pub(crate) fn edit_error(&self, source: EditError) -> ClientError {
        ClientError::Edit { path: self.file.clone(), source }
    }
}

/// JSON with servers in `mcpServers`.
const SERVERS: ConfigSyntax = ConfigSyntax::Json { key: "mcpServers", typed: false };
/// JSON with servers in `mcpServers`, each with a type.
const TYPED_SERVERS: ConfigSyntax = ConfigSyntax::Json { key: "mcpServers", typed: true };
/// The JSON syntax of VS Code.
const VSCODE: ConfigSyntax = ConfigSyntax::Json { key: "servers", typed: true };
/// The workspace variable of VS Code and Cursor.
const WORKSPACE: FolderSource = FolderSource::Variable("${workspaceFolder}");

/// All known clients, the most used first.
pub const MCP_CLIENTS: &[McpClient] = &[
    McpClient {
        name: "claude-code",
        title: "Claude Code",
        syntax: TYPED_SERVERS,
        folder: FolderSource::WorkingFolder,
        project_file: Some(".mcp.json"),
        projects: Some("projects"),
        user: |user| match &user.claude {
            Some(folder) => (folder.join(".claude.json"), folder.clone()),
            None => (user.home.join(".claude.json"), user.home.join(".claude")),
        },
    },
    McpClient {
        name: "claude-desktop",
        title: "Claude Desktop",
        syntax: SERVERS,
        folder: FolderSource::NotPassed,
        project_file: None,
        projects: None,
        user: |user| file_in_folder(user.settings.join("Claude"), "claude_desktop_config.json"),
    },
    McpClient {
        name: "cursor",
        title: "Cursor",
        syntax: TYPED_SERVERS,
        folder: WORKSPACE,
        project_file: Some(".cursor/mcp.json"),
        projects: None,
        user: |user| file_in_folder(user.home.join(".cursor"), "mcp.json"),
    },
    McpClient {
        name: "vscode",
        title: "VS Code",
        syntax: VSCODE,
        folder: WORKSPACE,
        project_file: Some(".vscode/mcp.json"),
        projects: None,
        user: |user| file_in_folder(user.settings.join("Code").join("User"), "mcp.json"),
    },
    McpClient {
        name: "vscode-insiders",
        title: "VS Code Insiders",
        syntax: VSCODE,
        folder: WORKSPACE,
        project_file: None,
        projects: None,
        user: |user| file_in_folder(user.settings.join("Code - Insiders").join("User"), "mcp.json"),
    },
    McpClient {
        name: "codex",
        title: "Codex",
        syntax: ConfigSyntax::Toml,
        folder: FolderSource::WorkingFolder,
        project_file: Some(".codex/config.toml"),
        projects: None,
        user: |user| file_in_folder(user.codex.clone().unwrap_or_else(|| user.home.join(".codex")), "config.toml"),
    },
    McpClient {
        name: "windsurf",
        title: "Windsurf",
        syntax: SERVERS,
        folder: FolderSource::NotPassed,
        project_file: None,
        projects: None,
        user: |user| file_in_folder(user.home.join(".codeium").join("windsurf"), "mcp_config.json"),
    },
    McpClient {
        name: "zed",
        title: "Zed",
        syntax: ConfigSyntax::Json { key: "context_servers", typed: false },
        folder: FolderSource::WorkingFolder,
        project_file: Some(".zed/settings.json"),
        projects: None,
        user: |user| {
            let folder = match user.system {
                OperatingSystem::Windows => user.settings.join("Zed"),
                OperatingSystem::Linux | OperatingSystem::MacOs => user.dot_config.join("zed"),
            };
            file_in_folder(folder, "settings.json")
        },
    },
    McpClient {
        name: "gemini",
        title: "Gemini CLI",
        syntax: SERVERS,
        folder: FolderSource::WorkingFolder,
        project_file: Some(".gemini/settings.json"),
        projects: None,
        user: |user| file_in_folder(user.home.join(".gemini"), "settings.json"),
    },
];

/// Returns the path of `file` in `folder`, and `folder`.
fn file_in_folder(folder: PathBuf, file: &str) -> (PathBuf, PathBuf) {
    (folder.join(file), folder)
}

/// Returns the user's configuration file of every client, whether or not it exists.
pub fn user_config_files(user: &UserEnvironment) -> Vec<ClientConfigFile> {
    let config_file = |client: &'static McpClient| {
        let (file, folder) = (client.user)(user);
        let in_use = file.exists() || folder.is_dir();
        ClientConfigFile { client, file, in_use }
    };
    MCP_CLIENTS.iter().map(config_file).collect()
}

/// Returns the configuration files in the project at `root`, of every client with project configuration.
///
/// A client counts as used in the project if its file or the file's folder exists, or if it is installed.
pub fn project_config_files(root: &Path, user: &UserEnvironment) -> Vec<ClientConfigFile> {
    let config_file = |user_file: ClientConfigFile| {
        let file = root.join(user_file.client.project_file?);
        let has_folder = file.parent().is_some_and(|folder| folder != root && folder.is_dir());
        let in_use = user_file.in_use || file.exists() || has_folder;
        Some(ClientConfigFile { client: user_file.client, file, in_use })
    };
    user_config_files(user).into_iter().filter_map(config_file).collect()
}
