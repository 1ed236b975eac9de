//! batch: files are gathered until their chunks are worth a call of the embedder.

use super::flow::{Inlet, Outlet};
use super::stage_parse::Parsed;

/// Files with their chunks, embedded in one call.
pub(super) struct ChunkBatch(pub Vec<Parsed>);

/// A batch is full at this many chunks…
const BATCH_CHUNKS: usize = 256;

/// … or at this many files.
const BATCH_FILES: usize = 512;

/// Gathers until the input ends.
pub(super) fn run(inlet: &Inlet<'_, Parsed>, outlet: &Outlet<'_, ChunkBatch>) {
    let mut files = Vec::new();
    let mut chunks = 0;
    while let Some(parsed) = inlet.next() {
        if let Parsed::Replace { chunks: of_file, .. } = &parsed {
            chunks += of_file.len();
        }
        files.push(parsed);
        inlet.clock.count(1);
        if chunks >= BATCH_CHUNKS || files.len() >= BATCH_FILES {
            chunks = 0;
            if !outlet.send(ChunkBatch(std::mem::take(&mut files))) {
                return;
            }
        }
    }
    if !files.is_empty() {
        outlet.send(ChunkBatch(files));
    }
}
