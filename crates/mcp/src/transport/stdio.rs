//! Serves one client over standard input and output.

use std::sync::Arc;

use answer::AnswerForm;
use engine::Engine;
use rmcp::transport::io::stdio_pipes;

use super::json_lines::JsonLinesTransport;
use super::lifecycle::{build_runtime, listen_for_stop_signal, serve_client, shut_down_server};
use super::parent_process::wait_for_parent_exit;
use crate::error::McpError;
use crate::roots::registry::FolderAccess;
use crate::server::McpServer;

/// Serves `engines` and the folders that `access` adds over standard input and output, with answers of this form, and
/// indexes the folders in the background: once at the start and, with `watch`, after every file change.
///
/// Returns when the input ends, when the parent process ends, or on SIGTERM or ctrl-c.
///
/// # Errors
/// When the server cannot start, its handshake fails, or it stops unexpectedly. An invalid message from the client is
/// answered and is not an error.
pub fn serve_stdio(
    engines: Vec<Arc<Engine>>,
    access: FolderAccess,
    watch: bool,
    form: AnswerForm,
) -> Result<(), McpError> {
    if engines.is_empty() && access.advice.is_empty() {
        return Err(McpError::NoRoots);
    }
    let runtime = build_runtime()?;
    let entered = runtime.enter();
    let server = McpServer::new(engines, access).with_form(form);
    server.start_background_work();
    let watchers = watch.then(|| server.watch_folders());
    drop(entered);
    let ended = runtime.block_on(async {
        let (reader, writer) = stdio_pipes();
        tokio::select! {
            ended = serve_client(&server, JsonLinesTransport::new(reader, writer)) => ended,
            () = listen_for_stop_signal() => Ok(()),
            () = wait_for_parent_exit() => Ok(()),
        }
    });
    shut_down_server(runtime, &server, watchers);
    ended
}
