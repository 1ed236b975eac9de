//! Stage `write`: gathers embedded files into few, large commits.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::never;

use super::super::budget::{MemoryBudget, MemoryPermit};
use super::super::file_counts::FileCounts;
use super::super::queue::{Received, StageReceiver};
use super::super::run_writer::{RunWriter, WriteError};
use super::embed::EmbeddedBatch;
use store::{Commit, CommitStatus};
use types::{ContentRecord, FileOutcome, FileRecord, RepoPath};

/// Number of pending chunks that triggers a commit.
const COMMIT_CHUNKS: usize = 16_384;

/// Number of pending file records that triggers a commit; reached with files without chunks, such as binary files.
const COMMIT_RECORDS: usize = 32_768;

/// Minimum time between two partial commits, which let searches soon see new files.
const MIN_COMMIT_INTERVAL: Duration = Duration::from_secs(3);

/// Divisor of the elapsed time that gives the interval of partial commits in a long run, so that a slow run makes few
/// commits.
const COMMIT_RUN_FRACTION: u32 = 20;

/// Time without a new batch after which the pending files are committed, while other files wait for memory.
const QUIET_PERIOD: Duration = Duration::from_millis(50);

/// The `write` stage: the parts of the run's state that its commits depend on and update.
pub(crate) struct WriteStage<'r> {
    pub budget: &'r Arc<MemoryBudget>,
    pub counts: &'r FileCounts,
    /// Returns the status to store with a commit.
    pub status: &'r dyn Fn() -> CommitStatus,
}

/// Totals of the written batches.
#[derive(Default)]
pub(crate) struct WriteSummary {
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

impl WriteStage<'_> {
    /// Writes batches until the input ends. After a cancellation, the batches that are not committed yet are dropped.
    ///
    /// # Errors
    /// When the store cannot be written, or when another process has committed.
    pub fn run(
        &self,
        input: &StageReceiver<'_, EmbeddedBatch>,
        writer: &mut RunWriter<'_>,
    ) -> Result<WriteSummary, WriteError> {
        let (shortage, nothing) = (self.budget.subscribe_to_shortage(), never());
        let mut written = WriteSummary::default();
        let mut pending = PendingCommit::new(Instant::now());
        loop {
            let is_over = match input.next_or_woken([&shortage, &nothing], pending.deadline(self.budget)) {
                Received::Item(mut batch) => {
                    input.clock.count(batch.chunks.len() as u64, batch.bytes);
                    self.counts.add_finished((batch.replace.len() + batch.vanished.len()) as u64, batch.unchanged);
                    written.add(&batch);
                    writer.pass_touched(&mut batch.touch);
                    pending.add(batch, Instant::now());
                    false
                }
                Received::Woken => false,
                // The next run indexes the pending files.
                Received::End if input.cancel.is_cancelled() => return Ok(written),
                Received::End => true,
            };
            if is_over || pending.is_due(self.budget, input.is_empty(), Instant::now()) {
                self.commit(&mut pending, writer, is_over)?;
            }
            if is_over {
                return Ok(written);
            }
        }
    }

    /// Commits the pending batches and releases their memory. `is_last` is true if no other batch will come.
    fn commit(&self, pending: &mut PendingCommit, writer: &mut RunWriter<'_>, is_last: bool) -> Result<(), WriteError> {
        let (commit, permits) = pending.take();
        if !is_empty(&commit) {
            writer.write_commit(commit, &(self.status)(), is_last)?;
        }
        drop(permits);
        pending.last_commit = Instant::now();
        Ok(())
    }
}

fn is_empty(commit: &Commit) -> bool {
    commit.replace.is_empty() && commit.touch.is_empty()
}

/// The content of the next commit.
struct PendingCommit {
    commit: Commit,
    permits: Vec<MemoryPermit>,
    /// Number of bytes of the memory budget that the pending files hold.
    bytes: u64,
    /// Time at which the stage began.
    begun: Instant,
    last_commit: Instant,
    /// Time at which the last batch arrived.
    last_arrival: Instant,
}

impl PendingCommit {
    fn new(now: Instant) -> Self {
        let (commit, permits) = (Commit::default(), Vec::new());
        Self { commit, permits, bytes: 0, begun: now, last_commit: now, last_arrival: now }
    }

    fn take(&mut self) -> (Commit, Vec<MemoryPermit>) {
        self.bytes = 0;
        (std::mem::take(&mut self.commit), std::mem::take(&mut self.permits))
    }

    fn add(&mut self, batch: EmbeddedBatch, now: Instant) {
        self.commit.replace.extend(batch.replace);
        self.commit.touch.extend(batch.touch);
        self.commit.chunks.extend(batch.chunks);
        self.bytes += batch.permits.iter().map(MemoryPermit::bytes).sum::<u64>();
        self.permits.extend(batch.permits);
        self.last_arrival = now;
    }

    fn is_large(&self) -> bool {
        let Commit { replace, touch, chunks, .. } = &self.commit;
        chunks.len() >= COMMIT_CHUNKS || replace.len() + touch.len() >= COMMIT_RECORDS
    }

    /// Returns the time of the next commit if no batch arrives earlier; `None` if nothing is pending.
    fn deadline(&self, budget: &MemoryBudget) -> Option<Instant> {
        let partial = (!is_empty(&self.commit)).then(|| self.partial_commit_time());
        let quiet = (self.bytes > 0 && budget.has_waiters()).then(|| self.last_arrival + QUIET_PERIOD);
        partial.into_iter().chain(quiet).min()
    }

