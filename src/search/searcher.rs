//! Searches over one snapshot.

use std::sync::Arc;

use super::candidates::{self, CandidateChunk, CandidateFile};
use super::exact::{self, Having};
use super::features::{self, Features};
use super::filter::FileFilter;
use super::query::{QueryTerms, Unread};
use super::ranking::{self, Extra, Question, RankedFile, Weights};
use super::snapshot::Snapshot;
use super::typos::{self, Correction};
use super::within::Within;
use super::{Asked, Explanation, Filter, Folders, Hit, Kind, MAX_LIMIT, Mode, Place, SearchQuery, Term, places};
use crate::embed::{EmbedError, Embedder};
use crate::language;
use crate::store::StoreError;
use crate::types::{RepoPath, SymbolKind, qualified_name};

/// Most other places named with a hit.
const MAX_ALSO: usize = 3;

/// A question that cannot be answered, or a store that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    #[error("the query is empty; give words, a name or a question")]
    Empty,
    #[error("the limit is {0}; give 1 to {MAX_LIMIT}")]
    Limit(usize),
    #[error("unknown language {name}; known: {known}")]
    Language { name: String, known: String },
    #[error("the query has filters only; add words, a name or a question")]
    OnlyFilters,
    #[error("unknown kind {name}; known: {known}")]
    Kind { name: String, known: String },
    #[error("the query asks for language {asked}, and the search is narrowed down to {flag}; drop one of them")]
    Apart { flag: String, asked: String },
    #[error("cannot read the glob {pattern}: {message}; write it like `src/**/*.rs`")]
    Glob { pattern: String, message: String },
    #[error("unknown project {name}; known: {known}")]
    Project { name: String, known: String },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Embed(#[from] EmbedError),
}

/// What weights are learned from.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Which weights it concerns: those for names, or those for words.
    pub is_name: bool,
    /// Every file that may answer.
    pub candidates: Vec<(RepoPath, Features)>,
}

/// A snapshot and the model its vectors are of.
pub struct Searcher<'s> {
    pub snapshot: &'s Arc<Snapshot>,
    pub embedder: &'s dyn Embedder,
    pub weights: Weights,
    /// What the filter's projects stand for, which is known above.
    pub folders: Folders,
}

/// Hits, best first, and what to know about them.
#[derive(Clone, Debug, Default)]
pub struct Answered {
    pub hits: Vec<Hit>,
    /// Whole sentences but for the capital.
    pub notes: Vec<String>,
    /// What the question was taken for.
    pub understood: String,
}

/// A question taken apart, with what may answer it.
struct Taken {
    terms: QueryTerms,
    notes: Vec<String>,
    extra: Extra,
    found: Vec<CandidateFile>,
}

