//! embed: chunks get their vectors.
//!
//! Texts of one length go in one call, whichever files they are of; a file is handed on as soon as
//! all of its chunks are done. A passage that was ever embedded is not embedded again.
//! Several threads do this side by side, each with a window of its own.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::Instant;

use super::budget::Permit;
use super::flow::{Inlet, Outlet};
use super::stage_batch::{ChunkBatch, WINDOW_CHUNKS};
use super::stage_parse::{Parsed, Prepared, Replacement};
use super::tuner::BatchTuner;
use crate::config::EmbedBatch;
use crate::embed::cache::{self, Halves, VectorCache, VectorKey};
use crate::embed::{self, EmbedError, Embedder};
use crate::store::EmbeddedChunk;
use crate::types::{FileRecord, RepoPath};

/// Chunks handed on at once by an embedder that makes its own batches: few, for it may be slow.
const HAND_ON_CHUNKS: usize = 64;

/// Files whose chunks are ready to be written.
#[derive(Default)]
pub(super) struct EmbeddedBatch {
    pub replace: Vec<FileRecord>,
    pub touch: Vec<FileRecord>,
    pub vanished: Vec<RepoPath>,
    pub chunks: Vec<EmbeddedChunk>,
    pub unchanged: u64,
    pub bytes: u64,
    pub permits: Vec<Permit>,
}

/// What turns passages into vectors.
pub(super) struct EmbedStage<'r> {
    pub embedder: &'r dyn Embedder,
    /// Vectors of earlier runs, by passage; `None` to embed everything.
    pub cache: Option<&'r VectorCache>,
    /// Learns from the calls of all threads.
    tuner: Mutex<BatchTuner>,
    computed: AtomicU64,
    reused: AtomicU64,
    failure: Mutex<Option<EmbedError>>,
    /// Whether what others have kept since the last run was looked for.
    refreshed: Once,
}

impl<'r> EmbedStage<'r> {
    /// A stage that has not called its embedder yet.
    pub fn new(embedder: &'r dyn Embedder, cache: Option<&'r VectorCache>, batch: EmbedBatch) -> Self {
        Self {
            embedder,
            cache,
            tuner: Mutex::new(BatchTuner::new(batch)),
            computed: AtomicU64::new(0),
            reused: AtomicU64::new(0),
            failure: Mutex::default(),
            refreshed: Once::new(),
        }
    }

    fn tuner(&self) -> MutexGuard<'_, BatchTuner> {
        self.tuner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the embedder gave no vectors, if it did not.
    pub fn failure(&self) -> Option<EmbedError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was done so far.
    pub fn summary(&self) -> EmbedSummary {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        EmbedSummary { computed: count(&self.computed), reused: count(&self.reused), batch: self.tuner().size() }
    }
}

/// What was done to get the vectors.
#[derive(Default)]
pub(super) struct EmbedSummary {
    pub computed: u64,
    pub reused: u64,
    /// Chunks in a call, as settled on.
    pub batch: usize,
}

/// Embeds batches until the input ends, or the embedder fails.
pub(super) fn run(inlet: &Inlet<'_, ChunkBatch>, outlet: &Outlet<'_, EmbeddedBatch>, stage: &EmbedStage<'_>) {
    while let Some(batch) = inlet.next() {
        let mut window = Window::new(batch);
        let embedded = if stage.failure().is_some() { Ok(false) } else { stage.window(&mut window, inlet, outlet) };
        match embedded {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                stage.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                return;
            }
        }
        if !window.hand_on(outlet, 0) {
            return;
        }
    }
}

/// A chunk of a window: its file and its place in it.
type Place = (usize, usize);

