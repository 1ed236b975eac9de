//! Ways of indexing to compare the pipeline with.
//!
//! Owns what a benchmark needs beside the pipeline itself: tree-sitter alone, the stages up to the
//! parsers alone, and the batch after batch of the indexer that this program replaced.
//! Must never import: anything of this crate above `index`.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::stage_parse::{Prepared, Preparer, Wanted};
use super::stage_read::source;
use super::{CancelToken, IndexError, IndexReport, IndexRequest, Indexer, Progress, StageReport, plan};
use crate::embed::{self, Embedder};
use crate::language;
use crate::parse::{Parser, SourceFile};
use crate::store::{
    ChunkStore, Commit, EmbeddedChunk, Manifest, Recipe, RunState, Stamp, StoreError, StoreView, StoreWriter,
};
use crate::types::{ContentHash, FileRecord, Outcome};
use crate::walk::{self, WalkEntry, WalkOptions, Walked};

/// What is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BenchKind {
    /// The pipeline as it is.
    Pipeline,
    /// The pipeline with new parser threads, and their queries compiled anew, for every batch.
    RenewedParsers,
    /// The pipeline without an embedder and a store behind its parsers.
    ParseAlone,
    /// The same threads have tree-sitter parse the same files, and nothing else. The stage's busy time is what
    /// tree-sitter took; the whole run has a walk and the reads too.
    TreeSitterAlone,
    /// One batch of files after another: a new pool parses it, then it is embedded, then written.
    SerialBatches,
}

/// Files in a batch of [`BenchKind::SerialBatches`]: 32,108 files were 125 batches there.
const SERIAL_FILES: usize = 256;