impl Searcher<'_> {
    /// The best hits: files in order, each with its best chunk; further chunks of the same files
    /// only where there are fewer files than hits asked for. `stale` and `project` are left open.
    ///
    /// # Errors
    /// When the question cannot be answered as it stands.
    pub fn search(&self, query: &SearchQuery) -> Result<Answered, QueryError> {
        let query = query.understood();
        let Taken { terms, notes, extra, found } = self.take(&query)?;
        let mut understood = terms.describe();
        let filters = query.filter.asked.written();
        if !filters.is_empty() {
            understood.push_str("; filters: ");
            understood.push_str(&filters);
        }
        let question = Question { terms: &terms, mode: query.mode, extra: &extra };
        let mut ranked = ranking::rank(self.snapshot, &question, &self.weights, found);
        if query.per_chunk {
            self.split(&mut ranked, &question, query.limit);
        } else {
            self.cut(&mut ranked, &question, query.limit);
        }
        let hits = self.hits(ranked, query.limit, query.explain.then_some(&question))?;
        Ok(Answered { hits, notes, understood })
    }

    /// Takes a question apart, which is understood, and retrieves what may answer it.
    fn take(&self, query: &SearchQuery) -> Result<Taken, QueryError> {
        let snapshot = self.snapshot;
        let filter = checked(query)?.below(&self.folders);
        let mut files = filter.allowed(snapshot);
        let mut terms = QueryTerms::new(&query.text, snapshot.as_ref());
        let mut notes: Vec<String> = query.filter.asked.unread.iter().map(unread).collect();
        if query.mode != Mode::Dense {
            let corrections = typos::corrections(snapshot, &terms, &files)?;
            let mut text = query.text.clone();
            for correction in &corrections {
                let Correction { from, to } = correction;
                notes.push(format!("no exact match for `{from}`; showing `{to}`"));
                text = correction.applied(&text);
            }
            if !corrections.is_empty() {
                terms = QueryTerms::new(&text, snapshot.as_ref());
            }
        }
        let mut extra = Extra::default();
        if query.mode == Mode::Hybrid {
            let may = |file: usize| files[file] || filter.allows_named(&snapshot.files[file]);
            extra.named = places::named_files(snapshot, &terms, may);
            // A name that many settings have, in prose, asks for none of them.
            extra.named.retain(|file, named| files[*file] || named.sure);
            extra.named.keys().for_each(|file| files[*file] = true);
        }
        let named = extra.named.iter().map(|(file, named)| named.chunk(snapshot, *file)).collect();
        let kinds = if filter.allows_all_kinds() { None } else { Some(filter) };
        let vector = self.embedder.try_query(&terms.dense)?;
        let mut within = Within { files, kinds, only: None, named };
        notes.extend(self.keep_exact(&query.filter.asked.exact, &mut within)?);
        let found = candidates::retrieve(snapshot, &terms, &vector, query.mode, &within)?;
        if terms.kind == Kind::Snippet && query.mode == Mode::Hybrid {
            extra.shares = exact::shares(snapshot, &query.text, &found)?;
        }
        Ok(Taken { terms, notes, extra, found })
    }

    /// Narrows down to the chunks that have all phrases, where there are any; what to tell of it.
    fn keep_exact(&self, phrases: &[String], within: &mut Within) -> Result<Option<String>, QueryError> {
        if phrases.is_empty() {
            return Ok(None);
        }
        let snapshot = self.snapshot;
        let Having { chunks, read, with_words } =
            exact::having(snapshot, phrases, |chunk| within.may(snapshot, chunk))?;
        let written: Vec<String> = phrases.iter().map(|phrase| format!("\"{phrase}\"")).collect();
        let written = written.join(" and ");
        let partly = (read < with_words).then(|| format!("{read} of the {with_words} places that have the words"));
        if chunks.is_empty() {
            let among = partly.map_or_else(String::new, |partly| format!(", in {partly}"));
            return Ok(Some(format!("nothing found has {written} word for word{among}; showing what is near")));
        }
        let mut files = vec![false; within.files.len()];
        chunks.iter().for_each(|chunk| files[snapshot.owner(*chunk)] = true);
        (within.files, within.only) = (files, Some(chunks));
        Ok(partly.map(|partly| format!("looked for {written} in {partly}")))
    }

    /// The chunks nearest to `vector`, at most one a file, without the chunk `except`.
    ///
    /// # Errors
    /// When the filter does not hold or the store cannot be read.
    pub fn nearest(
        &self,
        vector: &[f32],
        limit: usize,
        filter: &Filter,
        except: Option<u32>,
    ) -> Result<Vec<Hit>, QueryError> {
        check("a vector", limit)?;
        let files = FileFilter::new(filter)?.below(&self.folders).allowed(self.snapshot);
        let within = Within { files, kinds: None, only: None, named: Vec::new() };
        let terms = QueryTerms::default();
        let mut found = candidates::retrieve(self.snapshot, &terms, vector, Mode::Dense, &within)?;
        for file in &mut found {
            file.chunks.retain(|chunk| Some(chunk.chunk) != except);
            file.dense_best = file.chunks.iter().map(|chunk| chunk.dense).fold(0.0, f32::max);
        }
        found.retain(|file| !file.chunks.is_empty());
        let question = Question { terms: &terms, mode: Mode::Dense, extra: &Extra::default() };
        let mut ranked = ranking::rank(self.snapshot, &question, &self.weights, found);
        self.cut(&mut ranked, &question, limit);
        self.hits(ranked, limit, None)
    }

    /// What is measured for a question.
    ///
    /// # Errors
    /// When the question cannot be answered as it stands.
    pub fn measure(&self, query: &SearchQuery) -> Result<Measured, QueryError> {
        let query = query.understood();
        let Taken { terms, found, .. } = self.take(&query)?;
        let features = features::features(self.snapshot, &terms, &found);
        let path = |candidate: &CandidateFile| self.snapshot.files[candidate.file].path.clone();
        Ok(Measured { is_name: terms.is_name(), candidates: found.iter().map(path).zip(features).collect() })
    }

    /// Makes each chunk a file of its own that is ranked by what retrieval says of the chunk.
    fn split(&self, ranked: &mut Vec<RankedFile>, question: &Question<'_>, limit: usize) {
        let mut chunks: Vec<CandidateChunk> = ranked.drain(..).flat_map(|file| file.chunks).collect();
        ranking::order_chunks(self.snapshot, question, &mut chunks);
        let why = ranking::why_chunk(self.snapshot, question, &chunks);
        ranked.extend(chunks.iter().take(limit).map(|chunk| RankedFile {
            file: self.snapshot.owner(chunk.chunk),
            score: chunk.score,
            explanation: Explanation { terms: why(chunk), chunk: Vec::new() },
            chunks: vec![chunk.clone()],
        }));
    }

    /// Leaves the files that can be among the first `limit` hits, their chunks in order.
    fn cut(&self, ranked: &mut Vec<RankedFile>, question: &Question<'_>, limit: usize) {
        ranked.truncate(limit);
        for file in ranked {
            ranking::order_chunks(self.snapshot, question, &mut file.chunks);
        }
    }

    /// The chunk that holds a line of a file.
    pub fn chunk_at(&self, path: &str, line: u32) -> Option<u32> {
        let mut chunks = self.snapshot.chunks_in(self.snapshot.file_at(path)?);
        chunks.find(|chunk| self.snapshot.chunk(*chunk).span.end_line >= line)
    }

    /// The hits of ranked files, explained where it is asked `why`.
    fn hits(&self, ranked: Vec<RankedFile>, limit: usize, why: Option<&Question<'_>>) -> Result<Vec<Hit>, QueryError> {
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
        let texts = self.snapshot.view.texts(&rows)?;
        let shown: Vec<u32> = picked.iter().map(|(_, chunk, _)| chunk.chunk).collect();
        let hits = picked.iter().zip(texts).map(|((file, chunk, is_first), text)| {
            let meta = self.snapshot.chunk(chunk.chunk);
            let of = &self.snapshot.files[file.file];
            Hit {
                path: of.path.clone(),
                language: of.language,
                span: meta.span,
                kind: meta.kind,
                symbol: meta.symbol.to_owned(),
                container: meta.container.to_owned(),
                signature: text.signature,
                text: text.text,
                // Further chunks of a file stand below every file, in an order that scores show.
                score: if *is_first { file.score } else { 0.0 },
                also: if *is_first { self.also(file, &shown) } else { Vec::new() },
                project: None,
                stale: false,
                explanation: why.map(|question| self.explanation(question, file, chunk, *is_first)),
            }
        });
        Ok(hits.collect())
    }

    /// How a hit came to its place: its file among others, and the chunk in its file.
    fn explanation(
        &self,
        question: &Question<'_>,
        file: &RankedFile,
        chunk: &CandidateChunk,
        is_first: bool,
    ) -> Explanation {
        let in_file = || ranking::why_chunk(self.snapshot, question, &file.chunks)(chunk);
        if !is_first {
            let name = "further chunk of a file above, whose score is";
            return Explanation { terms: vec![Term { name, value: file.score, share: 0.0 }], chunk: in_file() };
        }
        let chunk = if file.chunks.len() > 1 { in_file() } else { Vec::new() };
        Explanation { chunk, ..file.explanation.clone() }
    }

    /// The next best chunks of a file that are not shown themselves.
    fn also(&self, file: &RankedFile, shown: &[u32]) -> Vec<Place> {
        let best = file.chunks.first().map_or(0.0, |chunk| chunk.score);
        let good = |chunk: &&CandidateChunk| !shown.contains(&chunk.chunk) && chunk.score * 2.0 >= best;
        let place = |chunk: &CandidateChunk| {
            let meta = self.snapshot.chunk(chunk.chunk);
            let name = qualified_name(meta.container, meta.symbol);
            Place { span: meta.span, kind: meta.kind, name }
        };
        file.chunks.iter().filter(good).take(MAX_ALSO).map(place).collect()
    }
}

