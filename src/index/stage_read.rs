//! read: a walk's entry becomes a source file, unless nothing about it has changed.
//!
//! A file is admitted to the memory budget before it is read.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

use super::budget::{self, MemoryBudget, Permit};
use super::counts::Counts;
use super::flow::{Inlet, Outlet};
use crate::language;
use crate::parse::SourceFile;
use crate::types::{ContentHash, FileRecord, Outcome, RepoPath, SkipReason};
use crate::walk::{self, FileRead, FileSystem, WalkEntry};

/// A file changed less than this before it was read may change again within the same tick of the
/// file system's clock; its time is not trusted at the next run.
const FRESH_NS: i64 = 50_000_000;

/// How much a file may have grown since the walk before it is left for the next run.
const GROWTH_BYTES: u64 = 64 << 10;

/// What a file turned out to be.
pub(super) enum Read {
    /// To be parsed; the record's outcome is filled in after that.
    Source(SourceFile, FileRecord, Permit),
    /// Same size and time, or same hash: nothing to do. `touch` holds the record if its time moved.
    Unchanged { touch: Option<FileRecord> },
    /// Left out for what is in it.
    Skipped(FileRecord),
    /// Gone since the walk saw it.
    Vanished(RepoPath),
}

/// What every reader of a run shares.
#[derive(Clone, Copy)]
pub(super) struct Reader<'r> {
    pub files: &'r dyn FileSystem,
    pub known: &'r HashMap<RepoPath, FileRecord>,
    pub counts: &'r Counts,
    pub budget: &'r Arc<MemoryBudget>,
    /// Files above this size never fit the budget.
    pub largest_bytes: u64,
}

/// Runs one reader until its input ends.
pub(super) fn run(inlet: &Inlet<'_, Vec<WalkEntry>>, outlet: &Outlet<'_, Vec<Read>>, reader: Reader<'_>) {
    while let Some(entries) = inlet.next() {
        let (files, mut bytes) = (entries.len() as u64, 0);
        let mut batch = Vec::with_capacity(entries.len());
        for entry in entries {
            if inlet.cancel.is_cancelled() {
                return;
            }
            let read = match reader.without_reading(&entry) {
                Some(read) => read,
                None => {
                    let Some(permit) = reader.admit(&entry, &mut batch, outlet) else { return };
                    bytes += entry.size_bytes;
                    let read = reader.read(&entry, permit);
                    if matches!(read, Read::Unchanged { .. }) {
                        reader.counts.redone.fetch_add(1, Ordering::Relaxed);
                    }
                    read
                }
            };
            batch.push(read);
        }
        inlet.clock.count(files, bytes);
        if !batch.is_empty() && !outlet.send(batch) {
            return;
        }
    }
}

