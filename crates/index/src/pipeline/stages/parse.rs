//! Stage `parse`: splits source files into chunks and prepares their texts. Each thread keeps its parser process for
//! the whole run: while the process finds facts about one file, the thread builds the chunks of the one before.

use std::time::Duration;

use super::super::budget::MemoryPermit;
use super::super::queue::{StageReceiver, StageSender};
use super::read::ReadOutcome;
use embed::cache::VectorKey;
use embed::static_model::{StaticModel, TokenBag, WordCounter};
use embed::{self, Embedder};
use source::parse::syntax::SyntaxTask;
use source::parse::{SourceFile, build_parsed_file};
use store::inverted_index::{TermCounter, Terms};
use types::{Chunk, FileOutcome, FileRecord, RepoPath};
use workers::{ParserLease, ParserPool};

/// The change to make to one file in the index.
pub(crate) enum ParseOutcome {
    /// Replace the file's stored record and chunks.
    Replace(FileReplacement),
    /// Keep the file's chunks; write `touch` if its record changed.
    Unchanged { touch: Option<FileRecord> },
    /// The file was deleted after the walk saw it.
    Vanished(RepoPath),
}

impl ParseOutcome {
    /// Returns the number of chunks that need vectors.
    pub fn count_chunks(&self) -> usize {
        match self {
            Self::Replace(replacement) => replacement.chunks.len(),
            Self::Unchanged { .. } | Self::Vanished(_) => 0,
        }
    }
}

/// The new record and chunks of a file.
pub(crate) struct FileReplacement {
    pub record: FileRecord,
    pub chunks: Vec<PreparedChunk>,
    /// Length of the decoded source, in bytes; 0 for a skipped file.
    pub bytes: u64,
    /// `None` for a skipped file.
    pub permit: Option<MemoryPermit>,
}

/// A chunk with its search terms and embedding input.
pub(crate) struct PreparedChunk {
    pub chunk: Chunk,
    pub terms: Terms,
    /// The tokens of the passage; empty unless the embedder looks up each token in a table.
    pub bag: TokenBag,
    /// Cache key of the passage; `None` without a vector cache.
    pub key: Option<VectorKey>,
}

/// Options that decide which texts and keys of a chunk are computed.
#[derive(Clone, Copy)]
pub(crate) struct PrepareOptions<'r> {
    pub embedder: &'r dyn Embedder,
    /// Whether to compute cache keys.
    pub cache_keys: bool,
}

/// Prepares chunks, with buffers that one thread reuses.
pub(crate) struct ChunkPreparer<'r> {
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

/// The options of the `parse` stage, and its parsers.
#[derive(Clone, Copy)]
pub(crate) struct ParseStage<'r> {
    pub options: PrepareOptions<'r>,
    /// Limit for the processor time of parsing a file.
    pub time_limit: Duration,
    pub parsers: &'r ParserPool,
    /// Whether to parse every batch with a new parser process, which compiles its queries again; for benchmarks.
    pub renew_parsers: bool,
}

impl ParseStage<'_> {
    /// Parses batches until the input or the next stage ends.
    pub fn run(&self, input: &StageReceiver<'_, Vec<ReadOutcome>>, output: &StageSender<'_, Vec<ParseOutcome>>) {
        let (mut parsers, mut preparer) = (self.parsers.lease_for_run(), ChunkPreparer::new(self.options));
        while let Some(batch) = input.next() {
            if self.renew_parsers {
                parsers.renew();
                preparer = ChunkPreparer::new(self.options);
            }
            let parsed = self.parse_batch(batch, input, &mut parsers, &mut preparer);
            if !parsed.is_empty() && !output.send(parsed) {
                break;
            }
        }
    }

    /// Parses the files of a batch; returns nothing if the run is cancelled.
    fn parse_batch(
        &self,
        batch: Vec<ReadOutcome>,
        input: &StageReceiver<'_, Vec<ReadOutcome>>,
        parsers: &mut ParserLease<'_>,
        preparer: &mut ChunkPreparer<'_>,
    ) -> Vec<ParseOutcome> {
        let mut parsed: Vec<Option<ParseOutcome>> = Vec::with_capacity(batch.len());
        let (mut sources, mut records) = (Vec::new(), Vec::new());
        for (position, read) in batch.into_iter().enumerate() {
            parsed.push(match read {
                ReadOutcome::Source(source, record, permit) => {
                    sources.push((position, source));
                    records.push(Some((record, permit)));
                    None
                }
                ReadOutcome::Skipped(record) => {
                    let chunks = Vec::new();
                    Some(ParseOutcome::Replace(FileReplacement { record, chunks, bytes: 0, permit: None }))
                }
                ReadOutcome::Unchanged { touch } => Some(ParseOutcome::Unchanged { touch }),
                ReadOutcome::Vanished(path) => Some(ParseOutcome::Vanished(path)),
            });
        }
        let mut build = |index: usize, facts| {
            let (position, source): &(usize, SourceFile) = &sources[index];
            // Each file is answered once.
            let Some((mut record, permit)) = records[index].take() else { return };
            let result = build_parsed_file(source, facts, self.time_limit);
            record.content.outcome = FileOutcome::Indexed {
                chunks: u32::try_from(result.chunks.len()).expect("a file has fewer than 2^32 chunks"),
                problem: join_problems(&record.content.outcome, result.problem),
            };
            let bytes = source.text.len() as u64;
            input.clock.count(1, bytes);
            let chunks = result.chunks.into_iter().map(|chunk| preparer.prepare(chunk)).collect();
            let replacement = FileReplacement { record, chunks, bytes, permit: Some(permit) };
            parsed[*position] = Some(ParseOutcome::Replace(replacement));
        };
        let (mut requests, mut requested) = (Vec::new(), Vec::new());
        for (index, (_, source)) in sources.iter().enumerate() {
            match source.syntax_request(SyntaxTask::Definitions, self.time_limit) {
                Some(request) => {
                    requests.push(request);
                    requested.push(index);
                }
                None => build(index, None),
            }
        }
        parsers.analyze(&requests, input.cancel.token(), &mut |number, facts| build(requested[number], Some(facts)));
        if input.cancel.is_cancelled() { Vec::new() } else { parsed.into_iter().flatten().collect() }
    }
}

/// Joins the problem of reading a file, which is in its record, and the problem of parsing it.
fn join_problems(read: &FileOutcome, parsed: Option<String>) -> Option<String> {
    let read = match read {
        FileOutcome::Indexed { problem, .. } => problem.clone(),
        FileOutcome::Skipped(_) => None,
    };
    match (read, parsed) {
        (Some(read), Some(parsed)) => Some(format!("{read}; {parsed}")),
        (read, parsed) => read.or(parsed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use source::language;
    use source::parse::Parser;

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
            let source = SourceFile {
                language: language::detect_language(&path, None),
                path,
                text: text.repeat(40),
                masks: Vec::new(),
            };
            for chunk in parser.parse(&source).chunks {
                let passage = embed::build_passage(&chunk);
                let prepared = preparer.prepare(chunk);
                assert_eq!(prepared.key, Some(VectorKey::of_text(&passage)));
                assert_eq!(prepared.terms, Terms::from_chunk(&prepared.chunk));
                assert_eq!(model.embed_bag(&prepared.bag), model.embed_text(&passage), "{passage}");
            }
        }
    }
}
