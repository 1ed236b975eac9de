//! The entry of a server in a client's configuration.

/// The name of the server entry in every client.
pub(crate) const SERVER_NAME: &str = "codescry";

/// The command with which a client starts a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerEntry {
    pub command: String,
    pub args: Vec<String>,
}

/// An entry in a client's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstalledEntry {
    /// `None` when the entry starts no program, such as one with a URL.
    pub command: Option<String>,
    pub args: Vec<String>,
}
