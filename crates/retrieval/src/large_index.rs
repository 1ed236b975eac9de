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
use store::inverted_index::{
    CorpusStatistics, FEW_DOCUMENTS, SegmentError, Terms, definition_key, file_key, hash_term,
};
use store::{FileHit, IndexSize, RowFilter, SearchIndexes, StoreError, StoreView, StoredChunk};
use text::unicode::is_same_ignoring_ascii_case;
use text::words;
use types::RepoPath;

/// Maximum number of chunks that each retrieval returns.
const RETRIEVED_CHUNKS: usize = 400;

/// Maximum number of chunks retrieved for a defined name, the name of a file, a misspelled word, or a pasted text.
const NAMED_CHUNKS: usize = 400;

/// Maximum number of files that are loaded for a query, unless its limit of hits is higher.
const MAX_QUERY_FILES: usize = 80;

/// Maximum number of chunks that are loaded because they define a name or contain an identifier.
const MAX_MATCHING_CHUNKS: usize = 4_000;

/// Maximum number of files that are loaded for the prefix of a name, or for a name that no definition has exactly.
const MAX_NAME_FILES: usize = 300;

/// Maximum number of files that are loaded for a folder.
const MAX_FOLDER_FILES: usize = 20_000;

/// Maximum number of names of a query, and also of its words, for which similar ones are retrieved.
const MAX_CORRECTED: usize = 2;

/// Minimum length of a word for which similar ones are retrieved, in bytes.
const MIN_CORRECTED_LETTERS: usize = 6;

/// Minimum length of a word or a name in which two letters may be wrong, in characters.
const LONG_WORD_LETTERS: usize = 8;

/// Score of a file whose name is in the query. It exceeds the score of any place in a list of weight 1.
const NAMED_SCORE: f32 = 1.0;

/// Maximum number of answers of each kind that are remembered.
const MAX_REMEMBERED: usize = 1 << 16;