impl Indexer<'_> {
    /// Does everything anew in the way `kind` says.
    ///
    /// # Errors
    /// As [`Indexer::run`].
    pub fn bench(
        &self,
        kind: BenchKind,
        cancel: &CancelToken,
        observe: &(dyn Fn(&Progress) + Sync),
    ) -> Result<IndexReport, IndexError> {
        let request = IndexRequest { rebuild: true, ..IndexRequest::default() };
        match kind {
            BenchKind::Pipeline => self.run(&request, cancel, observe),
            BenchKind::RenewedParsers => Indexer { renew_parsers: true, ..*self }.run(&request, cancel, observe),
            BenchKind::ParseAlone => {
                let (store, embedder) = (Nowhere, Nothing(self.embedder.dimensions()));
                Indexer { store: &store, embedder: &embedder, cache: None, ..*self }.run(&request, cancel, observe)
            }
            BenchKind::TreeSitterAlone => self.tree_sitter_alone(),
            BenchKind::SerialBatches => self.serial_batches(),
        }
    }

    /// What the embedder is given for the folder: each chunk's passage, file by file.
    ///
    /// # Errors
    /// When the root cannot be walked.
    pub fn passages(&self) -> Result<Vec<String>, IndexError> {
        let mut parsed = self.parse_with_a_new_pool(&self.entries()?);
        parsed.sort_by(|one, other| one.0.path.cmp(&other.0.path));
        Ok(parsed.into_iter().flat_map(|(_, chunks)| chunks).map(|prepared| embed::passage(&prepared.chunk)).collect())
    }

    fn entries(&self) -> Result<Vec<WalkEntry>, IndexError> {
        let options =
            WalkOptions { max_file_bytes: self.settings.max_file_bytes, files: self.files, stop: &walk::to_the_end };
        let mut entries = Vec::new();
        walk::walk(&self.settings.root, &options, &mut |walked| {
            if let Walked::File(entry) = walked {
                entries.push(entry);
            }
            ControlFlow::Continue(())
        })?;
        Ok(entries)
    }

    /// What the pipeline would parse, or `None` for what it would leave out.
    fn read(&self, entry: &WalkEntry) -> Option<SourceFile> {
        let bytes = self.files.read(&entry.abs, self.settings.max_file_bytes).ok()?.bytes;
        walk::inspect(&entry.path, &bytes).is_none().then(|| source(&entry.path, bytes))
    }

    fn tree_sitter_alone(&self) -> Result<IndexReport, IndexError> {
        let begun = Instant::now();
        let entries = self.entries()?;
        let (next, files, bytes) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        let syntax = Mutex::new(Duration::ZERO);
        let work = || {
            let mut parser = Parser::new(self.settings.parse_time_limit);
            let mut spent = Duration::ZERO;
            while let Some(entry) = entries.get(next.fetch_add(1, Ordering::Relaxed)) {
                let Some(file) = self.read(entry) else { continue };
                timed(&mut spent, || parser.parse_syntax(&file));
                files.fetch_add(1, Ordering::Relaxed);
                bytes.fetch_add(file.text.len(), Ordering::Relaxed);
            }
            *syntax.lock().unwrap_or_else(PoisonError::into_inner) += spent;
        };
        thread::scope(|threads| (0..self.settings.pipeline.parse_workers).for_each(|_| _ = threads.spawn(work)));
        let workers = self.settings.pipeline.parse_workers;
        let busy = syntax.into_inner().unwrap_or_else(PoisonError::into_inner);
        let stage = StageReport { busy, ..stage("parse", workers, Duration::ZERO, files.load(Ordering::Relaxed)) };
        Ok(report(begun.elapsed(), entries.len(), bytes.load(Ordering::Relaxed), 0, vec![stage]))
    }

    fn serial_batches(&self) -> Result<IndexReport, IndexError> {
        let begun = Instant::now();
        let recipe = plan::recipe(self.settings, self.embedder);
        let mut writer = self.store.writer(&recipe, true)?;
        let entries = self.entries()?;
        let (mut chunks, mut bytes, mut files) = (0, 0, 0);
        let mut spent = [Duration::ZERO; 3];
        for batch in entries.chunks(SERIAL_FILES) {
            let parsed = timed(&mut spent[0], || self.parse_with_a_new_pool(batch));
            let commit = timed(&mut spent[1], || self.embed_batch(parsed));
            files += commit.replace.len();
            chunks += commit.chunks.len();
            bytes += commit.chunks.iter().map(|chunk| chunk.chunk.text.len()).sum::<usize>();
            timed(&mut spent[2], || writer.commit(commit, &RunState::default()))?;
        }
        let state = RunState { complete: true, files_found: entries.len() as u64, ..RunState::default() };
        timed(&mut spent[2], || writer.finish(&state))?;
        let threads = self.settings.pipeline.parse_workers;
        let stages = vec![
            stage("parse", threads, spent[0], files),
            stage("embed", 1, spent[1], chunks),
            stage("write", 1, spent[2], chunks),
        ];
        Ok(report(begun.elapsed(), entries.len(), bytes, chunks, stages))
    }

    fn parse_with_a_new_pool(&self, batch: &[WalkEntry]) -> Vec<(FileRecord, Vec<Prepared>)> {
        let next = AtomicUsize::new(0);
        let work = || {
            let mut parser = Parser::new(self.settings.parse_time_limit);
            let (mut parsed, mut loaded) = (Vec::new(), HashSet::new());
            let mut preparer = Preparer::new(Wanted { embedder: &Nothing(0), keys: false });
            while let Some(entry) = batch.get(next.fetch_add(1, Ordering::Relaxed)) {
                let Some(file) = self.read(entry) else { continue };
                if loaded.insert(file.language) {
                    language::compile_anew(file.language);
                }
                let found = parser.parse(&file);
                let chunks = u32::try_from(found.chunks.len()).unwrap_or(u32::MAX);
                let record = FileRecord {
                    path: entry.path.clone(),
                    size_bytes: entry.size_bytes,
                    mtime_ns: entry.mtime_ns,
                    hash: ContentHash::of(file.text.as_bytes()),
                    language: file.language,
                    outcome: Outcome::Indexed { chunks, problem: found.problem },
                };
                parsed.push((record, found.chunks.into_iter().map(|chunk| preparer.prepare(chunk)).collect()));
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

    fn embed_batch(&self, parsed: Vec<(FileRecord, Vec<Prepared>)>) -> Commit {
        let mut commit = Commit::default();
        let mut prepared = Vec::new();
        for (record, chunks) in parsed {
            commit.replace.push(record);
            prepared.extend(chunks);
        }
        for part in prepared.chunks(SERIAL_CALL) {
            let texts: Vec<String> = part.iter().map(|prepared| embed::passage(&prepared.chunk)).collect();
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
const SERIAL_CALL: usize = 32;

fn timed<T>(spent: &mut Duration, work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let done = work();
    *spent += begun.elapsed();
    done
}

fn stage(stage: &'static str, threads: usize, busy: Duration, items: usize) -> StageReport {
    StageReport {
        stage,
        threads,
        busy: busy * u32::try_from(threads).unwrap_or(1),
        items: items as u64,
        ..StageReport::default()
    }
}

fn report(elapsed: Duration, found: usize, bytes: usize, chunks: usize, stages: Vec<StageReport>) -> IndexReport {
    IndexReport {
        files_found: found as u64,
        files_indexed: stages.first().map_or(0, |parse| parse.items),
        chunks: chunks as u64,
        bytes: bytes as u64,
        elapsed,
        stages,
        ..IndexReport::default()
    }
}

/// An embedder that has no model and takes no time.
struct Nothing(usize);

impl Embedder for Nothing {
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

/// A store that keeps nothing.
struct Nowhere;

impl ChunkStore for Nowhere {
    fn stamp(&self) -> Result<Option<Stamp>, StoreError> {
        Ok(None)
    }

    fn view(&self) -> Result<Option<Arc<dyn StoreView>>, StoreError> {
        Ok(None)
    }

    fn writer(&self, recipe: &Recipe, _fresh: bool) -> Result<Box<dyn StoreWriter>, StoreError> {
        Ok(Box::new(NoWriter(recipe.clone())))
    }

    fn size_bytes(&self) -> u64 {
        0
    }
}

struct NoWriter(Recipe);

impl NoWriter {
    fn manifest(&self) -> Manifest {
        Manifest {
            generation: 1,
            recipe: self.0.clone(),
            root: std::path::PathBuf::new(),
            complete: false,
            files_found: 0,
            skipped: std::collections::BTreeMap::new(),
            committed_at_ms: 0,
            is_empty: true,
        }
    }
}

impl StoreWriter for NoWriter {
    fn base(&self) -> Option<Arc<dyn StoreView>> {
        None
    }

    fn hide(&mut self) {}

    fn commit(&mut self, _commit: Commit, _state: &RunState) -> Result<Manifest, StoreError> {
        Ok(self.manifest())
    }

    fn finish(&mut self, _state: &RunState) -> Result<Manifest, StoreError> {
        Ok(self.manifest())
    }
}
