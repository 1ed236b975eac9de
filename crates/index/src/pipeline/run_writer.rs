//! The writer of an index run, which takes the store's lock when it is first needed.

use std::sync::Arc;

use platform::cancel::CancelToken;
use store::{ChunkStore, Commit, CommitStatus, Generation, IndexFingerprint, StoreError, StoreView, StoreWriter};
use types::{FileRecord, RepoPath};

/// Number of chunks of the last commit of a run from which on it is published by itself. A run that is interrupted
/// before it completes makes fewer chunks again, with their vectors from the cache.
const MIN_PUBLISHED_CHUNKS: usize = if cfg!(test) { 1 } else { 4_096 };

/// The writer of one run. It takes the store's lock when it is first needed, so an update that changes nothing needs no
/// lock.
pub(crate) struct RunWriter<'s> {
    store: &'s dyn ChunkStore,
    fingerprint: IndexFingerprint,
    fresh: bool,
    /// The generation that this run compared the folder with; `None` if there was none.
    base: Option<Generation>,
    cancel: CancelToken,
    /// Whether a small last commit is published together with the end of the run. Not for an index that is searched
    /// by its search indexes, whose update at the end may take minutes.
    joins_last_commit: bool,
    /// The saved tree to begin with: its generation, and the sample of the tree that the folder has left.
    returning: Option<(u64, Vec<(String, String)>)>,
    writer: Option<Box<dyn StoreWriter>>,
}

/// The reason why writing ended early.
pub(crate) enum WriteError {
    Store(StoreError),
    /// Another process has committed since this run read the index, or the saved tree to begin with cannot be used; the
    /// run must start over.
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
        let joins_last_commit = view.is_some_and(|view| !fresh && Arc::clone(view).search_indexes().is_none());
        let cancel = cancel.clone();
        Self { store, fingerprint, fresh, base, cancel, joins_last_commit, returning: None, writer: None }
    }

    /// Makes the writer begin with the saved tree `generation` instead of the last commit. The last commit is then
    /// saved with the sample `left`, if it is complete and its commit of git is known.
    pub fn return_to(&mut self, generation: u64, left: Vec<(String, String)>) {
        self.returning = Some((generation, left));
    }

    /// Takes the store's lock, if this writer does not hold it yet.
    ///
    /// # Errors
    /// [`WriteError::Outdated`] when another process has committed or the saved tree cannot be used; otherwise when the
    /// store cannot be opened for writing.
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
                if let Some((generation, left)) = self.returning.take() {
                    match writer.restore_tree(generation) {
                        Ok(true) => writer.save_tree(left),
                        // The run starts over without the saved tree.
                        Ok(false) => return Err(WriteError::Outdated),
                        Err(error) => {
                            tracing::debug!("a saved tree cannot be used: {error}");
                            return Err(WriteError::Outdated);
                        }
                    }
                }
                writer
            }
        };
        Ok(self.writer.insert(writer).as_mut())
    }

    /// Writes a commit. If it is the last one of the run and small, readers see it when the run completes: each
    /// publication syncs files, and has a server refresh its snapshot.
    ///
    /// # Errors
    /// Fails like [`RunWriter::lock`], and when the store cannot be written.
    pub fn write_commit(&mut self, commit: Commit, status: &CommitStatus, is_last: bool) -> Result<(), WriteError> {
        let is_joined = is_last && self.joins_last_commit && commit.chunks.len() < MIN_PUBLISHED_CHUNKS;
        let writer = self.lock()?;
        if is_joined {
            writer.defer_publication();
        }
        writer.commit(commit, status)?;
        Ok(())
    }

    /// Passes touched records to the writer ahead of their commit, if this writer holds the store's lock; see
    /// [`StoreWriter::keep_touched`].
    pub fn pass_touched(&mut self, touched: &mut Vec<FileRecord>) {
        if let Some(writer) = &mut self.writer {
            writer.keep_touched(touched);
        }
    }

    /// Returns whether this writer holds the store's lock; without it, nothing has been written.
    pub fn is_locked(&self) -> bool {
        self.writer.is_some()
    }

    /// Removes the files `removed` from the store and marks the run as complete. `left` is the sample of the tree that
    /// the folder has left, if it is to be saved.
    ///
    /// # Errors
    /// When the lock cannot be taken or the store cannot be written.
    pub fn complete(
        &mut self,
        removed: Vec<RepoPath>,
        left: Option<Vec<(String, String)>>,
        running: CommitStatus,
    ) -> Result<(), WriteError> {
        let writer = self.lock()?;
        if let Some(left) = left {
            writer.save_tree(left);
        }
        if !removed.is_empty() {
            self.write_commit(Commit { remove: removed, ..Commit::default() }, &running, true)?;
        }
        let writer = self.lock()?;
        writer.finish(&CommitStatus { complete: true, ..running })?;
        Ok(())
    }
}
