//! embed: chunks get their vectors and their search text.

use super::flow::{Inlet, Outlet};
use super::stage_batch::ChunkBatch;
use super::stage_parse::Parsed;
use crate::embed::{self, Embedder};
use crate::store::EmbeddedChunk;
use crate::types::{FileRecord, RepoPath};

/// Files whose chunks are ready to be written.
#[derive(Default)]
pub(super) struct EmbeddedBatch {
    pub replace: Vec<FileRecord>,
    pub touch: Vec<FileRecord>,
    pub vanished: Vec<RepoPath>,
    pub chunks: Vec<EmbeddedChunk>,
    pub unchanged: u64,
    pub bytes: u64,
}

/// Embeds batches until the input ends.
pub(super) fn run(inlet: &Inlet<'_, ChunkBatch>, outlet: &Outlet<'_, EmbeddedBatch>, embedder: &dyn Embedder) {
    while let Some(batch) = inlet.next() {
        let embedded = embed(batch, embedder);
        inlet.clock.count(embedded.chunks.len() as u64);
        if !outlet.send(embedded) {
            break;
        }
    }
}

fn embed(batch: ChunkBatch, embedder: &dyn Embedder) -> EmbeddedBatch {
    let mut out = EmbeddedBatch::default();
    let mut chunks = Vec::new();
    for parsed in batch.0 {
        match parsed {
            Parsed::Replace { record, chunks: of_file, bytes } => {
                out.replace.push(record);
                out.bytes += bytes;
                chunks.extend(of_file);
            }
            Parsed::Unchanged { touch } => {
                out.unchanged += 1;
                out.touch.extend(touch);
            }
            Parsed::Vanished(path) => out.vanished.push(path),
        }
    }
    let passages: Vec<String> = chunks.iter().map(embed::passage).collect();
    let texts: Vec<&str> = passages.iter().map(String::as_str).collect();
    let vectors = embedder.embed_passages(&texts);
    let embedded = |(chunk, vector)| EmbeddedChunk { search_text: embed::search_text(&chunk), chunk, vector };
    out.chunks = chunks.into_iter().zip(vectors).map(embedded).collect();
    out
}
