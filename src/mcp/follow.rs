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
    let mut told = None;
    let mut catch_up = |scope: Scope, unseen: Option<&str>| {
        runs.set_followed(unseen.is_none());
        if let Some(because) = unseen.filter(|because| told.as_deref() != Some(*because)) {
            tracing::warn!("{because}");
        }
        told = unseen.map(str::to_owned);
        runs.catch_up(scope, stop)
    };
    if let Err(error) = runs.engine().follow(stop, &mut catch_up) {
        tracing::warn!("{error}");
    }
    runs.set_followed(false);
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::Duration;

    use super::super::runs::{Outcome, State};
    use super::*;
    use crate::engine::{Engine, Options, SearchQuery, Settings};

    /// How long a test waits for what must come.
    const PATIENCE: Duration = Duration::from_secs(120);

    fn write(root: &Path, at: usize, name: &str) {
        fs::write(root.join(format!("part_{at}.rs")), format!("fn {name}_{at}() {{}}\n")).expect("a file");
    }

    /// Waits for a state of the root's runs.
    fn wait(runs: &Runs, is_it: impl FnMut(&State) -> bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let mut watch = runs.watch();
        let waited = runtime.block_on(async { tokio::time::timeout(PATIENCE, watch.wait_for(is_it)).await.map(drop) });
        waited.expect("it comes");
    }

    #[test]
    #[cfg(unix)]
    fn a_branch_switch_is_a_few_runs_and_is_found() {
        let home = tempfile::tempdir().expect("a folder");
        let path = home.path().join("root");
        fs::create_dir(&path).expect("a folder");
        (0..400).for_each(|at| write(&path, at, "before"));
        let options =
            Options { path: Some(path.clone()), index_dir: Some(home.path().join("index")), ..Options::default() };
        let engine = Arc::new(Engine::open(Settings::resolve(&options).expect("settings")).expect("an engine"));
        let runs = Arc::new(Runs::new(Arc::clone(&engine)));
        let followers = Followers::start(&[Root { engine: Arc::clone(&engine), runs: Arc::clone(&runs) }]);
        wait(&runs, |state| matches!(&state.last, Some(Outcome::Done(report)) if report.files_indexed == 400));
        let begun = runs.state().number;
        (0..300).for_each(|at| write(&path, at, "after"));
        (300..400).for_each(|at| fs::remove_file(path.join(format!("part_{at}.rs"))).expect("removed"));
        (400..500).for_each(|at| write(&path, at, "after"));
        let ask = |name: &str| {
            let query = SearchQuery { text: name.into(), limit: 1, ..SearchQuery::default() };
            let answer = engine.search(&query).expect("an answer");
            answer.hits.first().map(|hit| hit.symbol.clone()).unwrap_or_default()
        };
        // The store may not be waited for on a thread that runs futures.
        let first = |name: &str| thread::scope(|threads| threads.spawn(|| ask(name)).join().expect("no panic"));
        wait(&runs, |state| state.running.is_none() && first("after_499") == "after_499");
        assert_eq!(
            (first("after_7").as_str(), engine.status().expect("a status").coverage.files_indexed),
            ("after_7", 400)
        );
        let number = runs.state().number - begun;
        assert!((1..=20).contains(&number), "{number} runs for 500 changes");
        drop(followers);
    }
}
