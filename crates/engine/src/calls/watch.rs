//! Watches the folder of an engine and schedules refreshes of the index.
//!
//! A change whose indexing failed is retried together with all later changes, until it succeeds.

use std::time::Duration;

use crate::state::Engine;
use config::Settings;
use index::{FileChanges, FolderWatcher, IndexScope, WatchError};
use platform::cancel::CancelToken;

/// Pause before the first retry; it doubles with each further retry.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Maximum pause between retries.
const MAX_PAUSE: Duration = Duration::from_secs(300);

/// Interval at which a collection is asked for a newer combined index.
const COLLECTION_INTERVAL: Duration = Duration::from_secs(60);

/// Interval of full refreshes while some folders cannot be watched.
const FULL_REFRESH_INTERVAL: Duration = Duration::from_secs(60);

/// The changes that a refresh did not index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemainingWork {
    Nothing,
    /// The refresh failed: retry it after a pause, or together with the next change.
    Retry(IndexScope),
    /// The refresh was stopped: repeat it together with the next change.
    WaitForChange(IndexScope),
}

/// The extent of a watch.
#[derive(Clone, Copy, Debug)]
pub struct WatchState<'w> {
    /// Number of watched folders.
    pub folders: usize,
    /// The reason why parts of the folder are not watched, if there is one. The whole folder is then refreshed once a
    /// minute.
    pub unwatched: Option<&'w str>,
}

impl Engine {
    /// Watches the folder until `stop` is cancelled. Once the watch has started, calls `refresh` for the whole folder,
    /// and then for each batch of changes and for retries. A collection is refreshed once a minute; another
    /// published index that answers come from alone is not.
    ///
    /// # Errors
    /// When the folder cannot be watched.
    pub fn watch(
        &self,
        stop: &CancelToken,
        refresh: &mut dyn FnMut(IndexScope, WatchState<'_>) -> RemainingWork,
    ) -> Result<(), WatchError> {
        if self.trusts_base() {
            loop {
                if self.is_collection() {
                    // The next refresh comes in a minute.
                    refresh(IndexScope::All, WatchState { folders: 0, unwatched: None });
                }
                if stop.wait_timeout(COLLECTION_INTERVAL) {
                    return Ok(());
                }
            }
        }
        let Settings { root, index_dir, cross_file_systems, .. } = &self.settings;
        let watcher = FolderWatcher::start(root, index_dir, *cross_file_systems)?;
        let mut pending = PendingScope::everything();
        while !stop.is_cancelled() {
            if let Some(scope) = pending.take() {
                let unwatched = watcher.unwatched();
                let state = WatchState { folders: watcher.watched_folders(), unwatched: unwatched.as_deref() };
                pending.record_remaining(refresh(scope, state));
            }
            let at_most = pending.pause().or_else(|| watcher.unwatched().map(|_| FULL_REFRESH_INTERVAL));
            match watcher.wait(stop, at_most) {
                Some(FileChanges::Paths(paths)) => pending.add(IndexScope::Paths(paths)),
                Some(FileChanges::Everything { reason }) => {
                    tracing::debug!("refreshing the whole index: {reason}");
                    pending.add(IndexScope::All);
                }
                None if pending.pause().is_some() => pending.is_due = true,
                None => {
                    watcher.watch_missing_folders();
                    pending.add(IndexScope::All);
                }
            }
        }
        Ok(())
    }
}

/// The changes that still have to be indexed.
struct PendingScope {
    scope: Option<IndexScope>,
    /// Whether to refresh now.
    is_due: bool,
    /// Pause before the next retry; `None` if the last refresh did not fail.
    pause: Option<Duration>,
}

impl PendingScope {
    fn everything() -> Self {
        Self { scope: Some(IndexScope::All), is_due: true, pause: None }
    }

    fn take(&mut self) -> Option<IndexScope> {
        if std::mem::take(&mut self.is_due) { self.scope.take() } else { None }
    }

    fn add(&mut self, scope: IndexScope) {
        self.is_due = true;
        self.scope = Some(match self.scope.take() {
            Some(before) => before.union(scope),
            None => scope,
        });
    }

    fn record_remaining(&mut self, remaining: RemainingWork) {
        (self.scope, self.pause) = match remaining {
            RemainingWork::Nothing => (None, None),
            RemainingWork::WaitForChange(scope) => (Some(scope), None),
            RemainingWork::Retry(scope) => {
                let pause = self.pause.map_or(FIRST_PAUSE, |pause| (pause * 2).min(MAX_PAUSE));
                (Some(scope), Some(pause))
            }
        };
    }

    /// Returns how long to wait for further changes; `None` for no limit.
    fn pause(&self) -> Option<Duration> {
        self.pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::RepoPath;

    fn paths(paths: &[&str]) -> IndexScope {
        IndexScope::Paths(paths.iter().copied().map(RepoPath::new).collect())
    }

    #[test]
    fn failed_changes_are_retried_with_later_ones_after_growing_pauses() {
        let mut pending = PendingScope::everything();
        assert_eq!(pending.take(), Some(IndexScope::All));
        pending.record_remaining(RemainingWork::Nothing);
        assert_eq!((pending.take(), pending.pause()), (None, None));
        pending.add(paths(&["b.rs"]));
        let mut pauses = Vec::new();
        for _ in 0..12 {
            let scope = pending.take().expect("it is pending");
            pending.record_remaining(RemainingWork::Retry(scope));
            assert_eq!(pending.take(), None, "not before the pause is over");
            pauses.extend(pending.pause());
            pending.is_due = true;
        }
        assert_eq!((pauses[0], pauses[1], pauses[11]), (FIRST_PAUSE, FIRST_PAUSE * 2, MAX_PAUSE));
        pending.add(paths(&["a.rs", "b.rs"]));
        assert_eq!(pending.take(), Some(paths(&["a.rs", "b.rs"])));
        pending.record_remaining(RemainingWork::Nothing);
        assert_eq!((pending.take(), pending.pause()), (None, None));
    }

    #[test]
    fn stopped_changes_wait_for_the_next_change() {
        let mut pending = PendingScope::everything();
        let scope = pending.take().expect("it is pending");
        pending.record_remaining(RemainingWork::WaitForChange(scope));
        assert_eq!((pending.take(), pending.pause()), (None, None));
        pending.add(paths(&["a.rs"]));
        assert_eq!(pending.take(), Some(IndexScope::All));
    }
}
