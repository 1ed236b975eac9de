//! Stage `embed`: computes the vectors of chunks.
//!
//! Several threads embed one window of chunks each. Unless the embedder makes its own batches, each call receives texts
//! of similar length, from any files of the window. Files are passed on in groups once all of their chunks have
//! vectors. Cached passages are not embedded again.

use std::collections::{HashMap, VecDeque};
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::{Mutex, MutexGuard};

use super::super::batch_tuner::BatchTuner;
use super::super::budget::MemoryPermit;
use super::super::queue::{StageReceiver, StageSender};
use super::batch::{ChunkBatch, WINDOW_CHUNKS};
use super::parse::{FileReplacement, ParseOutcome, PreparedChunk};
use config::EmbedBatch;
use embed::cache::{self, HalfVector, VectorCache, VectorKey};
use embed::{self, EmbedError, Embedder};
use store::EmbeddedChunk;
use types::{FileRecord, RepoPath};

/// Minimum number of chunks sent to `write` at once when the embedder makes its own batches; small, because such an
/// embedder may be slow.
const MIN_SENT_CHUNKS: usize = 64;

/// Files whose chunks are ready to be written.
#[derive(Default)]
pub(crate) struct EmbeddedBatch {
    pub replace: Vec<FileRecord>,
    pub touch: Vec<FileRecord>,
    pub vanished: Vec<RepoPath>,
    pub chunks: Vec<EmbeddedChunk>,
    pub unchanged: u64,
    pub bytes: u64,
    pub permits: Vec<MemoryPermit>,
}

/// The embedder with its cache, and the results of all threads of the stage.
pub(crate) struct EmbedStage<'r> {
    pub embedder: &'r dyn Embedder,
    /// Vectors of earlier runs by passage; `None` to embed everything.
    pub cache: Option<&'r VectorCache>,
    /// Chooses the batch size from the calls of all threads.
    tuner: Mutex<BatchTuner>,
    computed: AtomicU64,
    reused: AtomicU64,
    failure: Mutex<Option<EmbedError>>,
    /// Loads, once per run, the keys of the vectors that other processes have cached.
    cache_refresh: Once,
}

impl<'r> EmbedStage<'r> {
    /// Creates a stage that has not called its embedder yet.
    pub fn new(embedder: &'r dyn Embedder, cache: Option<&'r VectorCache>, batch: EmbedBatch) -> Self {
        Self {
            embedder,
            cache,
            tuner: Mutex::new(BatchTuner::new(batch)),
            computed: AtomicU64::new(0),
            reused: AtomicU64::new(0),
            failure: Mutex::default(),
            cache_refresh: Once::new(),
        }
    }

    fn tuner(&self) -> MutexGuard<'_, BatchTuner> {
        self.tuner.lock()
    }

    /// Returns the error of the embedder, if it has failed.
    pub fn failure(&self) -> Option<EmbedError> {
        self.failure.lock().clone()
    }

    /// Returns a summary of the work up to now.
    pub fn summary(&self) -> EmbedSummary {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        EmbedSummary { computed: count(&self.computed), reused: count(&self.reused), batch_chunks: self.tuner().size() }
    }
}

/// Counts of computed and reused vectors of chunks.
#[derive(Default)]
pub(crate) struct EmbedSummary {
    pub computed: u64,
    /// Number of chunks whose vector comes from the cache or from a chunk with the same passage.
    pub reused: u64,
    /// Number of chunks per call, as chosen by the tuner.
    pub batch_chunks: usize,
}

/// The position of a chunk in a window: the index of its file and its index in that file.
type ChunkPosition = (usize, usize);

