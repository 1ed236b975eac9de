//! Commits: the rows are written first, then the manifest that makes them visible.
//!
//! A failure before the manifest is replaced changes nothing for readers, and the next commit, by this
//! writer or another one, starts from the last manifest.

mod own_tree;
mod table_change;

use std::collections::HashMap;
use std::sync::Arc;

use lancedb::Connection;

use self::own_tree::{OwnTree, row_content};
use self::table_change::TableChange;
use super::location::IndexLocation;
use super::lock::WriterLock;
use super::maintenance::{self, MaintenanceLimits};
use super::manifest::{self, CommitRecord, RowDigest, SavedCommit};
use super::reader::LanceView;
use super::reader::view_slot::ViewSlot;
use super::rows::{self, TreeStats};
use super::segments::{self, SegmentList};
use super::sync::SyncedFiles;
use super::tables::{self, Tables, search_indexes};
use crate::chunk_store::{StoreView, StoreWriter};
use crate::commit::{Commit, CommitStatus};
use crate::error::StoreError;
use crate::inverted_index::SEGMENT_VERSION;
use crate::manifest::{IndexFingerprint, IndexOrigin, Manifest};
use platform::atomic_file;
use platform::cancel::CancelToken;
use platform::clock::now_ms;
use types::{FileRecord, RepoPath};

/// Writes commits to a LanceDB store, and holds the writer lock until it is dropped.
pub(super) struct LanceWriter {
    location: IndexLocation,
    fingerprint: IndexFingerprint,
    limits: MaintenanceLimits,
    connection: Connection,
    tables: Tables,
    /// The segments of the next commit.
    segments: SegmentList,
    /// The commit that the next commit extends, published or not.
    base: Option<Arc<LanceView>>,
    /// The last published commit, even if this writer does not extend it.
    last: Option<CommitRecord>,
    /// The commit that this writer was opened with; `None` if it started from an empty store.
    first: Option<CommitRecord>,
    /// The view that readers in this process share.
    readers: ViewSlot,
    /// The commit to save with the next one.
    saving: Option<SavedCommit>,
    /// Generation of the saved commit that this writer extends.
    restored: Option<u64>,
    /// Number of the last commit, published or not.
    generation: u64,
    /// The files that are already synced.
    synced: SyncedFiles,
    /// Paths that have rows in the files table, with the hashes of the rows.
    stored: HashMap<RepoPath, u64>,
    /// The digest of the rows in the files table.
    file_rows: RowDigest,
    /// The metadata of files that may differ from the metadata in their rows: in a copy of another index, or after a
    /// return to a saved tree. `None` elsewhere.
    own_tree: Option<OwnTree>,
    /// Whether a retired commit has expired since old versions were last removed.
    expired: bool,
    /// Whether the tables may hold rows of an unfinished commit.
    dirty: bool,
    /// Whether commits are published only at the end ([`StoreWriter::defer_publication`]).
    defers_publication: bool,
    cancel: CancelToken,
    _lock: WriterLock,
}

