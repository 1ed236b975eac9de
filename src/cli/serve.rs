//! `codescry serve`: the Model Context Protocol over standard input and output, or over HTTP.
//!
//! Must never import: anything of this crate but `config`, `engine` and `mcp`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::arguments::{HttpArguments, ServeArguments, Shared};
use super::{Exit, printer};
use crate::config::{self, Surroundings, machine};
use crate::engine::{Engine, Settings};
use crate::mcp::http::{HttpOptions, Token, serve_http};

/// Files that are open besides connections: of indexes, pipes, what the runtime needs.
const OTHER_FILES: u64 = 256;

/// Serves the given folders (the working folder for none) until the client goes away or, over HTTP, the
/// process is asked to end; keeps their indexes up to date where that is not refused. Over standard
/// input and output in another server's process where there is one of the same folders.
///
/// # Errors
/// When a folder does not hold or the server cannot be started.
pub fn run(shared: &Shared, given: &ServeArguments) -> anyhow::Result<Exit> {
    machine::bound_freed_memory();
    let follow = !given.no_watch;
    let http = http_options(&given.http)?;
    let served = served(shared, &given.paths, given.allow_home)?;
    match http {
        // Nothing is opened before it is known that no other process has it open.
        None if config::shares(given.no_share)? => crate::mcp::serve_shared(served, follow)?,
        None => crate::mcp::serve_stdio(engines(served)?, follow)?,
        Some(options) => serve_http(engines(served)?, follow, &options, |address| {
            printer::note(&format!("serving MCP at http://{address}/mcp until Ctrl-C"));
        })?,
    }
    Ok(Exit::Done)
}

fn engines(served: Vec<Settings>) -> anyhow::Result<Vec<Arc<Engine>>> {
    let engines = served.into_iter().map(|settings| Engine::open(settings).map(Arc::new));
    Ok(engines.collect::<Result<_, _>>()?)
}

fn served(shared: &Shared, paths: &[PathBuf], allow_home: bool) -> anyhow::Result<Vec<Settings>> {
    let paths: Vec<Option<&Path>> =
        if paths.is_empty() { vec![None] } else { paths.iter().map(|path| Some(path.as_path())).collect() };
    let mut served: Vec<Settings> = Vec::new();
    for path in paths {
        let settings = shared.settings(path)?;
        let root = settings.root.as_path();
        if served.iter().any(|other| other.root == settings.root) {
            continue;
        }
        // Some clients start their servers in the root of the file system or at home, or put that in place
        // of a variable for the folder that is open when none is.
        anyhow::ensure!(
            allow_home || !is_too_much(root),
            "{} is too much to serve unasked; give the folder with your code, or --allow-home if you mean all of it",
            root.display()
        );
        let shares = served.iter().any(|other| other.index_dir == settings.index_dir);
        anyhow::ensure!(!shares, "--index-dir holds the index of one folder; give one PATH, or leave --index-dir out");
        served.push(settings);
    }
    Ok(served)
}

/// Whether nobody would mean this folder without saying so: everything, or all that is somebody's.
fn is_too_much(root: &Path) -> bool {
    let home = Surroundings::of_this_process().ok().and_then(|user| user.home.canonicalize().ok());
    root.parent().is_none() || home.is_some_and(|home| home.starts_with(root))
}

/// What is asked for, checked before anything is opened.
fn http_options(given: &HttpArguments) -> anyhow::Result<Option<HttpOptions>> {
    let Some(address) = given.http else { return Ok(None) };
    let mut options = HttpOptions::at(address);
    options.token = config::http_token(given.token_file.as_deref())?.map(|token| Token::new(&token)).transpose()?;
    options.hosts.clone_from(&given.hosts);
    let limits = &mut options.limits;
    limits.sessions = given.max_sessions.unwrap_or(limits.sessions);
    limits.requests_per_second = given.max_requests.unwrap_or(limits.requests_per_second);
    if let Some(files) = machine::raise_open_files() {
        let left = usize::try_from(files.saturating_sub(OTHER_FILES)).unwrap_or(usize::MAX);
        limits.connections = limits.connections.min(left).max(1);
    }
    options.check()?;
    Ok(Some(options))
}
