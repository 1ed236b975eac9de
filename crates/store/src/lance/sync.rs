//! Syncing of new files before a manifest names them.
//!
//! LanceDB never syncs its files. Segments are not synced when they are written, because many are merged before a
//! manifest names them.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::location::IndexLocation;
use super::segments::SEGMENTS_FOLDER;
use crate::error::StoreError;
use platform::atomic_file;

/// The files of a store that need not be synced any more.
pub(super) struct SyncedFiles(HashSet<PathBuf>);

impl SyncedFiles {
    /// Returns the files that exist before a writer adds others.
    ///
    /// Files that a manifest names were synced before it named them.
    ///
    /// # Errors
    /// When a folder of the store cannot be read.
    pub fn list_existing(location: &IndexLocation) -> Result<Self, StoreError> {
        list_files(location).map(|files| Self(files.into_iter().collect()))
    }

    /// Syncs the files that were added since they were last listed or synced, with their folders.
    ///
    /// # Errors
    /// When a file or folder cannot be read or synced.
    pub fn sync_new_files(&mut self, location: &IndexLocation) -> Result<(), StoreError> {
        let files = list_files(location)?;
        let mut folders = BTreeSet::new();
        for file in files.iter().filter(|file| !self.0.contains(*file)) {
            match atomic_file::sync_file(file) {
                // A new folder is itself an entry to sync.
                Ok(()) => {
                    folders.extend(file.ancestors().skip(1).take_while(|folder| folder.starts_with(&location.dir)))
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {} // merged away in the meantime
                Err(error) => return Err(sync_error(file, error)),
            }
        }
        for folder in folders {
            atomic_file::sync_folder(folder).map_err(|error| sync_error(folder, error))?;
        }
        self.0 = files.into_iter().collect();
        Ok(())
    }
}

fn sync_error(path: &Path, source: io::Error) -> StoreError {
    StoreError::Io { operation: "sync", path: path.to_owned(), source }
}

/// Returns the paths of the files in the folders of the tables and the segments.
fn list_files(location: &IndexLocation) -> Result<Vec<PathBuf>, StoreError> {
    let mut files = Vec::new();
    let mut folders = vec![location.data_dir(), location.dir.join(SEGMENTS_FOLDER)];
    while let Some(folder) = folders.pop() {
        let read_error = |source| StoreError::Io { operation: "read", path: folder.clone(), source };
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(read_error(error)),
        };
        for entry in entries {
            let entry = entry.map_err(read_error)?;
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder { &mut folders } else { &mut files }.push(entry.path());
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_new_files_are_synced() {
        let folder = tempfile::tempdir().expect("a folder");
        let location = IndexLocation::new(folder.path(), folder.path()).expect("a location");
        let data = location.data_dir().join("chunks_1.lance/data");
        fs::create_dir_all(&data).expect("a folder");
        fs::write(data.join("old"), "old").expect("a file");
        let mut synced = SyncedFiles::list_existing(&location).expect("listed");
        assert!(synced.0.contains(&data.join("old")));
        fs::write(data.join("new"), "new").expect("a file");
        synced.sync_new_files(&location).expect("synced");
        assert_eq!(synced.0, HashSet::from([data.join("old"), data.join("new")]));
        fs::remove_file(data.join("old")).expect("removed");
        synced.sync_new_files(&location).expect("nothing new");
        assert_eq!(synced.0, HashSet::from([data.join("new")]));
    }
}