impl LanceWriter {
    /// Acquires the writer lock, and rolls back changes that a crash left behind. Shares what `readers` have in memory.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another writer holds the lock; otherwise when the store cannot be opened.
    pub fn open(
        location: IndexLocation,
        fingerprint: IndexFingerprint,
        limits: MaintenanceLimits,
        fresh: bool,
        readers: ViewSlot,
    ) -> Result<Self, StoreError> {
        let lock = WriterLock::acquire(&location)?;
        let (last, legible) = match manifest::read_manifest(&location) {
            Ok(last) => (last, true),
            Err(_) if fresh => (None, false), // a rebuild replaces a damaged manifest
            Err(error) => return Err(error),
        };
        let generation = match &last {
            Some(last) => last.manifest.generation,
            None if legible => 0,
            None => manifest::generation_of_rejected_manifest(&location),
        };
        let kept = last.clone().filter(|last| !fresh && fingerprint.fits_tables_of(&last.manifest.fingerprint));
        let base = kept.map(|kept| LanceView::open(location.clone(), kept, None).map(Arc::new)).transpose()?;
        if let (Some(base), Some(read)) = (&base, &*readers.lock()) {
            base.share_files(read);
        }
        let files = base.as_ref().map(|view| view.read_files()).transpose()?.unwrap_or_default();
        let is_copy = base.as_ref().is_some_and(|view| view.committed().manifest.origin.is_some());
        let has_own_tree = is_copy || (base.is_some() && TreeStats::exists(&location));
        let own_tree = has_own_tree.then(|| OwnTree::read(&location, &files));
        let stored = hash_paths(&files);
        let file_rows = RowDigest::of_hashes(stored.values().copied());
        atomic_file::remove_leftovers(&location.dir);
        let synced = SyncedFiles::list_existing(&location)?;
        let connection = tables::open_connection(&location)?;
        let tables = open_tables(&location, &connection, base.as_deref(), generation, &fingerprint)?;
        if legible {
            maintenance::remove_unused_tables(&location, Some(&tables), last.as_ref());
            segments::remove_unused_segments(&location, last.as_ref());
        }
        let segments = base.as_ref().map(|view| view.segments().clone()).unwrap_or_default();
        let (expired, dirty, defers_publication) = (false, false, false);
        Ok(Self {
            location,
            fingerprint,
            limits,
            connection,
            tables,
            segments,
            first: base.as_ref().map(|base| base.committed().clone()),
            base,
            last,
            readers,
            saving: None,
            restored: None,
            generation,
            synced,
            stored,
            file_rows,
            own_tree,
            expired,
            dirty,
            defers_publication,
            cancel: CancelToken::default(),
            _lock: lock,
        })
    }

    /// Rolls back an unfinished commit, if there is one, and marks the tables dirty until a commit succeeds.
    fn begin_commit(&mut self) -> Result<(), StoreError> {
        if self.dirty {
            self.tables = open_tables(
                &self.location,
                &self.connection,
                self.base.as_deref(),
                self.generation,
                &self.fingerprint,
            )?;
            self.segments = self.base.as_ref().map(|view| view.segments().clone()).unwrap_or_default();
        }
        self.dirty = true;
        Ok(())
    }

    /// Deletes and appends the rows of a commit and writes its segment. Compacts fragments and merges segments if there
    /// are too many.
    fn write_changes(&mut self, change: TableChange) -> Result<(), StoreError> {
        let TableChange { deleted_chunks, deleted_records, records, chunks, .. } = change;
        let first = self.segments.append(&self.location, self.generation + 1, &chunks)?;
        let (tables, dimensions) = (&self.tables, self.fingerprint.dimensions);
        let deleted = self.location.block_on_until("delete rows", &self.cancel, async {
            tables::delete_paths(&tables.chunks, &deleted_chunks).await?;
            tables::delete_paths(&tables.files, &deleted_records).await
        });
        // Deleting reads the paths of all rows.
        deleted.map_err(StoreError::into_damage)?;
        self.location.block_on_until("append rows", &self.cancel, async {
            tables.add_chunks(chunks, first, dimensions).await?;
            tables.add_files(&records).await
        })?;
        let compaction = maintenance::compact_during_run(tables, &self.limits);
        self.location.block_on_until("compact small fragments", &self.cancel, compaction)?;
        self.merge_segments_if_needed(usize::MAX)
    }

    /// Merges the last segments if there are too many, or all of them if fewer than half of their documents still
    /// exist. `rows` is the number of chunks; `usize::MAX` skips the second rule.
    fn merge_segments_if_needed(&mut self, rows: usize) -> Result<(), StoreError> {
        let is_stale = self.segments.index().docs() / 2 > rows;
        let count = if is_stale { usize::MAX } else { self.segments.merge_count(self.limits.segments) };
        if count == 0 {
            return Ok(());
        }
        let numbers = tables::read_doc_numbers(&self.tables.chunks);
        let live = self.location.block_on_until("read the chunks' numbers", &self.cancel, numbers);
        let live = live.map_err(StoreError::into_damage)?;
        self.segments.merge_last(&self.location, self.generation + 1, count, live, &self.cancel)
    }

