//! The known damage of an index: whether a repair is due, and which texts in answers differ from the files on disk.
//!
//! Only texts of answers are compared with the files on disk. The results are remembered, so a text is compared again
//! only if the file's metadata or its record in the index has changed.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use platform::clock::now_ns;
use platform::file_format::checksum64;
use source::{chunk_text, decode_source, has_unmasked_lines};
use types::{ContentHash, FileRecord, FileStat, Generation, RepoPath, Span};

/// Time for which a check of a whole commit is not repeated. Stored bytes can also become damaged without a commit.
const CHECK_LIFETIME: Duration = Duration::from_secs(600);

/// Whether the index must be checked, and the last check.
#[derive(Default)]
pub(crate) struct DamageState {
    /// Whether a call has met damage, or asked for a check, since the last check.
    is_suspect: AtomicBool,
    /// The commit that was last found intact, and the time of that check.
    checked: Mutex<Option<(Generation, Instant)>>,
}

impl DamageState {
    /// Returns whether the next index run checks the whole index.
    pub fn is_suspect(&self) -> bool {
        self.is_suspect.load(Ordering::SeqCst)
    }

    /// Makes the next index run check the whole index.
    pub fn suspect(&self) {
        self.is_suspect.store(true, Ordering::SeqCst);
    }

    /// Clears the request for a check, and returns whether there was one.
    pub fn take_suspicion(&self) -> bool {
        self.is_suspect.swap(false, Ordering::SeqCst)
    }

    /// Remembers that a commit was found intact.
    pub fn record_intact(&self, generation: Generation) {
        *self.checked.lock().unwrap_or_else(PoisonError::into_inner) = Some((generation, Instant::now()));
    }

    /// Returns whether a commit was found intact within [`CHECK_LIFETIME`], and no check is requested.
    pub fn was_intact(&self, generation: Generation) -> bool {
        let checked = *self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        checked.is_some_and(|(known, at)| known == generation && at.elapsed() < CHECK_LIFETIME) && !self.is_suspect()
    }
}

/// Maximum number of files that are remembered.
const MAX_FILES: usize = 4_096;

/// Minimum age of a file's last change for its metadata to be remembered, in nanoseconds. A file may change again
/// within the resolution of its times.
const MIN_AGE_NS: i64 = 50_000_000;

/// The relation of a text in an answer to the file on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextState {
    /// The file has the text in these lines, or there is no file to compare, because answers come from a published
    /// index.
    Current,
    /// The file has changed since it was indexed, or is gone.
    Stale,
    /// The file has not changed, but has another text in these lines: the index is damaged.
    Damaged,
}

/// The results of comparisons of texts with the files on disk.
#[derive(Default)]
pub(crate) struct CurrentTexts(Mutex<HashMap<RepoPath, ComparedFile>>);

/// A file that was compared with its record.
struct ComparedFile {
    stat: FileStat,
    /// The hash in the record.
    indexed: ContentHash,
    is_current: bool,
    /// The lines and checksums of the texts that were compared.
    texts: HashSet<(Span, u64)>,
}

impl CurrentTexts {
    /// Returns the states of texts from an earlier comparison: all are stale if the file was. `None` if the file was
    /// not compared, it or its record has changed since, or one of the texts was not compared with the current file.
    pub fn recall(&self, record: &FileRecord, stat: FileStat, texts: &[(Span, &str)]) -> Option<Vec<TextState>> {
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

    /// Remembers a comparison that found no damage, unless the file has changed within [`MIN_AGE_NS`].
    pub fn remember(&self, record: &FileRecord, stat: FileStat, is_current: bool, texts: &[(Span, &str)]) {
        let changed_ns = stat.mtime_ns.max(stat.ctime_ns);
        if now_ns().saturating_sub(changed_ns) < MIN_AGE_NS {
            return;
        }
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if files.len() >= MAX_FILES && !files.contains_key(&record.path) {
            files.clear();
        }
        let indexed = record.content.hash;
        let fresh = || ComparedFile { stat, indexed, is_current, texts: HashSet::new() };
        let file = files.entry(record.path.clone()).or_insert_with(fresh);
        if (file.stat, file.indexed, file.is_current) != (stat, indexed, is_current) {
            *file = fresh();
        }
        file.texts.extend(texts.iter().map(|(span, text)| (*span, checksum64(text.as_bytes()))));
    }
}

/// Compares texts with the lines of a file. A text that differs is [`TextState::Damaged`], which holds only if the file
/// has not changed since it was indexed.
pub(crate) fn compare_with_file(path: &RepoPath, bytes: Vec<u8>, texts: &[(Span, &str)]) -> Vec<TextState> {
    // To decode the whole file and mask its credentials takes much longer.
    if texts.iter().all(|(span, text)| has_unmasked_lines(path, &bytes, *span, text)) {
        return vec![TextState::Current; texts.len()];
    }
    let file = decode_source(path, bytes);
    let compare = |(span, text): &(Span, &str)| match chunk_text(&file, *span) {
        Some(lines) if lines == *text => TextState::Current,
        _ => TextState::Damaged,
    };
    texts.iter().map(compare).collect()
}
