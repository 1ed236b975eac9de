//! Repairs of a damaged index: calls notice damage, and the next index run repairs it.

use crate::error::EngineError;
use crate::state::Engine;
use platform::cancel::CancelToken;
use store::StoreView;

impl Engine {
    /// Returns whether the next index run checks the whole index, because a call has met damage or asked for it.
    pub fn needs_repair(&self) -> bool {
        self.damage.is_suspect()
    }

    /// Makes the next index run check the whole index and repair the damage.
    pub fn request_repair(&self) {
        self.damage.suspect();
    }

    /// Requests a repair if the call failed because of damage.
    pub(crate) fn track_damage<T>(&self, result: Result<T, EngineError>) -> Result<T, EngineError> {
        result.inspect_err(|error| {
            if error.is_damage() {
                self.request_repair();
            }
        })
    }

    /// Remembers that a run has checked and repaired the index.
    pub(crate) fn record_repair(&self) {
        if let Ok(Some(generation)) = self.store.generation() {
            self.damage.record_intact(generation);
        }
    }

    /// Checks a whole commit and describes its damage in a few words; `None` if it is intact. A commit that was found
    /// intact is not checked again for ten minutes, unless a repair is requested.
    ///
    /// # Errors
    /// When the store cannot be read; damage is not an error.
    pub(crate) fn describe_damage(&self, view: &dyn StoreView) -> Result<Option<String>, EngineError> {
        let generation = view.generation();
        if self.damage.was_intact(generation) {
            return Ok(None);
        }
        let found = view.verify(&CancelToken::default())?.describe();
        match found {
            Some(_) => self.request_repair(),
            None => {
                self.damage.take_suspicion();
                self.damage.record_intact(generation);
            }
        }
        Ok(found)
    }
}
