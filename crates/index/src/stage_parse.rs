//! Stage `parse`: splits source files into chunks and prepares their texts. Each thread keeps its parser for
//! the whole run.

use std::thread;

use super::budget::MemoryPermit;
use super::flow::{StageReceiver, StageSender};
use super::stage_read::ReadOutcome;
use embed::cache::VectorKey;
use embed::static_model::{StaticModel, TokenBag, WordCounter};
use embed::{self, Embedder};
use source::language;
use source::parse::Parser;
use store::lexical::{TermCounter, Terms};
use types::{Chunk, FileOutcome, FileRecord, RepoPath};

/// The change to make to one file in the index.
pub(super) enum ParseOutcome {
    /// Replace the file's stored record and chunks.
    Replace(FileReplacement),
    /// Keep the file's chunks; write `touch` if its record changed.
    Unchanged { touch: Option<FileRecord> },
    /// The file was deleted after the walk saw it.
    Vanished(RepoPath),
}

/// The new record and chunks of a file.
pub(super) struct FileReplacement {
    pub record: FileRecord,
    pub chunks: Vec<PreparedChunk>,
    /// Bytes of source.
    pub bytes: u64,
    /// `None` for a skipped file.
    pub permit: Option<MemoryPermit>,
}

/// A chunk with its search terms and embedding input.
pub(super) struct PreparedChunk {
    pub chunk: Chunk,
    pub terms: Terms,
    /// The words of the passage; empty unless the embedder is a table of words.
    pub bag: TokenBag,
    /// Cache key of the passage; `None` without a vector cache.
    pub key: Option<VectorKey>,
}

/// Options that decide which texts and keys of a chunk are computed.
#[derive(Clone, Copy)]
pub(super) struct PrepareOptions<'r> {
    pub embedder: &'r dyn Embedder,
    /// Whether to compute cache keys.
    pub cache_keys: bool,
}

/// The buffers of one thread for preparing chunks.
pub(super) struct ChunkPreparer<'r> {
    counter: TermCounter,
    word_counter: Option<WordCounter<'r>>,
    cache_keys: bool,
}

impl<'r> ChunkPreparer<'r> {
    pub fn new(options: PrepareOptions<'r>) -> Self {
        let word_counter = options.embedder.as_static_model().map(StaticModel::word_counter);
        Self { counter: TermCounter::default(), word_counter, cache_keys: options.cache_keys }
    }

    /// Computes the search terms and the embedding input of a chunk.
    pub fn prepare(&mut self, chunk: Chunk) -> PreparedChunk {
        let key = self.cache_keys.then(|| embed::compute_passage_key(&chunk));
        let word_counter = &mut self.word_counter;
        let terms = self.counter.count_terms(&chunk, &mut |word| {
            if let Some(word_counter) = word_counter {
                word_counter.add_word(word);
            }
        });
        let bag = self.word_counter.as_mut().map(WordCounter::take_bag).unwrap_or_default();
        PreparedChunk { chunk, terms, bag, key }
    }
}

/// Parses batches until the input ends, with a parser made by `new_parser`. With `renew`, for benchmarks,
/// every batch gets a new thread, a new parser and newly compiled queries, as in a pool made for one batch.
pub(super) fn parse_batches(
    input: &StageReceiver<'_, Vec<ReadOutcome>>,
    output: &StageSender<'_, Vec<ParseOutcome>>,
    options: PrepareOptions<'_>,
    new_parser: &(dyn Fn() -> Parser + Sync),
    renew: bool,
) {
    let (mut parser, mut preparer) = (new_parser(), ChunkPreparer::new(options));
    while let Some(batch) = input.next() {
        let parsed = if renew {
            parse_batch_in_new_thread(batch, input, options, new_parser)
        } else {
            parse_batch(batch, input, &mut parser, &mut preparer)
        };
        if !parsed.is_empty() && !output.send(parsed) {
            break;
        }
    }
}

