//! Runs queries over one snapshot.

use std::sync::Arc;

use super::candidates::{self, CandidateChunk, CandidateFile};
use super::exact::{self, PhraseMatches};
use super::features::{self, Features};
use super::filter::FileFilter;
use super::query::{InvalidFilter, QueryTerms};
use super::ranking::{self, QueryEvidence, RankedFile, RankingQuery, RankingWeights};
use super::snapshot::Snapshot;
use super::typos::{self, Correction};
use super::within::CandidateFilter;
use super::{
    Explanation, Filter, FolderScope, Hit, MAX_LIMIT, QueryFilters, QueryKind, RelatedChunk, RetrievalMode, ScoreTerm,
    SearchQuery, places,
};
use embed::{EmbedError, Embedder};
use source::language;
use store::StoreError;
use types::{RepoPath, SymbolKind, qualified_name};

/// Maximum number of related chunks listed with a hit.
const MAX_RELATED_CHUNKS: usize = 3;

/// An invalid query, or a failure to answer it.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    #[error("the query is empty; give words, a name or a question")]
    EmptyQuery,
    #[error("the limit is {0}; give 1 to {MAX_LIMIT}")]
    InvalidLimit(usize),
    #[error("unknown language {name}; known: {known}")]
    UnknownLanguage { name: String, known: String },
    #[error("the query has filters only; add words, a name or a question")]
    OnlyFilters,
    #[error("unknown kind {name}; known: {known}")]
    UnknownKind { name: String, known: String },
    #[error("the query filters by language {query}, but the search is limited to {flag}; drop one of the two")]
    LanguageConflict { flag: String, query: String },
    #[error("cannot read the glob {pattern}: {message}; write it like `src/**/*.rs`")]
    InvalidGlob { pattern: String, message: String },
    #[error("unknown project {name}; known: {known}")]
    UnknownProject { name: String, known: String },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Embed(#[from] EmbedError),
}

/// The features of a query's candidates, from which weights are learned.
#[derive(Clone, Debug)]
pub struct QueryFeatures {
    /// Whether the query uses the weights for names, rather than those for words.
    pub is_name: bool,
    /// The candidate files.
    pub candidates: Vec<(RepoPath, Features)>,
}

/// Answers queries over a snapshot.
pub struct Searcher<'s> {
    pub snapshot: &'s Arc<Snapshot>,
    pub embedder: &'s dyn Embedder,
    pub weights: RankingWeights,
    /// The folders of the projects in the filter, which the engine resolves.
    pub folders: FolderScope,
}

/// The hits of a query, best first, with notes.
#[derive(Clone, Debug, Default)]
pub struct SearchResults {
    pub hits: Vec<Hit>,
    /// Notes for the user: sentences that start in lower case and have no full stop.
    pub notes: Vec<String>,
    /// How the query was interpreted.
    pub understood: String,
}

/// A parsed query and its candidates.
struct ParsedQuery {
    terms: QueryTerms,
    notes: Vec<String>,
    evidence: QueryEvidence,
    candidates: Vec<CandidateFile>,
}

