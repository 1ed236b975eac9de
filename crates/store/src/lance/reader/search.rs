//! Retrieval by LanceDB's indexes.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow_array::{ArrayRef, BinaryArray, RecordBatch, StringArray, UInt8Array, UInt64Array};
use arrow_schema::ArrowError;
use futures::TryStreamExt;
use lancedb::DistanceType;
use lancedb::index::scalar::{FtsQuery, FullTextSearchQuery, MatchQuery, Operator};
use lancedb::query::{ExecutableQuery, Query, QueryBase, Select};

use super::LanceView;
use crate::commit::StoredChunk;
use crate::error::StoreError;
use crate::inverted_index::{CorpusStatistics, SegmentDictionary, SegmentError, Terms};
use crate::lance::rows::{self, ChunkUnpacker};
use crate::search_indexes::{FileHit, IndexSize, RowFilter, SearchIndexes};
use types::{FileRecord, RepoPath};

/// Number of partitions of the vector index that a search compares.
const PROBED_PARTITIONS: usize = 12;

/// Maximum number of files whose rows one query reads.
const MAX_PATHS: usize = 512;

impl LanceView {
    /// Collects the paths in the results of a query, in order.
    fn list_hits(
        &self,
        operation: &'static str,
        query: impl ExecutableQuery + Send,
    ) -> Result<Vec<FileHit>, StoreError> {
        let batches: Vec<RecordBatch> =
            self.location.block_on_read(operation, async { query.execute().await?.try_collect().await })?;
        let mut hits = Vec::new();
        for batch in &batches {
            let paths: &StringArray =
                rows::typed_column(batch, "path").map_err(|error| self.location.damage_error(operation, &error))?;
            hits.extend(paths.iter().flatten().map(|path| FileHit { path: RepoPath::new(path) }));
        }
        Ok(hits)
    }

    fn find_matches(&self, matched: MatchQuery, limit: usize, filter: &RowFilter) -> Result<Vec<FileHit>, StoreError> {
        let query = self.tables.chunks.query().full_text_search(search_for(matched)).limit(limit);
        let query = query.select(Select::columns(&["path", "_score"]));
        self.list_hits("search the words", with_condition(query, filter))
    }

    /// Adds the chunks in the results of a query to `chunks`, with their terms as [`SearchIndexes::read_chunks_of`]
    /// reads them.
    fn read_chunks(
        &self,
        query: Query,
        wanted: Option<&[u64]>,
        chunks: &mut Vec<(StoredChunk, Terms)>,
    ) -> Result<(), StoreError> {
        let operation = "read some chunks";
        // Packed terms are found by their hashes; all terms are only in the words.
        let columns = if wanted.is_some() { vec![rows::PACKED] } else { vec![rows::PACKED, rows::WORDS] };
        let query = query.select(Select::columns(&columns)).with_row_id();
        let batches: Vec<RecordBatch> =
            self.location.block_on_read(operation, async { query.execute().await?.try_collect().await })?;
        let mut unpacker = ChunkUnpacker::new(wanted);
        let mut damaged = 0;
        for batch in &batches {
            let mut decode = || {
                let keys = rows::typed_column::<UInt64Array>(batch, "_rowid")?;
                let packed: &BinaryArray = rows::typed_column(batch, rows::PACKED)?;
                let words: Option<&StringArray> =
                    if wanted.is_some() { None } else { Some(rows::typed_column(batch, rows::WORDS)?) };
                for (index, key) in keys.values().iter().enumerate() {
                    match unpacker.unpack(packed.value(index), *key) {
                        Some((chunk, terms)) => {
                            let all = words.map(|words| Terms::from_word_column(words.value(index)));
                            chunks.push((chunk, all.unwrap_or(terms)));
                        }
                        None => damaged += 1,
                    }
                }
                Ok::<_, ArrowError>(())
            };
            decode().map_err(|error| self.location.damage_error(operation, &error))?;
        }
        self.damaged_rows.fetch_add(damaged, Ordering::Relaxed);
        Ok(())
    }