impl Reader<'_> {
    /// What can be told of an entry by its size and time.
    fn without_reading(&self, entry: &WalkEntry) -> Option<Read> {
        let known = self.known.get(&entry.path);
        let same = known.filter(|known| known.size_bytes == entry.size_bytes && known.mtime_ns == entry.mtime_ns);
        let was_too_large =
            |record: &FileRecord| matches!(record.outcome, Outcome::Skipped(SkipReason::TooLarge { .. }));
        if entry.size_bytes <= self.largest_bytes {
            return same.filter(|known| !was_too_large(known)).map(|_| Read::Unchanged { touch: None });
        }
        if same.is_some_and(was_too_large) {
            return Some(Read::Unchanged { touch: None });
        }
        Some(Read::Skipped(left_out(entry, entry.mtime_ns, SkipReason::TooLarge { size_bytes: entry.size_bytes })))
    }

    /// Room for a file in flight; `None` when the run ends first. What was read before goes on its
    /// way first, or it would wait for itself.
    fn admit(&self, entry: &WalkEntry, batch: &mut Vec<Read>, outlet: &Outlet<'_, Vec<Read>>) -> Option<Permit> {
        let bytes = budget::cost(entry.size_bytes);
        if let Some(permit) = self.budget.try_acquire(bytes) {
            return Some(permit);
        }
        if !batch.is_empty() && !outlet.send(std::mem::take(batch)) {
            return None;
        }
        self.budget.acquire(bytes, outlet.cancel, &|time| outlet.clock.waited_for_output(time))
    }

    fn read(&self, entry: &WalkEntry, permit: Permit) -> Read {
        let most = (entry.size_bytes + GROWTH_BYTES).min(self.largest_bytes);
        let FileRead { bytes, size_bytes, mtime_ns } = match self.files.read(&entry.abs, most + 1) {
            Ok(read) if read.bytes.len() as u64 > most => return self.unreadable(entry, GREW.to_owned()),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Read::Vanished(entry.path.clone()),
            Err(error) => return self.unreadable(entry, error.to_string()),
        };
        let as_walked =
            (size_bytes, mtime_ns) == (entry.size_bytes, entry.mtime_ns) && size_bytes == bytes.len() as u64;
        let mut record = FileRecord {
            path: entry.path.clone(),
            size_bytes: bytes.len() as u64,
            mtime_ns: if as_walked { settled(mtime_ns) } else { -1 },
            hash: ContentHash::of(&bytes),
            language: language::text(),
            outcome: Outcome::Indexed { chunks: 0, problem: None },
        };
        let known = self.known.get(&entry.path);
        if let Some(known) = known.filter(|known| known.hash == record.hash && is_settled(known)) {
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
        Read::Source(source, record, permit)
    }

    /// A file that cannot be read now: what is known of it is kept until it can be again.
    fn unreadable(&self, entry: &WalkEntry, message: String) -> Read {
        let known = self.known.get(&entry.path);
        let (record, is_kept) = match known.and_then(|known| kept(known, &message)) {
            Some(record) => (record, true),
            None => (left_out(entry, -1, SkipReason::Unreadable { message }), false),
        };
        match (known == Some(&record), is_kept) {
            (true, _) => Read::Unchanged { touch: None },
            (false, true) => Read::Unchanged { touch: Some(record) },
            (false, false) => Read::Skipped(record),
        }
    }
}

/// The record of a file that has chunks and cannot be read now.
fn kept(known: &FileRecord, message: &str) -> Option<FileRecord> {
    let Outcome::Indexed { chunks, .. } = known.outcome else { return None };
    let problem = Some(format!("cannot be read any more: {message}; what was indexed before is kept"));
    let outcome = Outcome::Indexed { chunks, problem };
    Some(FileRecord { mtime_ns: FileRecord::UNREAD_NS, outcome, ..known.clone() })
}

const GREW: &str = "it grew while it was read; the next run reads it again";

/// The text of a file's bytes with its language. Bytes that are no UTF-8 become U+FFFD.
pub(crate) fn source(path: &RepoPath, bytes: Vec<u8>) -> SourceFile {
    let text = String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    let language = language::of_path(path, text.lines().next());
    let language = language::refine(language, path, &text);
    SourceFile { path: path.clone(), language, text }
}

/// What was left out for a passing reason is tried again at the next run.
fn is_settled(known: &FileRecord) -> bool {
    !known.is_unread() && !matches!(known.outcome, Outcome::Skipped(SkipReason::TooLarge { .. }))
}

/// The record of a file whose bytes are not known.
fn left_out(entry: &WalkEntry, mtime_ns: i64, reason: SkipReason) -> FileRecord {
    FileRecord {
        path: entry.path.clone(),
        size_bytes: entry.size_bytes,
        mtime_ns,
        hash: ContentHash::of(&[]),
        language: language::text(),
        outcome: Outcome::Skipped(reason),
    }
}

fn settled(mtime_ns: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    if now.saturating_sub(mtime_ns) < FRESH_NS { -1 } else { mtime_ns }
}
