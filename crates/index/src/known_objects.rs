//! Object ids that git gives to the contents of indexed files, so that a copy of an index need not read the files
//! of its folder whose contents git knows.
//!
//! The file `objects` beside an index has them: sorted pairs of the key of a path with a content and of an object id.
//! An entry says that this content has this id, which stays true; so the file belongs to no commit, and copies of the
//! index share it.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;

use git_rules::{ObjectId, TreeObjects};
use platform::atomic_file::{Durability, replace_with_bytes};
use platform::file_format::{FileFormat, checksum64};
use source::walk::WalkEntry;
use types::{ContentHash, FileRecord, RepoPath};

/// The name of the file of object ids in the folder of an index.
const NAME: &str = "objects";

const FORMAT: FileFormat = FileFormat { magic: *b"CSCRYOBJ", version: 1 };

/// Bytes of an entry: a key, and an id with zeros after a short one.
const ENTRY_BYTES: usize = 40;

/// The object ids of indexed files.
#[derive(Clone, Debug, Default)]
pub struct KnownObjects(HashMap<u64, ObjectId>);

fn key_of(path: &RepoPath, hash: &ContentHash) -> u64 {
    checksum64(&[path.as_str().as_bytes(), &[0], hash.as_bytes()].concat())
}

impl KnownObjects {
    /// Finds git's object ids of the files in `records`, which are in the folder `root`. They come from the file
    /// `objects` beside the index, and from git's index, where that has a file with the size, times and inode of its
    /// record. Ids of contents that are not in `records` are dropped. If git's index cannot be read, the result is that
    /// of [`Self::read`].
    pub fn find(index_dir: &Path, root: &Path, records: &[FileRecord]) -> Self {
        let mut known = Self::read(index_dir);
        let Some(tree) = TreeObjects::read(root) else { return known };
        // Files that were not read have the hash of no bytes.
        let unread = ContentHash::of_bytes(&[]);
        for record in records.iter().filter(|record| record.content.hash != unread) {
            if let Some(id) = tree.find(record.path.as_str(), &record.stat) {
                known.0.insert(key_of(&record.path, &record.content.hash), id);
            }
        }
        let live: HashSet<u64> = records.iter().map(|record| key_of(&record.path, &record.content.hash)).collect();
        known.0.retain(|key, _| live.contains(key));
        known
    }

    /// Reads the file beside an index. A missing, unreadable or damaged one has no ids.
    pub fn read(index_dir: &Path) -> Self {
        let bytes = fs::read(index_dir.join(NAME)).unwrap_or_default();
        let entries = FORMAT.unseal(&bytes).unwrap_or_default().as_chunks::<ENTRY_BYTES>().0;
        let decode = |entry: &[u8; ENTRY_BYTES]| {
            let key = entry[..8].iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
            Some((key, ObjectId::new(&entry[8..])?))
        };
        Self(entries.iter().filter_map(decode).collect())
    }

    /// Writes the file beside an index, or removes it if there are no ids.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, index_dir: &Path) -> std::io::Result<()> {
        if self.0.is_empty() {
            _ = fs::remove_file(index_dir.join(NAME));
            return Ok(());
        }
        let mut entries: Vec<(&u64, &ObjectId)> = self.0.iter().collect();
        entries.sort_unstable();
        let bytes: Vec<u8> =
            entries.into_iter().flat_map(|(key, id)| key.to_le_bytes().into_iter().chain(*id.as_bytes())).collect();
        replace_with_bytes(&index_dir.join(NAME), Durability::Unsynced, &FORMAT.seal(&bytes))
    }

    /// Returns the age of the file beside an index; `None` if there is no file or its age is unknown.
    pub fn file_age(index_dir: &Path) -> Option<Duration> {
        let written = fs::metadata(index_dir.join(NAME)).and_then(|metadata| metadata.modified()).ok()?;
        Some(written.elapsed().unwrap_or_default())
    }

    /// Removes the file beside an index, unless another index shares it.
    pub fn remove_unshared(index_dir: &Path) {
        let path = index_dir.join(NAME);
        if !fs::metadata(&path).is_ok_and(|metadata| is_shared(&metadata)) {
            _ = fs::remove_file(path);
        }
    }

    /// Returns the number of files whose ids are known.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// Returns whether a file has several hard links; always false except on Unix.
#[cfg(unix)]
fn is_shared(metadata: &fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::nlink(metadata) > 1
}

#[cfg(not(unix))]
fn is_shared(_: &fs::Metadata) -> bool {
    false
}

/// Knows from git's index which files of a folder have the contents that the records of a copied index state.
#[derive(Debug, Default)]
pub(crate) struct SharedContents {
    known: KnownObjects,
    tree: TreeObjects,
}

impl SharedContents {
    /// Starts a thread that reads the ids of the files in the folder `root`, whose index in `index_dir` is a copy.
    /// Returns `None` if the thread cannot be started.
    pub fn start_reading(index_dir: PathBuf, root: PathBuf) -> Option<JoinHandle<Self>> {
        std::thread::Builder::new().name("objects".to_owned()).spawn(move || Self::read(&index_dir, &root)).ok()
    }

    /// Reads the ids of the files in the folder `root`, whose index in `index_dir` is a copy.
    fn read(index_dir: &Path, root: &Path) -> Self {
        let known = KnownObjects::read(index_dir);
        let tree = if known.0.is_empty() { None } else { TreeObjects::read(root) };
        Self { known, tree: tree.unwrap_or_default() }
    }

    /// Returns whether git's index shows that the file of `entry` has the content of `record`; false if that is not
    /// known.
    pub fn has_content(&self, record: &FileRecord, entry: &WalkEntry) -> bool {
        // The ids are of the contents that git stores; an equal size shows that the file on disk has no other line
        // ends.
        record.stat.size_bytes == entry.stat.size_bytes
            && !record.is_unread()
            && self
                .known
                .0
                .get(&key_of(&record.path, &record.content.hash))
                .is_some_and(|id| self.tree.find(entry.path.as_str(), &entry.stat).as_ref() == Some(id))
    }
}
