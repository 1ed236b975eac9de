//! Settings of process sharing: whether it is enabled, and the folder of its sockets.

use std::path::PathBuf;

use platform::process;

use super::error::ConfigError;
use super::variables::{parse_bool, value_or_environment, variable_path};

/// Returns whether `codescry serve` may share a process. It may not if `no_share` (`--no-share`) or `CODESCRY_NO_SHARE`
/// is true.
///
/// # Errors
/// When the variable is neither true nor false.
pub fn is_sharing_enabled(no_share: bool) -> Result<bool, ConfigError> {
    let given = no_share.then_some(true);
    let no_share = value_or_environment(given, "CODESCRY_NO_SHARE", parse_bool)?;
    Ok(!no_share.unwrap_or(false))
}

/// Returns the folder for this user's sockets.
///
/// `CODESCRY_RUNTIME_DIR` if it is an absolute path, otherwise `/run/user/UID/codescry` if `/run/user/UID` is a folder
/// of the user, otherwise `/tmp/codescry-UID`; on Windows, `codescry` in the folder of temporary files. The path is
/// short because the path of a socket is limited to about 100 bytes. No other variable counts: some clients start
/// servers with almost no variables, and all servers of a user must use the same folder.
pub fn runtime_dir() -> PathBuf {
    let named = variable_path("CODESCRY_RUNTIME_DIR").filter(|dir| dir.is_absolute());
    named.unwrap_or_else(|| process::user_runtime_dir("codescry"))
}
