//! `codescry serve`: serves the Model Context Protocol over standard input and output, or over HTTP.

mod folders;
#[cfg(feature = "http")]
mod http_options;
mod malloc_arenas;

use std::io::{self, IsTerminal as _};
use std::net::SocketAddr;
use std::sync::Arc;

use config::Settings;
use engine::Engine;

use crate::cli::arguments::{ServeArguments, SharedArguments};
use crate::cli::exit::CommandExit;
use crate::cli::printer;
use folders::resolve_folders;
use malloc_arenas::limit_malloc_arenas;

/// Runs `codescry serve` until the client disconnects or, over HTTP, until the process is terminated.
///
/// Watches the folders to keep their indexes up to date; with `--no-watch`, searches check for changes instead. Over
/// standard input and output, joins the running server of the same folders, or for a single folder that of another
/// worktree of its repository, if its settings are the same, unless `--no-share` is given. A server with neither a
/// folder nor `--within` has its own process, because its client names the folders later.
///
/// # Errors
/// If a given folder is invalid or the server cannot be started.
pub fn run_serve(shared: &SharedArguments, arguments: &ServeArguments) -> anyhow::Result<CommandExit> {
    limit_malloc_arenas();
    if let Some(address) = arguments.http.http {
        return serve_over_http(shared, arguments, address);
    }
    if !shared.quiet && io::stdin().is_terminal() {
        printer::print_note(
            "this server speaks MCP on standard input and output, and waits for a client; `codescry install` adds it to \
             your clients, Ctrl-C ends it",
        );
    }
    let (watch, form) = (!arguments.no_watch, arguments.answer_form());
    let folders = resolve_folders(shared, arguments)?;
    let is_sharing_enabled = config::is_sharing_enabled(arguments.no_share)?;
    // Opens no index yet: another process may serve these folders already.
    if is_sharing_enabled && !folders.access.takes_client_roots {
        sharing::serve_shared(folders, watch, form)?;
    } else {
        mcp::serve_stdio(open_engines(folders.served)?, folders.access, watch, form)?;
    }
    Ok(CommandExit::Done)
}

fn open_engines(served: Vec<Settings>) -> anyhow::Result<Vec<Arc<Engine>>> {
    let engines = served.into_iter().map(|settings| Engine::open(settings).map(Arc::new));
    Ok(engines.collect::<Result<_, _>>()?)
}

/// Serves over HTTP at `address`.
#[cfg(feature = "http")]
fn serve_over_http(
    shared: &SharedArguments,
    arguments: &ServeArguments,
    address: SocketAddr,
) -> anyhow::Result<CommandExit> {
    let mut options = http_options::build_http_options(address, &arguments.http)?;
    options.form = arguments.answer_form();
    let folders = resolve_folders(shared, arguments)?;
    // There are many clients, and none chooses the folders for the others.
    anyhow::ensure!(!folders.access.takes_client_roots, "{}", folders.access.advice);
    let engines = open_engines(folders.served)?;
    mcp::http::serve_http(engines, folders.access, !arguments.no_watch, &options, |address| {
        printer::print_note(&format!("serving MCP at http://{address}/mcp until Ctrl-C"));
    })?;
    Ok(CommandExit::Done)
}

/// Refuses `--http`, because this program was built without HTTP support.
#[cfg(not(feature = "http"))]
fn serve_over_http(
    _shared: &SharedArguments,
    _arguments: &ServeArguments,
    _address: SocketAddr,
) -> anyhow::Result<CommandExit> {
    anyhow::bail!(
        "--http is not available: this program was built without the feature `http`; build it with that feature, or \
         leave out --http to serve over standard input and output"
    )
}
