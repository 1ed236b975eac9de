//! Stage `batch`: gathers parsed files until they have enough chunks for the embedder.

use std::sync::Arc;

use super::budget::MemoryBudget;
use super::flow::{Received, StageReceiver, StageSender};
use super::stage_parse::ParseOutcome;

/// Files whose chunks are embedded together, in calls with texts of similar length.
pub(super) struct ChunkBatch(pub Vec<ParseOutcome>);

/// Chunks in a full batch.
pub(super) const WINDOW_CHUNKS: usize = 1_024;

/// Files in a full batch, even if they have few chunks.
const WINDOW_FILES: usize = 1_024;

/// Gathers files until the input ends. If no input arrives for a moment, an incomplete batch is sent, so that
/// the embedder is not idle. With `preparse`, everything is gathered before it is sent, unless memory runs
/// out.
pub(super) fn gather_batches(
    input: &StageReceiver<'_, Vec<ParseOutcome>>,
    output: &StageSender<'_, ChunkBatch>,
    preparse: bool,
    window_chunks: usize,
    budget: &Arc<MemoryBudget>,
) {
    let (mut files, mut chunks) = (Vec::new(), 0);
    loop {
        let (is_due, is_over) = match input.receive_or_idle() {
            Received::Item(parsed) => {
                input.clock.count(parsed.len() as u64, 0);
                chunks += parsed.iter().map(count_chunks).sum::<usize>();
                files.extend(parsed);
                (!preparse && (chunks >= window_chunks || files.len() >= WINDOW_FILES), false)
            }
            Received::Idle => (!preparse || budget.has_waiters(), false),
            Received::End => (true, true),
        };
        if is_due && !files.is_empty() {
            chunks = 0;
            if !output.send(ChunkBatch(std::mem::take(&mut files))) {
                return;
            }
        }
        if is_over {
            return;
        }
    }
}

fn count_chunks(parsed: &ParseOutcome) -> usize {
    match parsed {
        ParseOutcome::Replace(replacement) => replacement.chunks.len(),
        ParseOutcome::Unchanged { .. } | ParseOutcome::Vanished(_) => 0,
    }
}
