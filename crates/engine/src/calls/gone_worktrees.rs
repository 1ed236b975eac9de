//! Finds the indexes whose folders were deleted. `codescry gc` removes them. Those of linked worktrees are also
//! removed, at most once a day, when a new index begins as a copy of another worktree's.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::stored_indexes::{FolderState, StoredIndex, list_stored_indexes, read_git_project, remove_stored_index};

/// The file in the data folder whose modification time is that of the last automatic removal.
const STAMP: &str = "worktrees-checked";

/// Minimum time between two automatic removals.
const INTERVAL: Duration = Duration::from_secs(24 * 3_600);

impl StoredIndex {
    /// Returns whether the indexed folder is there, is missing, or was deleted.
    ///
    /// A linked worktree was deleted if git no longer lists it, or if it is not locked and its parent folder is not
    /// empty; if its repository is missing too, it only counts as missing. Any other folder was deleted if its parent
    /// folder is not empty: an empty folder may be a mount point.
    pub fn folder_state(&self) -> FolderState {
        let Some(root) = self.root.as_ref().filter(|_| self.is_orphan()) else { return FolderState::There };
        let project = read_git_project(&self.dir).filter(|project| project.is_linked_worktree());
        let is_worktree = project.as_ref().is_some_and(|project| project.common_folder.is_dir());
        let has_neighbours = root
            .parent()
            .and_then(|parent| fs::read_dir(parent).ok())
            .is_some_and(|mut entries| entries.next().is_some());
        let is_gone = match project {
            // Git keeps its data of a locked worktree, because it may be on another disk.
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

/// Removes the indexes of deleted worktrees from a data folder, at most once a day. An index that cannot be removed now
/// is tried again the next day.
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
