//! Ways of indexing that the benchmarks compare with the pipeline: tree-sitter alone, the stages up to
//! parsing, and an indexer that handles one batch of files after the other.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::stage_parse::{ChunkPreparer, PrepareOptions, PreparedChunk};
use super::stage_read::decode_source;
use super::{CancelToken, IndexError, IndexProgress, IndexReport, IndexRequest, Indexer, StageReport, plan};
use embed::{self, Embedder};
use source::language;
use source::parse::{Parser, SourceFile};
use source::walk::{self, WalkEntry, WalkFinding, WalkOptions};
use store::{
    ChunkStore, Commit, CommitStatus, EmbeddedChunk, Generation, IndexFingerprint, Manifest, StoreError, StoreView,
    StoreWriter,
};
use types::{ContentHash, FileOutcome, FileRecord};

/// A way of indexing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BenchKind {
    /// The pipeline as `codescry index` runs it.
    Pipeline,
    /// The pipeline, with new parser threads and newly compiled queries for every batch of files.
    RenewedParsers,
    /// The pipeline up to its parsers: nothing is embedded or stored.
    ParseAlone,
    /// Tree-sitter alone, on the same files and with the same number of threads. The busy time of the stage is
    /// the time inside of tree-sitter; the elapsed time includes the walk and the reads.
    TreeSitterAlone,
    /// Batches of files one after the other. Each is parsed by a new pool of threads, then embedded, then
    /// written.
    SerialBatches,
}

/// Files in a batch of [`BenchKind::SerialBatches`], as in the indexer that codescry replaced.
const SERIAL_BATCH_FILES: usize = 256;

