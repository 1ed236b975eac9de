//! The syntaxes of configuration files.

/// The syntax in which a file lists servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigSyntax {
    /// JSON; existing comments and trailing commas are kept.
    Json {
        /// The key of the object that holds the servers.
        key: &'static str,
        /// Whether an entry has `"type": "stdio"`.
        typed: bool,
    },
    /// TOML, with a table `[mcp_servers.NAME]` per server.
    Toml,
}
