//! Detects the end of the parent process, so that the server ends with it.
//!
//! The end of standard input is not enough: when a client is killed, another process may still hold the
//! input open.

use std::time::Duration;

use platform::process::ParentProcess;

/// Time between two checks where the parent's end cannot be received as an event. Linux has no such event before 5.3
/// and in some sandboxes; on macOS and Windows, only `unsafe` code or further features of `rustix` could wait for it.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Resolves when the parent process has ended; never resolves when the parent is unknown.
pub async fn wait_for_parent_exit() {
    let Some(parent) = ParentProcess::detect() else {
        return std::future::pending().await;
    };
    if let Err(error) = wait_for_exit_event(&parent).await {
        tracing::debug!("the end of the parent process has no event, so it is checked regularly: {error}");
        while parent.is_alive() {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
    tracing::info!("the process that started the server has ended");
}

/// Resolves when the parent process has ended.
///
/// # Errors
/// When the system cannot report the end of a process as an event.
#[cfg(target_os = "linux")]
#[expect(deprecated, reason = "an owned descriptor is sound here, and the replacement is an unsafe function")]
async fn wait_for_exit_event(parent: &ParentProcess) -> std::io::Result<()> {
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    let exit = AsyncFd::with_interest(parent.open_pidfd()?, Interest::READABLE)?;
    // If the parent ended earlier, the descriptor may belong to another process with the same id.
    if parent.is_alive() {
        _ = exit.readable().await?;
    }
    Ok(())
}

/// Returns an error: on this system, the end of a process cannot be awaited as an event.
#[cfg(not(target_os = "linux"))]
async fn wait_for_exit_event(_: &ParentProcess) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}