    /// Returns the dictionaries of the segments, which are opened on first use.
    fn dictionaries(&self) -> Result<&[SegmentDictionary], SegmentError> {
        if let Some(open) = self.dictionaries.get() {
            return Ok(open);
        }
        let paths = self.committed.words.iter().map(|name| super::segments::segment_path(&self.location, name));
        let opened = paths.map(|path| SegmentDictionary::open(&path)).collect::<Result<Vec<_>, _>>()?;
        Ok(self.dictionaries.get_or_init(|| opened))
    }
}

impl SearchIndexes for LanceView {
    fn find_nearest(&self, vector: &[f32], limit: usize, filter: &RowFilter) -> Result<Vec<FileHit>, StoreError> {
        let operation = "search the vectors";
        let signs: ArrayRef = Arc::new(UInt8Array::from(rows::sign_bytes(vector.iter().copied())));
        let query = self
            .tables
            .chunks
            .query()
            .nearest_to(signs)
            .and_then(|query| query.column(rows::SIGNS).distance_type(DistanceType::Hamming).nprobes(PROBED_PARTITIONS))
            .map_err(|error| self.location.engine_error(operation, &error))?;
        let query = query.limit(limit).select(Select::columns(&["path", "_distance"]));
        self.list_hits(operation, with_condition(query, filter))
    }

    fn find_words(
        &self,
        words: &[&str],
        all: bool,
        limit: usize,
        filter: &RowFilter,
    ) -> Result<Vec<FileHit>, StoreError> {
        if words.is_empty() {
            return Ok(Vec::new());
        }
        let operator = if all { Operator::And } else { Operator::Or };
        self.find_matches(MatchQuery::new(words.join(" ")).with_operator(operator), limit, filter)
    }

    fn find_similar_word(&self, word: &str, edits: u8, limit: usize) -> Result<Vec<FileHit>, StoreError> {
        let kept = if word.starts_with('=') { 2 } else { 1 };
        let similar = MatchQuery::new(word.to_owned()).with_fuzziness(Some(u32::from(edits))).with_prefix_length(kept);
        self.find_matches(similar, limit, &RowFilter::default())
    }

    fn for_each_definition(
        &self,
        each: &mut dyn FnMut(&str, &mut dyn Iterator<Item = &str>),
    ) -> Result<(), StoreError> {
        let query = self.tables.chunks.query().select(Select::columns(&["path", "defines"]));
        self.location.block_on_read("read the names", async {
            let mut batches = query.execute().await?;
            while let Some(batch) = batches.try_next().await? {
                let column = |name| rows::typed_column::<StringArray>(&batch, name);
                let (paths, names) = column("path")
                    .and_then(|paths| Ok((paths, column("defines")?)))
                    .map_err(|source| lancedb::Error::Arrow { source })?;
                for (path, names) in paths.iter().zip(names).filter_map(|(path, names)| Some((path?, names?))) {
                    if !names.is_empty() {
                        each(path, &mut rows::split_defined_names(names));
                    }
                }
            }
            Ok::<_, lancedb::Error>(())
        })
    }

    fn read_chunks_of(
        &self,
        files: &[RepoPath],
        wanted: Option<&[u64]>,
    ) -> Result<Vec<(StoredChunk, Terms)>, StoreError> {
        let mut chunks = Vec::new();
        for part in files.chunks(MAX_PATHS) {
            let query = self.tables.chunks.query().only_if(path_condition(part));
            self.read_chunks(query, wanted, &mut chunks)?;
        }
        Ok(chunks)
    }

    fn read_chunks_with(
        &self,
        word: &str,
        limit: usize,
        wanted: Option<&[u64]>,
    ) -> Result<Vec<(StoredChunk, Terms)>, StoreError> {
        let search = search_for(MatchQuery::new(word.to_owned()));
        let mut chunks = Vec::new();
        self.read_chunks(self.tables.chunks.query().full_text_search(search).limit(limit), wanted, &mut chunks)?;
        Ok(chunks)
    }

