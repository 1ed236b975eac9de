//! Follows the served folders, so that an edit is found by the next search.
//!
//! One thread a root, from the start of the server to its end. Where a folder cannot be followed,
//! searches look for changes themselves. Must never import: anything of this crate but `engine`.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use super::roots::Root;
use super::runs::Runs;
use crate::engine::{CancelToken, Scope, yield_to_others};

/// Threads that follow folders; dropped, they end.
pub struct Followers {
    stop: CancelToken,
    threads: Vec<JoinHandle<()>>,
}

impl Followers {
    /// Follows these roots.
    pub fn start(roots: &[Root]) -> Self {
        let stop = CancelToken::default();
        let follower = |root: &Root| {
            let (runs, stop) = (Arc::clone(&root.runs), stop.clone());
            let name = "follow".to_owned();
            let thread = thread::Builder::new().name(name).spawn(move || follow(&runs, &stop));
            thread.inspect_err(|error| tracing::warn!("{} is not followed: {error}", root.name())).ok()
        };
        let threads = roots.iter().filter_map(follower).collect();
        Self { stop, threads }
    }
}

impl Drop for Followers {
    fn drop(&mut self) {
        self.stop.cancel();
        for thread in self.threads.drain(..) {
            // It cannot panic but by a bug, which has told of itself.
            _ = thread.join();
        }
    }
}

fn follow(runs: &Runs, stop: &CancelToken) {
    yield_to_others();
    let mut catch_up = |scope: Scope, is_complete| {
        runs.set_followed(is_complete);
        runs.catch_up(&scope, stop);
    };
    if let Err(error) = runs.engine().follow(stop, &mut catch_up) {
        tracing::warn!("{error}");
    }
    runs.set_followed(false);
}