/// Parses the files of a batch; stops early if the run is cancelled.
fn parse_batch(
    batch: Vec<ReadOutcome>,
    input: &StageReceiver<'_, Vec<ReadOutcome>>,
    parser: &mut Parser,
    preparer: &mut ChunkPreparer<'_>,
) -> Vec<ParseOutcome> {
    parser.set_stop_flag(input.cancel.flag());
    let mut parsed = Vec::with_capacity(batch.len());
    for read in batch {
        if input.cancel.is_cancelled() {
            break;
        }
        parsed.push(match read {
            ReadOutcome::Source(source, mut record, permit) => {
                let parse_result = parser.parse(&source);
                if input.cancel.is_cancelled() {
                    break; // the file was parsed only in part
                }
                record.outcome = FileOutcome::Indexed {
                    chunks: u32::try_from(parse_result.chunks.len()).unwrap_or(u32::MAX),
                    problem: parse_result.problem,
                };
                let bytes = source.text.len() as u64;
                input.clock.count(1, bytes);
                drop(source);
                let chunks = parse_result.chunks.into_iter().map(|chunk| preparer.prepare(chunk)).collect();
                ParseOutcome::Replace(FileReplacement { record, chunks, bytes, permit: Some(permit) })
            }
            ReadOutcome::Skipped(record) => {
                ParseOutcome::Replace(FileReplacement { record, chunks: Vec::new(), bytes: 0, permit: None })
            }
            ReadOutcome::Unchanged { touch } => ParseOutcome::Unchanged { touch },
            ReadOutcome::Vanished(path) => ParseOutcome::Vanished(path),
        });
    }
    parsed
}

fn parse_batch_in_new_thread(
    batch: Vec<ReadOutcome>,
    input: &StageReceiver<'_, Vec<ReadOutcome>>,
    options: PrepareOptions<'_>,
    new_parser: &(dyn Fn() -> Parser + Sync),
) -> Vec<ParseOutcome> {
    let work = move || {
        let mut languages: Vec<_> = batch.iter().filter_map(source_language).collect();
        languages.sort_unstable();
        languages.dedup();
        languages.into_iter().for_each(language::recompile_query);
        parse_batch(batch, input, &mut new_parser(), &mut ChunkPreparer::new(options))
    };
    match thread::scope(|scope| scope.spawn(work).join()) {
        Ok(parsed) => parsed,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

fn source_language(read: &ReadOutcome) -> Option<types::Language> {
    match read {
        ReadOutcome::Source(source, ..) => Some(source.language),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use source::parse::SourceFile;

    const SOURCE: &str = "//! Größe, naïve — 使用JSON格式.\n\n/// Parses an HTTPHeader of `qqjsonzz`.\n\
        impl Store_v2 {\n    pub fn parseHTTPHeader(&self) -> u32 {\n        let x_y = self.x9.max(0xff);\n        x_y\n    }\n\
        \n    /* open\n    closes */\n    fn other__name(&self, n: usize) -> usize {\n        n + 1\n    }\n}\n";

    #[test]
    fn prepared_chunks_have_the_terms_and_the_vector_of_their_passage() {
        let model = StaticModel::builtin();
        let mut preparer = ChunkPreparer::new(PrepareOptions { embedder: model.as_ref(), cache_keys: true });
        let mut parser = Parser::new(Duration::from_secs(5));
        for (path, text) in
            [("src/store.rs", SOURCE), ("a_b/Store.rs", SOURCE), ("a_b/Store.rs", "qqq zz9 x"), ("b.txt", "_")]
        {
            let path = RepoPath::new(path);
            let source = SourceFile { language: language::detect_language(&path, None), path, text: text.repeat(40) };
            for chunk in parser.parse(&source).chunks {
                let passage = embed::build_passage(&chunk);
                let prepared = preparer.prepare(chunk);
                assert_eq!(prepared.key, Some(VectorKey::of_text(&passage)));
                assert_eq!(prepared.terms, Terms::from_chunk(&prepared.chunk));
                assert_eq!(model.embed_bag(&prepared.bag), model.embed_passages(&[&passage])[0], "{passage}");
            }
        }
    }
}
