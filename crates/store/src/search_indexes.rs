//! Retrieval by the indexes of the storage engine, for indexes whose chunks are not held in memory.

use crate::commit::StoredChunk;
use crate::error::StoreError;
use crate::inverted_index::{CorpusStatistics, SegmentError, Terms};
use types::{FileRecord, Language, RepoPath};

/// A condition on rows that the storage engine tests while it searches. The default accepts every row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowFilter {
    /// The languages of accepted rows; `None` for any.
    pub languages: Option<Vec<Language>>,
    /// The files of accepted rows; `None` for any.
    pub files: Option<Vec<String>>,
    /// Lists of paths of files and folders. An accepted row is in or below one path of every list.
    pub below: Vec<Vec<String>>,
}

/// The size of a whole index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IndexSize {
    /// Number of indexed files, including files without chunks.
    pub files: u64,
    pub chunks: u64,
}

/// A file with a chunk that a search index returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileHit {
    pub path: RepoPath,
}

/// The search indexes of a view.
///
/// Results are approximate: the caller reads the files of the hits, and compares and ranks their chunks itself.
pub trait SearchIndexes: Send + Sync {
    /// Returns the files of the `limit` chunks whose vectors have the nearest binary quantizations, nearest first. A
    /// file is repeated for each such chunk.
    ///
    /// # Errors
    /// When the indexes cannot be read.
    fn find_nearest(&self, vector: &[f32], limit: usize, filter: &RowFilter) -> Result<Vec<FileHit>, StoreError>;

    /// Returns the files of the `limit` chunks with the highest BM25 scores for words or keys of their word columns
    /// ([`crate::inverted_index::write_word_column`]), best first; none without words. With `all`, only chunks with
    /// every word. A file is repeated for each such chunk.
    ///
    /// # Errors
    /// When the indexes cannot be read.
    fn find_words(
        &self,
        words: &[&str],
        all: bool,
        limit: usize,
        filter: &RowFilter,
    ) -> Result<Vec<FileHit>, StoreError>;

    /// Returns the files of the `limit` best chunks with a word or key that differs from `word` by at most `edits`
    /// edits after the first character or, for a definition key, the first two. A file is repeated for each such chunk.
    ///
    /// # Errors
    /// When the indexes cannot be read.
    fn find_similar_word(&self, word: &str, edits: u8, limit: usize) -> Result<Vec<FileHit>, StoreError>;

    /// Calls `each` with the path and the defined names of every chunk that defines a name, in any order.
    ///
    /// # Errors
    /// When the table cannot be read.
    fn for_each_definition(&self, each: &mut dyn FnMut(&str, &mut dyn Iterator<Item = &str>))
    -> Result<(), StoreError>;

    /// Reads the chunks of files, in any order, with those of their terms whose hashes are in the sorted `wanted`, or
    /// with all terms if it is `None`. Leaves out damaged rows.
    ///
    /// # Errors
    /// When the table cannot be read.
    fn read_chunks_of(
        &self,
        files: &[RepoPath],
        wanted: Option<&[u64]>,
    ) -> Result<Vec<(StoredChunk, Terms)>, StoreError>;

    /// Reads the `limit` best chunks with a word or key, with their terms as [`SearchIndexes::read_chunks_of`] does.
    ///
    /// # Errors
    /// When the table cannot be read.
    fn read_chunks_with(
        &self,
        word: &str,
        limit: usize,
        wanted: Option<&[u64]>,
    ) -> Result<Vec<(StoredChunk, Terms)>, StoreError>;

    /// Reads the records of files, in any order; leaves out files that have none.
    ///
    /// # Errors
    /// When the table cannot be read or a record is damaged.
    fn read_records_of(&self, files: &[RepoPath]) -> Result<Vec<FileRecord>, StoreError>;

    /// Calls `each` with the path of every file, in any order.
    ///
    /// # Errors
    /// When the table cannot be read.
    fn for_each_path(&self, each: &mut dyn FnMut(&str)) -> Result<(), StoreError>;

    /// Counts the indexed files and the chunks.
    ///
    /// # Errors
    /// When a table cannot be read.
    fn measure_index(&self) -> Result<IndexSize, StoreError>;

    /// Returns the number of chunks that contain the term with this hash, including deleted chunks.
    ///
    /// # Errors
    /// When a segment of the inverted index cannot be read.
    fn document_frequency(&self, hash: u64) -> Result<u32, SegmentError>;

    /// Returns the statistics of all chunks, including deleted chunks.
    ///
    /// # Errors
    /// When a segment of the inverted index cannot be read.
    fn corpus_statistics(&self) -> Result<CorpusStatistics, SegmentError>;
}
