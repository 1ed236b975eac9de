//! write: batches are gathered into few, large commits.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::CancelToken;
use super::budget::{MemoryBudget, Permit};
use super::counts::Counts;
use super::flow::{Inlet, Next};
use super::stage_embed::EmbeddedBatch;
use crate::store::{ChunkStore, Commit, Recipe, RunState, StoreError, StoreView, StoreWriter};
use crate::types::{FileRecord, Outcome, RepoPath};

/// A commit is written at this many chunks…
const COMMIT_CHUNKS: usize = 16_384;

/// … or file records, of files that have no chunks: binary ones, or such as only were touched…
const COMMIT_RECORDS: usize = 32_768;

/// … or when this long has passed since the one before, so that searches see progress…
const COMMIT_EVERY: Duration = Duration::from_secs(3);

/// … or this part of the run, so that a long and slow one makes few commits; or when files wait for
/// memory.
const COMMIT_PART: u32 = 20;

/// Writes for one run. The lock is taken at the first commit, so that a run that changes nothing
/// needs none.
pub(super) struct RunWriter<'s> {
    store: &'s dyn ChunkStore,
    recipe: Recipe,
    fresh: bool,
    /// Generation this run compared the folder with; 0 for none.
    base: u64,
    cancel: CancelToken,
    writer: Option<Box<dyn StoreWriter>>,
}

/// What was written.
#[derive(Default)]
pub(super) struct Written {
    pub files: u64,
    pub unchanged: u64,
    pub chunks: u64,
    pub bytes: u64,
    pub skipped: BTreeMap<String, u64>,
    pub problems: Vec<(RepoPath, String)>,
    pub vanished: Vec<RepoPath>,
    /// Every file with a new record whose chunks were replaced…
    pub redone: HashSet<RepoPath>,
    /// … or stayed.
    pub touched: HashSet<RepoPath>,
    /// Files that could not be read.
    pub unread: Vec<RepoPath>,
}

/// Why writing ended early.
pub(super) enum WriteError {
    Store(StoreError),
    /// Another process committed since this run looked: compare again.
    Outdated,
}

impl From<StoreError> for WriteError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl<'s> RunWriter<'s> {
    /// A writer for a run that compares with `view`; with `fresh`, one that starts from nothing.
    pub fn new(
        store: &'s dyn ChunkStore,
        recipe: Recipe,
        view: Option<&Arc<dyn StoreView>>,
        fresh: bool,
        cancel: &CancelToken,
    ) -> Self {
        let base = view.map_or(0, |view| view.manifest().generation);
        Self { store, recipe, fresh, base, cancel: cancel.clone(), writer: None }
    }

    /// Takes the lock now instead of at the first commit.
    pub fn lock(&mut self) -> Result<&mut dyn StoreWriter, WriteError> {
        let writer = match self.writer.take() {
            Some(writer) => writer,
            None => {
                let mut writer = self.store.writer(&self.recipe, self.fresh)?;
                let cancel = self.cancel.clone();
                writer.stop_when(Arc::new(move || cancel.is_cancelled()));
                // Who starts from nothing compared with nothing, and must get past a broken manifest.
                if !self.fresh && self.store.generation()? != self.base {
                    return Err(WriteError::Outdated);
                }
                writer
            }
        };
        Ok(self.writer.insert(writer).as_mut())
    }

    /// Whether anything was written.
    pub fn is_open(&self) -> bool {
        self.writer.is_some()
    }

    /// Writes batches until the input ends.
    pub fn run(
        &mut self,
        inlet: &Inlet<'_, EmbeddedBatch>,
        budget: &Arc<MemoryBudget>,
        state: &dyn Fn() -> RunState,
        counts: &Counts,
    ) -> Result<Written, WriteError> {
        let mut written = Written::default();
        let mut pending = Pending::default();
        let begun = Instant::now();
        let mut last = begun;
        loop {
            let next = inlet.poll();
            let (is_idle, is_over) = (matches!(next, Next::Idle), matches!(next, Next::End));
            if is_over && inlet.cancel.is_cancelled() {
                return Ok(written); // what is pending is done again by the next run
            }
            if let Next::Item(batch) = next {
                inlet.clock.count(batch.chunks.len() as u64, batch.bytes);
                counts.through(&batch);
                written.add(&batch);
                pending.add(batch);
            }
            let is_due = pending.is_large()
                || (!pending.is_empty() && last.elapsed() >= COMMIT_EVERY.max(begun.elapsed() / COMMIT_PART))
                || (budget.is_short() && (is_idle || pending.bytes() >= budget.ceiling_bytes() / 4))
                || is_over;
            if is_due {
                self.write(&mut pending, state)?;
                last = Instant::now();
            }
            if is_over {
                return Ok(written);
            }
        }
    }

