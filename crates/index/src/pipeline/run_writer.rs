//! The writer of an index run, which takes the store's lock when it is first needed.

use std::sync::Arc;

use platform::cancel::CancelToken;
use store::{ChunkStore, Commit, CommitStatus, Generation, IndexFingerprint, StoreError, StoreView, StoreWriter};
use types::RepoPath;

/// The writer of one run. It takes the store's lock when it is first needed, so an update that changes nothing needs no
/// lock.
pub(crate) struct RunWriter<'s> {
    store: &'s dyn ChunkStore,
    fingerprint: IndexFingerprint,
    fresh: bool,
    /// The generation that this run compared the folder with; `None` if there was none.
    base: Option<Generation>,
    cancel: CancelToken,
    writer: Option<Box<dyn StoreWriter>>,
}

/// The reason why writing ended early.
pub(crate) enum WriteError {
    Store(StoreError),
    /// Another process has committed since this run read the index; the run must start over.
    Outdated,
}

impl From<StoreError> for WriteError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl<'s> RunWriter<'s> {
    /// Creates a writer for a run that compared the folder with `view`; with `fresh`, it starts from an empty
    /// index.
    pub fn new(
        store: &'s dyn ChunkStore,
        fingerprint: IndexFingerprint,
        view: Option<&Arc<dyn StoreView>>,
        fresh: bool,
        cancel: &CancelToken,
    ) -> Self {
        let base = view.map(|view| view.generation());
        Self { store, fingerprint, fresh, base, cancel: cancel.clone(), writer: None }
    }

    /// Takes the store's lock, if this writer does not hold it yet.
    ///
    /// # Errors
    /// [`WriteError::Outdated`] when another process has committed; otherwise when the store cannot be opened.
    pub fn lock(&mut self) -> Result<&mut dyn StoreWriter, WriteError> {
        let writer = match self.writer.take() {
            Some(writer) => writer,
            None => {
                let mut writer = self.store.writer(&self.fingerprint, self.fresh)?;
                writer.set_cancel_token(self.cancel.clone());
                // A fresh index is not compared with the old one, whose manifest may even be unreadable.
                if !self.fresh && self.store.generation()? != self.base {
                    return Err(WriteError::Outdated);
                }
                writer
            }
        };
        Ok(self.writer.insert(writer).as_mut())
    }

    /// Returns whether this writer holds the store's lock; without it, nothing has been written.
    pub fn is_locked(&self) -> bool {
        self.writer.is_some()
    }

    /// Removes the files `removed` from the store and marks the run as complete.
    ///
    /// # Errors
    /// When the lock cannot be taken or the store cannot be written.
    pub fn complete(&mut self, removed: Vec<RepoPath>, running: CommitStatus) -> Result<(), WriteError> {
        let writer = self.lock()?;
        if !removed.is_empty() {
            writer.commit(Commit { remove: removed, ..Commit::default() }, &running)?;
        }
        writer.finish(&CommitStatus { complete: true, ..running })?;
        Ok(())
    }
}
