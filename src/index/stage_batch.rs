//! batch: files are gathered until their chunks are worth the embedder's time.

use std::sync::Arc;

use super::budget::MemoryBudget;
use super::flow::{Inlet, Next, Outlet};
use super::stage_parse::Parsed;

/// Files whose chunks are embedded together, in calls of similar length.
pub(super) struct ChunkBatch(pub Vec<Parsed>);

/// Chunks gathered before they are handed on.
pub(super) const WINDOW_CHUNKS: usize = 1_024;

/// Files gathered before they are handed on, though they have few chunks.
const WINDOW_FILES: usize = 1_024;

/// Gathers until the input ends. What is held back is handed on early when nothing comes for a
/// moment, so that the embedder does not wait beside work. With `preparse` it is held back until
/// the input ends, unless that would take more memory than there is.
pub(super) fn run(
    inlet: &Inlet<'_, Vec<Parsed>>,
    outlet: &Outlet<'_, ChunkBatch>,
    preparse: bool,
    window_chunks: usize,
    budget: &Arc<MemoryBudget>,
) {
    let (mut files, mut chunks) = (Vec::new(), 0);
    loop {
        let (is_due, is_over) = match inlet.poll() {
            Next::Item(parsed) => {
                inlet.clock.count(parsed.len() as u64, 0);
                chunks += parsed.iter().map(chunks_of).sum::<usize>();
                files.extend(parsed);
                (!preparse && (chunks >= window_chunks || files.len() >= WINDOW_FILES), false)
            }
            Next::Idle => (!preparse || budget.is_short(), false),
            Next::End => (true, true),
        };
        if is_due && !files.is_empty() {
            chunks = 0;
            if !outlet.send(ChunkBatch(std::mem::take(&mut files))) {
                return;
            }
        }
        if is_over {
            return;
        }
    }
}

fn chunks_of(parsed: &Parsed) -> usize {
    match parsed {
        Parsed::Replace(replacement) => replacement.chunks.len(),
        Parsed::Unchanged { .. } | Parsed::Vanished(_) => 0,
    }
}
