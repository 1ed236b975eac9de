//! Whether servers of one index share a process, and where they meet.
//!
//! Must never import: anything but `config`.

use std::env;
use std::path::PathBuf;

use super::{ConfigError, machine, pipeline};

/// Whether `codescry serve` may join another process, or be joined: not with `--no-share`
/// (`CODESCRY_NO_SHARE`).
///
/// # Errors
/// When the variable is neither yes nor no.
pub fn shares(no_share: bool) -> Result<bool, ConfigError> {
    let given = no_share.then_some(true);
    let alone = pipeline::value(given, "CODESCRY_NO_SHARE", pipeline::yes_or_no)?;
    Ok(!alone.unwrap_or(false))
}

/// The folder for this user's sockets: short, for a socket's path has about a hundred bytes.
/// `$XDG_RUNTIME_DIR/codescry`, or where there is none, one in the folder for temporary files that is
/// named by the user.
pub fn runtime_dir() -> PathBuf {
    match env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|dir| dir.is_absolute() && dir.is_dir()) {
        Some(dir) => dir.join("codescry"),
        None => env::temp_dir().join(format!("codescry-{}", machine::user_id())),
    }
}
