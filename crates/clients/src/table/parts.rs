//! Parts that several rows of the table share.

use crate::client::{Base, ConfigFormat, EntryField, FolderSignals, Location, Systems};

/// JSON with servers in `mcpServers`.
pub(super) const MCP_SERVERS: ConfigFormat = ConfigFormat::Json { servers: &[&["mcpServers"]] };
/// JSON with servers in `servers`.
pub(super) const SERVERS: ConfigFormat = ConfigFormat::Json { servers: &[&["servers"]] };
/// JSON with servers in `mcp`.
pub(super) const MCP: ConfigFormat = ConfigFormat::Json { servers: &[&["mcp"]] };

/// The fields of a server entry with only the program and its arguments.
pub(super) const PLAIN: &[EntryField] = &[EntryField::Command("command"), EntryField::Arguments("args")];
/// The fields of a server entry that also states its transport: `type` is `stdio`.
pub(super) const TYPED: &[EntryField] =
    &[EntryField::Text("type", "stdio"), EntryField::Command("command"), EntryField::Arguments("args")];

/// The client starts servers in the open folder.
pub(super) const INSIDE: FolderSignals =
    FolderSignals { starts_inside: true, variable: None, offers_roots: false, placeholder: None };
/// The client is not known to tell a server the open folder.
pub(super) const NOT_TOLD: FolderSignals =
    FolderSignals { starts_inside: false, variable: None, offers_roots: false, placeholder: None };

/// A path in the home folder.
pub(super) const fn home(path: &'static str) -> Location {
    Location { systems: Systems::All, base: Base::Home, path }
}

/// A path in the home folder, except on Windows.
pub(super) const fn home_on_unix(path: &'static str) -> Location {
    Location { systems: Systems::NotWindows, base: Base::Home, path }
}

/// A path in the user's configuration directory.
pub(super) const fn settings(path: &'static str) -> Location {
    Location { systems: Systems::All, base: Base::Settings, path }
}

/// A path in the user's configuration directory, only on Windows.
pub(super) const fn settings_on_windows(path: &'static str) -> Location {
    Location { systems: Systems::Windows, base: Base::Settings, path }
}

/// A path in the user's local configuration directory ([`Base::LocalSettings`]).
pub(super) const fn local_settings(path: &'static str) -> Location {
    Location { systems: Systems::All, base: Base::LocalSettings, path }
}

/// A path in `$XDG_CONFIG_HOME`, by default `~/.config`.
pub(super) const fn dot_config(path: &'static str) -> Location {
    Location { systems: Systems::All, base: Base::DotConfig, path }
}

/// A path in `$XDG_CONFIG_HOME`, by default `~/.config`, except on Windows.
pub(super) const fn dot_config_on_unix(path: &'static str) -> Location {
    Location { systems: Systems::NotWindows, base: Base::DotConfig, path }
}

/// A path in the folder that the variable `name` holds, by default the folder `default` in the home folder.
pub(super) const fn in_variable(name: &'static str, default: &'static str, path: &'static str) -> Location {
    Location { systems: Systems::All, base: Base::Variable { name, default }, path }
}
