//! `codescry serve`: the Model Context Protocol over standard input and output.
//!
//! Must never import: anything of this crate but `config`, `engine` and `mcp`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Exit;
use super::arguments::Shared;
use crate::config;
use crate::engine::{Engine, Settings};

/// Serves these folders (the working folder for none) until the client goes away, and with `follow`
/// keeps their indexes up to date; in another server's process where there is one of the same folders,
/// unless `no_share`.
///
/// # Errors
/// When a folder does not hold or the server cannot be started.
pub fn run(shared: &Shared, paths: &[PathBuf], follow: bool, no_share: bool) -> anyhow::Result<Exit> {
    let paths: Vec<Option<&Path>> =
        if paths.is_empty() { vec![None] } else { paths.iter().map(|path| Some(path.as_path())).collect() };
    let mut served: Vec<Settings> = Vec::new();
    for path in paths {
        let settings = shared.settings(path)?;
        let root = settings.root.as_path();
        if served.iter().any(|other| other.root == settings.root) {
            continue;
        }
        // Some clients start their servers in the root of the file system.
        anyhow::ensure!(
            path.is_some() || root.parent().is_some(),
            "the working folder is {}; give the folder to serve",
            root.display()
        );
        let shares = served.iter().any(|other| other.index_dir == settings.index_dir);
        anyhow::ensure!(!shares, "--index-dir holds the index of one folder; give one PATH, or leave --index-dir out");
        served.push(settings);
    }
    if config::shares(no_share)? {
        // Nothing is opened before it is known that no other process has it open.
        crate::mcp::serve_shared(served, follow)?;
    } else {
        let engines = served.into_iter().map(|settings| Engine::open(settings).map(Arc::new));
        crate::mcp::serve_stdio(engines.collect::<Result<_, _>>()?, follow)?;
    }
    Ok(Exit::Done)
}