impl EmbedStage<'_> {
    /// Embeds a window. False when nobody wants it any more.
    fn window(
        &self,
        window: &mut Window,
        inlet: &Inlet<'_, ChunkBatch>,
        outlet: &Outlet<'_, EmbeddedBatch>,
    ) -> Result<bool, EmbedError> {
        if let Some(cache) = self.cache {
            self.refreshed.call_once(|| cache.refresh(&|| inlet.cancel.is_cancelled()));
        }
        if !self.embed_paths(window, inlet)? {
            return Ok(false);
        }
        let chunks = window.chunks();
        let mut left = self.recall(window);
        self.computed.fetch_add(left.len() as u64, Ordering::Relaxed);
        self.reused.fetch_add((chunks - left.len()) as u64, Ordering::Relaxed);
        if self.embedder.makes_batches() {
            return self.embed_all(window, left.make_contiguous(), inlet, outlet);
        }
        while !left.is_empty() {
            let size = self.tuner().size();
            let rest = left.split_off(size.min(left.len()));
            self.embed(window, left.make_contiguous());
            left = rest;
            if inlet.cancel.is_cancelled() || !window.hand_on(outlet, WINDOW_CHUNKS) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// One call of an embedder that makes its own batches: files are handed on as they are done.
    fn embed_all(
        &self,
        window: &mut Window,
        places: &[Place],
        inlet: &Inlet<'_, ChunkBatch>,
        outlet: &Outlet<'_, EmbeddedBatch>,
    ) -> Result<bool, EmbedError> {
        let texts = window.passages(places);
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let (mut goes_on, mut halves) = (true, Halves::new());
        self.embedder.embed_each(&texts, &mut |at, mut vector| {
            self.keep(window.prepared(places[at]).key, &mut vector, &mut halves);
            window.fill(places[at], vector);
            goes_on = !inlet.cancel.is_cancelled() && window.hand_on(outlet, HAND_ON_CHUNKS);
            goes_on
        })?;
        Ok(goes_on)
    }

    /// Rounds a vector that was computed, and keeps it. `halves` is scratch.
    fn keep(&self, key: Option<VectorKey>, vector: &mut [f32], halves: &mut Halves) {
        cache::round(vector, halves);
        if let (Some(cache), Some(key)) = (self.cache, key) {
            cache.insert(key, halves);
        }
    }

    /// Takes what the cache has. What is left comes by the length of its passage; of chunks with one
    /// passage it is the first, the others get its vector.
    fn recall(&self, window: &mut Window) -> VecDeque<Place> {
        let mut left: Vec<Place> = Vec::new();
        let (mut firsts, mut vector) = (HashMap::new(), Vec::new());
        for file in 0..window.files.len() {
            for chunk in 0..window.files[file].chunks.len() {
                let (place, key) = ((file, chunk), window.files[file].chunks[chunk].key);
                let first = key.and_then(|key| firsts.get(&key).copied());
                if let Some(first) = first {
                    window.twins.entry(first).or_default().push(place);
                } else if key.zip(self.cache).is_some_and(|(key, cache)| cache.get(key, &mut vector)) {
                    window.fill(place, std::mem::take(&mut vector));
                } else {
                    firsts.extend(key.map(|key| (key, place)));
                    left.push(place);
                }
            }
        }
        left.sort_by_key(|place| window.prepared(*place).chunk.text.len());
        left.into()
    }

    /// One call of the embedder.
    fn embed(&self, window: &mut Window, places: &[Place]) {
        let bytes = places.iter().map(|place| window.prepared(*place).chunk.text.len() as u64).sum();
        let begun = Instant::now();
        let vectors = match self.embedder.word_table() {
            Some(table) => places.iter().map(|place| table.embed_bag(&window.prepared(*place).bag)).collect(),
            None => {
                let texts = window.passages(places);
                self.embedder.embed_passages(&texts.iter().map(String::as_str).collect::<Vec<_>>())
            }
        };
        self.tuner().called(places.len(), bytes, begun.elapsed());
        let mut halves = Halves::new();
        for (place, mut vector) in places.iter().zip(vectors) {
            self.keep(window.prepared(*place).key, &mut vector, &mut halves);
            window.fill(*place, vector);
        }
    }

    /// The vectors of the files' paths. False when nobody wants them any more.
    fn embed_paths(&self, window: &mut Window, inlet: &Inlet<'_, ChunkBatch>) -> Result<bool, EmbedError> {
        let mut new: Vec<(usize, Option<VectorKey>, String)> = Vec::new();
        for (at, file) in window.files.iter_mut().enumerate() {
            let Some(first) = file.chunks.first() else { continue };
            let passage = embed::path_passage(&first.chunk.path);
            let key = self.cache.map(|_| VectorKey::of(&passage));
            if !key.zip(self.cache).is_some_and(|(key, cache)| cache.get(key, &mut file.path)) {
                new.push((at, key, passage));
            }
        }
        let texts: Vec<&str> = new.iter().map(|(.., passage)| passage.as_str()).collect();
        let mut halves = Halves::new();
        let mut keep = |place: usize, mut vector: Vec<f32>| {
            let (at, key, _) = &new[place];
            self.keep(*key, &mut vector, &mut halves);
            window.files[*at].path = vector;
            !inlet.cancel.is_cancelled()
        };
        if self.embedder.makes_batches() {
            self.embedder.embed_each(&texts, &mut keep)?;
            return Ok(!inlet.cancel.is_cancelled());
        }
        self.embedder.embed_paths(&texts).into_iter().enumerate().for_each(|(place, vector)| _ = keep(place, vector));
        Ok(true)
    }
}

/// A batch while its chunks get their vectors.
struct Window {
    files: Vec<FileWindow>,
    /// Chunks that have the passage of another one.
    twins: HashMap<Place, Vec<Place>>,
    /// What can be handed on.
    ready: EmbeddedBatch,
}

struct FileWindow {
    /// Until it is ready.
    record: Option<FileRecord>,
    permit: Option<Permit>,
    bytes: u64,
    chunks: Vec<Prepared>,
    /// The vector of its path.
    path: Vec<f32>,
    /// One a chunk; empty until it is there.
    vectors: Vec<Vec<f32>>,
    missing: usize,
}

impl Window {
    fn new(batch: ChunkBatch) -> Self {
        let mut window = Self { files: Vec::new(), twins: HashMap::new(), ready: EmbeddedBatch::default() };
        for parsed in batch.0 {
            match parsed {
                Parsed::Replace(replacement) => window.push(replacement),
                Parsed::Unchanged { touch } => {
                    window.ready.unchanged += 1;
                    window.ready.touch.extend(touch);
                }
                Parsed::Vanished(path) => window.ready.vanished.push(path),
            }
        }
        window
    }

    fn push(&mut self, replacement: Replacement) {
        let Replacement { record, chunks, bytes, permit } = replacement;
        let missing = chunks.len();
        let vectors = vec![Vec::new(); missing];
        let path = Vec::new();
        self.files.push(FileWindow { record: Some(record), permit, bytes, chunks, path, vectors, missing });
        if missing == 0 {
            self.finish(self.files.len() - 1);
        }
    }

    fn chunks(&self) -> usize {
        self.files.iter().map(|file| file.chunks.len()).sum()
    }

    fn prepared(&self, (file, chunk): Place) -> &Prepared {
        &self.files[file].chunks[chunk]
    }

    fn passages(&self, places: &[Place]) -> Vec<String> {
        places.iter().map(|place| embed::passage(&self.prepared(*place).chunk)).collect()
    }

    /// Gives a chunk its passage's vector, and those of the same passage.
    fn fill(&mut self, place: Place, vector: Vec<f32>) {
        for twin in self.twins.remove(&place).unwrap_or_default() {
            self.fill_one(twin, vector.clone());
        }
        self.fill_one(place, vector);
    }

    /// Adds the vector of its path to a chunk's; a file whose last one this was is ready.
    fn fill_one(&mut self, (at, chunk): Place, mut vector: Vec<f32>) {
        let file = &mut self.files[at];
        embed::with_path(&mut vector, &file.path);
        file.vectors[chunk] = vector;
        file.missing -= 1;
        if file.missing == 0 {
            self.finish(at);
        }
    }

    fn finish(&mut self, at: usize) {
        let file = &mut self.files[at];
        self.ready.replace.extend(file.record.take());
        self.ready.permits.extend(file.permit.take());
        self.ready.bytes += file.bytes;
        let embedded = |(prepared, vector): (Prepared, Vec<f32>)| {
            let Prepared { chunk, terms, .. } = prepared;
            EmbeddedChunk { chunk, terms, vector }
        };
        let chunks = std::mem::take(&mut file.chunks);
        self.ready.chunks.extend(chunks.into_iter().zip(std::mem::take(&mut file.vectors)).map(embedded));
    }

    /// Hands on what is ready, if it is at least so many chunks. False when nobody takes it.
    fn hand_on(&mut self, outlet: &Outlet<'_, EmbeddedBatch>, at_least: usize) -> bool {
        if self.ready.chunks.len() < at_least {
            return true;
        }
        let ready = std::mem::take(&mut self.ready);
        outlet.clock.count(ready.chunks.len() as u64, ready.bytes);
        outlet.send(ready)
    }
}
