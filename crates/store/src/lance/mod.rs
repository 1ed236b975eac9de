//! The store on LanceDB: one folder per project, no server.
//!
//! ```text
//! INDEX_DIR/manifest.json   the commit point, replaced by a rename; manifest.copy.json takes its place if it is damaged
//!           lock            held by the writer; writer.txt names the holder
//!           data/           LanceDB tables chunks_N and files_N
//!           words/          segments of the inverted index
//! ```
//!
//! Arrow and LanceDB types stay inside this module. The manifest names the exact versions of both
//! tables that belong together, and readers open exactly these versions; the next writer rolls back later
//! versions that a crash left behind. A replaced commit stays readable for at least ten minutes, until a
//! later run ends; after a rebuild, this is the whole old index. LanceDB does not sync its files, so the
//! writer syncs them before the manifest names them. Calls block on this module's own runtime; never call
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
use std::sync::{Arc, Mutex, PoisonError};

use crate::chunk_store::{ChunkStore, StoreView, StoreWriter};
use crate::error::StoreError;
use crate::manifest::{IndexFingerprint, Manifest};
use types::Generation;

use location::IndexLocation;
use maintenance::MaintenanceLimits;
use manifest::CommitRecord;
use reader::LanceView;
use writer::LanceWriter;

/// A store in a folder, which the first writer creates.
pub struct LanceStore {
    location: IndexLocation,
    /// The view of the generation that was last read.
    view: Mutex<Option<Arc<LanceView>>>,
    limits: MaintenanceLimits,
}

impl LanceStore {
    /// Returns the store in `dir` for the indexed folder `root`, without reading or creating a file.
    ///
    /// # Errors
    /// When the asynchronous runtime cannot be started.
    pub fn open(dir: &Path, root: &Path) -> Result<Self, StoreError> {
        let location = IndexLocation::new(dir, root)?;
        Ok(Self { location, view: Mutex::new(None), limits: MaintenanceLimits::default() })
    }

    /// Reads the manifest of the store in `dir`, whichever folder it indexes; `None` before the first commit.
    ///
    /// # Errors
    /// When the manifest cannot be read, is damaged, or was written by a newer program.
    pub fn read_manifest(dir: &Path) -> Result<Option<Manifest>, StoreError> {
        Ok(manifest::read_manifest(&any_location(dir))?.map(|committed| committed.manifest))
    }

    /// Returns whether `dir` has the files of a store, even if its manifest is missing or damaged.
    pub fn is_store(dir: &Path) -> bool {
        dir.join(lock::LOCK).is_file()
    }

    /// Returns the size of the files of a store, in bytes.
    pub fn measure(dir: &Path) -> u64 {
        folder_size_bytes(dir)
    }

