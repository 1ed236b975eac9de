//! Stage `batch`: gathers parsed files until they have enough chunks for the embedder.

use std::sync::Arc;

use crossbeam_channel::never;

use super::super::budget::MemoryBudget;
use super::super::queue::{Received, StageReceiver, StageSender};
use super::parse::ParseOutcome;

/// Files whose chunks are embedded together, in calls with texts of similar length.
pub(crate) struct ChunkBatch(pub Vec<ParseOutcome>);

/// Number of chunks that make a batch full, unless the embedder requests another number.
pub(crate) const WINDOW_CHUNKS: usize = 1_024;

/// Number of files that make a batch full, even if they have few chunks.
const WINDOW_FILES: usize = 1_024;

/// Divisor of a full batch that gives the minimum size sent to an idle embedder. Many smaller batches would fill the
/// queue in front of `write` with few chunks, and the embedder would wait during a commit.
const MIN_FILL_FRACTION: usize = 4;

/// The options of the `batch` stage, and the memory budget whose shortages it relieves.
#[derive(Clone, Copy)]
pub(crate) struct BatchStage<'r> {
    /// Whether to gather all files before sending any, unless memory runs out.
    pub preparse: bool,
    pub window_chunks: usize,
    pub budget: &'r Arc<MemoryBudget>,
}

/// The files of the next batch.
#[derive(Default)]
struct PendingBatch {
    files: Vec<ParseOutcome>,
    chunks: usize,
}

impl BatchStage<'_> {
    /// Gathers files until the input ends, and sends full batches. Sends an incomplete batch when the queues before and
    /// after the stage are empty and it is a quarter full or files wait for memory, and at the end of the input. With
    /// [`BatchStage::preparse`], a batch is sent before the end of the input only if files wait for memory.
    pub fn run(&self, input: &StageReceiver<'_, Vec<ParseOutcome>>, output: &StageSender<'_, ChunkBatch>) {
        let shortage = self.budget.subscribe_to_shortage();
        let nothing = never();
        let mut pending = PendingBatch::default();
        loop {
            let drained = if pending.files.is_empty() { &nothing } else { output.drained() };
            let is_due = match input.next_or_woken([&shortage, drained], None) {
                Received::Item(parsed) => {
                    input.clock.count(parsed.len() as u64, 0);
                    pending.add(parsed);
                    self.is_due(&pending, input, output)
                }
                Received::Woken => self.is_due(&pending, input, output),
                Received::End => {
                    if !pending.files.is_empty() {
                        output.send(ChunkBatch(pending.files));
                    }
                    return;
                }
            };
            if is_due && !output.send(ChunkBatch(std::mem::take(&mut pending).files)) {
                return;
            }
        }
    }

    /// Returns whether to send the pending files now.
    fn is_due(
        &self,
        pending: &PendingBatch,
        input: &StageReceiver<'_, Vec<ParseOutcome>>,
        output: &StageSender<'_, ChunkBatch>,
    ) -> bool {
        let is_filled =
            |parts: usize| pending.chunks * parts >= self.window_chunks || pending.files.len() * parts >= WINDOW_FILES;
        if !self.preparse && is_filled(1) {
            return true;
        }
        if pending.files.is_empty() || !input.is_empty() || !output.is_empty() {
            return false;
        }
        (!self.preparse && is_filled(MIN_FILL_FRACTION)) || self.budget.has_waiters()
    }
}

impl PendingBatch {
    fn add(&mut self, parsed: Vec<ParseOutcome>) {
        self.chunks += parsed.iter().map(ParseOutcome::count_chunks).sum::<usize>();
        self.files.extend(parsed);
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::clock::StageClocks;
    use super::super::super::queue::connect_stages;
    use super::*;
    use crate::report::Stage;
    use platform::cancel::CancelToken;
    use types::RepoPath;

    /// Runs the stage with a memory budget of 100 bytes. While it runs, calls `check` with the budget, a function that
    /// sends a number of files, the receiver of batches, and the cancel token.
    fn run_stage(
        preparse: bool,
        check: impl FnOnce(&Arc<MemoryBudget>, &dyn Fn(usize), &StageReceiver<'_, ChunkBatch>, &CancelToken),
    ) {
        let (clocks, token, budget) = (StageClocks::new(), CancelToken::default(), MemoryBudget::new(100));
        let cancel = token.channel();
        let (to_stage, input) = connect_stages(&clocks[Stage::Parse], &clocks[Stage::Batch], 64, &cancel);
        let (output, batches) = connect_stages(&clocks[Stage::Batch], &clocks[Stage::Embed], 4, &cancel);
        let stage = BatchStage { preparse, window_chunks: WINDOW_CHUNKS, budget: &budget };
        std::thread::scope(|scope| {
            // The closure owns these channels so that the stage ends if `check` panics.
            let (to_stage, batches) = (to_stage, batches);
            scope.spawn(move || stage.run(&input, &output));
            let send = |files: usize| {
                let file = || ParseOutcome::Vanished(RepoPath::new("a.rs"));
                assert!(to_stage.send((0..files).map(|_| file()).collect()));
            };
            check(&budget, &send, &batches, &token);
            token.cancel();
        });
    }

    fn next_files(batches: &StageReceiver<'_, ChunkBatch>) -> usize {
        batches.next().map_or(0, |batch| batch.0.len())
    }

    #[test]
    fn an_idle_embedder_gets_an_incomplete_batch_but_not_a_tiny_one() {
        run_stage(false, |_, send, batches, _| {
            send(WINDOW_FILES / MIN_FILL_FRACTION);
            assert_eq!(next_files(batches), WINDOW_FILES / MIN_FILL_FRACTION);
            send(1);
            send(WINDOW_FILES - 1);
            assert_eq!(next_files(batches), WINDOW_FILES, "the single file has waited for the others");
        });
    }

    #[test]
    fn files_that_wait_for_memory_get_a_tiny_batch_sent() {
        for preparse in [false, true] {
            run_stage(preparse, |budget, send, batches, token| {
                let full = budget.acquire(100, token).expect("there is room");
                send(1);
                std::thread::scope(|scope| {
                    let waiting = scope.spawn(|| budget.acquire(1, token).is_some());
                    assert_eq!(next_files(batches), 1);
                    drop(full);
                    assert!(waiting.join().expect("no panic"));
                });
            });
        }
    }
}
