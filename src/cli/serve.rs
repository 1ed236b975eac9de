//! `codescry serve`: the Model Context Protocol over standard input and output.
//!
//! Must never import: anything of this crate but `engine` and `mcp`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Exit;
use super::arguments::Shared;
use crate::engine::Engine;

/// Serves these folders (the working folder for none) until the client goes away, and with `follow`
/// keeps their indexes up to date.
///
/// # Errors
/// When a folder does not hold or the server cannot be started.
pub fn run(shared: &Shared, paths: &[PathBuf], follow: bool) -> anyhow::Result<Exit> {
    let paths: Vec<Option<&Path>> =
        if paths.is_empty() { vec![None] } else { paths.iter().map(|path| Some(path.as_path())).collect() };
    let mut engines: Vec<Arc<Engine>> = Vec::new();
    let mut index_dirs = Vec::new();
    for path in paths {
        let settings = shared.settings(path)?;
        let root = settings.root.as_path();
        if engines.iter().any(|engine| engine.root() == root) {
            continue;
        }
        // Some clients start their servers in the root of the file system.
        anyhow::ensure!(
            path.is_some() || root.parent().is_some(),
            "the working folder is {}; give the folder to serve",
            root.display()
        );
        let shares = index_dirs.contains(&settings.index_dir);
        anyhow::ensure!(!shares, "--index-dir holds the index of one folder; give one PATH, or leave --index-dir out");
        index_dirs.push(settings.index_dir.clone());
        engines.push(Arc::new(Engine::open(settings)?));
    }
    crate::mcp::serve_stdio(engines, follow)?;
    Ok(Exit::Done)
}