    /// Removes the tables and segments that only replaced commits use, at once instead of ten minutes after the commit, and
    /// returns their size in bytes. Readers that still have such a commit open load the current one.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when a writer holds the lock; otherwise when the manifest cannot be read or written.
    pub fn remove_replaced(dir: &Path) -> Result<u64, StoreError> {
        let location = any_location(dir);
        let _lock = lock::WriterLock::acquire(&location)?;
        let Some(mut committed) = manifest::read_manifest(&location)? else { return Ok(0) };
        let before = folder_size_bytes(dir);
        if !committed.retired.is_empty() || !committed.dropped_words.is_empty() || !committed.saved.is_empty() {
            committed.retired.clear();
            committed.dropped_words.clear();
            committed.saved.clear();
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
        Ok(before.saturating_sub(folder_size_bytes(dir)))
    }

    /// Returns the size of the tables and segments that [`LanceStore::remove_replaced`] would remove, in bytes.
    ///
    /// # Errors
    /// When the manifest cannot be read.
    pub fn measure_replaced(dir: &Path) -> Result<u64, StoreError> {
        let location = any_location(dir);
        Ok(manifest::read_manifest(&location)?.map_or(0, |committed| measure_unused(&location, &committed)))
    }

    /// Removes the folder of a store.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when a writer holds the lock; otherwise when a file cannot be removed.
    pub fn remove(dir: &Path) -> Result<(), StoreError> {
        let location = any_location(dir);
        let _lock = lock::WriterLock::acquire(&location)?;
        std::fs::remove_dir_all(dir).map_err(|error| location.io_error("remove", "", error))
    }
}

/// Returns the size of the tables, versions and segments that the current commit does not use, in bytes.
fn measure_unused(location: &IndexLocation, committed: &CommitRecord) -> u64 {
    let current = [&committed.chunks.name, &committed.files.name];
    let tables = maintenance::list_tables(location).into_iter().filter(|(name, _)| !current.contains(&name));
    let tables: u64 = tables.map(|(_, folder)| folder_size_bytes(&folder)).sum();
    let versions: u64 =
        [&committed.chunks, &committed.files].map(|table| measure_old_versions(location, table)).iter().sum();
    let segments =
        segments::list_segment_files(location).into_iter().filter(|(name, _)| !committed.words.contains(name));
    tables + versions + segments.map(|(_, file)| file.metadata().map_or(0, |found| found.len())).sum::<u64>()
}

/// Returns the size of the files that only other versions of a table use, in bytes; 0 if the files of the version are not
/// known.
fn measure_old_versions(location: &IndexLocation, table: &manifest::TableVersion) -> u64 {
    if table.metadata.is_empty() {
        return 0;
    }
    let folder = location.data_dir().join(format!("{}.lance", table.name));
    let unused = |part: &str| {
        let files = std::fs::read_dir(folder.join(part)).into_iter().flatten().flatten();
        let unused = files
            .filter(|file| !table.metadata.contains_key(&format!("{part}/{}", file.file_name().to_string_lossy())));
        unused.filter_map(|file| file.metadata().ok()).map(|found| found.len()).sum::<u64>()
    };
    ["data", "_deletions", "_versions"].map(unused).iter().sum()
}

impl ChunkStore for LanceStore {
    fn generation(&self) -> Result<Option<Generation>, StoreError> {
        let generation = |committed: CommitRecord| Generation {
            number: committed.manifest.generation,
            rows_generation: committed.rows_generation,
            committed_at_ms: committed.manifest.committed_at_ms,
        };
        Ok(manifest::read_manifest(&self.location)?.map(generation))
    }

    fn view(&self) -> Result<Option<Arc<dyn StoreView>>, StoreError> {
        let Some(committed) = manifest::read_manifest(&self.location)? else {
            return Ok(None);
        };
        let mut held = self.view.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(view) = held.as_ref().filter(|view| view.shows(&committed)) {
            return Ok(Some(Arc::clone(view) as Arc<dyn StoreView>));
        }
        let view = Arc::new(LanceView::open(self.location.clone(), committed, held.as_deref())?);
        *held = Some(Arc::clone(&view));
        Ok(Some(view))
    }

    fn release_view(&self) {
        *self.view.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn writer(&self, fingerprint: &IndexFingerprint, fresh: bool) -> Result<Box<dyn StoreWriter>, StoreError> {
        Ok(Box::new(LanceWriter::open(self.location.clone(), fingerprint.clone(), self.limits, fresh)?))
    }

    fn size_bytes(&self) -> u64 {
        folder_size_bytes(&self.location.dir)
    }
}

/// Returns the location of a store whose indexed folder does not matter.
fn any_location(dir: &Path) -> IndexLocation {
    IndexLocation { dir: dir.to_owned(), root: dir.to_owned() }
}

/// Returns the total size of the files below `folder`, in bytes.
fn folder_size_bytes(folder: &Path) -> u64 {
    let mut total = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => folders.push(entry.path()),
                Ok(metadata) => total += metadata.len(),
                Err(_) => {}
            }
        }
    }
    total
}