impl EmbedStage<'_> {
    /// Embeds batches until the input or the run ends, or the embedder fails in this thread or another.
    pub fn run(&self, input: &StageReceiver<'_, ChunkBatch>, output: &StageSender<'_, EmbeddedBatch>) {
        while let Some(batch) = input.next() {
            let mut window = ChunkWindow::new(batch);
            let embedded =
                if self.failure().is_some() { Ok(false) } else { self.embed_window(&mut window, input, output) };
            match embedded {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    self.failure.lock().get_or_insert(error);
                    return;
                }
            }
            if !window.send_ready(output, 0) {
                return;
            }
        }
    }

    /// Embeds a window, and sends completed files meanwhile. Returns false if the run should end.
    fn embed_window(
        &self,
        window: &mut ChunkWindow,
        input: &StageReceiver<'_, ChunkBatch>,
        output: &StageSender<'_, EmbeddedBatch>,
    ) -> Result<bool, EmbedError> {
        if let Some(cache) = self.cache {
            self.cache_refresh.call_once(|| cache.refresh(input.cancel.token()));
        }
        if !self.embed_paths(window, input)? {
            return Ok(false);
        }
        let chunks = window.chunks();
        let mut left = self.fill_from_cache(window);
        self.computed.fetch_add(left.len() as u64, Ordering::Relaxed);
        self.reused.fetch_add((chunks - left.len()) as u64, Ordering::Relaxed);
        if self.embedder.batches_internally() {
            return self.embed_with_own_batches(window, left.make_contiguous(), input, output);
        }
        while !left.is_empty() {
            let size = self.tuner().size();
            let rest = left.split_off(size.min(left.len()));
            self.embed_one_batch(window, left.make_contiguous())?;
            left = rest;
            if input.cancel.is_cancelled() || !window.send_ready(output, WINDOW_CHUNKS) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Embeds a window with an embedder that makes its own batches. Passes completed files on during the call. Returns
    /// false if the run should end.
    fn embed_with_own_batches(
        &self,
        window: &mut ChunkWindow,
        positions: &[ChunkPosition],
        input: &StageReceiver<'_, ChunkBatch>,
        output: &StageSender<'_, EmbeddedBatch>,
    ) -> Result<bool, EmbedError> {
        let texts = window.passages(positions);
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let (mut goes_on, mut halves) = (true, HalfVector::new());
        self.embedder.embed_each(&texts, &mut |at, mut vector| {
            self.round_and_cache(window.prepared(positions[at]).key, &mut vector, &mut halves);
            window.set_vector(positions[at], vector);
            goes_on = !input.cancel.is_cancelled() && window.send_ready(output, MIN_SENT_CHUNKS);
            goes_on
        })?;
        Ok(goes_on)
    }

    /// Rounds a computed vector to half precision, and caches it if there is a cache. `halves` is a reused buffer.
    fn round_and_cache(&self, key: Option<VectorKey>, vector: &mut [f32], halves: &mut HalfVector) {
        cache::round_to_half(vector, halves);
        if let (Some(cache), Some(key)) = (self.cache, key) {
            cache.insert(key, halves);
        }
    }

    /// Fills in cached vectors. Returns the remaining chunks, sorted by text length. Of several chunks with the same
    /// cache key, only the first is returned; the others get its vector.
    fn fill_from_cache(&self, window: &mut ChunkWindow) -> VecDeque<ChunkPosition> {
        let mut left: Vec<ChunkPosition> = Vec::new();
        let (mut firsts, mut vector) = (HashMap::new(), Vec::new());
        for file in 0..window.files.len() {
            for chunk in 0..window.files[file].chunks.len() {
                let (position, key) = ((file, chunk), window.files[file].chunks[chunk].key);
                let first = key.and_then(|key| firsts.get(&key).copied());
                if let Some(first) = first {
                    window.duplicates.entry(first).or_default().push(position);
                } else if key.zip(self.cache).is_some_and(|(key, cache)| cache.get(key, &mut vector)) {
                    window.set_vector(position, std::mem::take(&mut vector));
                } else {
                    firsts.extend(key.map(|key| (key, position)));
                    left.push(position);
                }
            }
        }
        left.sort_by_key(|position| window.prepared(*position).chunk.text.len());
        left.into()
    }

    /// Embeds chunks with one call of the embedder.
    ///
    /// # Errors
    /// When the embedder fails; no vector of the call is then cached or stored.
    fn embed_one_batch(&self, window: &mut ChunkWindow, positions: &[ChunkPosition]) -> Result<(), EmbedError> {
        let bytes = positions.iter().map(|position| window.prepared(*position).chunk.text.len() as u64).sum();
        let begun = Instant::now();
        let vectors = match self.embedder.as_static_model() {
            Some(table) => positions.iter().map(|position| table.embed_bag(&window.prepared(*position).bag)).collect(),
            None => {
                let texts = window.passages(positions);
                self.embedder.embed_passages(&texts.iter().map(String::as_str).collect::<Vec<_>>())?
            }
        };
        self.tuner().record_call(positions.len(), bytes, begun.elapsed());
        let mut halves = HalfVector::new();
        for (position, mut vector) in positions.iter().zip(vectors) {
            self.round_and_cache(window.prepared(*position).key, &mut vector, &mut halves);
            window.set_vector(*position, vector);
        }
        Ok(())
    }

    /// Sets the vectors of the files' paths, from the cache or the embedder. Returns false if the run should end.
    fn embed_paths(&self, window: &mut ChunkWindow, input: &StageReceiver<'_, ChunkBatch>) -> Result<bool, EmbedError> {
        let mut new: Vec<(usize, Option<VectorKey>, String)> = Vec::new();
        for (at, file) in window.files.iter_mut().enumerate() {
            let Some(first) = file.chunks.first() else { continue };
            let passage = embed::build_path_passage(&first.chunk.path);
            let key = self.cache.map(|_| VectorKey::of_text(&passage));
            if !key.zip(self.cache).is_some_and(|(key, cache)| cache.get(key, &mut file.path)) {
                new.push((at, key, passage));
            }
        }
        let texts: Vec<&str> = new.iter().map(|(.., passage)| passage.as_str()).collect();
        let mut halves = HalfVector::new();
        let mut store = |position: usize, mut vector: Vec<f32>| {
            let (at, key, _) = &new[position];
            self.round_and_cache(*key, &mut vector, &mut halves);
            window.files[*at].path = vector;
            !input.cancel.is_cancelled()
        };
        if self.embedder.batches_internally() {
            self.embedder.embed_each(&texts, &mut store)?;
            return Ok(!input.cancel.is_cancelled());
        }
        let vectors = self.embedder.embed_paths(&texts)?;
        vectors.into_iter().enumerate().for_each(|(position, vector)| _ = store(position, vector));
        Ok(true)
    }
}

/// A batch of files whose chunks are being embedded.
struct ChunkWindow {
    files: Vec<WindowFile>,
    /// For each chunk, the later chunks of the window with the same passage.
    duplicates: HashMap<ChunkPosition, Vec<ChunkPosition>>,
    /// The files that can be sent.
    ready: EmbeddedBatch,
}

struct WindowFile {
    /// `None` once the file is ready.
    record: Option<FileRecord>,
    permit: Option<MemoryPermit>,
    bytes: u64,
    chunks: Vec<PreparedChunk>,
    /// The vector of the file's path.
    path: Vec<f32>,
    /// One vector per chunk; empty until computed.
    vectors: Vec<Vec<f32>>,
    missing: usize,
}

impl ChunkWindow {
    fn new(batch: ChunkBatch) -> Self {
        let mut window = Self { files: Vec::new(), duplicates: HashMap::new(), ready: EmbeddedBatch::default() };
        for parsed in batch.0 {
            match parsed {
                ParseOutcome::Replace(replacement) => window.push(replacement),
                ParseOutcome::Unchanged { touch } => {
                    window.ready.unchanged += 1;
                    window.ready.touch.extend(touch);
                }
                ParseOutcome::Vanished(path) => window.ready.vanished.push(path),
            }
        }
        window
    }

    fn push(&mut self, replacement: FileReplacement) {
        let FileReplacement { record, chunks, bytes, permit } = replacement;
        let missing = chunks.len();
        let vectors = vec![Vec::new(); missing];
        let path = Vec::new();
        self.files.push(WindowFile { record: Some(record), permit, bytes, chunks, path, vectors, missing });
        if missing == 0 {
            self.mark_ready(self.files.len() - 1);
        }
    }

    fn chunks(&self) -> usize {
        self.files.iter().map(|file| file.chunks.len()).sum()
    }

    fn prepared(&self, (file, chunk): ChunkPosition) -> &PreparedChunk {
        &self.files[file].chunks[chunk]
    }

    fn passages(&self, positions: &[ChunkPosition]) -> Vec<String> {
        positions.iter().map(|position| embed::build_passage(&self.prepared(*position).chunk)).collect()
    }

    /// Sets the vector of a chunk and of all chunks with the same passage.
    fn set_vector(&mut self, position: ChunkPosition, vector: Vec<f32>) {
        for duplicate in self.duplicates.remove(&position).unwrap_or_default() {
            self.set_chunk_vector(duplicate, vector.clone());
        }
        self.set_chunk_vector(position, vector);
    }

    /// Adds the path vector to a chunk's vector and stores it. The file is ready after its last chunk.
    fn set_chunk_vector(&mut self, (at, chunk): ChunkPosition, mut vector: Vec<f32>) {
        let file = &mut self.files[at];
        embed::add_path_vector(&mut vector, &file.path);
        file.vectors[chunk] = vector;
        file.missing -= 1;
        if file.missing == 0 {
            self.mark_ready(at);
        }
    }

    fn mark_ready(&mut self, at: usize) {
        let file = &mut self.files[at];
        self.ready.replace.extend(file.record.take());
        self.ready.permits.extend(file.permit.take());
        self.ready.bytes += file.bytes;
        let embedded = |(prepared, vector): (PreparedChunk, Vec<f32>)| {
            let PreparedChunk { chunk, terms, .. } = prepared;
            EmbeddedChunk { chunk, terms, vector }
        };
        let chunks = std::mem::take(&mut file.chunks);
        self.ready.chunks.extend(chunks.into_iter().zip(std::mem::take(&mut file.vectors)).map(embedded));
    }

    /// Sends the files that are ready if they have at least `min_chunks` chunks in total. Returns false if the run
    /// should end.
    fn send_ready(&mut self, output: &StageSender<'_, EmbeddedBatch>, min_chunks: usize) -> bool {
        if self.ready.chunks.len() < min_chunks {
            return true;
        }
        let ready = std::mem::take(&mut self.ready);
        output.clock.count(ready.chunks.len() as u64, ready.bytes);
        output.send(ready)
    }
}
