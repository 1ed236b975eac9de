//! Detects the end of the parent process, so that the server ends with it.
//!
//! The end of standard input is not enough: when a client is killed, another process may still hold the
//! input open.

use std::time::Duration;

use platform::process::ParentProcess;

/// Interval of the checks. Polling, because the signal that the system offers is tied to the thread that
/// started the server, not to its process.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Resolves when the parent process has ended; never when it is unknown.
pub async fn wait_for_parent_exit() {
    let Some(parent) = ParentProcess::detect() else {
        return std::future::pending().await;
    };
    while parent.is_alive() {
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    tracing::info!("the process that started the server has ended");
}
