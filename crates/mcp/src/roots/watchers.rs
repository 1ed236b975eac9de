//! Watches the served folders for file changes and indexes each change.
//!
//! Each watched root has its own thread. For a folder that is not watched, because it cannot be or because too many
//! others are ([`WatchTurns`]), searches start incremental index runs instead.

use std::ops::ControlFlow;
use std::sync::Arc;

use engine::{IndexScope, RemainingWork, TreeWatch, WATCH_TURNS, WatchError, WatchState, WatchTurn, WatchTurns};

use super::runs::IndexRuns;
use super::served::ServedRoot;

/// The watches of folders; they are stopped, and their threads joined, on drop.
pub struct FolderWatchers(Vec<TreeWatch>);

impl FolderWatchers {
    /// Starts to watch each root. Logs a warning for a root whose thread cannot be started.
    pub fn start(roots: &[Arc<ServedRoot>]) -> Self {
        Self::start_in_turns(roots, &WATCH_TURNS)
    }

    fn start_in_turns(roots: &[Arc<ServedRoot>], turns: &'static WatchTurns) -> Self {
        let start = |root: &Arc<ServedRoot>| {
            let runs = Arc::clone(&root.runs);
            let watch = TreeWatch::start(turns, root.runs.uses(), move |turn| watch_root(&runs, turn));
            watch.inspect_err(|error| tracing::warn!("{} is not watched for changes: {error}", root.name())).ok()
        };
        Self(roots.iter().filter_map(start).collect())
    }
}

impl Drop for FolderWatchers {
    fn drop(&mut self) {
        // All of them end at once; then each is joined.
        self.0.iter().for_each(TreeWatch::stop);
    }
}

/// Watches one root and indexes its changes until the turn ends. Breaks if the root cannot be watched.
fn watch_root(runs: &IndexRuns, turn: Option<&WatchTurn<'_>>) -> ControlFlow<()> {
    let Some(turn) = turn else {
        tracing::info!(
            root = %runs.engine().root().display(),
            "not watched for changes, because many folders of other trees are; each search looks for changes first"
        );
        return ControlFlow::Continue(());
    };
    match watch_during_turn(runs, turn) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            tracing::warn!("{error}");
            ControlFlow::Break(())
        }
    }
}

/// Watches one root and indexes its changes until the turn ends.
fn watch_during_turn(runs: &IndexRuns, turn: &WatchTurn<'_>) -> Result<(), WatchError> {
    let mut last_warning = None;
    let mut index_changes = |scope: IndexScope, WatchState { folders, unwatched }: WatchState<'_>| {
        turn.set_folders(folders);
        if turn.end().is_cancelled() {
            return RemainingWork::Nothing;
        }
        runs.set_watched(unwatched.is_none());
        if let Some(reason) = unwatched.filter(|reason| last_warning.as_deref() != Some(*reason)) {
            tracing::warn!("{reason}");
        }
        last_warning = unwatched.map(str::to_owned);
        runs.index_scope(scope, turn.end())
    };
    let watched = runs.engine().watch(turn.end(), &mut index_changes);
    runs.set_watched(false);
    watched
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::thread;
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
    fn a_tree_without_a_turn_is_watched_once_another_one_is_idle() {
        let home = tempfile::tempdir().expect("a folder");
        let open = |name: &str| {
            let path = home.path().join(name);
            fs::create_dir_all(path.join("sub")).expect("a folder");
            write(&path, 1, name);
            let index_dir = Some(home.path().join(format!("index of {name}")));
            let options = Options { path: Some(path), index_dir, ..Options::default() };
            let engine = Engine::open(Settings::resolve(&options).expect("settings")).expect("an engine");
            Arc::new(ServedRoot::new(Arc::new(engine)))
        };
        let (first, second) = (open("first"), open("second"));
        let turns = Box::leak(Box::new(WatchTurns::new(2, Duration::ZERO)));
        let _of_first = FolderWatchers::start_in_turns(std::slice::from_ref(&first), turns);
        wait_for_state(&first.runs, |state| state.is_watched && state.running.is_none() && state.number > 0);
        let _of_second = FolderWatchers::start_in_turns(std::slice::from_ref(&second), turns);
        wait_for_state(&second.runs, |state| state.is_watched && state.running.is_none() && state.number > 0);
        wait_for_state(&first.runs, |state| !state.is_watched);
        // The next search of the first tree finds its changes, and takes the turn back.
        write(&home.path().join("first"), 2, "found");
        let before = first.runs.state().number;
        first.runs.start_if_stale();
        wait_for_state(&first.runs, |state| state.is_watched && state.running.is_none() && state.number > before);
        wait_for_state(&second.runs, |state| !state.is_watched);
        let indexed = thread::scope(|threads| {
            threads.spawn(|| first.runs.engine().status().expect("a status").coverage.files_indexed).join()
        });
        assert_eq!(indexed.expect("no panic"), 2);
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