    /// Commits what is pending, if anything is, and lets go of its memory.
    fn write(&mut self, pending: &mut Pending, state: &dyn Fn() -> RunState) -> Result<(), WriteError> {
        if !pending.is_empty() {
            self.lock()?.commit(std::mem::take(&mut pending.commit), &state())?;
        }
        pending.permits.clear();
        Ok(())
    }
}

/// What waits for the next commit.
#[derive(Default)]
struct Pending {
    commit: Commit,
    permits: Vec<Permit>,
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.commit.replace.is_empty() && self.commit.touch.is_empty()
    }

    fn is_large(&self) -> bool {
        let Commit { replace, touch, chunks, .. } = &self.commit;
        chunks.len() >= COMMIT_CHUNKS || replace.len() + touch.len() >= COMMIT_RECORDS
    }

    /// Of the memory budget.
    fn bytes(&self) -> u64 {
        self.permits.iter().map(Permit::bytes).sum()
    }

    fn add(&mut self, batch: EmbeddedBatch) {
        self.commit.replace.extend(batch.replace);
        self.commit.touch.extend(batch.touch);
        self.commit.chunks.extend(batch.chunks);
        self.permits.extend(batch.permits);
    }
}

impl Counts {
    /// These files are through the stages but for the commit.
    fn through(&self, batch: &EmbeddedBatch) {
        let redone = batch.replace.len() as u64 + batch.vanished.len() as u64;
        self.redone.fetch_add(redone, Ordering::Relaxed);
        self.done.fetch_add(redone + batch.unchanged, Ordering::Relaxed);
    }
}

impl Written {
    fn add(&mut self, batch: &EmbeddedBatch) {
        self.unchanged += batch.unchanged;
        self.chunks += batch.chunks.len() as u64;
        self.bytes += batch.bytes;
        self.vanished.extend(batch.vanished.iter().cloned());
        for record in &batch.touch {
            self.touched.insert(record.path.clone());
            if record.is_unread() {
                self.unread.push(record.path.clone());
                self.problems.extend(problem_of(record));
            }
        }
        for record in &batch.replace {
            let FileRecord { path, outcome, .. } = record;
            self.redone.insert(path.clone());
            if record.is_unread() {
                self.unread.push(path.clone());
            }
            match outcome {
                Outcome::Indexed { .. } => {
                    self.files += 1;
                    self.problems.extend(problem_of(record));
                }
                Outcome::Skipped(reason) => *self.skipped.entry(reason.label().to_owned()).or_default() += 1,
            }
        }
    }
}

/// What went wrong with a file that is indexed.
pub(super) fn problem_of(record: &FileRecord) -> Option<(RepoPath, String)> {
    match &record.outcome {
        Outcome::Indexed { problem, .. } => problem.clone().map(|problem| (record.path.clone(), problem)),
        Outcome::Skipped(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::flow::{StageClock, edge};
    use crate::store::memory::MemoryStore;
    use crate::types::{ContentHash, SkipReason};

    #[test]
    fn files_without_chunks_are_committed_a_part_at_a_time() {
        let (store, cancel) = (MemoryStore::new("root".into()), CancelToken::default());
        let recipe = Recipe {
            schema_version: 1,
            chunker_version: 1,
            model_id: String::new(),
            dimensions: 1,
            settings: String::new(),
        };
        let clocks = ["embed", "write"].map(StageClock::new);
        let (outlet, inlet) = edge(&clocks[0], &clocks[1], 100, &cancel);
        let record = |at: usize| FileRecord {
            path: RepoPath::new(format!("{at}")),
            size_bytes: 0,
            mtime_ns: 1,
            hash: ContentHash::of(&[]),
            language: crate::language::text(),
            outcome: Outcome::Skipped(SkipReason::Empty),
        };
        let files = 3 * COMMIT_RECORDS;
        for first in (0..files).step_by(1_024) {
            let replace = (first..first + 1_024).map(record).collect();
            assert!(outlet.send(EmbeddedBatch { replace, ..EmbeddedBatch::default() }));
        }
        drop(outlet);
        let counts = Counts::default();
        let mut writer = RunWriter::new(&store, recipe, None, true, &cancel);
        let written = writer.run(&inlet, &MemoryBudget::new(1 << 20), &RunState::default, &counts);
        let written = written.unwrap_or_else(|_| panic!("the store takes it"));
        assert_eq!(written.skipped.get("empty"), Some(&(files as u64)));
        assert_eq!(counts.done.load(Ordering::Relaxed), files as u64);
        assert!(store.generation().expect("a generation") >= 3, "all of them waited for one commit");
    }
}