    /// Builds the next commit record, opens its view, and publishes it unless publication is deferred
    /// and the run is not complete. `file_rows` is the digest of the rows in the files table.
    fn publish_commit(&mut self, state: &CommitStatus, file_rows: RowDigest) -> Result<Manifest, StoreError> {
        let tables = &self.tables;
        let known = self.base.as_ref().map(|base| base.committed());
        let (chunks, files) = tables.versions(&self.location, known)?;
        let rows = self.location.block_on_read("count the chunks", tables.chunks.count_rows(None))?;
        let manifest = Manifest {
            generation: self.generation + 1,
            fingerprint: self.fingerprint.clone(),
            root: self.location.root.clone(),
            complete: state.complete,
            files_found: state.files_found,
            skipped: state.skipped.clone(),
            committed_at_ms: now_ms(),
            is_empty: rows == 0,
            origin: self.next_origin(state.complete),
            head: state.head.clone(),
        };
        let has_indexes = self
            .location
            .block_on_read("list the search indexes", search_indexes::has_search_indexes(self.tables.both()))?;
        let retired = self.last.as_ref().map(|last| last.retired_commits(self.limits.keep_ms)).unwrap_or_default();
        let words = self.segments.names().to_vec();
        let dropped = self.last.as_ref().map(|last| last.dropped_segments(&words, self.limits.keep_ms));
        let committed = CommitRecord {
            manifest: manifest.clone(),
            chunks,
            files,
            words,
            segment_version: SEGMENT_VERSION,
            next_number: self.segments.next_number(),
            dropped_words: dropped.unwrap_or_default(),
            rows_generation: self.next_rows_generation(),
            retired,
            saved: self.next_saved_commits(),
            chunk_rows: None,
            file_rows: Some(file_rows),
            searchable_chunks: has_indexes.then_some(rows as u64),
        };
        // Open the view before publishing: a commit that cannot be opened must not become visible.
        let mut view = LanceView::with_segments(self.location.clone(), committed, self.segments.clone())?;
        let is_published = state.complete || !self.defers_publication;
        // Only readers of a published commit compare its rows with the digest, for which all keys are read.
        let published = is_published.then(|| view.add_chunk_digest()).transpose()?;
        self.generation += 1;
        if let Some(committed) = published {
            let synced = self.synced.sync_new_files(&self.location);
            synced
                .and_then(|()| manifest::publish_manifest(&self.location, &committed))
                .inspect_err(|_| self.generation -= 1)?;
            let kept = |retired| committed.retired.contains(retired);
            self.expired |= self.last.as_ref().is_some_and(|last| !last.retired.iter().all(kept));
            self.last = Some(committed);
            self.save_own_tree();
        }
        self.base = Some(Arc::new(view));
        self.dirty = false;
        Ok(manifest)
    }

    /// Publishes the last commit again without the retired commits that no process reads: the old index after a rebuild.
    fn publish_without_unread(&mut self) -> Result<(), StoreError> {
        let has_dropped = self.last.as_mut().is_some_and(|last| last.drop_unread(&self.location));
        self.expired |= has_dropped;
        let last = self.last.as_ref().filter(|_| has_dropped);
        last.map_or(Ok(()), |last| manifest::publish_manifest(&self.location, last))
    }

    /// Returns the saved commits of the next commit.
    fn next_saved_commits(&self) -> Vec<SavedCommit> {
        let mut all = self.last.as_ref().map(|last| last.kept_saved(self.limits.keep_saved_ms)).unwrap_or_default();
        let replaced = [self.restored, self.saving.as_ref().map(SavedCommit::generation)];
        all.retain(|saved| !replaced.contains(&Some(saved.generation())));
        all.extend(self.saving.clone());
        all.retain(|saved| saved.chunks.name == self.tables.chunks.name());
        all.split_off(all.len().saturating_sub(self.limits.saved))
    }

    /// Makes `view` the generation that this writer extends.
    fn extend_view(&mut self, view: LanceView) -> Result<(), StoreError> {
        let files = view.read_files()?;
        // Git has written the files that differ again. Their rows need no other times for that.
        self.own_tree = Some(OwnTree::read(&self.location, &files));
        self.stored = hash_paths(&files);
        self.file_rows = RowDigest::of_hashes(self.stored.values().copied());
        // Rolls the tables forward to the versions of `view` with the next commit.
        (self.base, self.dirty) = (Some(Arc::new(view)), true);
        Ok(())
    }