impl Searcher<'_> {
    /// Returns the best hits: the files by rank, each with its best chunk.
    ///
    /// Further chunks of the same files fill up the list if there are fewer files than hits wanted. `stale` and
    /// `project` are not set.
    ///
    /// # Errors
    /// If the query is invalid, or reading the store or embedding fails.
    pub fn search(&self, query: &SearchQuery) -> Result<SearchResults, QueryError> {
        let query = query.with_parsed_filters();
        let ParsedQuery { terms, notes, evidence, candidates } = self.parse_and_retrieve(&query)?;
        let mut understood = terms.describe();
        let filters = query.filter.query_filters.to_query_syntax();
        if !filters.is_empty() {
            understood.push_str("; filters: ");
            understood.push_str(&filters);
        }
        let ranking_query = RankingQuery { terms: &terms, mode: query.mode, evidence: &evidence };
        let mut ranked = ranking::rank_files(self.snapshot, &ranking_query, &self.weights, candidates);
        if query.per_chunk {
            self.rank_chunks(&mut ranked, &ranking_query, query.limit);
        } else {
            self.keep_top_files(&mut ranked, &ranking_query, query.limit);
        }
        let hits = self.build_hits(ranked, query.limit, query.explain.then_some(&ranking_query))?;
        Ok(SearchResults { hits, notes, understood })
    }

    /// Parses a query whose filters are already parsed, and retrieves its candidates.
    fn parse_and_retrieve(&self, query: &SearchQuery) -> Result<ParsedQuery, QueryError> {
        let snapshot = self.snapshot;
        let filter = validated_filter(query)?.in_folders(&self.folders);
        let mut files = filter.allowed_files(snapshot);
        let mut terms = QueryTerms::parse(&query.text, snapshot.as_ref());
        let mut notes: Vec<String> = query.filter.query_filters.invalid.iter().map(invalid_filter_note).collect();
        if query.mode != RetrievalMode::Dense {
            let corrections = typos::find_corrections(snapshot, &terms, &files)?;
            let mut text = query.text.clone();
            for correction in &corrections {
                let Correction { from, to } = correction;
                notes.push(format!("no exact match for `{from}`; showing `{to}`"));
                text = correction.apply_to(&text);
            }
            if !corrections.is_empty() {
                terms = QueryTerms::parse(&text, snapshot.as_ref());
            }
        }
        let mut evidence = QueryEvidence::default();
        if query.mode == RetrievalMode::Hybrid {
            let is_allowed = |file: usize| files[file] || filter.allows_named(&snapshot.files[file]);
            evidence.named = places::find_named_files(snapshot, &terms, is_allowed);
            // Drops configuration files if many have the name: a query in prose means none of them.
            evidence.named.retain(|file, named| files[*file] || named.is_certain);
            evidence.named.keys().for_each(|file| files[*file] = true);
        }
        let named = evidence.named.iter().map(|(file, named)| named.find_chunk(snapshot, *file)).collect();
        let kinds = if filter.allows_all_kinds() { None } else { Some(filter) };
        let vector = self.embedder.try_embed_query(&terms.embedding_text)?;
        let mut candidate_filter = CandidateFilter { files, kinds, only: None, named };
        notes.extend(self.restrict_to_phrases(&query.filter.query_filters.phrases, &mut candidate_filter)?);
        let candidates = candidates::retrieve_candidates(snapshot, &terms, &vector, query.mode, &candidate_filter)?;
        if terms.kind == QueryKind::Snippet && query.mode == RetrievalMode::Hybrid {
            evidence.snippet_shares = exact::snippet_shares(snapshot, &query.text, &candidates)?;
        }
        Ok(ParsedQuery { terms, notes, evidence, candidates })
    }

    /// Restricts `candidate_filter` to the chunks that contain all phrases, unless none does.
    ///
    /// Returns a note if no chunk contains the phrases or the search stopped early.
    fn restrict_to_phrases(
        &self,
        phrases: &[String],
        candidate_filter: &mut CandidateFilter,
    ) -> Result<Option<String>, QueryError> {
        if phrases.is_empty() {
            return Ok(None);
        }
        let snapshot = self.snapshot;
        let PhraseMatches { chunks, texts_read, chunks_with_words } =
            exact::find_phrase_matches(snapshot, phrases, |chunk| candidate_filter.allows(snapshot, chunk))?;
        let written: Vec<String> = phrases.iter().map(|phrase| format!("\"{phrase}\"")).collect();
        let written = written.join(" and ");
        let partly = (texts_read < chunks_with_words)
            .then(|| format!("{texts_read} of the {chunks_with_words} chunks that contain the words"));
        if chunks.is_empty() {
            let among = partly.map_or_else(String::new, |partly| format!(" among {partly}"));
            return Ok(Some(format!("no chunk contains {written} word for word{among}; showing similar results")));
        }
        let mut files = vec![false; candidate_filter.files.len()];
        chunks.iter().for_each(|chunk| files[snapshot.file_of_chunk(*chunk)] = true);
        (candidate_filter.files, candidate_filter.only) = (files, Some(chunks));
        Ok(partly.map(|partly| format!("searched for {written} in {partly}")))
    }

    /// Returns the chunks nearest to `vector`, at most one per file, without the chunk `except`.
    ///
    /// # Errors
    /// If the filter or the limit is invalid, or the store cannot be read.
    pub fn nearest(
        &self,
        vector: &[f32],
        limit: usize,
        filter: &Filter,
        except: Option<u32>,
    ) -> Result<Vec<Hit>, QueryError> {
        check_text_and_limit("a vector", limit)?;
        let files = FileFilter::new(filter)?.in_folders(&self.folders).allowed_files(self.snapshot);
        let candidate_filter = CandidateFilter { files, kinds: None, only: None, named: Vec::new() };
        let terms = QueryTerms::default();
        let mut candidates =
            candidates::retrieve_candidates(self.snapshot, &terms, vector, RetrievalMode::Dense, &candidate_filter)?;
        for file in &mut candidates {
            file.chunks.retain(|chunk| Some(chunk.chunk) != except);
            file.dense_best = file.chunks.iter().map(|chunk| chunk.dense).fold(0.0, f32::max);
        }
        candidates.retain(|file| !file.chunks.is_empty());
        let ranking_query =
            RankingQuery { terms: &terms, mode: RetrievalMode::Dense, evidence: &QueryEvidence::default() };
        let mut ranked = ranking::rank_files(self.snapshot, &ranking_query, &self.weights, candidates);
        self.keep_top_files(&mut ranked, &ranking_query, limit);
        self.build_hits(ranked, limit, None)
    }

    /// Returns the features of all candidates of a query.
    ///
    /// # Errors
    /// If the query is invalid, or reading the store or embedding fails.
    pub fn measure(&self, query: &SearchQuery) -> Result<QueryFeatures, QueryError> {
        let query = query.with_parsed_filters();
        let ParsedQuery { terms, candidates, .. } = self.parse_and_retrieve(&query)?;
        let features = features::measure_features(self.snapshot, &terms, &candidates);
        let path = |candidate: &CandidateFile| self.snapshot.files[candidate.file].path.clone();
        Ok(QueryFeatures { is_name: terms.is_name(), candidates: candidates.iter().map(path).zip(features).collect() })
    }

    /// Replaces the ranked files by their chunks, each ranked by its own score.
    fn rank_chunks(&self, ranked: &mut Vec<RankedFile>, ranking_query: &RankingQuery<'_>, limit: usize) {
        let mut chunks: Vec<CandidateChunk> = ranked.drain(..).flat_map(|file| file.chunks).collect();
        ranking::sort_chunks(self.snapshot, ranking_query, &mut chunks);
        let explain = ranking::explain_chunk(self.snapshot, ranking_query, &chunks);
        ranked.extend(chunks.iter().take(limit).map(|chunk| RankedFile {
            file: self.snapshot.file_of_chunk(chunk.chunk),
            score: chunk.score,
            explanation: Explanation { terms: explain(chunk), chunk: Vec::new() },
            chunks: vec![chunk.clone()],
        }));
    }

    /// Keeps the first `limit` files and sorts their chunks.
    fn keep_top_files(&self, ranked: &mut Vec<RankedFile>, ranking_query: &RankingQuery<'_>, limit: usize) {
        ranked.truncate(limit);
        for file in ranked {
            ranking::sort_chunks(self.snapshot, ranking_query, &mut file.chunks);
        }
    }

    /// Returns the chunk that contains a line of a file.
    pub fn chunk_at_line(&self, path: &str, line: u32) -> Option<u32> {
        let mut chunks = self.snapshot.chunks_of_file(self.snapshot.file_index(path)?);
        chunks.find(|chunk| self.snapshot.chunk(*chunk).span.end_line >= line)
    }

    /// Builds the hits of ranked files, with explanations if `explained_query` is given.
    fn build_hits(
        &self,
        ranked: Vec<RankedFile>,
        limit: usize,
        explained_query: Option<&RankingQuery<'_>>,
    ) -> Result<Vec<Hit>, QueryError> {
        let mut picked: Vec<(&RankedFile, &CandidateChunk, bool)> = Vec::new();
        for depth in 0.. {
            let before = picked.len();
            for file in &ranked {
                if picked.len() < limit
                    && let Some(chunk) = file.chunks.get(depth)
                {
                    picked.push((file, chunk, depth == 0));
                }
            }
            if picked.len() == before || picked.len() >= limit {
                break;
            }
        }
        let rows: Vec<_> = picked.iter().map(|(_, chunk, _)| self.snapshot.chunk(chunk.chunk).row).collect();
        let texts = self.snapshot.view.chunk_texts(&rows)?;
        let shown: Vec<u32> = picked.iter().map(|(_, chunk, _)| chunk.chunk).collect();
        let hits = picked.iter().zip(texts).map(|((file, chunk, is_first), text)| {
            let meta = self.snapshot.chunk(chunk.chunk);
            let ranked_file = &self.snapshot.files[file.file];
            Hit {
                path: ranked_file.path.clone(),
                language: ranked_file.language,
                span: meta.span,
                kind: meta.kind,
                symbol: meta.symbol.to_owned(),
                container: meta.container.to_owned(),
                signature: text.signature,
                text: text.text,
                // Further chunks of a file are listed below every file.
                score: if *is_first { file.score } else { 0.0 },
                also: if *is_first { self.related_chunks(file, &shown) } else { Vec::new() },
                project: None,
                stale: false,
                explanation: explained_query
                    .map(|ranking_query| self.explain_hit(ranking_query, file, chunk, *is_first)),
            }
        });
        Ok(hits.collect())
    }

    /// Explains the scores of a hit's file and of the chunk in that file.
    fn explain_hit(
        &self,
        ranking_query: &RankingQuery<'_>,
        file: &RankedFile,
        chunk: &CandidateChunk,
        is_first: bool,
    ) -> Explanation {
        let in_file = || ranking::explain_chunk(self.snapshot, ranking_query, &file.chunks)(chunk);
        if !is_first {
            let name = "further chunk of a file above (the value is the file's score)";
            return Explanation { terms: vec![ScoreTerm { name, value: file.score, share: 0.0 }], chunk: in_file() };
        }
        let chunk = if file.chunks.len() > 1 { in_file() } else { Vec::new() };
        Explanation { chunk, ..file.explanation.clone() }
    }

    /// Returns the next best chunks of a file that are not hits themselves.
    fn related_chunks(&self, file: &RankedFile, shown: &[u32]) -> Vec<RelatedChunk> {
        let best = file.chunks.first().map_or(0.0, |chunk| chunk.score);
        let is_related = |chunk: &&CandidateChunk| !shown.contains(&chunk.chunk) && chunk.score * 2.0 >= best;
        let to_related = |chunk: &CandidateChunk| {
            let meta = self.snapshot.chunk(chunk.chunk);
            let name = qualified_name(meta.container, meta.symbol);
            RelatedChunk { span: meta.span, kind: meta.kind, name }
        };
        file.chunks.iter().filter(is_related).take(MAX_RELATED_CHUNKS).map(to_related).collect()
    }
}

