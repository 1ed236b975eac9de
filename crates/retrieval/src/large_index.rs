//! An index whose chunks are not held in memory.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use crate::file_scores::FileScores;
use search::{
    FileFilter, IndexLookup, NameMatch, NameQuery, PartRequest, PlannedPart, QueryError, Snapshot, WholeIndex, marks_project_root,
    match_similar_name,
    plan_retrieval,
};
use store::inverted_index::{CorpusStatistics, SegmentError, definition_key, file_key, hash_term};
use store::{FileHit, RowFilter, SearchIndexes, StoreError, StoreView};
use text::unicode::is_same_ignoring_ascii_case;
use text::words;
use types::RepoPath;

/// Number of chunks that each retrieval returns.
const RETRIEVED_CHUNKS: usize = 800;

/// Number of chunks that define a name, or belong to a file of a name, which are retrieved.
const NAMED_CHUNKS: usize = 400;

/// Maximum number of files that are loaded for a query.
const MAX_QUERY_FILES: usize = 240;

/// Maximum number of files that are loaded for a name or an identifier.
const MAX_NAME_FILES: usize = 1_000;

/// Maximum number of files that are loaded for a folder.
const MAX_FOLDER_FILES: usize = 20_000;

/// Maximum number of names, and of words, of a query for which similar ones are retrieved.
const MAX_CORRECTED: usize = 2;

/// Minimum length of a word for which similar ones are retrieved, in bytes.
const MIN_CORRECTED_LETTERS: usize = 6;

/// Length from which two letters of a word may be wrong.
const LONG_WORD_LETTERS: usize = 8;

/// Score of a file that defines a name of a query: more than a place in any list.
const NAMED_SCORE: f32 = 1.0;

/// An index whose chunks are found by the search indexes of its store.
pub struct LargeIndex {
    view: Arc<dyn StoreView>,
    indexes: Arc<dyn SearchIndexes>,
    statistics: CorpusStatistics,
    project_folders: OnceLock<HashSet<String>>,
}

impl LargeIndex {
    /// Opens the index of a view; `None` if the view is held in memory.
    ///
    /// # Errors
    /// If the inverted index cannot be read.
    pub fn open(view: &Arc<dyn StoreView>) -> Result<Option<Arc<Self>>, StoreError> {
        let Some(indexes) = Arc::clone(view).search_indexes() else { return Ok(None) };
        let statistics = indexes.corpus_statistics().map_err(|error| view.inverted_index_error(&error))?;
        let view = Arc::clone(view);
        Ok(Some(Arc::new(Self { view, indexes, statistics, project_folders: OnceLock::new() })))
    }

    /// Returns the snapshot without files, from which calls load the part that they need ([`Snapshot::load_part`]).
    ///
    /// # Errors
    /// If the snapshot cannot be built.
    pub fn empty_snapshot(self: &Arc<Self>) -> Result<Snapshot, StoreError> {
        let whole = Arc::clone(self) as Arc<dyn WholeIndex>;
        Snapshot::of_part(Arc::clone(&self.view), whole, &self.statistics, Vec::new(), Vec::new())
    }

    /// Loads the snapshot of some files.
    fn load_files(self: &Arc<Self>, files: &[RepoPath]) -> Result<Snapshot, StoreError> {
        let chunks = self.indexes.read_chunks_of(files)?;
        let records = self.indexes.read_records_of(files)?;
        let whole = Arc::clone(self) as Arc<dyn WholeIndex>;
        Snapshot::of_part(Arc::clone(&self.view), whole, &self.statistics, chunks, records)
    }

