//! Which clients there are, and where each keeps its servers.
//!
//! Must never import: anything of this crate but `clients` and `config`.

use std::path::{Path, PathBuf};

use super::Dialect;
use crate::config::{Surroundings, System};

/// How a client tells a server which folder it works in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folder {
    /// It starts the server there.
    Working,
    /// It puts it in place of this.
    Variable(&'static str),
    /// It does not.
    Untold,
}

/// A program that starts MCP servers.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    /// `claude-code`: on the command line.
    pub name: &'static str,
    /// `Claude Code`: for people.
    pub title: &'static str,
    pub dialect: Dialect,
    pub folder: Folder,
    /// Its file in a project, if it has one.
    pub project_file: Option<&'static str>,
    /// Where its user's file keeps entries for single folders, each below the folder's path.
    pub projects: Option<&'static str>,
    /// Its user's file, and the folder that is there when the client is.
    user: fn(&Surroundings) -> (PathBuf, PathBuf),
}

/// A client's file.
#[derive(Clone, Debug)]
pub struct Place {
    pub client: &'static Client,
    pub file: PathBuf,
    /// Whether the client seems to be on this machine, or in use in the project.
    pub found: bool,
}

const SERVERS: Dialect = Dialect::Json { key: "mcpServers", typed: false };
const TYPED_SERVERS: Dialect = Dialect::Json { key: "mcpServers", typed: true };
const VSCODE: Dialect = Dialect::Json { key: "servers", typed: true };
const WORKSPACE: Folder = Folder::Variable("${workspaceFolder}");

/// Every client that is known, the most used first.
pub const CLIENTS: &[Client] = &[
    Client {
        name: "claude-code",
        title: "Claude Code",
        dialect: TYPED_SERVERS,
        folder: Folder::Working,
        project_file: Some(".mcp.json"),
        projects: Some("projects"),
        user: |user| match &user.claude {
            Some(folder) => (folder.join(".claude.json"), folder.clone()),
            None => (user.home.join(".claude.json"), user.home.join(".claude")),
        },
    },
    Client {
        name: "claude-desktop",
        title: "Claude Desktop",
        dialect: SERVERS,
        folder: Folder::Untold,
        project_file: None,
        projects: None,
        user: |user| in_folder(user.settings.join("Claude"), "claude_desktop_config.json"),
    },
    Client {
        name: "cursor",
        title: "Cursor",
        dialect: TYPED_SERVERS,
        folder: WORKSPACE,
        project_file: Some(".cursor/mcp.json"),
        projects: None,
        user: |user| in_folder(user.home.join(".cursor"), "mcp.json"),
    },
    Client {
        name: "vscode",
        title: "VS Code",
        dialect: VSCODE,
        folder: WORKSPACE,
        project_file: Some(".vscode/mcp.json"),
        projects: None,
        user: |user| in_folder(user.settings.join("Code").join("User"), "mcp.json"),
    },
    Client {
        name: "vscode-insiders",
        title: "VS Code Insiders",
        dialect: VSCODE,
        folder: WORKSPACE,
        project_file: None,
        projects: None,
        user: |user| in_folder(user.settings.join("Code - Insiders").join("User"), "mcp.json"),
    },
    Client {
        name: "codex",
        title: "Codex",
        dialect: Dialect::Toml,
        folder: Folder::Working,
        project_file: Some(".codex/config.toml"),
        projects: None,
        user: |user| in_folder(user.codex.clone().unwrap_or_else(|| user.home.join(".codex")), "config.toml"),
    },
    Client {
        name: "windsurf",
        title: "Windsurf",
        dialect: SERVERS,
        folder: Folder::Untold,
        project_file: None,
        projects: None,
        user: |user| in_folder(user.home.join(".codeium").join("windsurf"), "mcp_config.json"),
    },
    Client {
        name: "zed",
        title: "Zed",
        dialect: Dialect::Json { key: "context_servers", typed: false },
        folder: Folder::Working,
        project_file: Some(".zed/settings.json"),
        projects: None,
        user: |user| {
            let folder = match user.system {
                System::Windows => user.settings.join("Zed"),
                System::Linux | System::MacOs => user.dot_config.join("zed"),
            };
            in_folder(folder, "settings.json")
        },
    },
    Client {
        name: "gemini",
        title: "Gemini CLI",
        dialect: SERVERS,
        folder: Folder::Working,
        project_file: Some(".gemini/settings.json"),
        projects: None,
        user: |user| in_folder(user.home.join(".gemini"), "settings.json"),
    },
];

fn in_folder(folder: PathBuf, file: &str) -> (PathBuf, PathBuf) {
    (folder.join(file), folder)
}

/// Every client's file of this user, found or not.
pub fn user_places(user: &Surroundings) -> Vec<Place> {
    let place = |client: &'static Client| {
        let (file, folder) = (client.user)(user);
        let found = file.exists() || folder.is_dir();
        Place { client, file, found }
    };
    CLIENTS.iter().map(place).collect()
}

/// The files in the project at `root` of every client that has one there. A client is in use there
/// when its file or the folder of it is there, or when the user has it.
pub fn project_places(root: &Path, user: &Surroundings) -> Vec<Place> {
    let place = |of_user: Place| {
        let file = root.join(of_user.client.project_file?);
        let folder = file.parent().is_some_and(|folder| folder != root && folder.is_dir());
        Some(Place { found: of_user.found || file.exists() || folder, file, client: of_user.client })
    };
    user_places(user).into_iter().filter_map(place).collect()
}
