//! Stage `write`: gathers embedded files into few, large commits.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::CancelToken;
use super::budget::{MemoryBudget, MemoryPermit};
use super::counts::FileCounts;
use super::flow::{Received, StageReceiver};
use super::stage_embed::EmbeddedBatch;
use store::{ChunkStore, Commit, CommitStatus, IndexFingerprint, StoreError, StoreView, StoreWriter};
use types::{FileOutcome, FileRecord, RepoPath};

/// Chunks in a commit, at most.
const COMMIT_CHUNKS: usize = 16_384;

/// File records in a commit, at most; reached by files without chunks, such as binary ones.
const COMMIT_RECORDS: usize = 32_768;

/// Shortest time between two commits of partial size, so that searches soon see new files.
const MIN_COMMIT_INTERVAL: Duration = Duration::from_secs(3);

/// In a long run, partial commits are this fraction of the elapsed time apart, so that a slow run makes few.
const COMMIT_RUN_FRACTION: u32 = 20;

/// The writer of one run. It takes the store's lock with the first commit, so a run that changes nothing needs
/// no lock.
pub(super) struct RunWriter<'s> {
    store: &'s dyn ChunkStore,
    fingerprint: IndexFingerprint,
    fresh: bool,
    /// The generation that this run compared the folder with; 0 for none.
    base: u64,
    cancel: CancelToken,
    writer: Option<Box<dyn StoreWriter>>,
}

/// Totals of the written batches.
#[derive(Default)]
pub(super) struct WriteSummary {
    pub files: u64,
    pub unchanged: u64,
    pub chunks: u64,
    pub bytes: u64,
    pub skipped: BTreeMap<String, u64>,
    pub problems: Vec<(RepoPath, String)>,
    pub vanished: Vec<RepoPath>,
    /// Files whose chunks were replaced.
    pub redone: HashSet<RepoPath>,
    /// Files with a new record that kept their chunks.
    pub touched: HashSet<RepoPath>,
    /// Files that could not be read.
    pub unread: Vec<RepoPath>,
}

/// The reason why writing ended early.
pub(super) enum WriteError {
    Store(StoreError),
    /// Another process has committed since this run read the index; the run has to start over.
    Outdated,
}

impl From<StoreError> for WriteError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl<'s> RunWriter<'s> {
    /// Creates a writer for a run that compared the folder with `view`; with `fresh`, it starts from an empty
    /// index.
    pub fn new(
        store: &'s dyn ChunkStore,
        fingerprint: IndexFingerprint,
        view: Option<&Arc<dyn StoreView>>,
        fresh: bool,
        cancel: &CancelToken,
    ) -> Self {
        let base = view.map_or(0, |view| view.manifest().generation);
        Self { store, fingerprint, fresh, base, cancel: cancel.clone(), writer: None }
    }

    /// Takes the store's lock, if this writer does not hold it yet.
    pub fn lock(&mut self) -> Result<&mut dyn StoreWriter, WriteError> {
        let writer = match self.writer.take() {
            Some(writer) => writer,
            None => {
                let mut writer = self.store.writer(&self.fingerprint, self.fresh)?;
                let cancel = self.cancel.clone();
                writer.set_stop_signal(Arc::new(move || cancel.is_cancelled()));
                // A fresh index is not compared with the old one, whose manifest may even be unreadable.
                if !self.fresh && self.store.generation_number()? != self.base {
                    return Err(WriteError::Outdated);
                }
                writer
            }
        };
        Ok(self.writer.insert(writer).as_mut())
    }

    /// Returns whether the lock was taken, which precedes the first write.
    pub fn is_locked(&self) -> bool {
        self.writer.is_some()
    }

    /// Writes batches until the input ends.
    pub fn write_batches(
        &mut self,
        input: &StageReceiver<'_, EmbeddedBatch>,
        budget: &Arc<MemoryBudget>,
        state: &dyn Fn() -> CommitStatus,
        counts: &FileCounts,
    ) -> Result<WriteSummary, WriteError> {
        let mut written = WriteSummary::default();
        let mut pending = PendingCommit::default();
        let begun = Instant::now();
        let mut last = begun;
        loop {
            let next = input.receive_or_idle();
            let (is_idle, is_over) = (matches!(next, Received::Idle), matches!(next, Received::End));
            if is_over && input.cancel.is_cancelled() {
                return Ok(written); // the next run indexes the pending files
            }
            if let Received::Item(batch) = next {
                input.clock.count(batch.chunks.len() as u64, batch.bytes);
                counts.add_finished(&batch);
                written.add(&batch);
                pending.add(batch);
            }
            let is_due = pending.is_large()
                || (!pending.is_empty()
                    && last.elapsed() >= MIN_COMMIT_INTERVAL.max(begun.elapsed() / COMMIT_RUN_FRACTION))
                || (budget.has_waiters() && (is_idle || pending.bytes() >= budget.ceiling_bytes() / 4))
                || is_over;
            if is_due {
                self.commit_pending(&mut pending, state)?;
                last = Instant::now();
            }
            if is_over {
                return Ok(written);
            }
        }
    }

