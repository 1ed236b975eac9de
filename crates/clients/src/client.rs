//! The description of a client: what `install` must know to write an entry that the client understands.

use std::path::PathBuf;

use config::{OperatingSystem, UserEnvironment};

/// A program that starts MCP servers.
#[derive(Clone, Copy, Debug)]
pub struct McpClient {
    /// The name on the command line, such as `claude-code`.
    pub name: &'static str,
    /// The name in messages, such as `Claude Code`.
    pub title: &'static str,
    pub format: ConfigFormat,
    /// The fields of an entry, in the order in which they are written.
    pub entry: &'static [EntryField],
    /// The possible places of the user's configuration. The first file that exists is used, otherwise the first
    /// place of the operating system.
    pub user_files: &'static [Location],
    /// Folders, at least one of which exists if the client is installed.
    pub installed: &'static [Location],
    /// The possible paths of the configuration in a project. The first file that exists is used, otherwise the first.
    pub project_files: &'static [&'static str],
    /// The key below which the user's configuration keeps entries of single folders, by the folder's path; `None` if it
    /// keeps none.
    pub projects: Option<&'static str>,
    pub folder: FolderSignals,
    pub guidance: Guidance,
    /// The documentation or the package of the client from which these facts come.
    pub source: &'static str,
}

/// The format of a configuration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigFormat {
    /// JSON, where comments and trailing commas are kept. The servers are properties of the object at one of the paths
    /// `servers`: at the first path that leads to an object of servers, otherwise at the last one.
    Json { servers: &'static [&'static [&'static str]] },
    /// TOML, with a table `[mcp_servers.NAME]` for each server.
    Toml,
    /// YAML, where the servers are in the top-level value `servers`: a mapping, or with `is_list` a list whose items
    /// have a `name`.
    Yaml { servers: &'static str, is_list: bool },
}

/// A field of an entry: its name, and its value if that is fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryField {
    /// The program.
    Command(&'static str),
    /// The list of arguments.
    Arguments(&'static str),
    /// The program and its arguments in one list.
    CommandLine(&'static str),
    /// A fixed text.
    Text(&'static str, &'static str),
    /// A fixed list of one text.
    TextList(&'static str, &'static str),
    /// A fixed number.
    Number(&'static str, u32),
    /// The value `true`.
    True(&'static str),
    /// The two fields with which VS Code runs a server in a sandbox, where the machine supports it.
    Sandbox,
}

/// A path below one of the user's folders.
#[derive(Clone, Copy, Debug)]
pub struct Location {
    pub systems: Systems,
    pub base: Base,
    pub path: &'static str,
}

/// The operating systems on which a location applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Systems {
    All,
    Windows,
    NotWindows,
}

/// A folder of the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    Home,
    /// The user's configuration directory: `$XDG_CONFIG_HOME` or `~/.config`, `~/Library/Application Support`, or
    /// `%APPDATA%`.
    Settings,
    /// `$XDG_CONFIG_HOME` or `~/.config`, on every system.
    DotConfig,
    /// `%LOCALAPPDATA%` on Windows, otherwise as `DotConfig`.
    LocalSettings,
    /// The folder in an environment variable, otherwise `default` in the home folder.
    Variable {
        name: &'static str,
        default: &'static str,
    },
}

/// The ways in which a client tells a server which folder is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FolderSignals {
    /// Whether the client starts servers in the open folder.
    pub starts_inside: bool,
    /// The environment variable in which the client passes the open folder, if there is one.
    pub variable: Option<&'static str>,
    /// Whether the client offers the open folder as a root of the protocol.
    pub offers_roots: bool,
    /// The placeholder in a project's file that the client replaces by the open folder, if there is one.
    pub placeholder: Option<&'static str>,
}

/// The files that guide a client's agent: instructions, a sub-agent, a skill and hooks.
#[derive(Clone, Copy, Debug)]
pub struct Guidance {
    /// The file of instructions that the agent always reads.
    pub instructions: GuidancePath,
    /// The definition of a sub-agent, in the form `agent_form`.
    pub agent: GuidancePath,
    pub agent_form: AgentForm,
    /// The definition of a skill.
    pub skill: GuidancePath,
    /// The settings that list hooks; `None` if the client has none that can add to a tool's result.
    pub hooks: Option<HookSettings>,
}

/// The path of a file in the user's folders, and in a project; `None` where the client is not known to read one.
#[derive(Clone, Copy, Debug, Default)]
pub struct GuidancePath {
    pub user: Option<Location>,
    pub project: Option<&'static str>,
}

/// The form of a sub-agent's definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentForm {
    /// Markdown with these lines in its front matter, besides name and description.
    Markdown(&'static str),
    /// TOML, with the instructions as a string.
    Toml,
}

/// The settings that list hooks, in JSON.
#[derive(Clone, Copy, Debug)]
pub struct HookSettings {
    pub file: GuidancePath,
    /// The event after a tool's call.
    pub event: &'static str,
    /// The pattern of the names of the tools that search.
    pub matcher: &'static str,
    /// The time limit in the client's unit, longer than the hook's own limit.
    pub timeout: u32,
}

impl FolderSignals {
    /// Returns whether the server can find out which folder is open without a placeholder in its entry.
    pub fn tell_folder(self) -> bool {
        self.starts_inside || self.variable.is_some() || self.offers_roots
    }
}

impl Location {
    /// Returns the path for this user; `None` if the location does not apply to the user's operating system.
    pub fn resolve(self, user: &UserEnvironment) -> Option<PathBuf> {
        let applies = match self.systems {
            Systems::All => true,
            Systems::Windows => user.system == OperatingSystem::Windows,
            Systems::NotWindows => user.system != OperatingSystem::Windows,
        };
        let base = match self.base {
            Base::Home => user.home.clone(),
            Base::Settings => user.settings.clone(),
            Base::DotConfig => user.dot_config.clone(),
            Base::LocalSettings => user.local_settings.clone(),
            Base::Variable { name, default } => {
                user.client_folders.get(name).cloned().unwrap_or_else(|| user.home.join(default))
            }
        };
        applies.then(|| if self.path.is_empty() { base } else { base.join(self.path) })
    }
}