    /// Returns the time of the next partial commit: `t` with `t - last_commit = (t - begun) / COMMIT_RUN_FRACTION`, but
    /// not before [`MIN_COMMIT_INTERVAL`].
    fn partial_commit_time(&self) -> Instant {
        let until_last = self.last_commit - self.begun;
        let fraction = until_last * COMMIT_RUN_FRACTION / (COMMIT_RUN_FRACTION - 1);
        self.begun + fraction.max(until_last + MIN_COMMIT_INTERVAL)
    }

    /// Returns whether to commit now. `is_quiet` is true if no batch is ready.
    fn is_due(&self, budget: &MemoryBudget, is_quiet: bool, now: Instant) -> bool {
        self.is_large()
            || (!is_empty(&self.commit) && now >= self.partial_commit_time())
            || (self.bytes > 0 && budget.has_waiters() && self.frees_memory(budget, is_quiet, now))
    }

    /// Returns whether to commit in order to free memory: the pending files hold much of it, or no other batch is
    /// likely to arrive soon.
    fn frees_memory(&self, budget: &MemoryBudget, is_quiet: bool, now: Instant) -> bool {
        let holds_everything = self.bytes >= budget.used_bytes();
        self.bytes >= budget.ceiling_bytes() / 4
            || (is_quiet && (holds_everything || now >= self.last_arrival + QUIET_PERIOD))
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
            let FileRecord { path, content: ContentRecord { outcome, .. }, .. } = record;
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
pub(crate) fn indexing_problem(record: &FileRecord) -> Option<(RepoPath, String)> {
    match &record.content.outcome {
        FileOutcome::Indexed { problem, .. } => problem.clone().map(|problem| (record.path.clone(), problem)),
        FileOutcome::Skipped(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::super::super::clock::StageClocks;
    use super::super::super::queue::{StageSender, connect_stages};
    use super::*;
    use crate::report::Stage;
    use platform::cancel::CancelToken;
    use store::memory::MemoryStore;
    use store::{ChunkStore as _, IndexFingerprint};
    use types::{ContentHash, FileStat, SkipReason, TextEncoding};

    fn record(at: usize) -> FileRecord {
        FileRecord {
            path: RepoPath::new(format!("{at}")),
            content: ContentRecord {
                hash: ContentHash::of_bytes(&[]),
                encoding: TextEncoding::Unknown,
                language: source::language::text_language(),
                outcome: FileOutcome::Skipped(SkipReason::Empty),
            },
            stat: FileStat::default(),
        }
    }

    /// Runs the stage on the batches that `send` sends while the stage runs.
    fn run_stage(
        store: &MemoryStore,
        budget: &Arc<MemoryBudget>,
        counts: &FileCounts,
        send: impl FnOnce(StageSender<'_, EmbeddedBatch>) + Send,
    ) -> WriteSummary {
        let fingerprint = IndexFingerprint {
            schema_version: 1,
            chunker_version: 1,
            model_id: String::new(),
            dimensions: 1,
            settings: String::new(),
            model_checksum: None,
        };
        let (clocks, token) = (StageClocks::new(), CancelToken::default());
        let cancel = token.channel();
        let (output, input) = connect_stages(&clocks[Stage::Embed], &clocks[Stage::Write], 100, &cancel);
        let mut writer = RunWriter::new(store, fingerprint, None, true, &token);
        let stage = WriteStage { budget, counts, status: &CommitStatus::default };
        std::thread::scope(|scope| {
            scope.spawn(move || send(output));
            stage.run(&input, &mut writer).unwrap_or_else(|_| panic!("the store accepts it"))
        })
    }

    #[test]
    fn files_without_chunks_are_committed_in_several_parts() {
        let (store, counts) = (MemoryStore::new("root".into()), FileCounts::default());
        let files = 3 * COMMIT_RECORDS;
        let written = run_stage(&store, &MemoryBudget::new(1 << 20), &counts, |output| {
            for first in (0..files).step_by(1_024) {
                let replace = (first..first + 1_024).map(record).collect();
                assert!(output.send(EmbeddedBatch { replace, ..EmbeddedBatch::default() }));
            }
        });
        assert_eq!(written.skipped.get("empty"), Some(&(files as u64)));
        assert_eq!(counts.done.load(Ordering::Relaxed), files as u64);
        assert!(store.generation_number().expect("a generation") >= 3, "everything was in one commit");
    }

    #[test]
    fn a_file_that_waits_for_memory_has_the_pending_files_committed() {
        let (store, budget, token) = (MemoryStore::new("root".into()), MemoryBudget::new(100), CancelToken::default());
        for held_elsewhere in [0, 50] {
            run_stage(&store, &budget, &FileCounts::default(), |output| {
                let elsewhere = (held_elsewhere > 0).then(|| budget.acquire(held_elsewhere, &token));
                let permits = budget.acquire(20, &token).into_iter().collect();
                let replace = vec![record(1)];
                assert!(output.send(EmbeddedBatch { replace, permits, ..EmbeddedBatch::default() }));
                assert!(budget.acquire(81 - held_elsewhere, &token).is_some(), "the commit frees 20 bytes");
                drop(elsewhere);
            });
        }
        assert_eq!(store.generation_number().expect("a generation"), 2);
    }

    #[test]
    fn partial_commits_become_rarer_in_a_long_run() {
        let begun = Instant::now();
        let mut pending = PendingCommit::new(begun);
        assert_eq!(pending.partial_commit_time(), begun + MIN_COMMIT_INTERVAL);
        pending.last_commit = begun + Duration::from_secs(190);
        assert_eq!(pending.partial_commit_time(), begun + Duration::from_secs(200));
    }
}
