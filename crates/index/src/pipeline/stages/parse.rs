//! Stage `parse`: splits source files into chunks and prepares their texts. Each thread keeps its parser process for
//! the whole run: while the process finds facts about one file, the thread builds the chunks of the one before.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::super::budget::MemoryPermit;
use super::super::queue::{StageReceiver, StageSender};
use super::read::ReadOutcome;
use embed::cache::VectorKey;
use embed::static_model::{StaticModel, TokenBag, WordCounter};
use embed::{self, Embedder};
use platform::cancel::CancelToken;
use source::parse::syntax::{SyntaxFacts, SyntaxRequest, SyntaxTask};
use source::parse::{SourceFile, build_parsed_file};
use store::inverted_index::{TermCounter, Terms};
use types::{Chunk, FileOutcome, FileRecord, Language, RepoPath};
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

/// Maximum number of files of an update for which each language has one parser process.
const SHARED_FILES: usize = 32;

/// The parser processes that all threads of the stage use for the first files of an update.
///
/// A process compiles the query of a language when it first parses a file of it, which takes up to 0.16 s. A few files are
/// parsed sooner, and with much less processor time, if all files of a language go to one process.
pub(crate) struct SharedParsers<'p> {
    /// The processes; `None` for one that is not used yet, and for one that a thread has taken for itself.
    leases: Vec<Mutex<Option<ParserLease<'p>>>>,
    /// The process of each language, by index, and about how long the queries of each process compile, in milliseconds.
    assigned: Mutex<(HashMap<Language, usize>, Vec<u32>)>,
    /// Number of files that may still be parsed like this.
    files_left: AtomicUsize,
}

impl<'p> SharedParsers<'p> {
    /// Creates the parsers of a run with this number of processes. `is_update` is true if the run has an index to
    /// update.
    pub fn new(is_update: bool, processes: usize) -> Self {
        let leases = (0..processes.max(1)).map(|_| Mutex::default()).collect();
        let assigned = Mutex::new((HashMap::new(), vec![0; processes.max(1)]));
        Self { leases, assigned, files_left: AtomicUsize::new(if is_update { SHARED_FILES } else { 0 }) }
    }

    /// Returns whether this number of files is parsed with these parsers.
    fn admit(&self, files: usize) -> bool {
        let taken = self.files_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(files));
        if taken.is_err() {
            self.files_left.store(0, Ordering::Relaxed);
        }
        taken.is_ok()
    }

    /// Takes one of the processes for a thread alone.
    fn take(&self) -> Option<ParserLease<'p>> {
        self.leases.iter().find_map(|lease| lease.lock().take())
    }

    /// Returns the process of a language; a new one gets the process whose languages are the fastest to compile.
    fn process_of(&self, language: Language) -> usize {
        let (languages, costs) = &mut *self.assigned.lock();
        *languages.entry(language).or_insert_with(|| {
            let process = (0..costs.len()).min_by_key(|process| costs[*process]).unwrap_or(0);
            costs[process] += source::language::compile_ms(language);
            process
        })
    }

    /// Analyzes texts, each with the process of its language, and calls `receive` with their indices.
    fn analyze(
        &self,
        pool: &'p ParserPool,
        requests: &[SyntaxRequest<'_>],
        cancel: &CancelToken,
        receive: &mut dyn FnMut(usize, SyntaxFacts),
    ) {
        let processes: Vec<usize> = requests.iter().map(|request| self.process_of(request.language)).collect();
        let mut order: Vec<usize> = (0..self.leases.len()).filter(|process| processes.contains(process)).collect();
        // Another thread may use one of them.
        order.sort_by_key(|process| self.leases[*process].is_locked());
        for process in order {
            let indices: Vec<usize> = (0..requests.len()).filter(|index| processes[*index] == process).collect();
            let part: Vec<SyntaxRequest<'_>> = indices.iter().map(|index| requests[*index]).collect();
            let mut lease = self.leases[process].lock();
            let parser = lease.get_or_insert_with(|| pool.lease_for_run());
            parser.analyze(&part, cancel, &mut |number, facts| receive(indices[number], facts));
        }
    }
}

/// The options of the `parse` stage, and its parsers.
#[derive(Clone, Copy)]
pub(crate) struct ParseStage<'r, 'p> {
    pub options: PrepareOptions<'r>,
    /// Limit for the processor time of parsing a file.
    pub time_limit: Duration,
    pub parsers: &'p ParserPool,
    /// The parsers of the first files of an update.
    pub shared: &'r SharedParsers<'p>,
    /// Whether to parse every batch with a new parser process, which compiles its queries again; for benchmarks.
    pub renew_parsers: bool,
}

impl ParseStage<'_, '_> {
    /// Parses batches until the input or the next stage ends.
    pub fn run(&self, input: &StageReceiver<'_, Vec<ReadOutcome>>, output: &StageSender<'_, Vec<ParseOutcome>>) {
        let (mut own, mut preparer) = (None, ChunkPreparer::new(self.options));
        while let Some(batch) = input.next() {
            let files = batch.iter().filter(|read| matches!(read, ReadOutcome::Source(..))).count();
            if files > 0 && (own.is_some() || !self.shared.admit(files)) {
                let parsers =
                    own.get_or_insert_with(|| self.shared.take().unwrap_or_else(|| self.parsers.lease_for_run()));
                if self.renew_parsers {
                    parsers.renew();
                    preparer = ChunkPreparer::new(self.options);
                }
            }
            let parsed = self.parse_batch(batch, input, own.as_mut(), &mut preparer);
            if !parsed.is_empty() && !output.send(parsed) {
                break;
            }
        }
    }

    /// Parses the files of a batch, with `own` or else with the shared parsers; returns nothing if the run is cancelled.
    fn parse_batch(
        &self,
        batch: Vec<ReadOutcome>,
        input: &StageReceiver<'_, Vec<ReadOutcome>>,
        own: Option<&mut ParserLease<'_>>,
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
        let (cancel, mut receive) =
            (input.cancel.token(), |number: usize, facts| build(requested[number], Some(facts)));
        match own {
            Some(own) => own.analyze(&requests, cancel, &mut receive),
            None => self.shared.analyze(self.parsers, &requests, cancel, &mut receive),
        }
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
    fn the_first_files_of_a_language_have_one_process() {
        let shared = SharedParsers::new(true, 2);
        let languages = ["cpp", "go", "cpp", "python", "java", "go", "cpp"].map(Language);
        let processes = languages.map(|language| shared.process_of(language));
        // C++ takes longer to compile than the others together.
        assert_eq!(processes, [0, 1, 0, 1, 1, 1, 0]);
        assert!(shared.admit(SHARED_FILES - 1) && !shared.admit(2), "only few files");
        assert!(!shared.admit(1), "each thread has a process of its own now");
        assert!(!SharedParsers::new(false, 2).admit(1), "all files are new");
    }

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
