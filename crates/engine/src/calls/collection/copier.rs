//! Copies the rows of published indexes into a combined index.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use crate::error::EngineError;
use locations::LocationError;
use platform::cancel::CancelToken;
use source::secrets::MASK;
use store::inverted_index::Terms;
use store::lance::LanceStore;
use store::{
    ChunkStore as _, Commit, CommitStatus, EmbeddedChunk, IndexFingerprint, RowKey, SCHEMA_VERSION, StoreView,
    StoreWriter,
};
use types::{Chunk, FileOutcome, FileRecord, RepoPath};

/// Number of pending chunks at which they are committed. A chunk takes about 6 kB with its vector, text and terms.
const CHUNKS_PER_COMMIT: usize = 30_000;

/// Number of chunks at which a batch of files is full and its texts are read.
const TEXTS_AT_ONCE: usize = 4_096;

/// Copies the rows of published indexes into a combined index.
pub struct Copier {
    store: LanceStore,
    /// The writer, opened with the fingerprint of the combined index, or else of the first copied index.
    writer: Option<Box<dyn StoreWriter>>,
    /// The files in the combined index, by repository.
    files: HashMap<String, BTreeSet<RepoPath>>,
    pending: Commit,
    copied_chunks: u64,
    has_commit: bool,
}

impl Copier {
    /// Opens the combined index in `index_dir`, which may not exist yet.
    ///
    /// # Errors
    /// When the index cannot be read, or cannot be opened for writing.
    pub fn new(index_dir: &Path, root: &Path) -> Result<Self, EngineError> {
        let store = LanceStore::open(index_dir, root)?.with_resident_limit(0);
        let mut copier = Self {
            store,
            writer: None,
            files: HashMap::new(),
            pending: Commit::default(),
            copied_chunks: 0,
            has_commit: false,
        };
        if let Some(view) = copier.store.view()? {
            copier.has_commit = view.manifest().fingerprint.schema_version == SCHEMA_VERSION;
            for record in view.files()? {
                let project = record.path.as_str().split('/').next().unwrap_or_default().to_owned();
                copier.files.entry(project).or_default().insert(record.path);
            }
            let fingerprint = view.manifest().fingerprint.clone();
            drop(view);
            copier.open_writer(&fingerprint)?;
        }
        Ok(copier)
    }

    fn open_writer(&mut self, fingerprint: &IndexFingerprint) -> Result<&mut Box<dyn StoreWriter>, EngineError> {
        if self.writer.is_none() {
            let fingerprint = IndexFingerprint { schema_version: SCHEMA_VERSION, ..fingerprint.clone() };
            let mut writer = self.store.writer(&fingerprint, !self.has_commit)?;
            if !self.has_commit {
                writer.defer_publication();
            }
            self.writer = Some(writer);
        }
        Ok(self.writer.as_mut().expect("it was opened"))
    }

    /// Removes the files of repositories.
    pub fn remove(&mut self, repositories: &[String]) {
        for name in repositories {
            self.pending.remove.extend(self.files.remove(name).unwrap_or_default());
        }
    }

