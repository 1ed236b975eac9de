//! The store on LanceDB: one folder per project, no server.
//!
//! ```text
//! INDEX_DIR/manifest.json   the commit point, replaced by a rename; if damaged, manifest.copy.json takes its place
//!           lock            held by the writer; writer.txt names the holder
//!           data/           LanceDB tables chunks_N and files_N
//!           words/          segments of the inverted index
//!           tree-stats      the metadata of files that differs from the metadata in their rows: in a copy of another
//!                           index, or after a return to a saved tree
//! ```
//!
//! Arrow and LanceDB types stay inside this module. The manifest names the exact versions of both
//! tables that belong together, and readers open exactly these versions; the next writer rolls back later
//! versions that a crash left behind. A replaced commit that a process reads stays readable for at least ten minutes; those
//! that none reads are removed after a rebuild, by [`LanceStore::remove_replaced`], and when they take more room than the
//! current one. LanceDB does not sync its
//! files, so the writer syncs them before the manifest names them. Calls block on this module's own runtime; never call
//! them from asynchronous code.

mod location;
mod lock;
mod maintenance;
mod manifest;
mod reader;
mod rows;
mod segments;
mod sync;
mod tables;
mod writer;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use crate::chunk_store::{ChunkStore, StoreView, StoreWriter};
use crate::error::StoreError;
use crate::manifest::{IndexFingerprint, IndexOrigin, Manifest};
use crate::remote_files::RemoteFiles;
use types::Generation;

use location::IndexLocation;
use location::remote::RemoteReads;
use maintenance::MaintenanceLimits;
use manifest::CommitRecord;
use reader::LanceView;
use reader::view_slot::ViewSlot;
use writer::LanceWriter;

pub use tables::parts::{IndexPart, IndexParts, OBJECTS};

/// Maximum number of attempts to lock a commit for reading before a writer replaces it.
const MAX_LOCK_ATTEMPTS: usize = 16;

/// A store in a folder, which the first writer creates.
pub struct LanceStore {
    location: IndexLocation,
    /// The view that was last opened.
    view: ViewSlot,
    limits: MaintenanceLimits,
}

impl LanceStore {
    /// Returns the store in `dir` for the indexed folder `root`, without reading or creating a file.
    ///
    /// # Errors
    /// When the asynchronous runtime cannot be started.
    pub fn open(dir: &Path, root: &Path) -> Result<Self, StoreError> {
        let location = IndexLocation::new(dir, root)?;
        Ok(Self { location, view: ViewSlot::default(), limits: MaintenanceLimits::default() })
    }

    /// Sets the number of chunks above which writers build search indexes, and views are searched by them
    /// ([`StoreView::search_indexes`]) instead of being held in memory.
    #[must_use]
    pub fn with_resident_limit(mut self, chunks: u64) -> Self {
        self.limits.resident_chunks = chunks;
        self
    }

    /// Makes this a store that is read in place: the files that `files` has are read in ranges, the others from the
    /// folder of the store ([`IndexPart::is_left_in_place`]). It can only be read, and only by its search indexes. Its
    /// manifest is that of a copy of the index for the indexed folder of this store, not yet confirmed.
    #[must_use]
    pub fn with_remote_files(mut self, files: Arc<dyn RemoteFiles>) -> Self {
        self.location.remote = Some(Arc::new(RemoteReads::new(files)));
        self.limits.resident_chunks = 0;
        self
    }

    /// Reads the last commit; `None` before the first one.
    fn read_commit(&self) -> Result<Option<CommitRecord>, StoreError> {
        let committed = manifest::read_manifest(&self.location)?;
        Ok(match self.location.remote {
            Some(_) => committed.map(|committed| self.adopt_commit(committed)),
            None => committed,
        })
    }

    /// Returns the commit of an index that is read in place as that of an unconfirmed copy for the indexed folder.
    fn adopt_commit(&self, mut committed: CommitRecord) -> CommitRecord {
        let manifest = &mut committed.manifest;
        let depth = manifest.copy_depth();
        manifest.origin = Some(IndexOrigin {
            root: std::mem::replace(&mut manifest.root, self.location.root.clone()),
            generation: manifest.generation,
            id: 1,
            is_confirmed: false,
            depth,
        });
        (manifest.complete, manifest.files_found) = (false, 0);
        committed
    }

    /// Reads the manifest of the store in `dir`, whichever folder it indexes; `None` before the first commit.
    ///
    /// # Errors
    /// When the manifest cannot be read, is damaged together with its copy, or was written by a newer program.
    pub fn read_manifest(dir: &Path) -> Result<Option<Manifest>, StoreError> {
        Ok(manifest::read_manifest(&IndexLocation::of_any_root(dir))?.map(|committed| committed.manifest))
    }

    /// Parses the contents of the `manifest.json` of a store, such as those of [`IndexParts::manifest_file`]. `dir` is the
    /// folder or the location of the store, for messages.
    ///
    /// # Errors
    /// When they are damaged, or were written by a newer program.
    pub fn parse_manifest(dir: &Path, text: &str) -> Result<Manifest, StoreError> {
        manifest::parse_manifest(&IndexLocation::of_any_root(dir), text.as_bytes()).map(|committed| committed.manifest)
    }

    /// Returns whether `dir` has the lock file of a store. The manifest may be missing or damaged.
    pub fn is_store(dir: &Path) -> bool {
        dir.join(lock::LOCK).is_file()
    }

    /// Returns the size of the files of a store, in bytes. On Unix, indexes that share a file count equal parts of it.
    pub fn measure(dir: &Path) -> u64 {
        maintenance::folder_size_bytes(dir)
    }