    /// Commits the pending batches and releases their memory.
    fn commit_pending(
        &mut self,
        pending: &mut PendingCommit,
        state: &dyn Fn() -> CommitStatus,
    ) -> Result<(), WriteError> {
        if !pending.is_empty() {
            self.lock()?.commit(std::mem::take(&mut pending.commit), &state())?;
        }
        pending.permits.clear();
        Ok(())
    }
}

/// The content of the next commit.
#[derive(Default)]
struct PendingCommit {
    commit: Commit,
    permits: Vec<MemoryPermit>,
}

impl PendingCommit {
    fn is_empty(&self) -> bool {
        self.commit.replace.is_empty() && self.commit.touch.is_empty()
    }

    fn is_large(&self) -> bool {
        let Commit { replace, touch, chunks, .. } = &self.commit;
        chunks.len() >= COMMIT_CHUNKS || replace.len() + touch.len() >= COMMIT_RECORDS
    }

    /// Returns the bytes that the pending files take of the memory budget.
    fn bytes(&self) -> u64 {
        self.permits.iter().map(MemoryPermit::bytes).sum()
    }

    fn add(&mut self, batch: EmbeddedBatch) {
        self.commit.replace.extend(batch.replace);
        self.commit.touch.extend(batch.touch);
        self.commit.chunks.extend(batch.chunks);
        self.permits.extend(batch.permits);
    }
}

impl FileCounts {
    /// Counts the files of a batch as done.
    fn add_finished(&self, batch: &EmbeddedBatch) {
        let redone = batch.replace.len() as u64 + batch.vanished.len() as u64;
        self.redone.fetch_add(redone, Ordering::Relaxed);
        self.done.fetch_add(redone + batch.unchanged, Ordering::Relaxed);
    }
}

impl WriteSummary {
    fn add(&mut self, batch: &EmbeddedBatch) {
        self.unchanged += batch.unchanged;
        self.chunks += batch.chunks.len() as u64;
        self.bytes += batch.bytes;
        self.vanished.extend(batch.vanished.iter().cloned());
        for record in &batch.touch {
            self.touched.insert(record.path.clone());
            if record.is_unread() {
                self.unread.push(record.path.clone());
                self.problems.extend(indexing_problem(record));
            }
        }
        for record in &batch.replace {
            let FileRecord { path, outcome, .. } = record;
            self.redone.insert(path.clone());
            if record.is_unread() {
                self.unread.push(path.clone());
            }
            match outcome {
                FileOutcome::Indexed { .. } => {
                    self.files += 1;
                    self.problems.extend(indexing_problem(record));
                }
                FileOutcome::Skipped(reason) => *self.skipped.entry(reason.label().to_owned()).or_default() += 1,
            }
        }
    }
}

/// Returns the problem of an indexed file, if it has one.
pub(super) fn indexing_problem(record: &FileRecord) -> Option<(RepoPath, String)> {
    match &record.outcome {
        FileOutcome::Indexed { problem, .. } => problem.clone().map(|problem| (record.path.clone(), problem)),
        FileOutcome::Skipped(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{StageClock, connect_stages};
    use store::memory::MemoryStore;
    use types::{ContentHash, SkipReason};

    #[test]
    fn files_without_chunks_are_committed_in_several_parts() {
        let (store, cancel) = (MemoryStore::new("root".into()), CancelToken::default());
        let fingerprint = IndexFingerprint {
            schema_version: 1,
            chunker_version: 1,
            model_id: String::new(),
            dimensions: 1,
            settings: String::new(),
        };
        let clocks = ["embed", "write"].map(StageClock::new);
        let (output, input) = connect_stages(&clocks[0], &clocks[1], 100, &cancel);
        let record = |at: usize| FileRecord {
            path: RepoPath::new(format!("{at}")),
            size_bytes: 0,
            mtime_ns: 1,
            hash: ContentHash::of_bytes(&[]),
            language: source::language::text_language(),
            outcome: FileOutcome::Skipped(SkipReason::Empty),
        };
        let files = 3 * COMMIT_RECORDS;
        for first in (0..files).step_by(1_024) {
            let replace = (first..first + 1_024).map(record).collect();
            assert!(output.send(EmbeddedBatch { replace, ..EmbeddedBatch::default() }));
        }
        drop(output);
        let counts = FileCounts::default();
        let mut writer = RunWriter::new(&store, fingerprint, None, true, &cancel);
        let written = writer.write_batches(&input, &MemoryBudget::new(1 << 20), &CommitStatus::default, &counts);
        let written = written.unwrap_or_else(|_| panic!("the store accepts it"));
        assert_eq!(written.skipped.get("empty"), Some(&(files as u64)));
        assert_eq!(counts.done.load(Ordering::Relaxed), files as u64);
        assert!(store.generation_number().expect("a generation") >= 3, "everything was in one commit");
    }
}
