//! The traits of a store: [`ChunkStore`], its read-only [`StoreView`] and its [`StoreWriter`].

use std::any::Any;
use std::path::PathBuf;
use std::sync::Arc;

use crate::commit::{ChunkText, Commit, CommitStatus, RowKey, StoredChunk};
use crate::damage::StoreDamage;
use crate::error::StoreError;
use crate::inverted_index::{InvertedIndex, SegmentError};
use crate::manifest::{IndexFingerprint, Manifest, SavedTree};
use crate::search_indexes::SearchIndexes;
use platform::cancel::CancelToken;
use types::{FileRecord, Generation};

/// The index of one folder.
pub trait ChunkStore: Send + Sync {
    /// Returns the identity of the last published commit by any process; `None` before the first one.
    ///
    /// Cheap: every search calls it.
    ///
    /// # Errors
    /// When the manifest cannot be read or was written by a newer program, or when it and its copy are damaged.
    fn generation(&self) -> Result<Option<Generation>, StoreError>;

    /// Returns the number of the last published commit by any process; 0 before the first one. Cheap.
    ///
    /// # Errors
    /// Fails like [`ChunkStore::generation`].
    fn generation_number(&self) -> Result<u64, StoreError> {
        Ok(self.generation()?.map_or(0, |generation| generation.number))
    }

    /// Opens the last published commit for reading; `None` before the first one.
    ///
    /// # Errors
    /// When the store cannot be opened, or is read in place and has no search indexes.
    fn view(&self) -> Result<Option<Arc<dyn StoreView>>, StoreError>;

    /// Closes the last view, to free memory, unless it is in use. The next call that needs it opens it again.
    fn release_view(&self) {}

    /// Opens the store for writing and takes the writer lock.
    ///
    /// With `fresh`, or when the existing tables have another layout, the writer starts from an empty
    /// store; readers keep the old generation until a commit is published.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another writer holds the lock, [`StoreError::ReadOnly`] when the store is read in
    /// place; otherwise when it cannot be opened.
    fn writer(&self, fingerprint: &IndexFingerprint, fresh: bool) -> Result<Box<dyn StoreWriter>, StoreError>;

    /// Returns the size on disk in bytes; 0 for a store in memory. On Unix, indexes that share a file count equal parts
    /// of it.
    fn size_bytes(&self) -> u64;
}

/// A handle that keeps file records in memory while it lives; see [`StoreView::hold_files`].
pub type HeldFiles = Arc<dyn Any + Send + Sync>;

/// A read-only view of one generation.
pub trait StoreView: Send + Sync {
    /// Returns the manifest of this generation.
    fn manifest(&self) -> &Manifest;

    /// Returns the generation of the row keys.
    ///
    /// While it is equal in two views of one store, a row key found in both refers to the same chunk. New tables change
    /// it. Compaction does not, but gives some chunks new keys.
    fn rows_generation(&self) -> u64;

    /// Returns the identity of the commit that this view shows.
    fn generation(&self) -> Generation {
        let Manifest { generation: number, committed_at_ms, .. } = *self.manifest();
        Generation { number, rows_generation: self.rows_generation(), committed_at_ms }
    }

    /// Keeps the file records in memory as long as the returned value lives, so that they are read once for all callers
    /// of [`StoreView::files`] and for a writer that extends this view. `None` where reading them costs nothing.
    ///
    /// # Errors
    /// Fails like [`StoreView::files`].
    fn hold_files(&self) -> Result<Option<HeldFiles>, StoreError> {
        Ok(None)
    }

    /// Returns every file record, sorted by path.
    ///
    /// # Errors
    /// When the table cannot be read, or a record is damaged or missing.
    fn files(&self) -> Result<Vec<FileRecord>, StoreError>;

    /// Returns every chunk without its text, sorted by path and then by line. Leaves out damaged rows.
    ///
    /// # Errors
    /// When the table cannot be read, or has other rows than were committed.
    fn chunks(&self) -> Result<Vec<StoredChunk>, StoreError>;

    /// Calls `each` with every chunk, in any order. A store on disk never holds all of them in memory. Leaves out
    /// damaged rows.
    ///
    /// # Errors
    /// When the table cannot be read, or has other rows than were committed.
    fn for_each_chunk(&self, each: &mut dyn FnMut(StoredChunk)) -> Result<(), StoreError> {
        self.chunks()?.into_iter().for_each(each);
        Ok(())
    }

    /// Returns the path of the snapshot cache, a file in which a reader may save the columns it built
    /// from all chunks; `None` where nothing can be saved.
    fn snapshot_cache_path(&self) -> Option<PathBuf> {
        None
    }

    /// Returns the keys of all chunks in ascending order.
    ///
    /// Much cheaper than reading the chunks; a reader uses it to find the chunks it already has.
    ///
    /// # Errors
    /// When the table cannot be read, or has other rows than were committed.
    fn row_keys(&self) -> Result<Vec<RowKey>, StoreError>;

    /// Returns the chunks with these keys, in the order of [`StoreView::chunks`]. Leaves out damaged rows.
    ///
    /// A repeated key returns one chunk.
    ///
    /// # Errors
    /// When the table cannot be read or does not contain a key.
    fn chunks_by_key(&self, rows: &[RowKey]) -> Result<Vec<StoredChunk>, StoreError>;