    fn find_query_files(&self, request: &PartRequest<'_>) -> Result<Vec<RepoPath>, QueryError> {
        let mut scores = FileScores::default();
        let limit = match request {
            PartRequest::Query { query, folders, embedder } => {
                let filter = FileFilter::with_query_filters(&query.filter, &query.query_filters)?.in_folders(folders);
                let filter = self.row_filter(&filter)?;
                let plan = plan_retrieval(query, self);
                let required: Vec<&str> = plan.required_words.iter().map(String::as_str).collect();
                let with_phrase = self.indexes.find_words(&required, true, RETRIEVED_CHUNKS, &filter)?;
                scores.add_ranked(with_phrase, NAMED_SCORE * 100.0);
                for PlannedPart { embedding_text, words, compounds } in &plan.parts {
                    if !embedding_text.is_empty() {
                        let vector = embedder.embed_query(embedding_text)?;
                        scores.add_ranked(self.indexes.find_nearest(&vector, RETRIEVED_CHUNKS, &filter)?, 1.0);
                    }
                    let all: Vec<&str> = words.iter().flatten().chain(compounds).map(String::as_str).collect();
                    scores.add_ranked(self.indexes.find_words(&all, false, RETRIEVED_CHUNKS, &filter)?, 1.0);
                }
                if let [part] = plan.parts.as_slice() {
                    self.add_similar(&plan.names, &part.words, &mut scores)?;
                }
                if let [_, further @ ..] = plan.pasted_words.as_slice() {
                    // The words of the first text are mostly those of the query itself.
                    for words in further {
                        let words: Vec<&str> = words.iter().map(String::as_str).collect();
                        scores.add_ranked(self.indexes.find_words(&words, false, NAMED_CHUNKS, &filter)?, 1.0);
                    }
                }
                for name in &plan.names {
                    scores.add_ranked(self.find_key(&definition_key(name), &filter)?, NAMED_SCORE * 20.0);
                }
                let any_language = FileFilter::without_languages(&filter);
                for name in &plan.files {
                    scores.add_equally(self.find_key(&file_key(name), &any_language)?, NAMED_SCORE);
                }
                MAX_QUERY_FILES
            }
            PartRequest::Vector { vector, filter } => {
                let filter = self.row_filter(filter)?;
                scores.add_ranked(self.indexes.find_nearest(vector, RETRIEVED_CHUNKS, &filter)?, 1.0);
                MAX_QUERY_FILES
            }
            PartRequest::Name(name) => {
                self.add_named(name, &mut scores)?;
                MAX_NAME_FILES
            }
            PartRequest::Identifier(name) => {
                // The last search word is the whole identifier.
                let mut whole = None;
                words::for_each_search_word(name, |word| whole = Some(word.to_owned()));
                let whole: Vec<&str> = whole.iter().map(String::as_str).collect();
                let hits = self.indexes.find_words(&whole, true, MAX_NAME_FILES * 4, &RowFilter::default())?;
                scores.add_ranked(hits, 1.0);
                MAX_NAME_FILES
            }
            PartRequest::Files(files) => return Ok(files.to_vec()),
            PartRequest::Folder(folder) => return self.list_folder(folder),
        };
        Ok(scores.into_best(limit))
    }

    /// Adds files for the names and words of a query that do not occur in the index: those that define similar names and
    /// contain similar words, among which the query is corrected.
    fn add_similar(
        &self,
        names: &[String],
        words: &[Vec<String>],
        scores: &mut FileScores,
    ) -> Result<(), StoreError> {
        let edits = |text: &str| if text.chars().count() < LONG_WORD_LETTERS { 1 } else { 2 };
        let unknown = names.iter().filter(|name| !self.defines(name) && !self.mentions(name));
        for name in unknown.take(MAX_CORRECTED) {
            let hits = self.indexes.find_similar_word(&definition_key(name), edits(name), NAMED_CHUNKS)?;
            scores.add_ranked(hits, NAMED_SCORE);
        }
        let is_unknown = |forms: &&Vec<String>| {
            forms.first().is_some_and(|word| word.len() >= MIN_CORRECTED_LETTERS) && !forms.iter().any(|form| self.mentions(form))
        };
        for forms in words.iter().filter(is_unknown).take(MAX_CORRECTED) {
            let hits = self.indexes.find_similar_word(&forms[0], edits(&forms[0]), NAMED_CHUNKS)?;
            scores.add_ranked(hits, NAMED_SCORE);
        }
        Ok(())
    }

