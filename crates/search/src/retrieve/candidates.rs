//! Retrieves the chunks and files that may answer a query, with their retrieval scores.

use std::borrow::Cow;
use std::collections::HashMap;

use rayon::prelude::*;

use super::candidate_filter::CandidateFilter;
use super::dense::DenseScorer;
use super::lexical::LexicalScores;
use crate::query::error::QueryError;
use crate::query::request::RetrievalMode;
use crate::query::terms::QueryTerms;
use crate::snapshot::Snapshot;
use crate::threads::run_on_search_pool;
use store::StoreError;

/// Maximum number of chunks taken from each retriever.
const MAX_RETRIEVED_CHUNKS: usize = 400;

/// Maximum number of files retrieved because their mean vectors are near the query.
const MAX_DENSE_FILES: usize = 60;

/// Minimum cosine of a candidate that contains no word of the query.
const MIN_COSINE: f32 = 0.1;

/// A candidate file with its retrieval scores.
#[derive(Clone, Debug, Default)]
pub(crate) struct CandidateFile {
    pub file: usize,
    /// Cosine of the file's mean vector and the query vector.
    pub dense_file: f32,
    /// Sum of the chunks' BM25F scores, each divided by its rank in the file.
    pub lexical_file: f32,
    /// Highest cosine of a chunk vector and the query vector.
    pub dense_best: f32,
    /// Highest BM25F score of a chunk.
    pub lexical_best: f32,
    /// Highest BM25F score of a chunk for identifiers that consist of adjacent query words.
    pub joined: f32,
    /// IDF-weighted share of the query words found in the file.
    pub coverage_file: f32,
    /// IDF-weighted share of the query words found in names that the file defines.
    pub coverage_names: f32,
    /// The retrieved chunks, by number.
    pub chunks: Vec<CandidateChunk>,
    /// Numbers of the chunks that define a name with a query word.
    pub named: Vec<u32>,
}

/// A candidate chunk.
#[derive(Clone, Debug, Default)]
pub(crate) struct CandidateChunk {
    pub chunk: u32,
    /// Cosine; 0 in lexical mode.
    pub dense: f32,
    /// BM25F score; 0 if no word matches.
    pub lexical: f32,
    /// Whether the chunk defines a name in the query.
    pub defines: bool,
    /// Whether the query names the chunk's file.
    pub named: bool,
    /// The score by which chunks of one file are ordered; set by the ranking.
    pub score: f32,
}

/// Retrieves the candidates of a query, grouped by file, from the chunks that pass `filter`.
///
/// # Errors
/// If the inverted index cannot be read, or the vector differs in width from the vectors of the snapshot.
pub(crate) fn retrieve_candidates(
    snapshot: &Snapshot,
    terms: &QueryTerms,
    vector: &[f32],
    mode: RetrievalMode,
    filter: &CandidateFilter<'_>,
) -> Result<Vec<CandidateFile>, QueryError> {
    let dense = if mode == RetrievalMode::Lexical { None } else { Some(DenseScorer::new(snapshot, vector)?) };
    // Enters the thread pool once for all parallel steps, which is faster than once per step.
    Ok(run_on_search_pool(|| retrieve_in_pool(snapshot, terms, dense.as_ref(), mode, filter))?)
}

fn retrieve_in_pool(
    snapshot: &Snapshot,
    terms: &QueryTerms,
    dense: Option<&DenseScorer<'_>>,
    mode: RetrievalMode,
    filter: &CandidateFilter<'_>,
) -> Result<Vec<CandidateFile>, StoreError> {
    let is_allowed = |chunk: u32| filter.allows(snapshot, chunk);
    let retrieve_lexical = || {
        let scores = if mode == RetrievalMode::Dense { None } else { Some(LexicalScores::compute(snapshot, terms)?) };
        let best = scores.as_ref().map_or_else(Vec::new, |scores| scores.select_best(MAX_RETRIEVED_CHUNKS, is_allowed));
        Ok::<_, StoreError>((scores, best))
    };
    let retrieve_dense = || {
        let nearest = dense.map_or_else(Vec::new, |dense| dense.nearest(MAX_RETRIEVED_CHUNKS, filter));
        let by_file = dense.filter(|_| mode == RetrievalMode::Hybrid);
        let files = by_file.map(|dense| dense.nearest_files(MAX_DENSE_FILES, filter));
        (nearest, files.unwrap_or_default())
    };
    let (lexical_result, (nearest, files)) = rayon::join(retrieve_lexical, retrieve_dense);
    let (scores, best_lexical) = lexical_result?;
    let cosine = |chunk: u32| dense.map_or(0.0, |dense| dense.cosine(chunk));
    let lexical = |chunk: u32| scores.as_ref().map_or(0.0, |scores| scores.score(chunk));
    let mut candidates: HashMap<u32, CandidateChunk> = HashMap::new();
    let mut add = |chunk: u32, defines: bool| {
        let fresh =
            || CandidateChunk { chunk, dense: cosine(chunk), lexical: lexical(chunk), ..CandidateChunk::default() };
        candidates.entry(chunk).or_insert_with(fresh).defines |= defines;
    };
    nearest.into_iter().for_each(|chunk| add(chunk, false));
    best_lexical.into_iter().for_each(|chunk| add(chunk, false));
    if mode != RetrievalMode::Dense {
        let defining = terms.names.iter().flat_map(|name| snapshot.chunks_defining(&name.text));
        defining.filter(|chunk| is_allowed(*chunk)).for_each(|chunk| add(chunk, true));
    }
    for file in files {
        let chunks = snapshot.chunks_of_file(file as usize).filter(|chunk| is_allowed(*chunk));
        let nearest = chunks.map(|chunk| (chunk, cosine(chunk))).max_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((nearest, _)) = nearest {
            add(nearest, false);
        }
    }
    for chunk in filter.named.iter().filter(|chunk| is_allowed(**chunk)) {
        let fresh = || CandidateChunk {
            chunk: *chunk,
            dense: cosine(*chunk),
            lexical: lexical(*chunk),
            ..CandidateChunk::default()
        };
        candidates.entry(*chunk).or_insert_with(fresh).named = true;
    }
    candidates.retain(|_, chunk| chunk.defines || chunk.named || chunk.lexical > 0.0 || chunk.dense >= MIN_COSINE);
    Ok(group_by_file(snapshot, candidates, dense, scores.as_ref(), filter))
}