    /// Removes the tables and segments that neither the current commit nor a process that reads an earlier one uses, and
    /// returns the bytes that [`LanceStore::measure_replaced`] counts less after it; 0 before the first commit.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when a writer holds the lock; otherwise when the manifest cannot be read or written, or
    /// LanceDB fails.
    pub fn remove_replaced(dir: &Path) -> Result<u64, StoreError> {
        let location = IndexLocation::of_any_root(dir);
        let _lock = lock::WriterLock::acquire(&location)?;
        let Some(mut committed) = manifest::read_manifest(&location)? else { return Ok(0) };
        let before = maintenance::measure_unused(&location, &committed);
        let known = committed.clone();
        committed.drop_unread(&location);
        committed.saved.retain(|saved| saved.is_read(&location));
        if committed != known {
            manifest::publish_manifest(&location, &committed)?;
        }
        maintenance::remove_unused_tables(&location, None, Some(&committed));
        segments::remove_unused_segments(&location, Some(&committed));
        let connection = tables::open_connection(&location)?;
        let removal = async {
            let tables = tables::Tables::open(&connection, &committed).await?;
            maintenance::tag_saved_versions(&tables, &committed).await?;
            maintenance::remove_old_versions(&tables, &committed).await
        };
        location.block_on("remove old versions", removal)?;
        Ok(before.saturating_sub(maintenance::measure_unused(&location, &committed)))
    }

    /// Returns the size of the tables, versions and segments that the current commit does not use, in bytes; 0 before
    /// the first commit.
    ///
    /// # Errors
    /// When the manifest cannot be read.
    pub fn measure_replaced(dir: &Path) -> Result<u64, StoreError> {
        let location = IndexLocation::of_any_root(dir);
        Ok(manifest::read_manifest(&location)?
            .map_or(0, |committed| maintenance::measure_unused(&location, &committed)))
    }

    /// Lists the files of the last commit of the store in `dir`; `None` before the first commit, and for a commit of an
    /// older program, whose manifest does not name its files.
    ///
    /// # Errors
    /// When the manifest cannot be read, or a file that it names is missing.
    pub fn list_parts(dir: &Path) -> Result<Option<IndexParts>, StoreError> {
        tables::parts::list_parts(&IndexLocation::of_any_root(dir))
    }

    /// Makes the folder `to` an index of `root` with the last commit of the index in `from`, sharing its files by hard
    /// links, or copying them where links are refused. The clone is incomplete ([`Manifest::complete`]) and has an
    /// [`IndexOrigin`] that is not confirmed, until an index run has compared it with `root`. It keeps the generation,
    /// so that the snapshot cache stays valid: row keys mean the same in both until one of them commits.
    ///
    /// The manifest is written last. If `to` already has a commit, that commit is kept and its manifest returned. A
    /// writer of `from` may run in the meantime.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when a process writes to `to`; otherwise when `from` has no commit whose files are known,
    /// or when a file cannot be read or written.
    pub fn clone_index(from: &Path, to: &Path, root: &Path) -> Result<Manifest, StoreError> {
        let (source, target) = (IndexLocation::of_any_root(from), IndexLocation::of_any_root(to));
        tables::parts::clone_index(&source, &target, root)
    }

    /// Removes the folder of a store.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when a writer holds the lock; otherwise when a file cannot be removed.
    pub fn remove(dir: &Path) -> Result<(), StoreError> {
        let location = IndexLocation::of_any_root(dir);
        let _lock = lock::WriterLock::acquire(&location)?;
        std::fs::remove_dir_all(dir).map_err(|error| location.io_error("remove", "", error))
    }
}

impl ChunkStore for LanceStore {
    fn generation(&self) -> Result<Option<Generation>, StoreError> {
        let generation = |committed: CommitRecord| Generation {
            number: committed.manifest.generation,
            rows_generation: committed.rows_generation,
            committed_at_ms: committed.manifest.committed_at_ms,
        };
        Ok(self.read_commit()?.map(generation))
    }

    fn view(&self) -> Result<Option<Arc<dyn StoreView>>, StoreError> {
        let Some(mut committed) = self.read_commit()? else {
            return Ok(None);
        };
        if let Some(remote) = self.location.remote.as_ref().filter(|_| committed.searchable_chunks.is_none()) {
            return Err(StoreError::NoSearchIndexes { place: remote.shown_location() });
        }
        let mut held = self.view.lock();
        if let Some(view) = held.as_ref().filter(|view| view.shows(&committed)) {
            return Ok(Some(Arc::clone(view) as Arc<dyn StoreView>));
        }
        let mut lock = committed.lock_for_reader(&self.location);
        for _ in 0..MAX_LOCK_ATTEMPTS {
            // A writer that has replaced the commit in the meantime may not have seen the lock.
            let current = self.read_commit()?.filter(|current| *current != committed);
            let Some(current) = current else { break };
            (lock, committed) = (current.lock_for_reader(&self.location), current);
        }
        let view = Arc::new(LanceView::open_to_read(
            self.location.clone(),
            committed,
            held.as_deref(),
            self.limits.resident_chunks,
            lock,
        )?);
        *held = Some(Arc::clone(&view));
        Ok(Some(view))
    }

    fn release_view(&self) {
        self.view.release_unused();
    }

    fn writer(&self, fingerprint: &IndexFingerprint, fresh: bool) -> Result<Box<dyn StoreWriter>, StoreError> {
        if let Some(remote) = &self.location.remote {
            return Err(StoreError::ReadOnly { place: remote.shown_location() });
        }
        let readers = self.view.clone();
        Ok(Box::new(LanceWriter::open(self.location.clone(), fingerprint.clone(), self.limits, fresh, readers)?))
    }

    fn size_bytes(&self) -> u64 {
        maintenance::folder_size_bytes(&self.location.dir)
    }
}
