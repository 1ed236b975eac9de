//! Runs a benchmark of one kind.

use super::null::{NullEmbedder, NullStore};
use super::{parse_alone, serial};
use crate::error::IndexError;
use crate::report::{IndexProgress, IndexReport};
use crate::request::IndexRequest;
use crate::run::Indexer;
use platform::cancel::CancelToken;

/// A method of indexing to benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BenchKind {
    /// The pipeline as `codescry index` runs it.
    Pipeline,
    /// The pipeline, with a new parser process for every batch of files, which compiles its queries again.
    RenewedParsers,
    /// The pipeline up to its parsers: nothing is embedded or stored.
    ParseAlone,
    /// Tree-sitter alone, on the same files and with the same number of threads. The busy time of the stage is the time
    /// spent inside tree-sitter; the elapsed time includes the walk and the reads.
    TreeSitterAlone,
    /// One batch of files after the other. Each batch is parsed by a new pool of threads, then embedded, then written.
    SerialBatches,
}

/// Runs a benchmark of this kind. It rebuilds the index, except with [`BenchKind::ParseAlone`] and
/// [`BenchKind::TreeSitterAlone`], which write nothing.
///
/// # Errors
/// Fails like [`Indexer::run`].
pub fn run_benchmark(
    indexer: &Indexer<'_>,
    kind: BenchKind,
    cancel: &CancelToken,
    observe: &(dyn Fn(&IndexProgress) + Sync),
) -> Result<IndexReport, IndexError> {
    let request = IndexRequest { rebuild: true, ..IndexRequest::default() };
    match kind {
        BenchKind::Pipeline => indexer.run(&request, cancel, observe),
        BenchKind::RenewedParsers => Indexer { renew_parsers: true, ..*indexer }.run(&request, cancel, observe),
        BenchKind::ParseAlone => {
            let (store, embedder) = (NullStore, NullEmbedder(indexer.embedder.dimensions()));
            Indexer { store: &store, embedder: &embedder, cache: None, ..*indexer }.run(&request, cancel, observe)
        }
        BenchKind::TreeSitterAlone => parse_alone::parse_syntax_only(indexer, cancel),
        BenchKind::SerialBatches => serial::index_in_serial_batches(indexer, cancel),
    }
}
