//! Compares the texts that an answer shows with the files on disk.
//!
//! Only shown texts are compared, and a file is read once for each of its states: afterwards, its metadata tells that it
//! is unchanged.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::sync::{Mutex, PoisonError};

use crate::state::Engine;
use platform::clock::now_ns;
use platform::file_format::checksum64;
use source::cut_lines;
use source::walk::FileContents;
use types::{ContentHash, FileRecord, FileStat, RepoPath, Span};

/// Maximum number of files that are remembered.
const MAX_FILES: usize = 4_096;

/// Minimum age of a file's last change for its metadata to be remembered, in nanoseconds. A file may change again within
/// the resolution of its times.
const MIN_AGE_NS: i64 = 50_000_000;

/// How a shown text relates to the file on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextState {
    /// The file has the text in these lines.
    Current,
    /// The file has changed since it was indexed, or is gone.
    Stale,
    /// The file has not changed, but has another text in these lines: the index is damaged.
    Damaged,
}

/// The texts that were found to be current.
#[derive(Default)]
pub(crate) struct CurrentTexts(Mutex<HashMap<RepoPath, CheckedFile>>);

/// A file that was compared with its record.
struct CheckedFile {
    stat: FileStat,
    /// The hash in the record.
    indexed: ContentHash,
    is_current: bool,
    /// The lines and checksums of texts that the file has.
    texts: HashSet<(Span, u64)>,
}

impl CurrentTexts {
    /// Returns the states of texts from an earlier comparison; `None` if one of them was not compared.
    fn recall(&self, record: &FileRecord, stat: FileStat, texts: &[(Span, &str)]) -> Option<Vec<TextState>> {
        let files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let file = files.get(&record.path)?;
        if file.stat != stat || file.indexed != record.content.hash {
            return None;
        }
        if !file.is_current {
            return Some(vec![TextState::Stale; texts.len()]);
        }
        let are_known = texts.iter().all(|(span, text)| file.texts.contains(&(*span, checksum64(text.as_bytes()))));
        are_known.then(|| vec![TextState::Current; texts.len()])
    }

    /// Remembers a comparison.
    fn remember(&self, record: &FileRecord, stat: FileStat, is_current: bool, texts: &[(Span, &str)]) {
        let changed_ns = stat.mtime_ns.max(stat.ctime_ns);
        if now_ns().saturating_sub(changed_ns) < MIN_AGE_NS {
            return;
        }
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if files.len() >= MAX_FILES && !files.contains_key(&record.path) {
            files.clear();
        }
        let indexed = record.content.hash;
        let fresh = || CheckedFile { stat, indexed, is_current, texts: HashSet::new() };
        let file = files.entry(record.path.clone()).or_insert_with(fresh);
        if (file.stat, file.indexed, file.is_current) != (stat, indexed, is_current) {
            *file = fresh();
        }
        file.texts.extend(texts.iter().map(|(span, text)| (*span, checksum64(text.as_bytes()))));
    }
}

impl Engine {
    /// Compares texts from the index with the lines of their file; `record` is the file's record.
    pub(crate) fn compare_texts(&self, record: Option<&FileRecord>, texts: &[(Span, &str)]) -> Vec<TextState> {
        let stale = || vec![TextState::Stale; texts.len()];
        let Some(record) = record else { return stale() };
        let Ok(metadata) = fs::symlink_metadata(record.path.under(self.root())) else { return stale() };
        let stat = FileStat::from_metadata(&metadata);
        if let Some(states) = self.current_texts.recall(record, stat, texts) {
            return states;
        }
        let max_bytes = self.settings.max_file_bytes;
        let Ok(FileContents { bytes, stat: read }) = FileContents::read_beneath(self.root(), &record.path, max_bytes)
        else {
            return stale();
        };
        let is_current = ContentHash::of_bytes(&bytes) == record.content.hash;
        let states = if is_current { compare_with_file(&bytes, texts) } else { stale() };
        let is_damaged = states.contains(&TextState::Damaged);
        if read == stat && !is_damaged {
            self.current_texts.remember(record, stat, is_current, texts);
        }
        states
    }
}

/// Compares texts with the lines of a file that has not changed since it was indexed.
fn compare_with_file(bytes: &[u8], texts: &[(Span, &str)]) -> Vec<TextState> {
    let file = String::from_utf8_lossy(bytes);
    let compare = |(span, text): &(Span, &str)| match cut_lines(&file, *span) {
        Some(lines) if lines == *text => TextState::Current,
        _ => TextState::Damaged,
    };
    texts.iter().map(compare).collect()
}
