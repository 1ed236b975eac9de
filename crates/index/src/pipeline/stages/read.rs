//! Stage `read`: reads the files that may have changed, within the memory budget.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::super::budget::{self, MemoryBudget, MemoryPermit};
use super::super::file_counts::FileCounts;
use super::super::queue::{StageReceiver, StageSender};
use super::walk::WalkedFile;
use crate::plan::RunPlan;
use platform::clock::now_ns;
use source::decode_file;
use source::language;
use source::parse::SourceFile;
use source::walk::{self, FileContents, FileSystem, WalkEntry};
use types::{ContentHash, ContentRecord, FileOutcome, FileRecord, FileStat, RepoPath, SkipReason, TextEncoding};

/// Minimum age of a trusted modification time, in nanoseconds. A file modified more recently before it was read may
/// change again without a new modification time, because of the clock's resolution, so the next run reads it again.
const UNTRUSTED_AGE_NS: i64 = 50_000_000;

/// Maximum growth of a file since the walk, in bytes; files that grew more are left to the next run.
const MAX_GROWTH_BYTES: u64 = 64 << 10;

/// The result of reading one file.
pub(crate) enum ReadOutcome {
    /// The file must be parsed. The outcome in its record has only a problem of decoding, if any; parsing sets the
    /// rest.
    Source(SourceFile, FileRecord, MemoryPermit),
    /// The file's metadata or hash matches its stored record, git's index shows that it has the content of the record,
    /// or the file cannot be read and its stored chunks are kept. `touch` is the new record if it differs from the
    /// stored one.
    Unchanged { touch: Option<FileRecord> },
    /// The file is skipped because of its size or content, or because it cannot be read.
    Skipped(FileRecord),
    /// The file was deleted after the walk saw it.
    Vanished(RepoPath),
}

/// The options of the `read` stage, and the state that its threads share.
#[derive(Clone, Copy)]
pub(crate) struct ReadStage<'r> {
    pub files: &'r dyn FileSystem,
    pub plan: &'r RunPlan,
    pub counts: &'r FileCounts,
    pub budget: &'r Arc<MemoryBudget>,
    /// Maximum file size, in bytes; larger files are skipped because they never fit the memory budget.
    pub largest_bytes: u64,
    /// Maximum file size in the settings, in bytes.
    pub max_file_bytes: u64,
}

impl ReadStage<'_> {
    /// Reads batches of files until the input or the next stage ends.
    pub fn run(&self, input: &StageReceiver<'_, Vec<WalkedFile>>, output: &StageSender<'_, Vec<ReadOutcome>>) {
        while let Some(walked) = input.next() {
            let (files, mut bytes) = (walked.len() as u64, 0);
            let mut batch = Vec::with_capacity(walked.len());
            for WalkedFile { entry, is_unchanged } in walked {
                if input.cancel.is_cancelled() {
                    return;
                }
                let read = match self.decide_by_metadata(&entry, is_unchanged) {
                    Some(read) => read,
                    None => {
                        let Some(permit) = self.wait_for_memory(&entry, &mut batch, output) else { return };
                        bytes += entry.stat.size_bytes;
                        let read = self.read(&entry, permit);
                        if matches!(read, ReadOutcome::Unchanged { .. }) {
                            self.counts.redone.fetch_add(1, Ordering::Relaxed);
                        }
                        read
                    }
                };
                batch.push(read);
            }
            input.clock.count(files, bytes);
            if !batch.is_empty() && !output.send(batch) {
                return;
            }
        }
    }

    fn largest_bytes_of(&self, entry: &WalkEntry) -> u64 {
        self.largest_bytes.min(walk::max_bytes_of(&entry.path, self.max_file_bytes))
    }

    /// Decides from the metadata alone what to do with a file; `None` if the file must be read.
    fn decide_by_metadata(&self, entry: &WalkEntry, is_unchanged: bool) -> Option<ReadOutcome> {
        let same = if is_unchanged { self.plan.known.get(&entry.path) } else { None };
        if entry.stat.size_bytes <= self.largest_bytes_of(entry) {
            return same.filter(|known| !known.is_too_large()).map(|known| unchanged(known, entry));
        }
        if let Some(known) = same.filter(|known| known.is_too_large()) {
            return Some(unchanged(known, entry));
        }
        Some(ReadOutcome::Skipped(skipped_record(
            entry,
            entry.stat,
            SkipReason::TooLarge { size_bytes: entry.stat.size_bytes },
        )))
    }

    /// Waits for the memory that a file needs; `None` when the run ends. Sends the files read so far first, because
    /// waiting for the memory that they hold would never end.
    fn wait_for_memory(
        &self,
        entry: &WalkEntry,
        batch: &mut Vec<ReadOutcome>,
        output: &StageSender<'_, Vec<ReadOutcome>>,
    ) -> Option<MemoryPermit> {
        let bytes = budget::estimate_cost_bytes(entry.stat.size_bytes);
        if let Some(permit) = self.budget.try_acquire(bytes) {
            return Some(permit);
        }
        if !batch.is_empty() && !output.send(std::mem::take(batch)) {
            return None;
        }
        output.clock.track_output_wait(|| self.budget.acquire(bytes, output.cancel.token()))
    }

    fn read(&self, entry: &WalkEntry, permit: MemoryPermit) -> ReadOutcome {
        let max_bytes = (entry.stat.size_bytes + MAX_GROWTH_BYTES).min(self.largest_bytes_of(entry));
        let FileContents { bytes, stat } = match self.files.read(&entry.abs, max_bytes + 1) {
            Ok(read) if read.bytes.len() as u64 > max_bytes => {
                return self.record_unreadable(entry, GREW_DURING_READ.to_owned());
            }
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return ReadOutcome::Vanished(entry.path.clone()),
            Err(error) => return self.record_unreadable(entry, error.to_string()),
        };
        let as_walked = stat == entry.stat && stat.size_bytes == bytes.len() as u64;
        let mtime_ns = if as_walked { trusted_mtime_ns(&stat) } else { FileStat::CHANGED_TOO_RECENTLY_NS };
        let mut record = FileRecord {
            path: entry.path.clone(),
            content: ContentRecord {
                hash: ContentHash::of_bytes(&bytes),
                encoding: TextEncoding::Unknown,
                language: language::text_language(),
                outcome: FileOutcome::Indexed { chunks: 0, problem: None },
            },
            stat: FileStat { size_bytes: bytes.len() as u64, mtime_ns, ..stat },
        };
        let known = self.plan.known.get(&entry.path);
        if let Some(known) = known.filter(|known| known.content.hash == record.content.hash && is_final(known)) {
            record.content = known.content.clone();
            return ReadOutcome::Unchanged { touch: (record != *known).then_some(record) };
        }
        if let Some(reason) = walk::inspect_content(&entry.path, &bytes) {
            record.content.outcome = FileOutcome::Skipped(reason);
            return ReadOutcome::Skipped(record);
        }
        let (source, decoding) = decode_file(&entry.path, bytes, &self.plan.languages);
        record.content.language = source.language;
        record.content.encoding = decoding.encoding;
        record.content.outcome = FileOutcome::Indexed { chunks: 0, problem: decoding.problem };
        ReadOutcome::Source(source, record, permit)
    }

    /// Records that a file cannot be read now. If it is indexed, its chunks are kept until it can be read again.
    fn record_unreadable(&self, entry: &WalkEntry, message: String) -> ReadOutcome {
        let known = self.plan.known.get(&entry.path);
        let (record, is_kept) = match known.and_then(|known| keep_indexed_record(known, &message)) {
            Some(record) => (record, true),
            None => {
                let stat = FileStat { mtime_ns: FileStat::CHANGED_TOO_RECENTLY_NS, ..entry.stat };
                (skipped_record(entry, stat, SkipReason::Unreadable { message }), false)
            }
        };
        match (known == Some(&record), is_kept) {
            (true, _) => ReadOutcome::Unchanged { touch: None },
            (false, true) => ReadOutcome::Unchanged { touch: Some(record) },
            (false, false) => ReadOutcome::Skipped(record),
        }
    }
}

