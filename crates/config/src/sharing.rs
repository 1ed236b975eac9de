//! Settings of process sharing: whether it is enabled, and the folder of its sockets.

use std::env;
use std::path::PathBuf;

use platform::process;

use super::{ConfigError, pipeline};

/// Returns whether `codescry serve` may share a process: not with `--no-share` or `CODESCRY_NO_SHARE`.
///
/// # Errors
/// When the variable is neither true nor false.
pub fn is_sharing_enabled(no_share: bool) -> Result<bool, ConfigError> {
    let given = no_share.then_some(true);
    let no_share = pipeline::value_or_environment(given, "CODESCRY_NO_SHARE", pipeline::parse_bool)?;
    Ok(!no_share.unwrap_or(false))
}

/// Returns the folder for this user's sockets.
///
/// `CODESCRY_RUNTIME_DIR` if it is an absolute path, otherwise `/run/user/UID/codescry` where the system has
/// created `/run/user/UID`, otherwise `/tmp/codescry-UID`. The path is short because the path of a socket is
/// limited to about 100 bytes. No other variable counts: some clients start servers with almost no variables,
/// and all servers of a user must use the same folder.
pub fn runtime_dir() -> PathBuf {
    let named = env::var_os("CODESCRY_RUNTIME_DIR").map(PathBuf::from).filter(|dir| dir.is_absolute());
    named.unwrap_or_else(|| process::user_runtime_dir("codescry"))
}
