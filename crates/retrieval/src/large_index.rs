//! An index whose chunks are not held in memory.

use std::any::Any;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use crate::file_scores::FileScores;
use embed::Embedder;
use search::{
    CheckedQuery, FileFilter, FolderScope, IndexLookup, NameMatch, NameQuery, PlannedPart, QueryError, Snapshot,
    WholeIndex, marks_project_root, match_similar_name, plan_retrieval,
};
use store::inverted_index::{CorpusStatistics, SegmentError, Terms, definition_key, file_key, hash_term};
use store::{FileHit, IndexSize, RowFilter, SearchIndexes, StoreError, StoreView, StoredChunk};
use text::unicode::is_same_ignoring_ascii_case;
use text::words;
use types::RepoPath;

/// Number of chunks that each retrieval returns.
const RETRIEVED_CHUNKS: usize = 400;

/// Number of chunks that define a name, or belong to a file of a name, which are retrieved.
const NAMED_CHUNKS: usize = 400;

/// Maximum number of files that are loaded for a query, unless it asks for more results.
const MAX_QUERY_FILES: usize = 80;

/// Maximum number of chunks that are loaded because they define a name or contain an identifier.
const MAX_MATCHING_CHUNKS: usize = 4_000;

/// Maximum number of files that are loaded for a name that nothing has exactly.
const MAX_NAME_FILES: usize = 300;

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

/// Maximum number of answers of each kind that are remembered.
const MAX_REMEMBERED: usize = 1 << 16;

