//! One generation of a store, held in memory in the shape a search reads it.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::vectors::{Matrix, normalize};
use crate::store::{RowKey, StoreError, StoreView, StoredChunk};
use crate::types::{FileRecord, Language, Outcome, RepoPath, Span, SymbolKind};

/// All of a chunk but its text and its vector.
#[derive(Clone, Debug)]
pub struct ChunkMeta {
    pub row: RowKey,
    /// Index of its file.
    pub file: u32,
    pub span: Span,
    pub kind: SymbolKind,
    pub symbol: String,
    pub container: String,
    pub defines: Vec<String>,
}

/// A file and its chunks.
#[derive(Clone, Debug)]
pub struct FileMeta {
    pub path: RepoPath,
    pub language: Language,
    /// Indices of its chunks, in line order.
    pub chunks: Range<u32>,
}

/// What a search reads: never changes, shared between threads.
pub struct Snapshot {
    pub view: Arc<dyn StoreView>,
    pub chunks: Vec<ChunkMeta>,
    pub files: Vec<FileMeta>,
    /// One row a chunk.
    pub chunk_vectors: Matrix,
    /// One row a file: the mean of its chunks' vectors, unit length.
    pub file_vectors: Matrix,
    /// Every record, to tell stale hits and to count.
    pub records: HashMap<RepoPath, FileRecord>,
    rows: HashMap<RowKey, u32>,
    /// Chunks by the names they define, see [`name_key`].
    names: HashMap<String, Vec<u32>>,
}

impl Snapshot {
    /// Reads everything a search needs from `view`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn load(view: Arc<dyn StoreView>) -> Result<Self, StoreError> {
        let stored = view.chunks()?;
        let records = view.files()?.into_iter().map(|record| (record.path.clone(), record)).collect();
        let dimensions = view.manifest().recipe.dimensions as usize;
        let mut snapshot = Self {
            chunks: Vec::with_capacity(stored.len()),
            files: Vec::new(),
            chunk_vectors: Matrix::with_capacity(dimensions, stored.len()),
            file_vectors: Matrix::with_capacity(dimensions, 0),
            records,
            rows: HashMap::with_capacity(stored.len()),
            names: HashMap::new(),
            view,
        };
        let mut sum = vec![0.0; dimensions];
        for (index, chunk) in (0_u32..).zip(stored) {
            if snapshot.files.last().is_none_or(|file| file.path != chunk.path) {
                snapshot.close_file(&mut sum);
                let chunks = index..index;
                snapshot.files.push(FileMeta { path: chunk.path.clone(), language: chunk.language, chunks });
            }
            sum.iter_mut().zip(&chunk.vector).for_each(|(sum, value)| *sum += value);
            snapshot.push(index, chunk);
        }
        snapshot.close_file(&mut sum);
        Ok(snapshot)
    }

    fn push(&mut self, index: u32, chunk: StoredChunk) {
        let file = u32::try_from(self.files.len().saturating_sub(1)).unwrap_or(u32::MAX);
        if let Some(last) = self.files.last_mut() {
            last.chunks.end = index + 1;
        }
        for name in &chunk.defines {
            self.names.entry(name_key(name)).or_default().push(index);
        }
        self.rows.insert(chunk.row, index);
        self.chunk_vectors.push(&chunk.vector);
        let StoredChunk { row, span, kind, symbol, container, defines, .. } = chunk;
        self.chunks.push(ChunkMeta { row, file, span, kind, symbol, container, defines });
    }

    fn close_file(&mut self, sum: &mut [f32]) {
        if !self.files.is_empty() {
            normalize(sum);
            self.file_vectors.push(sum);
            sum.fill(0.0);
        }
    }

    /// The chunk of a store's row.
    pub fn by_row(&self, row: RowKey) -> Option<u32> {
        self.rows.get(&row).copied()
    }

    /// Chunks that define exactly this name, however it is written.
    pub fn defining(&self, name: &str) -> &[u32] {
        self.names.get(&name_key(name)).map_or(&[], Vec::as_slice)
    }

    /// The file of a chunk.
    pub fn file_of(&self, chunk: u32) -> &FileMeta {
        &self.files[self.chunks[chunk as usize].file as usize]
    }

    /// Index of the file at `path`.
    pub fn file_at(&self, path: &str) -> Option<usize> {
        self.files.binary_search_by(|file| file.path.as_str().cmp(path)).ok()
    }

    /// Files with chunks in the index, or rightly without any.
    pub fn files_indexed(&self) -> u64 {
        self.records.values().filter(|record| matches!(record.outcome, Outcome::Indexed { .. })).count() as u64
    }
}

/// What makes `parseHTTPHeader`, `parse_http_header` and `ParseHttpHeader` the same name.
fn name_key(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
