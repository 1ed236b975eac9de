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
/// `CODESCRY_RUNTIME_DIR`; without it `codescry` in `/run/user/UID` where the system has made that, or
/// else `/tmp/codescry-UID`. Some clients start servers with hardly any variables, so that no other one
/// may have a say: all servers of a user must come to the same folder.
pub fn runtime_dir() -> PathBuf {
    let named = env::var_os("CODESCRY_RUNTIME_DIR").map(PathBuf::from).filter(|dir| dir.is_absolute());
    named.unwrap_or_else(|| machine::user_runtime_dir("codescry"))
}
