//! The indexes in a data folder: listed, removed and pruned, whichever folders they belong to.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::EngineError;
#[cfg(feature = "lance")]
use git_rules::GitProject;
#[cfg(feature = "lance")]
use platform::atomic_file::{Durability, replace_with_bytes};
#[cfg(feature = "lance")]
use platform::sealed_json::{JsonSeal, check_json_seal, seal_json};
#[cfg(feature = "lance")]
use store::lance::LanceStore;

/// The file beside an index that names the repository of its folder.
#[cfg(feature = "lance")]
const PROJECT_FILE: &str = "git-project.json";

/// The problem of an index without a commit.
const NO_COMMIT: &str = "no index run has written anything yet";

/// An index on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredIndex {
    /// The folder of the index.
    pub dir: PathBuf,
    /// The indexed folder; `None` if no run has committed, or if the manifest cannot be read.
    pub root: Option<PathBuf>,
    pub size_bytes: u64,
    pub model_id: String,
    /// Time of the last commit, in milliseconds since 1970.
    pub committed_at_ms: u64,
    /// Whether the last commit completed an index run.
    pub complete: bool,
    /// The reason why the index cannot be read; `None` if it can.
    pub problem: Option<String>,
}

impl StoredIndex {
    /// Returns the name of the index: that of its folder.
    pub fn name(&self) -> String {
        self.dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// Returns whether no index run has committed anything yet, so that removing the index loses nothing.
    pub fn is_empty(&self) -> bool {
        self.committed_at_ms == 0 && self.root.is_none() && self.problem.as_deref() == Some(NO_COMMIT)
    }

    /// Returns whether the indexed folder is known and no longer exists. A folder that cannot be examined may exist.
    pub fn is_orphan(&self) -> bool {
        let is_gone =
            |root: &PathBuf| root.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
        self.root.as_ref().is_some_and(is_gone)
    }
}

/// The state of the folder of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FolderState {
    /// The folder exists, cannot be examined, or is unknown.
    There,
    /// The folder does not exist, but it may be on a disk that is not mounted.
    Missing,
    /// The folder was deleted. With `is_worktree`, it was a linked worktree of a git repository that still exists.
    Gone { is_worktree: bool },
}

/// Lists the indexes in a data folder, sorted by name. Other folders and files in it are left out.
///
/// # Errors
/// When the folder cannot be listed; a missing folder has no indexes.
pub fn list_stored_indexes(data_dir: &Path) -> io::Result<Vec<StoredIndex>> {
    let entries = match fs::read_dir(data_dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed?,
    };
    let mut indexes = Vec::new();
    for entry in entries {
        indexes.extend(read_stored_index(&entry?.path()));
    }
    indexes.sort_by_key(StoredIndex::name);
    Ok(indexes)
}

/// Returns the folder that the index in `index_dir` belongs to; `None` if there is no index, or it cannot be read.
pub fn find_indexed_folder(index_dir: &Path) -> Option<PathBuf> {
    read_root(index_dir)
}

#[cfg(feature = "lance")]
fn read_root(dir: &Path) -> Option<PathBuf> {
    LanceStore::read_manifest(dir).ok()?.map(|manifest| manifest.root)
}

#[cfg(feature = "lance")]
fn read_stored_index(dir: &Path) -> Option<StoredIndex> {
    if !LanceStore::is_store(dir) {
        return None;
    }
    let index = StoredIndex { dir: dir.to_owned(), size_bytes: LanceStore::measure(dir), ..StoredIndex::default() };
    Some(match LanceStore::read_manifest(dir) {
        Ok(Some(manifest)) => StoredIndex {
            root: Some(manifest.root),
            model_id: manifest.fingerprint.model_id,
            committed_at_ms: manifest.committed_at_ms,
            complete: manifest.complete,
            ..index
        },
        Ok(None) => StoredIndex { problem: Some(NO_COMMIT.to_owned()), ..index },
        Err(error) => StoredIndex { problem: Some(error.to_string()), ..index },
    })
}

/// Removes an index.
///
/// # Errors
/// When a process is writing it, or a file cannot be removed.
#[cfg(feature = "lance")]
pub fn remove_stored_index(index: &StoredIndex) -> Result<(), EngineError> {
    Ok(LanceStore::remove(&index.dir)?)
}

/// Removes the tables, versions and segments of an index that its current commit does not use, such as those before a
/// rebuild or those of saved trees, and returns their size in bytes.
///
/// # Errors
/// When a process is writing the index, or its manifest cannot be read or written.
#[cfg(feature = "lance")]
pub fn prune_stored_index(index: &StoredIndex) -> Result<u64, EngineError> {
    Ok(LanceStore::remove_replaced(&index.dir)?)
}

/// Returns the number of bytes that [`prune_stored_index`] would free.
///
/// # Errors
/// When the manifest cannot be read.
#[cfg(feature = "lance")]
pub fn measure_replaced(index: &StoredIndex) -> Result<u64, EngineError> {
    Ok(LanceStore::measure_replaced(&index.dir)?)
}

/// Reads which repository the folder of an index is in, as the last run found it; `None` if that is not known.
#[cfg(feature = "lance")]
pub(super) fn read_git_project(index_dir: &Path) -> Option<GitProject> {
    let bytes = fs::read(index_dir.join(PROJECT_FILE)).ok()?;
    (check_json_seal(&bytes) == JsonSeal::Intact).then(|| serde_json::from_slice(&bytes).ok()).flatten()
}

/// Records which repository the folder of an index is in.
///
/// # Errors
/// When the file cannot be written.
#[cfg(feature = "lance")]
pub(super) fn write_git_project(index_dir: &Path, project: &GitProject) -> std::io::Result<()> {
    let json = seal_json(&serde_json::to_string_pretty(project)?);
    replace_with_bytes(&index_dir.join(PROJECT_FILE), Durability::Unsynced, json.as_bytes())
}

// Without LanceDB, no index is on disk.

/// Returns 0: without LanceDB, no index is on disk.
///
/// # Errors
/// Never.
#[cfg(not(feature = "lance"))]
pub fn measure_replaced(_: &StoredIndex) -> Result<u64, EngineError> {
    Ok(0)
}

#[cfg(not(feature = "lance"))]
impl StoredIndex {
    /// Returns [`FolderState::There`]: without LanceDB, no index is on disk.
    pub fn folder_state(&self) -> FolderState {
        FolderState::There
    }
}

#[cfg(not(feature = "lance"))]
fn read_root(_: &Path) -> Option<PathBuf> {
    None
}

#[cfg(not(feature = "lance"))]
fn read_stored_index(_: &Path) -> Option<StoredIndex> {
    None
}

/// Does nothing: without LanceDB, no index is on disk.
///
/// # Errors
/// Never.
#[cfg(not(feature = "lance"))]
pub fn remove_stored_index(_: &StoredIndex) -> Result<(), EngineError> {
    Ok(())
}

/// Does nothing: without LanceDB, no index is on disk.
///
/// # Errors
/// Never.
#[cfg(not(feature = "lance"))]
pub fn prune_stored_index(_: &StoredIndex) -> Result<u64, EngineError> {
    Ok(0)
}
