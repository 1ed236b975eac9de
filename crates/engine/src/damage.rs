//! Damage of the stored index: calls notice it, and the next index run repairs it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::EngineError;
use crate::state::Engine;
use platform::cancel::CancelToken;
use search::Snapshot;
use store::StoreView;
use types::Generation;

/// Time for which a check of a whole commit is not repeated. Bytes also change without a commit.
const CHECK_LIFETIME: Duration = Duration::from_secs(600);

/// Note on an answer of an index with damaged parts. Clients show only its first words.
const DAMAGE_NOTE: &str = "part of the index is damaged and was left out; call index_project to repair it";

/// What an engine knows about damage of its index.
#[derive(Default)]
pub(crate) struct DamageState {
    /// Whether a call has met damage, or asked for a check, since the last check.
    is_suspect: AtomicBool,
    /// The commit that was last found intact, and when.
    checked: Mutex<Option<(Generation, Instant)>>,
}

impl Engine {
    /// Returns whether the next index run checks the whole index, because a call has met damage or asked for it.
    pub fn needs_repair(&self) -> bool {
        self.damage.is_suspect.load(Ordering::SeqCst)
    }

    /// Has the next index run check the whole index and repair what is damaged.
    pub fn request_repair(&self) {
        self.damage.is_suspect.store(true, Ordering::SeqCst);
    }

    /// Requests a repair if the call failed because of damage.
    pub(crate) fn track_damage<T>(&self, result: Result<T, EngineError>) -> Result<T, EngineError> {
        result.inspect_err(|error| {
            if error.is_damage() {
                self.request_repair();
            }
        })
    }

    /// Returns a note for an answer from `snapshot` if parts of it are damaged, and requests a repair.
    pub(crate) fn damage_note(&self, snapshot: &Snapshot, has_damaged_hits: bool) -> Option<String> {
        if !has_damaged_hits && !snapshot.view.has_met_damage() {
            return None;
        }
        self.request_repair();
        Some(DAMAGE_NOTE.to_owned())
    }

    /// Takes the request for a repair.
    pub(crate) fn take_repair_request(&self) -> bool {
        self.damage.is_suspect.swap(false, Ordering::SeqCst)
    }

    /// Remembers that a run has checked and repaired the index.
    pub(crate) fn record_repair(&self) {
        if let Ok(Some(generation)) = self.store.generation() {
            *self.damage.checked.lock().unwrap_or_else(PoisonError::into_inner) = Some((generation, Instant::now()));
        }
    }

    /// Checks a whole commit and returns what is damaged, in a few words; `None` if it is intact. A commit that was
    /// found intact is not checked again for a while.
    ///
    /// # Errors
    /// When the store cannot be read; damage is not an error.
    pub(crate) fn describe_damage(&self, view: &dyn StoreView) -> Result<Option<String>, EngineError> {
        let generation = view.generation();
        let is_known = |(known, at): &(Generation, Instant)| *known == generation && at.elapsed() < CHECK_LIFETIME;
        let checked = *self.damage.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if checked.as_ref().is_some_and(is_known) && !self.needs_repair() {
            return Ok(None);
        }
        let found = view.verify(&CancelToken::default())?.describe();
        match found {
            Some(_) => self.request_repair(),
            None => {
                self.take_repair_request();
                *self.damage.checked.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some((generation, Instant::now()));
            }
        }
        Ok(found)
    }
}