/// Returns the outcome for a file with the content of the record `known`. If the metadata has changed, the outcome has
/// a new record with the file's metadata.
fn unchanged(known: &FileRecord, entry: &WalkEntry) -> ReadOutcome {
    let stat = FileStat { mtime_ns: trusted_mtime_ns(&entry.stat), ..entry.stat };
    let touch = (known.stat != entry.stat).then(|| FileRecord { stat, ..known.clone() });
    ReadOutcome::Unchanged { touch }
}

/// Returns the record of an indexed file that can no longer be read; `None` if the file is not indexed.
fn keep_indexed_record(known: &FileRecord, message: &str) -> Option<FileRecord> {
    let FileOutcome::Indexed { chunks, .. } = known.content.outcome else { return None };
    let problem = Some(format!("cannot be read any more: {message}; its indexed content is kept"));
    let outcome = FileOutcome::Indexed { chunks, problem };
    Some(FileRecord {
        path: known.path.clone(),
        content: ContentRecord { outcome, ..known.content.clone() },
        stat: FileStat { mtime_ns: FileStat::UNREAD_NS, ..known.stat },
    })
}

const GREW_DURING_READ: &str = "it grew while it was read; the next run reads it again";

/// Returns whether a record stays valid as long as the content is unchanged: its file was neither unreadable nor too
/// large.
fn is_final(known: &FileRecord) -> bool {
    !known.is_unread() && !known.is_too_large()
}

/// Returns the record of a file that was skipped without being read.
fn skipped_record(entry: &WalkEntry, stat: FileStat, reason: SkipReason) -> FileRecord {
    FileRecord {
        path: entry.path.clone(),
        content: ContentRecord {
            hash: ContentHash::of_bytes(&[]),
            encoding: TextEncoding::Unknown,
            language: language::text_language(),
            outcome: FileOutcome::Skipped(reason),
        },
        stat,
    }
}

/// Returns the modification time to record; [`FileStat::CHANGED_TOO_RECENTLY_NS`] if it or the change time (ctime) is
/// too recent. The change time counts because a program may set the modification time to an old one after each of two
/// changes.
fn trusted_mtime_ns(stat: &FileStat) -> i64 {
    let changed_ns = stat.mtime_ns.max(stat.ctime_ns);
    if now_ns().saturating_sub(changed_ns) < UNTRUSTED_AGE_NS {
        FileStat::CHANGED_TOO_RECENTLY_NS
    } else {
        stat.mtime_ns
    }
}
