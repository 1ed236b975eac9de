//! Watches the served folders for file changes and indexes each change.
//!
//! Each root has its own thread. For a folder that cannot be watched, searches start incremental index runs instead.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use engine::{IndexScope, lower_thread_priority};
use platform::cancel::CancelToken;

use super::runs::IndexRuns;
use super::served::ServedRoot;

/// The threads that watch folders; they are stopped and joined on drop.
pub struct FolderWatchers {
    stop: CancelToken,
    threads: Vec<JoinHandle<()>>,
}

impl FolderWatchers {
    /// Starts one watcher thread per root. Logs a warning for a thread that cannot be started.
    pub fn start(roots: &[Arc<ServedRoot>]) -> Self {
        let stop = CancelToken::default();
        let spawn_watcher = |root: &Arc<ServedRoot>| {
            let (runs, stop) = (Arc::clone(&root.runs), stop.clone());
            let name = "watch".to_owned();
            let thread = thread::Builder::new().name(name).spawn(move || watch_root(&runs, &stop));
            thread.inspect_err(|error| tracing::warn!("{} is not watched for changes: {error}", root.name())).ok()
        };
        let threads = roots.iter().filter_map(spawn_watcher).collect();
        Self { stop, threads }
    }
}

impl Drop for FolderWatchers {
    fn drop(&mut self) {
        self.stop.cancel();
        for thread in self.threads.drain(..) {
            // A panic is a bug; the panic hook has already reported it.
            _ = thread.join();
        }
    }
}

/// Watches one root until `stop` is cancelled, and indexes its changes.
fn watch_root(runs: &IndexRuns, stop: &CancelToken) {
    lower_thread_priority();
    let mut last_warning = None;
    let mut index_changes = |scope: IndexScope, unwatched: Option<&str>| {
        runs.set_watched(unwatched.is_none());
        if let Some(reason) = unwatched.filter(|reason| last_warning.as_deref() != Some(*reason)) {
            tracing::warn!("{reason}");
        }
        last_warning = unwatched.map(str::to_owned);
        runs.index_scope(scope, stop)
    };
    if let Err(error) = runs.engine().watch(stop, &mut index_changes) {
        tracing::warn!("{error}");
    }
    runs.set_watched(false);
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::Duration;

    use engine::{Engine, Options, QueryCalls as _, SearchQuery, Settings};

    use super::*;
    use crate::roots::runs::{IndexRunState, RunOutcome};

    /// Time limit of a wait that must succeed.
    const WAIT_TIMEOUT: Duration = Duration::from_secs(120);

    fn write(root: &Path, at: usize, name: &str) {
        fs::write(root.join(format!("part_{at}.rs")), format!("fn {name}_{at}() {{}}\n")).expect("a file");
    }

    /// Waits until `is_reached` holds for the state of the runs.
    fn wait_for_state(runs: &IndexRuns, is_reached: impl FnMut(&IndexRunState) -> bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let mut states = runs.subscribe();
        let waited =
            runtime.block_on(async { tokio::time::timeout(WAIT_TIMEOUT, states.wait_for(is_reached)).await.map(drop) });
        waited.expect("it comes");
    }

    #[test]
    #[cfg(unix)]
    fn a_branch_switch_takes_few_runs_and_becomes_searchable() {
        let home = tempfile::tempdir().expect("a folder");
        let path = home.path().join("root");
        fs::create_dir(&path).expect("a folder");
        (0..400).for_each(|at| write(&path, at, "before"));
        let options =
            Options { path: Some(path.clone()), index_dir: Some(home.path().join("index")), ..Options::default() };
        let engine = Arc::new(Engine::open(Settings::resolve(&options).expect("settings")).expect("an engine"));
        let root = ServedRoot::new(Arc::clone(&engine));
        let runs = Arc::clone(&root.runs);
        let watchers = FolderWatchers::start(&[Arc::new(root)]);
        wait_for_state(
            &runs,
            |state| matches!(&state.last_outcome, Some(RunOutcome::Done(report)) if report.files_indexed == 400),
        );
        let runs_before = runs.state().number;
        (0..300).for_each(|at| write(&path, at, "after"));
        (300..400).for_each(|at| fs::remove_file(path.join(format!("part_{at}.rs"))).expect("removed"));
        (400..500).for_each(|at| write(&path, at, "after"));
        let search = |name: &str| {
            let query = SearchQuery { text: name.into(), limit: 1, ..SearchQuery::default() };
            let answer = engine.search(&query, &engine::CancelToken::default()).expect("an answer");
            answer.hits.first().map(|hit| hit.symbol.clone()).unwrap_or_default()
        };
        // The store blocks, which is not allowed on a thread that runs futures.
        let first = |name: &str| thread::scope(|threads| threads.spawn(|| search(name)).join().expect("no panic"));
        wait_for_state(&runs, |state| state.running.is_none() && first("after_499") == "after_499");
        assert_eq!(
            (first("after_7").as_str(), engine.status().expect("a status").coverage.files_indexed),
            ("after_7", 400)
        );
        let number = runs.state().number - runs_before;
        assert!((1..=20).contains(&number), "500 changes took {number} runs");
        drop(watchers);
    }
}
