//! `codescry serve`: serves the Model Context Protocol over standard input and output, or over HTTP.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::arguments::{HttpArguments, ServeArguments, SharedArguments};
use super::{CommandExit, printer};
use config::{self, UserEnvironment};
use engine::{Engine, Settings};
use mcp::http::{BearerToken, HttpOptions, serve_http};
use platform::process;

/// File descriptors reserved for indexes, pipes and the runtime; connections may use the rest.
const OTHER_FILES: u64 = 256;

/// Runs `codescry serve` until the client disconnects or, over HTTP, until the process is terminated.
///
/// Watches the folders and keeps their indexes up to date, unless `--no-watch` is given. Over
/// standard input and output, joins the process of another server of the same folders, if any.
///
/// # Errors
/// If a folder is invalid or the server cannot be started.
pub fn run_serve(shared: &SharedArguments, arguments: &ServeArguments) -> anyhow::Result<CommandExit> {
    process::limit_malloc_arenas();
    let watch = !arguments.no_watch;
    let http = build_http_options(&arguments.http)?;
    let served = resolve_folders(shared, &arguments.paths, arguments.allow_home)?;
    match http {
        // Opens no index yet: another process may serve these folders already.
        None if config::is_sharing_enabled(arguments.no_share)? => sharing::serve_shared(served, watch)?,
        None => mcp::serve_stdio(open_engines(served)?, watch)?,
        Some(options) => serve_http(open_engines(served)?, watch, &options, |address| {
            printer::print_note(&format!("serving MCP at http://{address}/mcp until Ctrl-C"));
        })?,
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
        // Some clients start servers in the root of the file system or in the home folder, or pass these
        // if no folder is open.
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

/// Builds and checks the HTTP options; `None` without `--http`.
fn build_http_options(arguments: &HttpArguments) -> anyhow::Result<Option<HttpOptions>> {
    let Some(address) = arguments.http else { return Ok(None) };
    let mut options = HttpOptions::new(address);
    options.token =
        config::read_http_token(arguments.token_file.as_deref())?.map(|token| BearerToken::new(&token)).transpose()?;
    options.hosts.clone_from(&arguments.hosts);
    let limits = &mut options.limits;
    limits.sessions = arguments.max_sessions.unwrap_or(limits.sessions);
    limits.requests_per_second = arguments.max_requests.unwrap_or(limits.requests_per_second);
    if let Some(files) = process::raise_open_file_limit() {
        let left = usize::try_from(files.saturating_sub(OTHER_FILES)).unwrap_or(usize::MAX);
        limits.connections = limits.connections.min(left).max(1);
    }
    options.validate()?;
    Ok(Some(options))
}