impl Indexer<'_> {
    /// Rebuilds the index in the given way.
    ///
    /// # Errors
    /// As [`Indexer::run`].
    pub fn bench(
        &self,
        kind: BenchKind,
        cancel: &CancelToken,
        observe: &(dyn Fn(&IndexProgress) + Sync),
    ) -> Result<IndexReport, IndexError> {
        let request = IndexRequest { rebuild: true, ..IndexRequest::default() };
        match kind {
            BenchKind::Pipeline => self.run(&request, cancel, observe),
            BenchKind::RenewedParsers => Indexer { renew_parsers: true, ..*self }.run(&request, cancel, observe),
            BenchKind::ParseAlone => {
                let (store, embedder) = (NullStore, NullEmbedder(self.embedder.dimensions()));
                Indexer { store: &store, embedder: &embedder, cache: None, ..*self }.run(&request, cancel, observe)
            }
            BenchKind::TreeSitterAlone => self.bench_tree_sitter(),
            BenchKind::SerialBatches => self.bench_serial_batches(),
        }
    }

    /// Returns the text of each chunk of the folder as the embedder gets it, sorted by file.
    ///
    /// # Errors
    /// When the root cannot be walked.
    pub fn passages(&self) -> Result<Vec<String>, IndexError> {
        let mut parsed = self.parse_in_new_pool(&self.walk_entries()?);
        parsed.sort_by(|one, other| one.0.path.cmp(&other.0.path));
        Ok(parsed
            .into_iter()
            .flat_map(|(_, chunks)| chunks)
            .map(|prepared| embed::build_passage(&prepared.chunk))
            .collect())
    }

    fn walk_entries(&self) -> Result<Vec<WalkEntry>, IndexError> {
        let options =
            WalkOptions { max_file_bytes: self.settings.max_file_bytes, files: self.files, stop: &walk::never_stop };
        let mut entries = Vec::new();
        walk::walk_tree(&self.settings.root, &options, &mut |walked| {
            if let WalkFinding::File(entry) = walked {
                entries.push(entry);
            }
            ControlFlow::Continue(())
        })?;
        Ok(entries)
    }

    /// Reads a file as the pipeline does; `None` if the pipeline would skip it.
    fn read_source(&self, entry: &WalkEntry) -> Option<SourceFile> {
        let bytes = self.files.read(&entry.abs, self.settings.max_file_bytes).ok()?.bytes;
        walk::inspect_content(&entry.path, &bytes).is_none().then(|| decode_source(&entry.path, bytes))
    }

    fn bench_tree_sitter(&self) -> Result<IndexReport, IndexError> {
        let begun = Instant::now();
        let entries = self.walk_entries()?;
        let (next, files, bytes) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        let syntax = Mutex::new(Duration::ZERO);
        let work = || {
            let mut parser = Parser::new(self.settings.parse_time_limit);
            let mut spent = Duration::ZERO;
            while let Some(entry) = entries.get(next.fetch_add(1, Ordering::Relaxed)) {
                let Some(file) = self.read_source(entry) else { continue };
                add_time(&mut spent, || parser.parse_syntax(&file));
                files.fetch_add(1, Ordering::Relaxed);
                bytes.fetch_add(file.text.len(), Ordering::Relaxed);
            }
            *syntax.lock().unwrap_or_else(PoisonError::into_inner) += spent;
        };
        thread::scope(|threads| (0..self.settings.pipeline.parse_workers).for_each(|_| _ = threads.spawn(work)));
        let workers = self.settings.pipeline.parse_workers;
        let busy = syntax.into_inner().unwrap_or_else(PoisonError::into_inner);
        let stage =
            StageReport { busy, ..stage_report("parse", workers, Duration::ZERO, files.load(Ordering::Relaxed)) };
        Ok(index_report(begun.elapsed(), entries.len(), bytes.load(Ordering::Relaxed), 0, vec![stage]))
    }

    fn bench_serial_batches(&self) -> Result<IndexReport, IndexError> {
        let begun = Instant::now();
        let fingerprint = plan::index_fingerprint(self.settings, self.embedder);
        let mut writer = self.store.writer(&fingerprint, true)?;
        let entries = self.walk_entries()?;
        let (mut chunks, mut bytes, mut files) = (0, 0, 0);
        let mut spent = [Duration::ZERO; 3];
        for batch in entries.chunks(SERIAL_BATCH_FILES) {
            let parsed = add_time(&mut spent[0], || self.parse_in_new_pool(batch));
            let commit = add_time(&mut spent[1], || self.embed_batch(parsed));
            files += commit.replace.len();
            chunks += commit.chunks.len();
            bytes += commit.chunks.iter().map(|chunk| chunk.chunk.text.len()).sum::<usize>();
            add_time(&mut spent[2], || writer.commit(commit, &CommitStatus::default()))?;
        }
        let state = CommitStatus { complete: true, files_found: entries.len() as u64, ..CommitStatus::default() };
        add_time(&mut spent[2], || writer.finish(&state))?;
        let threads = self.settings.pipeline.parse_workers;
        let stages = vec![
            stage_report("parse", threads, spent[0], files),
            stage_report("embed", 1, spent[1], chunks),
            stage_report("write", 1, spent[2], chunks),
        ];
        Ok(index_report(begun.elapsed(), entries.len(), bytes, chunks, stages))
    }

    fn parse_in_new_pool(&self, batch: &[WalkEntry]) -> Vec<(FileRecord, Vec<PreparedChunk>)> {
        let next = AtomicUsize::new(0);
        let work = || {
            let mut parser = Parser::new(self.settings.parse_time_limit);
            let (mut parsed, mut loaded) = (Vec::new(), HashSet::new());
            let mut preparer = ChunkPreparer::new(PrepareOptions { embedder: &NullEmbedder(0), cache_keys: false });
            while let Some(entry) = batch.get(next.fetch_add(1, Ordering::Relaxed)) {
                let Some(file) = self.read_source(entry) else { continue };
                if loaded.insert(file.language) {
                    language::recompile_query(file.language);
                }
                let parse_result = parser.parse(&file);
                let chunks = u32::try_from(parse_result.chunks.len()).unwrap_or(u32::MAX);
                let record = FileRecord {
                    path: entry.path.clone(),
                    size_bytes: entry.size_bytes,
                    mtime_ns: entry.mtime_ns,
                    hash: ContentHash::of_bytes(file.text.as_bytes()),
                    language: file.language,
                    outcome: FileOutcome::Indexed { chunks, problem: parse_result.problem },
                };
                parsed.push((record, parse_result.chunks.into_iter().map(|chunk| preparer.prepare(chunk)).collect()));
            }
            parsed
        };
        thread::scope(|threads| {
            let pool: Vec<_> = (0..self.settings.pipeline.parse_workers).map(|_| threads.spawn(work)).collect();
            let joined =
                pool.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            joined.flatten().collect()
        })
    }

    fn embed_batch(&self, parsed: Vec<(FileRecord, Vec<PreparedChunk>)>) -> Commit {
        let mut commit = Commit::default();
        let mut prepared = Vec::new();
        for (record, chunks) in parsed {
            commit.replace.push(record);
            prepared.extend(chunks);
        }
        for part in prepared.chunks(SERIAL_CALL_CHUNKS) {
            let texts: Vec<String> = part.iter().map(|prepared| embed::build_passage(&prepared.chunk)).collect();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            for (prepared, vector) in part.iter().zip(self.embedder.embed_passages(&texts)) {
                let (chunk, terms) = (prepared.chunk.clone(), prepared.terms.clone());
                commit.chunks.push(EmbeddedChunk { chunk, terms, vector });
            }
        }
        commit
    }
}