/// The files that a call needs of an index whose chunks are not all held in memory.
pub enum PartRequest<'q> {
    /// Files that may answer a query.
    Query { query: &'q CheckedQuery, folders: &'q FolderScope, embedder: &'q dyn Embedder },
    /// Files with the chunks nearest to a vector.
    Vector { vector: &'q [f32], filter: &'q FileFilter },
    /// Files that define a name or a similar one.
    Name(&'q NameQuery),
    /// Files that contain an identifier.
    Identifier(&'q str),
    /// The given files.
    Files(&'q [RepoPath]),
    /// Files in and below a folder; empty for the whole index.
    Folder(&'q str),
}

/// Returns a snapshot with the files that a call needs; `snapshot` itself if it has all chunks.
///
/// # Errors
/// If the store cannot be read, or the query cannot be embedded.
pub fn load_part(snapshot: &Arc<Snapshot>, request: &PartRequest<'_>) -> Result<Arc<Snapshot>, QueryError> {
    let Some(whole) = snapshot.whole_index() else { return Ok(Arc::clone(snapshot)) };
    match (Arc::clone(whole) as Arc<dyn Any + Send + Sync>).downcast::<CallIndex>() {
        Ok(call) => call.large.load_part(request).map(Arc::new),
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
    project_folders: OnceLock<Arc<HashSet<String>>>,
    frequencies: Answers<u64, u32>,
    /// Whether any chunk contains a word.
    words: Answers<String, bool>,
    /// Whether any chunk defines a name, by the key of the name.
    names: Answers<String, bool>,
    /// Whether any file has a name: exactly, or in `files` ignoring case.
    exact_files: Answers<String, bool>,
    files: Answers<String, bool>,
}

/// A large index as one call sees it.
struct CallIndex {
    large: Arc<LargeIndex>,
    project_folders: OnceLock<Arc<HashSet<String>>>,
    /// The error of the first lookup that could not read the index, until it is reported.
    failure: Mutex<Option<StoreError>>,
}

/// Remembered answers of the index, which never change. A query needs most of them twice: when it is planned and when
/// it is parsed.
struct Answers<K, A>(Mutex<HashMap<K, A>>);

impl<K, A> Default for Answers<K, A> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, A: Copy> Answers<K, A> {
    /// Returns the remembered answer, or else the one of `find`, which is remembered.
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
    /// Opens the index of a view; `None` if the view has no search indexes.
    ///
    /// # Errors
    /// If the inverted index or a table cannot be read.
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
            words: Answers::default(),
            names: Answers::default(),
            exact_files: Answers::default(),
            files: Answers::default(),
        })))
    }

    /// Returns the snapshot without files, in whose place [`load_part`] loads the files that a call needs.
    ///
    /// # Errors
    /// If the snapshot cannot be built.
    pub fn empty_snapshot(self: &Arc<Self>) -> Result<Snapshot, StoreError> {
        let whole = Arc::new(CallIndex::new(self));
        Snapshot::of_part(Arc::clone(&self.view), whole, (self.size, &self.statistics), Vec::new(), Vec::new())
    }

    /// Loads the files that a call needs.
    fn load_part(self: &Arc<Self>, request: &PartRequest<'_>) -> Result<Snapshot, QueryError> {
        let begun = Instant::now();
        let call = Arc::new(CallIndex::new(self));
        match request {
            PartRequest::Identifier(name) => {
                // The last search word is the whole identifier.
                let mut whole = None;
                words::for_each_search_word(name, |word| whole = Some(word.to_owned()));
                return Ok(self.load_chunks_with(&whole.unwrap_or_default(), &call)?);
            }
            PartRequest::Name(name) if !name.is_prefix() => {
                let exact = self.load_chunks_with(&definition_key(&name.name), &call)?;
                if exact.chunk_count() > 0 {
                    return Ok(exact);
                }
            }
            _ => {}
        }
        let files = self.find_files(request, &call)?;
        let found = begun.elapsed();
        let snapshot = self.load_files(&files, &call)?;
        tracing::debug!(
            "found {} files in {found:.1?}, and loaded their {} chunks in {:.1?}",
            files.files.len(),
            snapshot.chunk_count(),
            begun.elapsed() - found
        );
        Ok(snapshot)
    }

    /// Loads the snapshot of some files.
    fn load_files(&self, found: &FoundFiles, call: &Arc<CallIndex>) -> Result<Snapshot, StoreError> {
        let chunks = self.indexes.read_chunks_of(&found.files, found.term_hashes.as_deref())?;
        self.build_snapshot(chunks, &found.files, call)
    }

    /// Loads the snapshot of at most [`MAX_MATCHING_CHUNKS`] chunks that contain a word or a key.
    fn load_chunks_with(&self, word: &str, call: &Arc<CallIndex>) -> Result<Snapshot, StoreError> {
        let chunks = self.indexes.read_chunks_with(word, MAX_MATCHING_CHUNKS, Some(&[hash_term(word)]))?;
        let mut files: Vec<RepoPath> = chunks.iter().map(|(chunk, _)| chunk.path.clone()).collect();
        files.sort_unstable();
        files.dedup();
        self.build_snapshot(chunks, &files, call)
    }

    fn build_snapshot(
        &self,
        chunks: Vec<(StoredChunk, Terms)>,
        files: &[RepoPath],
        call: &Arc<CallIndex>,
    ) -> Result<Snapshot, StoreError> {
        let records = self.indexes.read_records_of(files)?;
        let whole = Arc::clone(call) as Arc<dyn WholeIndex>;
        Snapshot::of_part(Arc::clone(&self.view), whole, (self.size, &self.statistics), chunks, records)
    }

    fn find_files(&self, request: &PartRequest<'_>, call: &CallIndex) -> Result<FoundFiles, QueryError> {
        let mut scores = FileScores::default();
        // Only queries look up other terms than identifiers.
        let mut term_hashes = Some(Vec::new());
        let limit = match request {
            PartRequest::Query { query, folders, embedder } => {
                let filter = FileFilter::with_query_filters(&query.filter, &query.query_filters)?.in_folders(folders);
                let filter = self.row_filter(&filter)?;
                let plan = plan_retrieval(query, call);
                call.check_lookups()?;
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

    /// Adds files for at most [`MAX_CORRECTED`] names and as many long words of a query that do not occur in the index:
    /// files that define similar names or contain similar words, with which the query is corrected later. Returns
    /// whether there are such names or words.
    fn add_similar(
        &self,
        names: &[String],
        words: &[Vec<String>],
        scores: &mut FileScores,
    ) -> Result<bool, StoreError> {
        let mut is_any = false;
        let edits = |text: &str| if text.chars().count() < LONG_WORD_LETTERS { 1 } else { 2 };
        let mut corrected = 0;
        for name in names {
            if corrected == MAX_CORRECTED {
                break;
            }
            if self.defines(name)? || self.mentions(name)? {
                continue;
            }
            (is_any, corrected) = (true, corrected + 1);
            let hits = self.indexes.find_similar_word(&definition_key(name), edits(name), NAMED_CHUNKS)?;
            scores.add_ranked(hits, NAMED_SCORE);
        }
        corrected = 0;
        for forms in words.iter().filter(|forms| forms.first().is_some_and(|word| word.len() >= MIN_CORRECTED_LETTERS))
        {
            if corrected == MAX_CORRECTED {
                break;
            }
            if self.mentions_any(forms)? {
                continue;
            }
            (is_any, corrected) = (true, corrected + 1);
            let hits = self.indexes.find_similar_word(&forms[0], edits(&forms[0]), NAMED_CHUNKS)?;
            scores.add_ranked(hits, NAMED_SCORE);
        }
        Ok(is_any)
    }

    /// Adds the files that define a name, and those that define names similar to it.
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

    /// Returns the number of chunks that contain the term with this hash, including deleted ones.
    fn count_documents(&self, hash: u64) -> Result<u32, SegmentError> {
        self.frequencies.get(hash, |hash| self.indexes.document_frequency(*hash))
    }

    /// Returns the files of at most [`NAMED_CHUNKS`] chunks that have a key in their word column.
    fn find_key(&self, key: &str, filter: &RowFilter) -> Result<Vec<FileHit>, StoreError> {
        self.indexes.find_words(&[key], true, NAMED_CHUNKS, filter)
    }

    /// Returns whether a file with this name is indexed, ignoring case unless `is_exact`.
    fn has_file(&self, name: &str, is_exact: bool) -> Result<bool, StoreError> {
        let find = |name: &String| {
            let found = self.find_key(&file_key(name), &RowFilter::default())?;
            let mut names = found.iter().map(|hit| hit.path.file_name());
            Ok(match is_exact {
                true => names.any(|other| other == name),
                false => names.any(|other| is_same_ignoring_ascii_case(other, name)),
            })
        };
        let known = if is_exact { &self.exact_files } else { &self.files };
        known.get(name.to_owned(), find)
    }

    /// Returns whether a definition has this name, ignoring case and separators.
    fn defines(&self, name: &str) -> Result<bool, StoreError> {
        let key = definition_key(name);
        Ok(key.len() > 1 && self.names.get(key, |key| self.has_word(key))?)
    }

    /// Returns whether a chunk contains this name as a word.
    fn mentions(&self, name: &str) -> Result<bool, StoreError> {
        let mut whole = None;
        words::for_each_search_word(name, |word| whole = Some(word.to_owned()));
        let Some(word) = whole else { return Ok(false) };
        let frequency = self.count_documents(hash_term(&word));
        match frequency.map_err(|error| self.view.inverted_index_error(&error))? {
            0 => Ok(false),
            // All of them may be deleted chunks.
            1..=FEW_DOCUMENTS => self.words.get(word, |word| self.has_word(word)),
            _ => Ok(true),
        }
    }

    /// Returns whether a chunk has a word or key in its word column.
    fn has_word(&self, word: &str) -> Result<bool, StoreError> {
        Ok(!self.indexes.find_words(&[word], true, 1, &RowFilter::default())?.is_empty())
    }

    fn mentions_any(&self, names: &[String]) -> Result<bool, StoreError> {
        for name in names {
            if self.mentions(name)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns the root folders of projects, which are read once.
    fn project_folders(&self) -> Result<Arc<HashSet<String>>, StoreError> {
        if let Some(read) = self.project_folders.get() {
            return Ok(Arc::clone(read));
        }
        let mut folders = HashSet::new();
        self.indexes.for_each_path(&mut |path: &str| {
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            if marks_project_root(name) && !folders.contains(folder) {
                folders.insert(folder.to_owned());
            }
        })?;
        Ok(Arc::clone(self.project_folders.get_or_init(|| Arc::new(folders))))
    }
}

impl CallIndex {
    fn new(large: &Arc<LargeIndex>) -> Self {
        Self { large: Arc::clone(large), project_folders: OnceLock::new(), failure: Mutex::new(None) }
    }

    /// Returns the result of a lookup. If it failed, returns the default, and keeps the error if it is the first one.
    fn found<T: Default>(&self, found: Result<T, StoreError>) -> T {
        found.unwrap_or_else(|error| {
            self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            T::default()
        })
    }
}

impl IndexLookup for CallIndex {
    fn has_file(&self, name: &str, is_exact: bool) -> bool {
        self.found(self.large.has_file(name, is_exact))
    }

    fn defines(&self, name: &str) -> bool {
        self.found(self.large.defines(name))
    }

    fn mentions(&self, name: &str) -> bool {
        self.found(self.large.mentions(name))
    }
}

impl WholeIndex for CallIndex {
    fn has_file(&self, name: &str, is_exact: bool) -> bool {
        IndexLookup::has_file(self, name, is_exact)
    }

    fn has_definition(&self, name: &str) -> bool {
        self.defines(name)
    }

    fn project_folders(&self) -> &HashSet<String> {
        self.project_folders.get_or_init(|| self.found(self.large.project_folders()))
    }

    fn document_frequency(&self, hash: u64) -> Result<u32, SegmentError> {
        self.large.count_documents(hash)
    }

    fn check_lookups(&self) -> Result<(), StoreError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take().map_or(Ok(()), Err)
    }
}
