//! Indexes whose folders are gone for good: those that `codescry gc` removes, and those of worktrees, which are removed
//! when another worktree is indexed for the first time.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::base::read_git_project;
use super::stored_indexes::{StoredIndex, list_stored_indexes, remove_stored_index};

/// The file in the data folder whose time is that of the last removal.
const STAMP: &str = "worktrees-checked";

/// Time between two removals without a request.
const INTERVAL: Duration = Duration::from_secs(24 * 3_600);

/// Whether the folder of an index is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FolderState {
    /// It exists, cannot be examined, or is unknown.
    There,
    /// It does not exist, but it may be on a disk that is not mounted.
    Missing,
    /// It was deleted. With `is_worktree`, it was a worktree beside the main working tree, which is there.
    Gone { is_worktree: bool },
}

impl StoredIndex {
    /// Returns whether the indexed folder is there, is missing, or was deleted.
    ///
    /// A folder was deleted if git no longer knows the worktree, or if the folder that it was in is there and not empty. An
    /// empty one may be a place where a disk is mounted.
    pub fn folder_state(&self) -> FolderState {
        let Some(root) = self.root.as_ref().filter(|_| self.is_orphan()) else { return FolderState::There };
        let project = read_git_project(&self.dir).filter(|project| project.is_linked_worktree());
        let is_worktree = project.as_ref().is_some_and(|project| project.common_folder.is_dir());
        let has_neighbours = root
            .parent()
            .and_then(|parent| fs::read_dir(parent).ok())
            .is_some_and(|mut entries| entries.next().is_some());
        let is_gone = match project {
            // Git keeps what it knows of a locked worktree, because it may be on another disk.
            Some(project) if is_worktree => {
                let is_unknown = is_absent(&project.own_folder);
                is_unknown || (has_neighbours && !project.own_folder.join("locked").exists())
            }
            // The main working tree is missing too.
            Some(_) => false,
            None => has_neighbours,
        };
        if is_gone { FolderState::Gone { is_worktree } } else { FolderState::Missing }
    }
}

fn is_absent(path: &Path) -> bool {
    path.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound)
}

/// Removes the indexes of deleted worktrees from a data folder, at most once a day. An index that cannot be removed now is
/// tried again the next day.
pub(super) fn remove_gone_worktrees(data_dir: &Path) {
    let stamp = data_dir.join(STAMP);
    let last = stamp.metadata().and_then(|metadata| metadata.modified());
    let is_recent = last.is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|age| age < INTERVAL));
    if is_recent || File::create(&stamp).and_then(|file| file.set_modified(SystemTime::now())).is_err() {
        return;
    }
    for index in list_stored_indexes(data_dir).unwrap_or_default() {
        if index.folder_state() == (FolderState::Gone { is_worktree: true }) {
            match remove_stored_index(&index) {
                Ok(()) => tracing::info!("removed the index {} of a deleted worktree", index.name()),
                Err(error) => tracing::debug!("cannot remove the index {}: {error}", index.name()),
            }
        }
    }
}
