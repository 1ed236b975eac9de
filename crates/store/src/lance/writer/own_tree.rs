//! The metadata of files that may differ from the metadata in their rows.

use std::collections::HashMap;

use super::super::location::IndexLocation;
use super::super::rows::TreeStats;
use types::{ContentRecord, FileRecord, FileStat, RepoPath};

/// The files of an index in its own folder, with metadata that may differ from that in the rows.
pub struct OwnTree {
    pub stats: TreeStats,
    /// The files' contents according to the rows.
    pub contents: HashMap<RepoPath, RowContent>,
}

/// A content record, and whether it is of a file that could not be read.
pub type RowContent = (ContentRecord, bool);

impl OwnTree {
    /// Reads the metadata beside an index whose rows are `files`.
    pub fn read(location: &IndexLocation, files: &[(FileRecord, u64)]) -> Self {
        let mut stats = TreeStats::read(location);
        stats.retain(files.iter().map(|(record, _)| record));
        let contents = files.iter().map(|(record, _)| (record.path.clone(), row_content(record))).collect();
        Self { stats, contents }
    }

    /// Keeps the metadata of touched files, and removes the records whose rows already have the same content.
    pub fn absorb(&mut self, touched: &mut Vec<FileRecord>) {
        touched.retain(|record| {
            self.stats.insert(record);
            let is_unread = record.stat.mtime_ns == FileStat::UNREAD_NS;
            match self.contents.get(&record.path) {
                Some((content, was_unread)) if *content == record.content && *was_unread == is_unread => false,
                _ => {
                    self.contents.insert(record.path.clone(), row_content(record));
                    true
                }
            }
        });
    }
}

/// Returns the content of a file according to its row.
pub fn row_content(record: &FileRecord) -> RowContent {
    (record.content.clone(), record.stat.mtime_ns == FileStat::UNREAD_NS)
}
