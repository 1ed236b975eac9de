//! The table changes of a commit.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::commit::{Commit, EmbeddedChunk};
use types::{FileRecord, RepoPath};

/// The table changes of a commit.
pub struct TableChange {
    /// Paths whose chunks are deleted.
    pub deleted_chunks: Vec<RepoPath>,
    /// Paths whose records are deleted.
    pub deleted_records: Vec<RepoPath>,
    pub records: Vec<FileRecord>,
    pub chunks: Vec<EmbeddedChunk>,
    /// Paths that the commit removes; they have no rows afterwards unless they are also in `records`.
    pub removed: Vec<RepoPath>,
}

impl TableChange {
    /// Returns the changes of `commit` to tables that have rows for the paths in `stored`.
    ///
    /// Ignores chunks of files that are not replaced, and touched files that are removed or not stored.
    pub fn from_commit(commit: Commit, stored: &HashMap<RepoPath, u64>) -> Self {
        let gone: BTreeSet<RepoPath> = commit.remove.iter().cloned().collect();
        let stays = |record: &FileRecord| stored.contains_key(&record.path) && !gone.contains(&record.path);
        let touched = commit.touch.into_iter().filter(stays).collect::<Vec<_>>();
        let replaced: HashSet<RepoPath> = commit.replace.iter().map(|record| record.path.clone()).collect();
        let gone: BTreeSet<RepoPath> = gone.into_iter().chain(replaced.iter().cloned()).collect();
        let outdated = touched.iter().map(|record| record.path.clone()).chain(gone.iter().cloned()).collect();
        // One record per path; the last one wins.
        let records: BTreeMap<RepoPath, FileRecord> =
            touched.into_iter().chain(commit.replace).map(|record| (record.path.clone(), record)).collect();
        let chunks = commit.chunks.into_iter().filter(|chunk| replaced.contains(&chunk.chunk.path)).collect();
        let only_stored =
            |paths: BTreeSet<RepoPath>| paths.into_iter().filter(|path| stored.contains_key(path)).collect();
        Self {
            deleted_chunks: only_stored(gone),
            deleted_records: only_stored(outdated),
            records: records.into_values().collect(),
            chunks,
            removed: commit.remove,
        }
    }
}