    /// Returns the inverted index of all chunks.
    ///
    /// It may still contain deleted chunks; the [`StoredChunk::number`]s show which chunks exist. If its segments are
    /// opened on first use and one of them cannot be opened, it is empty, and [`StoreView::has_met_damage`] returns
    /// true.
    fn inverted_index(&self) -> &InvertedIndex;

    /// Returns the indexes by which this view is searched without holding its chunks in memory; `None` if it has no
    /// such indexes, or few enough chunks to hold.
    fn search_indexes(self: Arc<Self>) -> Option<Arc<dyn SearchIndexes>> {
        None
    }

    /// Returns whether the view has more chunks than may be held in memory, but no search indexes. The next
    /// [`StoreWriter::finish`] builds them.
    ///
    /// # Errors
    /// When the table cannot be read.
    fn lacks_search_indexes(&self) -> Result<bool, StoreError> {
        Ok(false)
    }

    /// Converts a read error of the inverted index into an error that names the store.
    fn inverted_index_error(&self, error: &SegmentError) -> StoreError;

    /// Returns the texts, signatures and definitions of chunks, in the order of `rows`. Damaged ones are empty and
    /// marked.
    ///
    /// # Errors
    /// When the table cannot be read or does not contain a key.
    fn chunk_texts(&self, rows: &[RowKey]) -> Result<Vec<ChunkText>, StoreError>;

    /// Returns the saved trees, each with the number of its generation, oldest first.
    fn saved_trees(&self) -> Vec<(u64, SavedTree)> {
        Vec::new()
    }

    /// Opens the commit of a saved tree; `None` if no tree of this generation is saved.
    ///
    /// # Errors
    /// When its files are missing or damaged.
    fn open_saved(&self, generation: u64) -> Result<Option<Arc<dyn StoreView>>, StoreError> {
        let _ = generation;
        Ok(None)
    }

    /// Returns whether a read has met a damaged row, posting list or segment since the last [`StoreView::verify`] that
    /// found none.
    fn has_met_damage(&self) -> bool {
        self.inverted_index().has_met_damage()
    }

    /// Verifies the stored data and reports the damage. A store in memory has none; of an index that is read in place,
    /// only the manifest is verified. May stop early when cancelled, and then reports only the damage found so far.
    ///
    /// # Errors
    /// When data cannot be read for a reason other than damage, such as missing permissions.
    fn verify(&self, cancel: &CancelToken) -> Result<StoreDamage, StoreError> {
        let _ = cancel;
        Ok(StoreDamage::default())
    }
}

/// A writer of the store. Holds the writer lock until it is dropped.
pub trait StoreWriter: Send {
    /// Returns the commit that the next commit extends, even if it is not published; `None` before the first commit of
    /// a writer that starts from an empty store.
    fn base(&self) -> Option<Arc<dyn StoreView>>;

    /// Writes `commit` and, unless publication is deferred, makes it visible to every process atomically. A commit that
    /// changes nothing for readers may be left out.
    ///
    /// # Errors
    /// When writing fails; no part of the commit is then visible. If only syncing it to the disk fails after
    /// publication, the commit is visible but may not survive a power failure.
    fn commit(&mut self, commit: Commit, state: &CommitStatus) -> Result<Manifest, StoreError>;

    /// Keeps what the next commit stores of records of touched files apart from their rows, and removes from `touched`
    /// those whose rows stay the same. Makes that commit faster; it need not be called.
    fn keep_touched(&mut self, touched: &mut Vec<FileRecord>) {
        let _ = touched;
    }

    /// Defers the publication of commits until one with a complete [`CommitStatus`], usually by
    /// [`StoreWriter::finish`].
    ///
    /// Readers keep the previous generation until then, and commits that are never published are lost. For a writer
    /// that starts from an empty store, and for a small commit just before the last one.
    fn defer_publication(&mut self);

    /// Keeps the generation that this writer began with as a saved tree, from its next published commit on. `sample`
    /// becomes [`SavedTree::sample`]. Does nothing if the writer began with an empty store, or if that generation is
    /// not complete or has no [`Manifest::head`].
    fn save_tree(&mut self, sample: Vec<(String, String)>) {
        drop(sample);
    }

    /// Makes the saved tree of `generation` the generation that this writer extends, instead of the last one. Nothing
    /// changes for readers until the next commit. Returns false, and changes nothing, if no such tree is saved or its
    /// tables are no longer in use.
    ///
    /// # Errors
    /// When its files are missing or damaged.
    fn restore_tree(&mut self, generation: u64) -> Result<bool, StoreError> {
        let _ = generation;
        Ok(false)
    }

    /// Sets the token that ends a running commit or finish early.
    ///
    /// An operation that it ends fails with [`StoreError::Stopped`], and no part of it is visible.
    /// A store whose commits are fast may ignore the token.
    fn set_cancel_token(&mut self, cancel: CancelToken) {
        drop(cancel);
    }

    /// Compacts the tables, merges segments and updates the search indexes if needed, publishes the result like
    /// [`StoreWriter::commit`], and removes data that no reader needs. Call it after the last commit of a run.
    ///
    /// # Errors
    /// When the storage engine fails; published commits stay searchable.
    fn finish(&mut self, state: &CommitStatus) -> Result<Manifest, StoreError>;
}