    /// Replaces the files of a repository by those of its published index.
    ///
    /// # Errors
    /// When a row of the published index is damaged, an index cannot be read or written, or `cancel` is cancelled.
    pub fn copy(&mut self, name: &str, view: &Arc<dyn StoreView>, cancel: &CancelToken) -> Result<(), EngineError> {
        self.open_writer(&view.manifest().fingerprint)?;
        let mut old = self.files.remove(name).unwrap_or_default();
        let records = view.files()?;
        let mut chunks: HashMap<RepoPath, Vec<RowKey>> = HashMap::new();
        let mut stored: HashMap<RowKey, store::StoredChunk> = HashMap::new();
        view.for_each_chunk(&mut |chunk| {
            chunks.entry(chunk.path.clone()).or_default().push(chunk.row);
            stored.insert(chunk.row, chunk);
        })?;
        let mut new = BTreeSet::new();
        let mut batch: Vec<(FileRecord, Vec<store::StoredChunk>)> = Vec::new();
        let mut batched = 0;
        for record in records {
            if cancel.is_cancelled() {
                return Err(LocationError::Stopped.into());
            }
            let rows = chunks.remove(&record.path).unwrap_or_default();
            // A damaged row is left out by the store; half a file is no answer.
            if let FileOutcome::Indexed { chunks, .. } = &record.content.outcome
                && *chunks as usize != rows.len()
            {
                return Err(EngineError::DamagedMember { name: name.to_owned(), path: record.path });
            }
            let path = RepoPath::new(format!("{name}/{}", record.path));
            old.remove(&path);
            new.insert(path);
            batched += rows.len();
            let of_file = rows.iter().filter_map(|row| stored.remove(row)).collect();
            batch.push((record, of_file));
            if batched >= TEXTS_AT_ONCE {
                self.add_files(name, view, std::mem::take(&mut batch))?;
                batched = 0;
            }
        }
        self.add_files(name, view, batch)?;
        self.pending.remove.extend(old);
        self.files.insert(name.to_owned(), new);
        Ok(())
    }

    /// Adds files of a repository with their chunks, and commits if there are many.
    fn add_files(
        &mut self,
        name: &str,
        view: &Arc<dyn StoreView>,
        files: Vec<(FileRecord, Vec<store::StoredChunk>)>,
    ) -> Result<(), EngineError> {
        let rows: Vec<RowKey> = files.iter().flat_map(|(_, chunks)| chunks.iter().map(|chunk| chunk.row)).collect();
        let mut texts = view.chunk_texts(&rows)?.into_iter();
        for (record, chunks) in files {
            let path = RepoPath::new(format!("{name}/{}", record.path));
            for chunk in chunks {
                let text = texts.next().unwrap_or_default();
                if text.is_damaged {
                    return Err(EngineError::DamagedMember { name: name.to_owned(), path: record.path });
                }
                self.copied_chunks += 1;
                self.pending.chunks.push(copy_chunk(&path, chunk, text));
            }
            self.pending.replace.push(FileRecord { path, ..record });
        }
        if self.pending.chunks.len() >= CHUNKS_PER_COMMIT { self.commit() } else { Ok(()) }
    }

    fn commit(&mut self) -> Result<(), EngineError> {
        let pending = std::mem::take(&mut self.pending);
        if let Some(writer) = self.writer.as_mut().filter(|_| !pending.is_empty()) {
            writer.commit(pending, &CommitStatus::default())?;
        }
        Ok(())
    }

    /// Commits the rest, and builds the search indexes. Returns the number of files in the index and the number of
    /// copied chunks.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn finish(mut self) -> Result<(u64, u64), EngineError> {
        self.commit()?;
        let files: u64 = self.files.values().map(|files| files.len() as u64).sum();
        let state = CommitStatus { complete: true, files_found: files, ..CommitStatus::default() };
        if let Some(mut writer) = self.writer.take() {
            writer.finish(&state)?;
        }
        Ok((files, self.copied_chunks))
    }
}

/// Returns a stored chunk as one of the file at `path`.
fn copy_chunk(path: &RepoPath, stored: store::StoredChunk, text: store::ChunkText) -> EmbeddedChunk {
    let masks = text.text.match_indices(MASK).filter(|_| text.is_masked);
    // Texts are much smaller than 4 GiB.
    let masked = masks.map(|(at, mask)| at as u32..(at + mask.len()) as u32).collect();
    let chunk = Chunk {
        path: path.clone(),
        language: stored.language,
        span: stored.span,
        kind: stored.kind,
        symbol: stored.symbol,
        container: stored.container,
        definitions: text.definitions,
        signature: text.signature,
        text: text.text,
        masked,
    };
    EmbeddedChunk { terms: Terms::from_chunk(&chunk), chunk, vector: stored.vector }
}
