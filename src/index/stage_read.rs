//! read: a walk's entry becomes a source file, unless nothing about it has changed.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use super::flow::{Inlet, Outlet};
use crate::language;
use crate::parse::SourceFile;
use crate::types::{ContentHash, FileRecord, Outcome, RepoPath, SkipReason};
use crate::walk::{self, WalkEntry};

/// A file changed less than this before it was read may change again within the same tick of the
/// file system's clock; its time is not trusted at the next run.
const FRESH_NS: i64 = 50_000_000;

/// What a file turned out to be.
pub(super) enum Read {
    /// To be parsed; the record's outcome is filled in after that.
    Source(SourceFile, FileRecord),
    /// Same size and time, or same hash: nothing to do. `touch` holds the record if its time moved.
    Unchanged { touch: Option<FileRecord> },
    /// Left out for what is in it.
    Skipped(FileRecord),
    /// Gone since the walk saw it.
    Vanished(RepoPath),
}

/// Runs one reader until its input ends.
pub(super) fn run(inlet: &Inlet<'_, WalkEntry>, outlet: &Outlet<'_, Read>, known: &HashMap<RepoPath, FileRecord>) {
    while let Some(entry) = inlet.next() {
        let read = read(&entry, known.get(&entry.path));
        inlet.clock.count(1);
        if !outlet.send(read) {
            break;
        }
    }
}

fn read(entry: &WalkEntry, known: Option<&FileRecord>) -> Read {
    if let Some(known) = known
        && known.size_bytes == entry.size_bytes
        && known.mtime_ns == entry.mtime_ns
    {
        return Read::Unchanged { touch: None };
    }
    let bytes = match fs::read(&entry.abs) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Read::Vanished(entry.path.clone()),
        Err(error) => return Read::Skipped(unreadable(entry, &error)),
    };
    let mut record = FileRecord {
        path: entry.path.clone(),
        size_bytes: bytes.len() as u64,
        mtime_ns: settled(entry.mtime_ns),
        hash: ContentHash::of(&bytes),
        language: language::text(),
        outcome: Outcome::Indexed { chunks: 0, problem: None },
    };
    if let Some(known) = known.filter(|known| known.hash == record.hash && is_settled(&known.outcome)) {
        record.language = known.language;
        record.outcome = known.outcome.clone();
        return Read::Unchanged { touch: (record != *known).then_some(record) };
    }
    if let Some(reason) = walk::inspect(&entry.path, &bytes) {
        record.outcome = Outcome::Skipped(reason);
        return Read::Skipped(record);
    }
    let source = source(&entry.path, bytes);
    record.language = source.language;
    Read::Source(source, record)
}

/// The text of a file's bytes with its language. Bytes that are no UTF-8 become U+FFFD.
pub(crate) fn source(path: &RepoPath, bytes: Vec<u8>) -> SourceFile {
    let text = String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    let language = language::of_path(path, text.lines().next());
    let language = language::refine(language, path, &text);
    SourceFile { path: path.clone(), language, text }
}

/// An unreadable file is tried again at the next run.
fn is_settled(outcome: &Outcome) -> bool {
    !matches!(outcome, Outcome::Skipped(SkipReason::Unreadable { .. }))
}

fn unreadable(entry: &WalkEntry, error: &io::Error) -> FileRecord {
    FileRecord {
        path: entry.path.clone(),
        size_bytes: entry.size_bytes,
        mtime_ns: -1,
        hash: ContentHash::of(&[]),
        language: language::text(),
        outcome: Outcome::Skipped(SkipReason::Unreadable { message: error.to_string() }),
    }
}

fn settled(mtime_ns: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    if now.saturating_sub(mtime_ns) < FRESH_NS { -1 } else { mtime_ns }
}
