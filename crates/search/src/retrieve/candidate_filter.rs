//! Restricts retrieval to some files and chunks.

use crate::query::file_filter::FileFilter;
use crate::snapshot::Snapshot;

/// The files and chunks that retrieval may return, and the chunks among them that it returns whatever their scores.
pub(crate) struct CandidateFilter<'f> {
    /// For each file, whether it passes.
    pub files: Vec<bool>,
    /// The filter that excludes chunks by their properties, such as the kind; `None` if there is none.
    pub kinds: Option<&'f FileFilter>,
    /// The only chunks that pass, sorted; `None` if any chunk may pass.
    pub only: Option<Vec<u32>>,
    /// Chunks that do not pass.
    pub except: Vec<u32>,
    /// Chunks that are retrieved whatever their scores, if they pass: the query names their files, or they contain a
    /// pasted text.
    pub named: Vec<u32>,
}

impl CandidateFilter<'_> {
    /// Returns whether a chunk passes.
    pub fn allows(&self, snapshot: &Snapshot, chunk: u32) -> bool {
        self.files[snapshot.file_of_chunk(chunk)] && self.allows_in_file(snapshot, chunk)
    }

    /// Returns whether a chunk passes, given that its file passes.
    pub fn allows_in_file(&self, snapshot: &Snapshot, chunk: u32) -> bool {
        self.only.as_ref().is_none_or(|only| only.binary_search(&chunk).is_ok())
            && !self.except.contains(&chunk)
            && self.kinds.as_ref().is_none_or(|filter| {
                filter.allows_chunk(&snapshot.chunk(chunk), snapshot.languages[snapshot.file_of_chunk(chunk)])
            })
    }

    /// Returns whether a file that passes may contain chunks that do not pass.
    pub fn splits_files(&self) -> bool {
        self.kinds.is_some() || self.only.is_some() || !self.except.is_empty()
    }
}