    /// Adds the files that define a name, or else those that define similar names.
    fn add_named(&self, name: &NameQuery, scores: &mut FileScores) -> Result<(), StoreError> {
        let exact = self.find_key(&definition_key(&name.name), &RowFilter::default())?;
        if !exact.is_empty() && !name.is_prefix() {
            scores.add_ranked(exact, NAMED_SCORE);
            return Ok(());
        }
        scores.add_ranked(exact, NAMED_SCORE * 20.0);
        let matches = match_similar_name(name);
        let mut similar: Vec<((NameMatch, usize), RepoPath)> = Vec::new();
        self.indexes.for_each_definition(&mut |path, names| {
            if let Some(best) = names.filter_map(&matches).min() {
                similar.push((best, RepoPath::new(path)));
            }
        })?;
        similar.sort();
        scores.add_ranked(similar.into_iter().map(|(_, path)| FileHit { path }).collect(), NAMED_SCORE);
        Ok(())
    }

    fn list_folder(&self, folder: &str) -> Result<Vec<RepoPath>, QueryError> {
        let mut files = Vec::new();
        self.indexes.for_each_path(&mut |path| {
            if types::is_below(path, folder) && files.len() < MAX_FOLDER_FILES {
                files.push(RepoPath::new(path));
            }
        })?;
        Ok(files)
    }

    fn row_filter(&self, filter: &FileFilter) -> Result<RowFilter, StoreError> {
        filter.to_row_filter(|each| self.indexes.for_each_path(each))
    }

    /// Returns the files with chunks that have a key in their word column.
    fn find_key(&self, key: &str, filter: &RowFilter) -> Result<Vec<FileHit>, StoreError> {
        self.indexes.find_words(&[key], true, NAMED_CHUNKS, filter)
    }
}

impl IndexLookup for LargeIndex {
    fn has_file(&self, name: &str, is_exact: bool) -> bool {
        let found = self.find_key(&file_key(name), &RowFilter::default()).unwrap_or_default();
        found.iter().any(|hit| {
            let other = hit.path.file_name();
            if is_exact { other == name } else { is_same_ignoring_ascii_case(other, name) }
        })
    }

    fn defines(&self, name: &str) -> bool {
        let key = definition_key(name);
        // A failure is reported by the retrieval that follows.
        key.len() > 1 && self.indexes.find_words(&[&key], true, 1, &RowFilter::default()).is_ok_and(|hits| !hits.is_empty())
    }

    fn mentions(&self, name: &str) -> bool {
        let mut whole = None;
        words::for_each_search_word(name, |word| whole = Some(hash_term(word)));
        whole.is_some_and(|hash| self.indexes.document_frequency(hash).unwrap_or(0) > 0)
    }
}

impl WholeIndex for LargeIndex {
    fn load_part(self: Arc<Self>, request: &PartRequest<'_>) -> Result<Snapshot, QueryError> {
        let begun = std::time::Instant::now();
        let files = self.find_query_files(request)?;
        let found = begun.elapsed();
        let snapshot = self.load_files(&files)?;
        tracing::debug!(
            "found {} files in {found:.1?}, and loaded their {} chunks in {:.1?}",
            files.len(),
            snapshot.chunk_count(),
            begun.elapsed() - found
        );
        Ok(snapshot)
    }

    fn project_folders(&self) -> &HashSet<String> {
        self.project_folders.get_or_init(|| {
            let mut folders = HashSet::new();
            let add = &mut |path: &str| {
                let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
                if marks_project_root(name) && !folders.contains(folder) {
                    folders.insert(folder.to_owned());
                }
            };
            if let Err(error) = self.indexes.for_each_path(add) {
                tracing::warn!("{error}");
            }
            folders
        })
    }

    fn document_frequency(&self, hash: u64) -> Result<u32, SegmentError> {
        self.indexes.document_frequency(hash)
    }
}
