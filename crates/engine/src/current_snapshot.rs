//! Keeps the snapshot that searches use, and refreshes it.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, TryLockError};
use std::thread;
use std::time::Instant;

use crate::error::EngineError;
use crate::state::Engine;
use retrieval::LargeIndex;
use search::Snapshot;

impl Engine {
    /// Loads the snapshot that searches use, if anything is indexed; otherwise, an index run that begins with a copy of
    /// another index loads it while it compares the copy with the folder. A failure is reported by the first search.
    pub fn warm_up(&self) {
        let mut loaded = self.latest_snapshot();
        if matches!(loaded, Err(EngineError::NotIndexed { .. })) {
            self.awaits_index.store(true, Ordering::SeqCst);
            // A run that made the copy just before has not seen that it is awaited.
            loaded = self.latest_snapshot();
        }
        if let Err(error) = loaded {
            tracing::debug!("no snapshot was loaded: {error}");
        }
    }

    /// Runs `run`. Meanwhile loads the snapshot, if a warm-up has found no index.
    pub(crate) fn load_awaited_during<T>(&self, run: impl FnOnce() -> T) -> T {
        if !self.awaits_index.swap(false, Ordering::SeqCst) {
            return run();
        }
        thread::scope(|scope| {
            // The search loads the index itself if this thread cannot be started.
            _ = thread::Builder::new().name("warm up".to_owned()).spawn_scoped(scope, || self.warm_up());
            run()
        })
    }

    /// Loads the newest commit, as [`Engine::warm_up`] does, but only if a snapshot is loaded already.
    pub fn refresh_snapshot(&self) {
        if self.held_snapshot().is_some() {
            self.warm_up();
        }
    }

    /// Runs `run` and refreshes the snapshot when it ends, or closes the tables that the run has opened if there is
    /// none. In the meantime, searches use the loaded snapshot, if there is one, and never wait for a newer one; `run`
    /// must call [`Engine::refresh_snapshot`] after each commit.
    pub fn refresh_snapshot_during<T>(&self, run: impl FnOnce() -> T) -> T {
        self.refreshing_runs.fetch_add(1, Ordering::SeqCst);
        let done = catch_unwind(AssertUnwindSafe(run));
        self.refresh_snapshot();
        self.refreshing_runs.fetch_sub(1, Ordering::SeqCst);
        self.snapshot.release_idle_view();
        done.unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// Loads the snapshot that searches use, opens the chunk texts and builds the tables that match names, for
    /// processes that answer many searches. A failure is only logged.
    pub fn warm_up_texts(&self) {
        if let Err(error) = self.load_texts() {
            tracing::debug!("no texts were loaded: {error}");
        }
    }

    fn load_texts(&self) -> Result<(), EngineError> {
        let snapshot = self.latest_snapshot()?;
        snapshot.warm_up_texts()?;
        snapshot.cache_stems();
        Ok(())
    }

    /// Returns the snapshot to search: the loaded one while an index run refreshes it, else the newest.
    pub(crate) fn current_snapshot(&self) -> Result<Arc<Snapshot>, EngineError> {
        self.held_snapshot().filter(|_| self.is_refreshed_by_run()).map_or_else(|| self.latest_snapshot(), Ok)
    }

    /// Returns the snapshot like [`Engine::current_snapshot`], for answers that are not compared with the files.
    ///
    /// # Errors
    /// [`EngineError::NotIndexed`] for a copy of another folder's index that no run has compared with this folder yet;
    /// otherwise like [`Engine::current_snapshot`].
    pub(crate) fn confirmed_snapshot(&self) -> Result<Arc<Snapshot>, EngineError> {
        let snapshot = self.current_snapshot()?;
        match snapshot.manifest().is_unconfirmed_copy() && !self.trusts_base() {
            true => Err(EngineError::NotIndexed { root: self.root().to_owned() }),
            false => Ok(snapshot),
        }
    }

    /// Returns whether an index run of this process refreshes the snapshot.
    fn is_refreshed_by_run(&self) -> bool {
        self.refreshing_runs.load(Ordering::SeqCst) > 0
    }

    /// Returns a snapshot of the last commit, whichever process made it. While another search loads that commit,
    /// returns the snapshot loaded before, or waits if there is none.
    fn latest_snapshot(&self) -> Result<Arc<Snapshot>, EngineError> {
        if let Some(current) = self.held_if_current()? {
            return Ok(current);
        }
        let held = self.held_snapshot();
        let _loading = match (self.loading.try_lock(), held) {
            (Ok(loading), _) => loading,
            (Err(TryLockError::WouldBlock), Some(held)) => return Ok(held),
            (Err(TryLockError::WouldBlock), None) => self.loading.lock().unwrap_or_else(PoisonError::into_inner),
            (Err(TryLockError::Poisoned(loading)), _) => loading.into_inner(),
        };
        match self.held_if_current()? {
            Some(current) => Ok(current), // loaded by another search
            None => self.load_snapshot(),
        }
    }

    /// Returns whether a read of the loaded snapshot has met damage.
    pub(crate) fn has_met_damage(&self) -> bool {
        self.held_snapshot().is_some_and(|held| held.has_met_damage())
    }

    /// Returns whether a snapshot is loaded.
    pub(crate) fn has_snapshot(&self) -> bool {
        self.held_snapshot().is_some()
    }

    fn held_snapshot(&self) -> Option<Arc<Snapshot>> {
        self.snapshot.get()
    }

    /// Returns the loaded snapshot if it is of the last commit.
    fn held_if_current(&self) -> Result<Option<Arc<Snapshot>>, EngineError> {
        let generation = self.track_damage(self.store.generation().map_err(EngineError::from))?;
        Ok(self.held_snapshot().filter(|held| Some(held.generation()) == generation))
    }

    /// Loads the last commit, reusing the unchanged rows of the loaded snapshot.
    fn load_snapshot(&self) -> Result<Arc<Snapshot>, EngineError> {
        self.track_damage(self.read_snapshot())
    }

    fn read_snapshot(&self) -> Result<Arc<Snapshot>, EngineError> {
        let begun = Instant::now();
        let view = self.require_view()?;
        // This call fails if the model that made the rows is not available.
        if self.missing_base_model().is_none() {
            self.models.require_stored(&self.settings, &view.manifest().fingerprint)?;
        }
        let held = self.held_snapshot().filter(|held| !held.is_part());
        let large = LargeIndex::open(&view)?;
        let snapshot = Arc::new(match held {
            // Calls load the files that they need.
            _ if let Some(large) = large => large.empty_snapshot()?,
            Some(held) if self.is_refreshed_by_run() => search::run_on_refresh_pool(|| held.refresh(view))?,
            // Another process made the commit and a search waits for it, so this runs with the priority of a search.
            Some(held) => held.refresh(view)?,
            None => Snapshot::load(view)?,
        });
        tracing::debug!("loaded {} chunks for searches in {:.1?}", snapshot.chunk_count(), begun.elapsed());
        if snapshot.has_met_damage() {
            self.request_repair();
        }
        self.snapshot.set(Arc::clone(&snapshot));
        Ok(snapshot)
    }
}
