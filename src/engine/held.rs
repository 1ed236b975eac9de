//! What is held in memory for searches, and who brings it up to date.
//!
//! Must never import: anything of this crate but `config`, `search`, `store` and `engine`.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, TryLockError};
use std::time::Instant;

use super::{Engine, EngineError};
use crate::search::{self, Snapshot};

impl Engine {
    /// Reads what a search needs into memory, if anything is indexed, so that a search right after
    /// an index run that changed nothing finds it there. A failure is left for the search to tell.
    pub fn warm_up(&self) {
        drop(self.latest());
    }

    /// As [`Engine::warm_up`], if a search has kept anything yet.
    pub fn keep_up(&self) {
        if self.held().is_some() {
            self.warm_up();
        }
    }

    /// Does `run`, which calls [`Engine::keep_up`] after each of its commits: searches answer from what is
    /// kept meanwhile, and none has to wait while it reads a commit itself.
    pub fn while_kept_up<T>(&self, run: impl FnOnce() -> T) -> T {
        self.keepers.fetch_add(1, Ordering::SeqCst);
        let done = catch_unwind(AssertUnwindSafe(run));
        self.keep_up();
        self.keepers.fetch_sub(1, Ordering::SeqCst);
        done.unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// As [`Engine::warm_up`], and opens what texts are read from, and keeps what questions compare names by: for who
    /// answers many searches.
    pub fn warm_up_texts(&self) {
        if let Ok(snapshot) = self.latest() {
            drop(snapshot.touch_texts());
            snapshot.keep_roots();
        }
    }

    /// As [`Engine::latest`], or what is held while somebody else looks after that.
    pub(super) fn snapshot(&self) -> Result<Arc<Snapshot>, EngineError> {
        self.held().filter(|_| self.is_kept_up()).map_or_else(|| self.latest(), Ok)
    }

    /// Whether an index run of this process looks after what is held.
    fn is_kept_up(&self) -> bool {
        self.keepers.load(Ordering::SeqCst) > 0
    }

    /// The last commit's snapshot, brought up to date when any process has committed since. Who
    /// comes while another search does that takes the snapshot before, or waits where there is none.
    fn latest(&self) -> Result<Arc<Snapshot>, EngineError> {
        if let Some(current) = self.current()? {
            return Ok(current);
        }
        let held = self.held();
        let _loading = match (self.loading.try_lock(), held) {
            (Ok(loading), _) => loading,
            (Err(TryLockError::WouldBlock), Some(held)) => return Ok(held),
            (Err(TryLockError::WouldBlock), None) => self.loading.lock().unwrap_or_else(PoisonError::into_inner),
            (Err(TryLockError::Poisoned(loading)), _) => loading.into_inner(),
        };
        match self.current()? {
            Some(current) => Ok(current), // another search was faster
            None => self.load(),
        }
    }

    fn held(&self) -> Option<Arc<Snapshot>> {
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The held snapshot if it is the last commit's.
    fn current(&self) -> Result<Option<Arc<Snapshot>>, EngineError> {
        let stamp = self.store.stamp()?;
        Ok(self.held().filter(|held| Some(held.view.stamp()) == stamp))
    }

    /// Reads the last commit's snapshot, what the held one lacks of it if there is one.
    fn load(&self) -> Result<Arc<Snapshot>, EngineError> {
        let begun = Instant::now();
        let view = self.view()?.ok_or_else(|| EngineError::NotIndexed { root: self.root().to_owned() })?;
        self.model_for(&view.manifest().recipe)?; // refuses rows that no question can be compared with
        let snapshot = Arc::new(match self.held() {
            Some(held) if self.is_kept_up() => search::beside_searches(|| held.refresh(view))?,
            // Of another process's commit, for a search that waits for it: with a search's priority.
            Some(held) => held.refresh(view)?,
            None => Snapshot::load(view)?,
        });
        tracing::debug!("loaded {} chunks for searches in {:.1?}", snapshot.chunk_count(), begun.elapsed());
        *self.snapshot.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&snapshot));
        Ok(snapshot)
    }
}
