//! The process that started the server: without it, the server ends too.
//!
//! A client that is killed may leave its server's standard input open in another process, so the
//! end of input is not enough. Must never import: anything of this crate but `config`.

use std::time::Duration;

use crate::config::machine::Parent;

/// How often to look; a signal from the system would be tied to the thread that started the server.
const LOOK: Duration = Duration::from_millis(500);

/// Resolves when the process that started this one has ended.
pub async fn gone() {
    let Some(parent) = Parent::of_this_process() else {
        return std::future::pending().await;
    };
    while parent.is_alive() {
        tokio::time::sleep(LOOK).await;
    }
    tracing::info!("the process that started the server has ended");
}