/// Chunks in a call of the embedder, in serial batches.
const SERIAL_CALL_CHUNKS: usize = 32;

fn add_time<T>(spent: &mut Duration, work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let done = work();
    *spent += begun.elapsed();
    done
}

fn stage_report(stage: &'static str, threads: usize, busy: Duration, items: usize) -> StageReport {
    StageReport {
        stage,
        threads,
        busy: busy * u32::try_from(threads).unwrap_or(1),
        items: items as u64,
        ..StageReport::default()
    }
}

fn index_report(
    elapsed: Duration,
    files_found: usize,
    bytes: usize,
    chunks: usize,
    stages: Vec<StageReport>,
) -> IndexReport {
    IndexReport {
        files_found: files_found as u64,
        files_indexed: stages.first().map_or(0, |parse| parse.items),
        chunks: chunks as u64,
        bytes: bytes as u64,
        elapsed,
        stages,
        ..IndexReport::default()
    }
}

/// An embedder without a model that returns empty vectors.
struct NullEmbedder(usize);

impl Embedder for NullEmbedder {
    fn model_id(&self) -> &'static str {
        "nothing"
    }

    fn dimensions(&self) -> usize {
        self.0
    }

    fn embed_passages(&self, texts: &[&str]) -> Vec<Vec<f32>> {
        vec![Vec::new(); texts.len()]
    }

    fn embed_query(&self, _text: &str) -> Vec<f32> {
        Vec::new()
    }
}

/// A store that discards all commits.
struct NullStore;

impl ChunkStore for NullStore {
    fn generation(&self) -> Result<Option<Generation>, StoreError> {
        Ok(None)
    }

    fn view(&self) -> Result<Option<Arc<dyn StoreView>>, StoreError> {
        Ok(None)
    }

    fn writer(&self, fingerprint: &IndexFingerprint, _fresh: bool) -> Result<Box<dyn StoreWriter>, StoreError> {
        Ok(Box::new(NullWriter(fingerprint.clone())))
    }

    fn size_bytes(&self) -> u64 {
        0
    }
}

struct NullWriter(IndexFingerprint);

impl NullWriter {
    fn manifest(&self) -> Manifest {
        Manifest {
            generation: 1,
            fingerprint: self.0.clone(),
            root: std::path::PathBuf::new(),
            complete: false,
            files_found: 0,
            skipped: std::collections::BTreeMap::new(),
            committed_at_ms: 0,
            is_empty: true,
        }
    }
}

impl StoreWriter for NullWriter {
    fn base(&self) -> Option<Arc<dyn StoreView>> {
        None
    }

    fn defer_publication(&mut self) {}

    fn commit(&mut self, _commit: Commit, _state: &CommitStatus) -> Result<Manifest, StoreError> {
        Ok(self.manifest())
    }

    fn finish(&mut self, _state: &CommitStatus) -> Result<Manifest, StoreError> {
        Ok(self.manifest())
    }
}