/// What a call looks for in an index whose chunks are not all held in memory.
pub enum PartRequest<'q> {
    /// Files that may answer a query.
    Query { query: &'q CheckedQuery, folders: &'q FolderScope, embedder: &'q dyn Embedder },
    /// Files with the chunks nearest to a vector.
    Vector { vector: &'q [f32], filter: &'q FileFilter },
    /// Files that define a name or a similar one.
    Name(&'q NameQuery),
    /// Files that contain an identifier.
    Identifier(&'q str),
    /// These files.
    Files(&'q [RepoPath]),
    /// Files in and below a folder; empty for the whole index.
    Folder(&'q str),
}

/// Returns the snapshot in which a call finds what it looks for: `snapshot` itself if it has all chunks.
///
/// # Errors
/// If the store cannot be read, or the query cannot be embedded.
pub fn load_part(snapshot: &Arc<Snapshot>, request: &PartRequest<'_>) -> Result<Arc<Snapshot>, QueryError> {
    let Some(whole) = snapshot.whole_index() else { return Ok(Arc::clone(snapshot)) };
    match (Arc::clone(whole) as Arc<dyn Any + Send + Sync>).downcast::<LargeIndex>() {
        Ok(large) => large.load_part(request).map(Arc::new),
        // Only this crate makes snapshots of parts.
        Err(_) => Ok(Arc::clone(snapshot)),
    }
}

/// The files that a call needs.
struct FoundFiles {
    files: Vec<RepoPath>,
    /// The hashes of the terms that the call looks up, sorted; `None` if it may look up any.
    term_hashes: Option<Vec<u64>>,
}

/// An index whose chunks are found by the search indexes of its store.
pub struct LargeIndex {
    view: Arc<dyn StoreView>,
    indexes: Arc<dyn SearchIndexes>,
    size: IndexSize,
    statistics: CorpusStatistics,
    project_folders: OnceLock<HashSet<String>>,
    frequencies: Answers<u64, u32>,
    /// Whether any chunk defines the name with a key.
    names: Answers<String, bool>,
    /// Whether any file has a name, exactly or ignoring case.
    exact_files: Answers<String, bool>,
    files: Answers<String, bool>,
}

/// Answers of the index, which never change. A query asks for most of them twice: when it is planned and when it is parsed.
struct Answers<K, A>(Mutex<HashMap<K, A>>);

impl<K, A> Default for Answers<K, A> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, A: Copy> Answers<K, A> {
    /// Returns the remembered answer, or the one that `find` finds.
    fn get<E>(&self, key: K, find: impl FnOnce(&K) -> Result<A, E>) -> Result<A, E> {
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = known().get(&key) {
            return Ok(*answer);
        }
        let answer = find(&key)?;
        let mut known = known();
        if known.len() >= MAX_REMEMBERED {
            known.clear();
        }
        known.insert(key, answer);
        Ok(answer)
    }
}

impl LargeIndex {
    /// Opens the index of a view; `None` if the view is held in memory.
    ///
    /// # Errors
    /// If the inverted index cannot be read.
    pub fn open(view: &Arc<dyn StoreView>) -> Result<Option<Arc<Self>>, StoreError> {
        let Some(indexes) = Arc::clone(view).search_indexes() else { return Ok(None) };
        let statistics = indexes.corpus_statistics().map_err(|error| view.inverted_index_error(&error))?;
        let (view, size) = (Arc::clone(view), indexes.measure_index()?);
        Ok(Some(Arc::new(Self {
            view,
            indexes,
            size,
            statistics,
            project_folders: OnceLock::new(),
            frequencies: Answers::default(),
            names: Answers::default(),
            exact_files: Answers::default(),
            files: Answers::default(),
        })))
    }

    /// Returns the snapshot without files, from which calls load the part that they need ([`Snapshot::load_part`]).
    ///
    /// # Errors
    /// If the snapshot cannot be built.
    pub fn empty_snapshot(self: &Arc<Self>) -> Result<Snapshot, StoreError> {
        let whole = Arc::clone(self) as Arc<dyn WholeIndex>;
        Snapshot::of_part(Arc::clone(&self.view), whole, (self.size, &self.statistics), Vec::new(), Vec::new())
    }

    /// Loads the files that a call needs.
    fn load_part(self: &Arc<Self>, request: &PartRequest<'_>) -> Result<Snapshot, QueryError> {
        let begun = Instant::now();
        match request {
            PartRequest::Identifier(name) => {
                // The last search word is the whole identifier.
                let mut whole = None;
                words::for_each_search_word(name, |word| whole = Some(word.to_owned()));
                return Ok(self.load_chunks_with(&whole.unwrap_or_default())?);
            }
            PartRequest::Name(name) if !name.is_prefix() => {
                let exact = self.load_chunks_with(&definition_key(&name.name))?;
                if exact.chunk_count() > 0 {
                    return Ok(exact);
                }
            }
            _ => {}
        }
        let files = self.find_files(request)?;
        let found = begun.elapsed();
        let snapshot = self.load_files(&files)?;
        tracing::debug!(
            "found {} files in {found:.1?}, and loaded their {} chunks in {:.1?}",
            files.files.len(),
            snapshot.chunk_count(),
            begun.elapsed() - found
        );
        Ok(snapshot)
    }

    /// Loads the snapshot of some files.
    fn load_files(self: &Arc<Self>, found: &FoundFiles) -> Result<Snapshot, StoreError> {
        let chunks = self.indexes.read_chunks_of(&found.files, found.term_hashes.as_deref())?;
        self.build_snapshot(chunks, &found.files)
    }

    /// Loads the snapshot of the chunks that contain a word or a key.
    fn load_chunks_with(self: &Arc<Self>, word: &str) -> Result<Snapshot, StoreError> {
        let chunks = self.indexes.read_chunks_with(word, MAX_MATCHING_CHUNKS, Some(&[hash_term(word)]))?;
        let mut files: Vec<RepoPath> = chunks.iter().map(|(chunk, _)| chunk.path.clone()).collect();
        files.sort_unstable();
        files.dedup();
        self.build_snapshot(chunks, &files)
    }

    fn build_snapshot(
        self: &Arc<Self>,
        chunks: Vec<(StoredChunk, Terms)>,
        files: &[RepoPath],
    ) -> Result<Snapshot, StoreError> {
        let records = self.indexes.read_records_of(files)?;
        let whole = Arc::clone(self) as Arc<dyn WholeIndex>;
        Snapshot::of_part(Arc::clone(&self.view), whole, (self.size, &self.statistics), chunks, records)
    }

    fn find_files(&self, request: &PartRequest<'_>) -> Result<FoundFiles, QueryError> {
        let mut scores = FileScores::default();
        // Only queries look up other terms than identifiers.
        let mut term_hashes = Some(Vec::new());
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
                let is_corrected = match plan.parts.as_slice() {
                    [part] => self.add_similar(&plan.names, &part.words, &mut scores)?,
                    _ => false,
                };
                // The terms of a corrected query are not known yet.
                term_hashes = (!is_corrected).then_some(plan.term_hashes);
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
                MAX_QUERY_FILES.max(query.limit)
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
            PartRequest::Identifier(_) => 0,
            PartRequest::Files(files) => return Ok(FoundFiles { files: files.to_vec(), term_hashes }),
            PartRequest::Folder(folder) => return Ok(FoundFiles { files: self.list_folder(folder)?, term_hashes }),
        };
        Ok(FoundFiles { files: scores.into_best(limit), term_hashes })
    }

    /// Adds files for the names and words of a query that do not occur in the index: those that define similar names and
    /// contain similar words, among which the query is corrected. Returns whether there are such names or words.
    fn add_similar(
        &self,
        names: &[String],
        words: &[Vec<String>],
        scores: &mut FileScores,
    ) -> Result<bool, StoreError> {
        let mut is_any = false;
        let edits = |text: &str| if text.chars().count() < LONG_WORD_LETTERS { 1 } else { 2 };
        let unknown = names.iter().filter(|name| !self.defines(name) && !self.mentions(name));
        for name in unknown.take(MAX_CORRECTED) {
            is_any = true;
            let hits = self.indexes.find_similar_word(&definition_key(name), edits(name), NAMED_CHUNKS)?;
            scores.add_ranked(hits, NAMED_SCORE);
        }
        let is_unknown = |forms: &&Vec<String>| {
            forms.first().is_some_and(|word| word.len() >= MIN_CORRECTED_LETTERS)
                && !forms.iter().any(|form| self.mentions(form))
        };
        for forms in words.iter().filter(is_unknown).take(MAX_CORRECTED) {
            is_any = true;
            let hits = self.indexes.find_similar_word(&forms[0], edits(&forms[0]), NAMED_CHUNKS)?;
            scores.add_ranked(hits, NAMED_SCORE);
        }
        Ok(is_any)
    }

    /// Adds the files that define a name or similar names.
    fn add_named(&self, name: &NameQuery, scores: &mut FileScores) -> Result<(), StoreError> {
        scores.add_ranked(self.find_key(&definition_key(&name.name), &RowFilter::default())?, NAMED_SCORE * 20.0);
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

    /// Returns the number of chunks that contain the term with this hash.
    fn count_documents(&self, hash: u64) -> Result<u32, SegmentError> {
        self.frequencies.get(hash, |hash| self.indexes.document_frequency(*hash))
    }

    /// Returns the files with chunks that have a key in their word column.
    fn find_key(&self, key: &str, filter: &RowFilter) -> Result<Vec<FileHit>, StoreError> {
        self.indexes.find_words(&[key], true, NAMED_CHUNKS, filter)
    }
}

impl IndexLookup for LargeIndex {
    fn has_file(&self, name: &str, is_exact: bool) -> bool {
        let find = |name: &String| {
            let found = self.find_key(&file_key(name), &RowFilter::default())?;
            let mut names = found.iter().map(|hit| hit.path.file_name());
            Ok::<_, StoreError>(match is_exact {
                true => names.any(|other| other == name),
                false => names.any(|other| is_same_ignoring_ascii_case(other, name)),
            })
        };
        let known = if is_exact { &self.exact_files } else { &self.files };
        known.get(name.to_owned(), find).unwrap_or(false)
    }

    fn defines(&self, name: &str) -> bool {
        let key = definition_key(name);
        // A failure is reported by the retrieval that follows.
        let find = |key: &String| self.indexes.find_words(&[key], true, 1, &RowFilter::default());
        key.len() > 1 && self.names.get(key, |key| find(key).map(|hits| !hits.is_empty())).unwrap_or(false)
    }

    fn mentions(&self, name: &str) -> bool {
        let mut whole = None;
        words::for_each_search_word(name, |word| whole = Some(hash_term(word)));
        whole.is_some_and(|hash| self.count_documents(hash).unwrap_or(0) > 0)
    }
}

impl WholeIndex for LargeIndex {
    fn has_file(&self, name: &str, is_exact: bool) -> bool {
        IndexLookup::has_file(self, name, is_exact)
    }

    fn has_definition(&self, name: &str) -> bool {
        self.defines(name)
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
        self.count_documents(hash)
    }
}