/// Returns the note for a word with the form of a filter and an unknown value.
fn invalid_filter_note(filter: &InvalidFilter) -> String {
    let (word, error) = match filter {
        InvalidFilter::Language(name) => ("lang", QueryError::unknown_language(name)),
        InvalidFilter::Kind(name) => ("kind", QueryError::unknown_kind(name)),
    };
    format!("`{word}:` is searched as a word: {error}")
}

impl QueryError {
    /// Returns the error for an unknown language, which lists the known ones.
    pub(super) fn unknown_language(name: &str) -> Self {
        let known: Vec<_> = language::all_languages().map(|row| row.name).collect();
        Self::UnknownLanguage { name: name.to_owned(), known: known.join(", ") }
    }

    /// Returns the error for an unknown kind, which lists the known ones.
    pub(super) fn unknown_kind(name: &str) -> Self {
        let known: Vec<&str> = SymbolKind::ALL.iter().map(|kind| kind.as_str()).collect();
        Self::UnknownKind { name: name.to_owned(), known: known.join(", ") }
    }
}

/// Validates a query without running it.
///
/// # Errors
/// If the query is blank, its limit is out of range, or a filter is invalid.
pub fn check_query(query: &SearchQuery) -> Result<(), QueryError> {
    validated_filter(&query.with_parsed_filters()).map(drop)
}

/// Validates a query whose filters are already parsed, and compiles its filter.
fn validated_filter(query: &SearchQuery) -> Result<FileFilter, QueryError> {
    if query.text.trim().is_empty() && query.filter.query_filters != QueryFilters::default() {
        return Err(QueryError::OnlyFilters);
    }
    check_text_and_limit(&query.text, query.limit)?;
    FileFilter::new(&query.filter)
}

fn check_text_and_limit(text: &str, limit: usize) -> Result<(), QueryError> {
    if text.trim().is_empty() {
        return Err(QueryError::EmptyQuery);
    }
    if limit == 0 || limit > MAX_LIMIT {
        return Err(QueryError::InvalidLimit(limit));
    }
    Ok(())
}
