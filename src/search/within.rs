//! Where an answer may come from.

use super::filter::FileFilter;
use super::snapshot::Snapshot;

/// Where an answer may come from.
pub(super) struct Within {
    /// For each file, whether it may.
    pub files: Vec<bool>,
    /// For each chunk, whether it is of a kind that may; `None` where all are.
    pub kinds: Option<FileFilter>,
    /// The chunks that may, rising; `None` where all may.
    pub only: Option<Vec<u32>>,
    /// Chunks of files that the question names.
    pub named: Vec<u32>,
}

impl Within {
    /// Whether a chunk may answer.
    pub fn may(&self, snapshot: &Snapshot, chunk: u32) -> bool {
        self.files[snapshot.owner(chunk)] && self.may_by_kind(snapshot, chunk)
    }

    /// Whether a chunk of a file that may answer may.
    pub fn may_by_kind(&self, snapshot: &Snapshot, chunk: u32) -> bool {
        self.only.as_ref().is_none_or(|only| only.binary_search(&chunk).is_ok())
            && self.kinds.as_ref().is_none_or(|filter| filter.allows_kind(snapshot.chunk(chunk).kind))
    }

    /// Whether some chunks of a file that may answer may not.
    pub fn splits_files(&self) -> bool {
        self.kinds.is_some() || self.only.is_some()
    }
}