    /// Returns the paths of records with the hashes of their rows.
    fn hash_records(&self, records: &[FileRecord]) -> Result<Vec<(RepoPath, u64)>, StoreError> {
        let hash = |record: &FileRecord| {
            let hash = rows::hash_file_record(record);
            hash.map(|hash| (record.path.clone(), hash))
                .map_err(|error| self.location.engine_error("write the files", &error))
        };
        records.iter().map(hash).collect()
    }

    /// Returns the rows generation of the next commit: that of the base, or a random one without a base or if the base
    /// has none.
    fn next_rows_generation(&self) -> u64 {
        let last = self.base.as_ref().map_or(0, |base| base.committed().rows_generation);
        if last > 0 { last } else { manifest::random_rows_generation() }
    }

    /// In an index with `tree-stats`, keeps the metadata of the commit's records for that file, and removes from the
    /// commit the touched records whose rows already have the same content.
    fn keep_own_stats(&mut self, commit: &mut Commit) {
        let Some(own) = &mut self.own_tree else { return };
        own.absorb(&mut commit.touch);
        for record in &commit.replace {
            own.stats.insert(record);
            own.contents.insert(record.path.clone(), row_content(record));
        }
        commit.remove.iter().for_each(|path| _ = own.contents.remove(path));
    }

    /// Writes the metadata of files to `tree-stats`; removes that file from an index that needs none.
    /// A failed write is only logged, because the next run then reads these files again. A failed removal is ignored.
    fn save_own_tree(&mut self) {
        match &mut self.own_tree {
            Some(own) => {
                if let Err(error) = own.stats.save(&self.location) {
                    tracing::warn!("{error}");
                }
            }
            None => TreeStats::remove(&self.location),
        }
    }

    /// Returns the origin of the next commit: that of the base, confirmed by a run that completes.
    fn next_origin(&self, is_complete: bool) -> Option<IndexOrigin> {
        let origin = self.base.as_ref()?.committed().manifest.origin.clone()?;
        Some(IndexOrigin { is_confirmed: origin.is_confirmed || is_complete, ..origin })
    }

    /// Adds the search columns and builds some of the search indexes, without a commit.
    #[cfg(test)]
    pub fn build_search_indexes_partly(&self, steps: usize) -> Result<(), StoreError> {
        let build =
            search_indexes::update_search_indexes_partly(self.tables.both(), self.fingerprint.dimensions, steps);
        self.location.block_on("build the search indexes", build)
    }

    /// Removes tables, segments and versions that no reader needs. Ignores failures, which only waste disk space.
    fn remove_unused(&mut self) {
        let Some(committed) = &self.last else { return };
        maintenance::remove_unused_tables(&self.location, Some(&self.tables), Some(committed));
        segments::remove_unused_segments(&self.location, Some(committed));
        let tagging = maintenance::tag_saved_versions(&self.tables, committed);
        let tagged = self.location.block_on_until("keep saved versions", &self.cancel, tagging);
        if let Err(error) = &tagged {
            tracing::debug!("{error}");
        }
        if self.expired && tagged.is_ok() {
            let removal = maintenance::remove_old_versions(&self.tables, committed);
            match self.location.block_on_until("remove old versions", &self.cancel, removal) {
                Ok(()) | Err(StoreError::Stopped { .. }) => {} // the next finish removes the rest
                Err(error) => tracing::warn!("{error}"),
            }
            self.expired = false;
        }
    }
}

impl StoreWriter for LanceWriter {
    fn base(&self) -> Option<Arc<dyn StoreView>> {
        self.base.clone().map(|view| view as Arc<dyn StoreView>)
    }