/// What to tell of a word that would be a filter.
fn unread(unread: &Unread) -> String {
    let (word, error) = match unread {
        Unread::Language(name) => ("lang", QueryError::language(name)),
        Unread::Kind(name) => ("kind", QueryError::kind(name)),
    };
    format!("`{word}:` is taken as a word: {error}")
}

impl QueryError {
    /// That there is no such language.
    pub(super) fn language(name: &str) -> Self {
        let known: Vec<_> = language::all().map(|row| row.name).collect();
        Self::Language { name: name.to_owned(), known: known.join(", ") }
    }

    /// That there is no such kind.
    pub(super) fn kind(name: &str) -> Self {
        let known: Vec<&str> = SymbolKind::ALL.iter().map(|kind| kind.as_str()).collect();
        Self::Kind { name: name.to_owned(), known: known.join(", ") }
    }
}

/// Whether a question can be asked at all.
///
/// # Errors
/// What is wrong with it, and what to change.
pub fn check_query(query: &SearchQuery) -> Result<(), QueryError> {
    checked(&query.understood()).map(drop)
}

/// The filter of a question that can be asked, and is understood.
fn checked(query: &SearchQuery) -> Result<FileFilter, QueryError> {
    if query.text.trim().is_empty() && query.filter.asked != Asked::default() {
        return Err(QueryError::OnlyFilters);
    }
    check(&query.text, query.limit)?;
    FileFilter::new(&query.filter)
}

fn check(text: &str, limit: usize) -> Result<(), QueryError> {
    if text.trim().is_empty() {
        return Err(QueryError::Empty);
    }
    if limit == 0 || limit > MAX_LIMIT {
        return Err(QueryError::Limit(limit));
    }
    Ok(())
}
