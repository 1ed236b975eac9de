//! Searches over one snapshot.

use std::sync::Arc;

use super::candidates::{self, CandidateChunk, CandidateFile};
use super::features::{self, Features};
use super::filter::FileFilter;
use super::query::QueryTerms;
use super::ranking::{self, RankedFile, Weights};
use super::snapshot::Snapshot;
use super::{Explanation, Filter, Hit, MAX_LIMIT, Mode, Place, SearchQuery, Term};
use crate::embed::Embedder;
use crate::store::StoreError;
use crate::types::{RepoPath, qualified_name};

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
    #[error("cannot read the glob {pattern}: {message}; write it like `src/**/*.rs`")]
    Glob { pattern: String, message: String },
    #[error("unknown project {name}; known: {known}")]
    Project { name: String, known: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A snapshot and the model its vectors are of.
pub struct Searcher<'s> {
    pub snapshot: &'s Arc<Snapshot>,
    pub embedder: &'s dyn Embedder,
    pub weights: Weights,
    /// Only files below one of these are in the answer; empty for all. What the filter's project
    /// stands for, which is known above.
    pub folders: Vec<String>,
}

impl Searcher<'_> {
    /// The best hits: files in order, each with its best chunk; further chunks of the same files
    /// only where there are fewer files than hits asked for. `stale` and `project` are left open.
    ///
    /// # Errors
    /// When the question cannot be answered as it stands.
    pub fn search(&self, query: &SearchQuery) -> Result<Vec<Hit>, QueryError> {
        check_query(query)?;
        let terms = QueryTerms::new(&query.text);
        let allowed = FileFilter::new(&query.filter)?.below(&self.folders).allowed(self.snapshot);
        let vector = self.embedder.embed_query(&terms.dense);
        let found = candidates::retrieve(self.snapshot, &terms, &vector, query.mode, &allowed)?;
        let mut ranked = ranking::rank(self.snapshot, &terms, query.mode, &self.weights, found);
        if query.per_chunk {
            self.split(&mut ranked, &terms, query.limit, query.mode);
        } else {
            self.cut(&mut ranked, &terms, query.limit, query.mode);
        }
        self.hits(ranked, query.limit, query.explain)
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
        let allowed = FileFilter::new(filter)?.below(&self.folders).allowed(self.snapshot);
        let mut found = candidates::retrieve(self.snapshot, &QueryTerms::default(), vector, Mode::Dense, &allowed)?;
        for file in &mut found {
            file.chunks.retain(|chunk| Some(chunk.chunk) != except);
            file.dense_best = file.chunks.iter().map(|chunk| chunk.dense).fold(0.0, f32::max);
        }
        found.retain(|file| !file.chunks.is_empty());
        let terms = QueryTerms::default();
        let mut ranked = ranking::rank(self.snapshot, &terms, Mode::Dense, &self.weights, found);
        self.cut(&mut ranked, &terms, limit, Mode::Dense);
        self.hits(ranked, limit, false)
    }

    /// The features of every file that may answer, by path: what weights are learned from.
    ///
    /// # Errors
    /// When the question cannot be answered as it stands.
    pub fn measure(&self, query: &SearchQuery) -> Result<Vec<(RepoPath, Features)>, QueryError> {
        check_query(query)?;
        let terms = QueryTerms::new(&query.text);
        let allowed = FileFilter::new(&query.filter)?.below(&self.folders).allowed(self.snapshot);
        let vector = self.embedder.embed_query(&terms.dense);
        let found = candidates::retrieve(self.snapshot, &terms, &vector, Mode::Hybrid, &allowed)?;
        let features = features::features(self.snapshot, &terms, &found);
        let path = |candidate: &CandidateFile| self.snapshot.files[candidate.file].path.clone();
        Ok(found.iter().map(path).zip(features).collect())
    }

    /// Makes each chunk a file of its own that is ranked by what retrieval says of the chunk.
    fn split(&self, ranked: &mut Vec<RankedFile>, terms: &QueryTerms, limit: usize, mode: Mode) {
        let mut chunks: Vec<CandidateChunk> = ranked.drain(..).flat_map(|file| file.chunks).collect();
        ranking::order_chunks(self.snapshot, terms, &mut chunks, mode);
        chunks.truncate(limit);
        ranked.extend(chunks.into_iter().map(|chunk| RankedFile {
            file: self.snapshot.owner(chunk.chunk),
            score: chunk.score,
            explanation: ranking::of_chunk(&chunk),
            chunks: vec![chunk],
        }));
    }

    /// Leaves the files that can be among the first `limit` hits, their chunks in order.
    fn cut(&self, ranked: &mut Vec<RankedFile>, terms: &QueryTerms, limit: usize, mode: Mode) {
        ranked.truncate(limit);
        for file in ranked {
            ranking::order_chunks(self.snapshot, terms, &mut file.chunks, mode);
        }
    }

    /// The chunk that holds a line of a file.
    pub fn chunk_at(&self, path: &str, line: u32) -> Option<u32> {
        let mut chunks = self.snapshot.chunks_in(self.snapshot.file_at(path)?);
        chunks.find(|chunk| self.snapshot.chunk(*chunk).span.end_line >= line)
    }

    fn hits(&self, ranked: Vec<RankedFile>, limit: usize, explain: bool) -> Result<Vec<Hit>, QueryError> {
        let mut picked: Vec<(&RankedFile, &CandidateChunk, f32)> = Vec::new();
        for depth in 0.. {
            let before = picked.len();
            for file in &ranked {
                if picked.len() < limit
                    && let Some(chunk) = file.chunks.get(depth)
                {
                    // Further chunks of a file stand below every file, in an order that scores show.
                    let score = if depth == 0 { file.score } else { 0.0 };
                    picked.push((file, chunk, score));
                }
            }
            if picked.len() == before || picked.len() >= limit {
                break;
            }
        }
        let rows: Vec<_> = picked.iter().map(|(_, chunk, _)| self.snapshot.chunk(chunk.chunk).row).collect();
        let texts = self.snapshot.view.texts(&rows)?;
        let shown: Vec<u32> = picked.iter().map(|(_, chunk, _)| chunk.chunk).collect();
        let hits = picked.iter().zip(texts).map(|((file, chunk, score), text)| {
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
                score: *score,
                also: if *score == 0.0 { Vec::new() } else { self.also(file, &shown) },
                project: None,
                stale: false,
                explanation: explain.then(|| explanation(file, *score)),
            }
        });
        Ok(hits.collect())
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

fn explanation(file: &RankedFile, score: f32) -> Explanation {
    if score == 0.0 {
        let name = "further chunk of a file above";
        return Explanation { terms: vec![Term { name, value: file.score, share: 0.0 }] };
    }
    file.explanation.clone()
}

/// Whether a question can be asked at all.
///
/// # Errors
/// What is wrong with it, and what to change.
pub fn check_query(query: &SearchQuery) -> Result<(), QueryError> {
    check(&query.text, query.limit)?;
    FileFilter::new(&query.filter).map(drop)
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