    fn commit(&mut self, mut commit: Commit, state: &CommitStatus) -> Result<Manifest, StoreError> {
        self.keep_own_stats(&mut commit);
        if let Some(base) = self.base.as_ref().filter(|_| self.own_tree.is_some() && commit.is_empty()) {
            // Nothing that a reader sees has changed. The metadata is written with the next commit.
            return Ok(base.committed().manifest.clone());
        }
        self.begin_commit()?;
        let mut change = TableChange::from_commit(commit, &self.stored);
        let (removed, hashes) = (std::mem::take(&mut change.removed), self.hash_records(&change.records)?);
        let mut file_rows = self.file_rows;
        change.deleted_records.iter().filter_map(|path| self.stored.get(path)).for_each(|hash| file_rows.remove(*hash));
        hashes.iter().for_each(|(_, hash)| file_rows.add(*hash));
        self.write_changes(change)?;
        let manifest = self.publish_commit(state, file_rows)?;
        self.file_rows = file_rows;
        removed.iter().for_each(|path| _ = self.stored.remove(path));
        self.stored.extend(hashes);
        Ok(manifest)
    }

    fn keep_touched(&mut self, touched: &mut Vec<FileRecord>) {
        if let Some(own) = &mut self.own_tree {
            own.absorb(touched);
        }
    }

    fn save_tree(&mut self, sample: Vec<(String, String)>) {
        self.saving = self.first.as_ref().and_then(|first| SavedCommit::new(first, sample));
    }

    fn restore_tree(&mut self, generation: u64) -> Result<bool, StoreError> {
        let (Some(last), Some(base)) = (&self.last, &self.base) else { return Ok(false) };
        let Some(saved) = last.find_saved(generation) else { return Ok(false) };
        let mut record = saved.to_record();
        if record.chunks.name != last.chunks.name || record.files.name != last.files.name {
            return Ok(false);
        }
        // LanceDB never uses the number of a fragment twice, not even after it has restored an older version, so row
        // keys mean the same as before. Older programs began another rows generation when they compacted fragments.
        let is_renumbered = record.rows_generation != last.rows_generation;
        record.rows_generation = last.rows_generation.wrapping_add(u64::from(is_renumbered));
        record.next_number = record.next_number.max(last.next_number);
        let view = LanceView::open(self.location.clone(), record, Some(base))?;
        if let Some(opened) = self.readers.lock().as_ref().and_then(|read| read.find_opened_saved(generation)) {
            view.share_files(&opened);
        }
        self.extend_view(view)?;
        self.restored = Some(generation);
        Ok(true)
    }

    fn defer_publication(&mut self) {
        self.defers_publication = true;
    }

    fn set_cancel_token(&mut self, cancel: CancelToken) {
        self.cancel = cancel;
    }

    fn finish(&mut self, state: &CommitStatus) -> Result<Manifest, StoreError> {
        self.begin_commit()?;
        let compaction = maintenance::compact_after_run(&self.tables, &self.limits);
        self.location.block_on_until("compact small fragments", &self.cancel, compaction)?;
        let rows = self.location.block_on_read("count the chunks", self.tables.chunks.count_rows(None))?;
        self.merge_segments_if_needed(rows)?;
        if rows as u64 > self.limits.resident_chunks {
            let update = search_indexes::update_search_indexes(self.tables.both(), self.fingerprint.dimensions);
            self.location.block_on_until("build the search indexes", &self.cancel, update)?;
        }
        self.readers.release_unused();
        self.expired |= self.last.as_mut().is_some_and(|last| maintenance::drop_large_remains(&self.location, last));
        let manifest = self.publish_commit(state, self.file_rows)?;
        if self.first.is_none() {
            self.publish_without_unread()?;
        }
        self.remove_unused();
        Ok(manifest)
    }
}

/// Returns the paths of rows with their hashes.
fn hash_paths(files: &[(FileRecord, u64)]) -> HashMap<RepoPath, u64> {
    files.iter().map(|(file, hash)| (file.path.clone(), *hash)).collect()
}

/// Opens the tables of `base` and rolls back later versions. Creates new tables if there is no base.
fn open_tables(
    location: &IndexLocation,
    connection: &Connection,
    base: Option<&LanceView>,
    generation: u64,
    fingerprint: &IndexFingerprint,
) -> Result<Tables, StoreError> {
    match base {
        Some(view) => location.block_on_read("roll back", Tables::open_rolled_back(connection, view.committed())),
        None => location.block_on(
            "create the tables",
            Tables::create(location, connection, generation + 1, fingerprint.dimensions),
        ),
    }
}
