//! The result of a dry run.

use std::collections::HashMap;

use types::{ContentHash, FileOutcome, FileRecord, Language, RepoPath, SkipReason};

/// The files that an index run would include and exclude.
#[derive(Clone, Debug, Default)]
pub struct DryRun {
    /// Files to index, sorted by path.
    pub included: Vec<IncludedFile>,
    /// Files and folders to skip: the path, whether it is a folder, and the reason.
    pub excluded: Vec<(RepoPath, bool, SkipReason)>,
    /// Credentials that are masked in the included files: the file, the line (1-based) and the rule that found each.
    pub masked: Vec<(RepoPath, u32, &'static str)>,
    /// Included files that cannot be decoded without losses, each with a message.
    pub problems: Vec<(RepoPath, String)>,
}

/// A file that an index run would include.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncludedFile {
    pub path: RepoPath,
    pub language: Language,
    /// The hash of the bytes on disk.
    pub hash: ContentHash,
}

/// The numbers of files that the next index run would index again, index for the first time, and remove.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChangeCounts {
    pub changed: u64,
    pub added: u64,
    pub removed: u64,
}

impl DryRun {
    /// Compares the contents of the included files with the records of an index.
    pub fn count_changes(&self, records: &[FileRecord]) -> ChangeCounts {
        let indexed = records.iter().filter(|record| matches!(record.content.outcome, FileOutcome::Indexed { .. }));
        let mut indexed: HashMap<&RepoPath, ContentHash> =
            indexed.map(|record| (&record.path, record.content.hash)).collect();
        let mut counts = ChangeCounts::default();
        for file in &self.included {
            match indexed.remove(&file.path) {
                Some(hash) => counts.changed += u64::from(hash != file.hash),
                None => counts.added += 1,
            }
        }
        ChangeCounts { removed: indexed.len() as u64, ..counts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::{ContentRecord, FileStat, TextEncoding};

    #[test]
    fn changes_are_told_by_contents_and_paths() {
        let hash = |text: &str| ContentHash::of_bytes(text.as_bytes());
        let language = Language("rust");
        let file = |path, text| IncludedFile { path: RepoPath::new(path), language, hash: hash(text) };
        let record = |path, text, outcome| FileRecord {
            path: RepoPath::new(path),
            content: ContentRecord { hash: hash(text), encoding: TextEncoding::Utf8, language, outcome },
            stat: FileStat::default(),
        };
        let indexed = || FileOutcome::Indexed { chunks: 1, problem: None };
        let records = [
            record("changed.rs", "old", indexed()),
            record("moved.rs", "text", indexed()),
            record("same.rs", "same", indexed()),
            record("skipped.rs", "", FileOutcome::Skipped(SkipReason::Binary)),
        ];
        let included = vec![file("changed.rs", "new"), file("moved_here.rs", "text"), file("same.rs", "same")];
        let found = DryRun { included, ..DryRun::default() };
        assert_eq!(found.count_changes(&records), ChangeCounts { changed: 1, added: 1, removed: 1 });
        let same = DryRun { included: vec![file("same.rs", "same")], ..DryRun::default() };
        assert_eq!(same.count_changes(&records[2..]), ChangeCounts::default());
    }
}