/// Groups chunks by file, sorted by number, and measures each file.
fn group_by_file(
    snapshot: &Snapshot,
    candidates: HashMap<u32, CandidateChunk>,
    dense: Option<&DenseScorer<'_>>,
    lexical: Option<&LexicalScores<'_>>,
    filter: &CandidateFilter<'_>,
) -> Vec<CandidateFile> {
    let mut by_file: HashMap<usize, CandidateFile> = HashMap::new();
    for chunk in candidates.into_values() {
        let file = snapshot.file_of_chunk(chunk.chunk);
        by_file.entry(file).or_insert_with(|| CandidateFile { file, ..CandidateFile::default() }).chunks.push(chunk);
    }
    let mut files: Vec<CandidateFile> = by_file.into_values().collect();
    files.sort_by_key(|candidate| candidate.file);
    files.par_iter_mut().for_each(|candidate| {
        candidate.chunks.sort_by_key(|chunk| chunk.chunk);
        measure_retrieval(snapshot, candidate, dense, lexical, filter);
    });
    files
}

/// Sets the scores of a candidate file from those of its chunks that pass `filter`.
fn measure_retrieval(
    snapshot: &Snapshot,
    candidate: &mut CandidateFile,
    dense: Option<&DenseScorer<'_>>,
    lexical: Option<&LexicalScores<'_>>,
    filter: &CandidateFilter<'_>,
) {
    let chunks = snapshot.chunks_of_file(candidate.file);
    let is_allowed = |chunk: &u32| filter.allows_in_file(snapshot, *chunk);
    let allowed: Option<Vec<u32>> = filter.splits_files().then(|| chunks.clone().filter(is_allowed).collect());
    if let Some(dense) = dense {
        candidate.dense_file = dense.file_cosine(candidate.file);
        candidate.dense_best = match &allowed {
            Some(allowed) => allowed.iter().map(|chunk| dense.cosine(*chunk)).fold(0.0, f32::max),
            None => dense.highest_cosine(chunks.clone()),
        };
    }
    if let Some(lexical) = lexical {
        let all_tallies = lexical.tallies(chunks.clone());
        let tallies = match &allowed {
            Some(allowed) => {
                Cow::Owned(allowed.iter().map(|chunk| all_tallies[(chunk - chunks.start) as usize]).collect::<Vec<_>>())
            }
            None => Cow::Borrowed(all_tallies),
        };
        let scores = sort_descending(tallies.iter().map(|tally| tally.score).filter(|score| *score > 0.0));
        candidate.lexical_best = scores.first().copied().unwrap_or(0.0);
        candidate.lexical_file = scores.iter().zip(1_u16..).map(|(score, rank)| score / f32::from(rank)).sum();
        candidate.joined = lexical.joined_score(&chunks);
        candidate.coverage_file = lexical.coverage(tallies.iter().fold(0, |all, tally| all | tally.words));
        candidate.coverage_names = lexical.coverage(tallies.iter().fold(0, |all, tally| all | tally.name_words));
        let named = |chunk: &u32| all_tallies[(chunk - chunks.start) as usize].name_words != 0;
        candidate.named = match allowed {
            Some(allowed) => allowed.into_iter().filter(named).collect(),
            None => chunks.clone().filter(named).collect(),
        };
    }
}

/// Returns the scores in descending order.
fn sort_descending(scores: impl Iterator<Item = f32>) -> Vec<f32> {
    let mut scores: Vec<f32> = scores.collect();
    scores.sort_unstable_by(|a, b| b.total_cmp(a));
    scores
}