    fn read_records_of(&self, files: &[RepoPath]) -> Result<Vec<FileRecord>, StoreError> {
        let operation = "read some files";
        let mut records = Vec::new();
        for part in files.chunks(MAX_PATHS) {
            let query = self.tables.files.query().only_if(path_condition(part));
            let batches: Vec<RecordBatch> =
                self.location.block_on_read(operation, async { query.execute().await?.try_collect().await })?;
            for batch in &batches {
                let decoded = rows::decode_files(batch, self.layout);
                let decoded = decoded.map_err(|error| self.location.damage_error(operation, &error))?;
                records.extend(decoded.into_iter().map(|(record, _)| record));
            }
        }
        rows::TreeStats::read(&self.location).apply(&mut records, self.committed.manifest.origin.is_some());
        Ok(records)
    }

    fn for_each_path(&self, each: &mut dyn FnMut(&str)) -> Result<(), StoreError> {
        let query = self.tables.files.query().select(Select::columns(&["path"]));
        self.location.block_on_read("read the paths", async {
            let mut batches = query.execute().await?;
            while let Some(batch) = batches.try_next().await? {
                let paths: &StringArray =
                    rows::typed_column(&batch, "path").map_err(|source| lancedb::Error::Arrow { source })?;
                paths.iter().flatten().for_each(&mut *each);
            }
            Ok::<_, lancedb::Error>(())
        })
    }

    fn measure_index(&self) -> Result<IndexSize, StoreError> {
        let operation = "count the files";
        let query = self.tables.files.query().only_if("skip IS NULL").select(Select::columns(&["path"]));
        let files = self.location.block_on_read(operation, async {
            // LanceDB counts filtered rows by a function of DataFusion that this program leaves out.
            let (mut batches, mut count) = (query.execute().await?, 0);
            while let Some(batch) = batches.try_next().await? {
                count += batch.num_rows();
            }
            Ok::<_, lancedb::Error>(count)
        })?;
        let chunks = self.location.block_on_read("count the chunks", self.tables.chunks.count_rows(None))?;
        Ok(IndexSize { files: files as u64, chunks: chunks as u64 })
    }

    fn document_frequency(&self, hash: u64) -> Result<u32, SegmentError> {
        self.dictionaries()?.iter().map(|segment| segment.count_documents(hash)).sum()
    }

    fn corpus_statistics(&self) -> Result<CorpusStatistics, SegmentError> {
        Ok(SegmentDictionary::join_statistics(self.dictionaries()?))
    }
}

/// Returns a search in the column of words.
fn search_for(matched: MatchQuery) -> FullTextSearchQuery {
    FullTextSearchQuery::new_query(FtsQuery::Match(matched.with_column(Some(rows::WORDS.to_owned()))))
}

/// Restricts a query to the rows that pass `filter`.
fn with_condition<Q: QueryBase>(query: Q, filter: &RowFilter) -> Q {
    let mut conditions = Vec::new();
    if let Some(languages) = &filter.languages {
        let names: Vec<String> = languages.iter().map(|language| quote(language.0)).collect();
        conditions.push(if names.is_empty() {
            "false".to_owned()
        } else {
            format!("language IN ({})", names.join(", "))
        });
    }
    if let Some(files) = &filter.files {
        let list: Vec<RepoPath> = files.iter().map(|path| RepoPath::new(path.as_str())).collect();
        conditions.push(if list.is_empty() { "false".to_owned() } else { path_condition(&list) });
    }
    for paths in &filter.below {
        let below: Vec<String> = paths.iter().map(|path| below_condition(path)).collect();
        conditions.push(if below.is_empty() { "false".to_owned() } else { format!("({})", below.join(" OR ")) });
    }
    if conditions.is_empty() { query } else { query.only_if(conditions.join(" AND ")) }
}

/// Returns the condition that a path is `path` or below it.
fn below_condition(path: &str) -> String {
    // `0` follows `/`, so this range has all paths below the folder.
    let (first, end) = (quote(&format!("{path}/")), quote(&format!("{path}0")));
    format!("path = {} OR (path >= {first} AND path < {end})", quote(path))
}

fn path_condition(paths: &[RepoPath]) -> String {
    let list: Vec<String> = paths.iter().map(|path| quote(path.as_str())).collect();
    format!("path IN ({})", list.join(", "))
}

fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_the_paths_below_it_and_itself() {
        let condition = below_condition("it's");
        assert_eq!(condition, "path = 'it''s' OR (path >= 'it''s/' AND path < 'it''s0')");
    }
}
