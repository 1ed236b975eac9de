//! `codescry serve`: serves the Model Context Protocol over standard input and output, or over HTTP.

#[cfg(feature = "http")]
mod http_options;
mod malloc_arenas;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use config::{self, Settings, UserEnvironment};
use engine::Engine;

use crate::cli::arguments::{ServeArguments, SharedArguments};
use crate::cli::exit::CommandExit;
use malloc_arenas::limit_malloc_arenas;

/// Runs `codescry serve` until the client disconnects or, over HTTP, until the process is terminated.
///
/// Watches the folders and keeps their indexes up to date, unless `--no-watch` is given. Over
/// standard input and output, joins the process of another server of the same folders, if any.
///
/// # Errors
/// If a folder is invalid or the server cannot be started.
pub fn run_serve(shared: &SharedArguments, arguments: &ServeArguments) -> anyhow::Result<CommandExit> {
    limit_malloc_arenas();
    if let Some(address) = arguments.http.http {
        return serve_over_http(shared, arguments, address);
    }
    let watch = !arguments.no_watch;
    let served = resolve_folders(shared, &arguments.paths, arguments.allow_home)?;
    // Opens no index yet: another process may serve these folders already.
    if config::is_sharing_enabled(arguments.no_share)? {
        sharing::serve_shared(served, watch)?;
    } else {
        mcp::serve_stdio(open_engines(served)?, watch)?;
    }
    Ok(CommandExit::Done)
}

fn open_engines(served: Vec<Settings>) -> anyhow::Result<Vec<Arc<Engine>>> {
    let engines = served.into_iter().map(|settings| Engine::open(settings).map(Arc::new));
    Ok(engines.collect::<Result<_, _>>()?)
}

/// Returns the settings of each distinct folder.
fn resolve_folders(shared: &SharedArguments, paths: &[PathBuf], allow_home: bool) -> anyhow::Result<Vec<Settings>> {
    let paths: Vec<Option<&Path>> =
        if paths.is_empty() { vec![None] } else { paths.iter().map(|path| Some(path.as_path())).collect() };
    let mut served: Vec<Settings> = Vec::new();
    for path in paths {
        let settings = shared.settings(path)?;
        let root = settings.root.as_path();
        if served.iter().any(|other| other.root == settings.root) {
            continue;
        }
        // If no folder is open, some clients start servers in the root of the file system or in the home
        // folder, or pass one of these as an argument.
        anyhow::ensure!(
            allow_home || !is_too_broad(root),
            "{} is too broad to serve by default; give the folder with your code, or --allow-home to serve all of it",
            root.display()
        );
        let shares = served.iter().any(|other| other.index_dir == settings.index_dir);
        anyhow::ensure!(!shares, "--index-dir holds the index of one folder; give one PATH, or leave out --index-dir");
        served.push(settings);
    }
    Ok(served)
}

/// Returns whether `root` is the root of a file system, or is or contains the home folder.
fn is_too_broad(root: &Path) -> bool {
    let home = UserEnvironment::detect().ok().and_then(|user| user.home.canonicalize().ok());
    root.parent().is_none() || home.is_some_and(|home| home.starts_with(root))
}

/// Serves over HTTP at `address`.
#[cfg(feature = "http")]
fn serve_over_http(
    shared: &SharedArguments,
    arguments: &ServeArguments,
    address: SocketAddr,
) -> anyhow::Result<CommandExit> {
    let options = http_options::build_http_options(address, &arguments.http)?;
    let served = resolve_folders(shared, &arguments.paths, arguments.allow_home)?;
    mcp::http::serve_http(open_engines(served)?, !arguments.no_watch, &options, |address| {
        crate::cli::printer::print_note(&format!("serving MCP at http://{address}/mcp until Ctrl-C"));
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
