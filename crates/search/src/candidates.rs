//! Retrieves the chunks and files that may answer a query, with their retrieval scores.

use std::borrow::Cow;
use std::collections::HashMap;

use rayon::prelude::*;

use super::RetrievalMode;
use super::dense::DenseScorer;
use super::query::QueryTerms;
use super::snapshot::Snapshot;
use super::within::CandidateFilter;
use super::words::LexicalScores;
use store::StoreError;

/// Maximum number of chunks taken from each retriever.
const MAX_RETRIEVED_CHUNKS: usize = 400;

/// Maximum number of files taken by their mean vectors.
const MAX_DENSE_FILES: usize = 60;

/// Minimum cosine of a candidate that matches no word of the query.
const MIN_COSINE: f32 = 0.1;

/// A candidate file with its retrieval scores.
#[derive(Clone, Debug, Default)]
pub(super) struct CandidateFile {
    pub file: usize,
    /// Cosine of the file's mean vector.
    pub dense_file: f32,
    /// Mean cosine of the three nearest chunks.
    pub dense_mean: f32,
    /// Sum of the chunks' BM25F scores, each divided by its rank in the file.
    pub lexical_file: f32,
    /// Highest cosine of a chunk.
    pub dense_best: f32,
    /// Highest BM25F score of a chunk.
    pub lexical_best: f32,
    /// Highest BM25F score of a chunk for identifiers made of neighboring query words.
    pub joined: f32,
    /// Largest IDF-weighted share of the query words found in one chunk.
    pub coverage_chunk: f32,
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
pub(super) struct CandidateChunk {
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
/// If the inverted index cannot be read.
pub(super) fn retrieve_candidates(
    snapshot: &Snapshot,
    terms: &QueryTerms,
    vector: &[f32],
    mode: RetrievalMode,
    filter: &CandidateFilter,
) -> Result<Vec<CandidateFile>, StoreError> {
    // Enters the thread pool once instead of once per parallel step.
    rayon::scope(|_| retrieve_in_pool(snapshot, terms, vector, mode, filter))
}

fn retrieve_in_pool(
    snapshot: &Snapshot,
    terms: &QueryTerms,
    vector: &[f32],
    mode: RetrievalMode,
    filter: &CandidateFilter,
) -> Result<Vec<CandidateFile>, StoreError> {
    let is_allowed = |chunk: u32| filter.allows(snapshot, chunk);
    let dense = (mode != RetrievalMode::Lexical).then(|| DenseScorer::new(snapshot, vector));
    let retrieve_lexical = || {
        let scores = if mode == RetrievalMode::Dense { None } else { Some(LexicalScores::compute(snapshot, terms)?) };
        let best = scores.as_ref().map_or_else(Vec::new, |scores| scores.select_best(MAX_RETRIEVED_CHUNKS, is_allowed));
        Ok::<_, StoreError>((scores, best))
    };
    let retrieve_dense = || {
        let nearest = dense.as_ref().map_or_else(Vec::new, |dense| dense.nearest(MAX_RETRIEVED_CHUNKS, filter));
        let by_file = dense.as_ref().filter(|_| mode == RetrievalMode::Hybrid);
        let files = by_file.map(|dense| dense.nearest_files(MAX_DENSE_FILES, filter));
        (nearest, files.unwrap_or_default())
    };
    let (lexical_result, (nearest, files)) = rayon::join(retrieve_lexical, retrieve_dense);
    let (scores, best_lexical) = lexical_result?;
    let cosine = |chunk: u32| dense.as_ref().map_or(0.0, |dense| dense.cosine(chunk));
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
    Ok(group_by_file(snapshot, candidates, dense.as_ref(), scores.as_ref(), filter))
}

/// Groups chunks by file, sorted by number, and measures each file.
fn group_by_file(
    snapshot: &Snapshot,
    candidates: HashMap<u32, CandidateChunk>,
    dense: Option<&DenseScorer<'_>>,
    lexical: Option<&LexicalScores<'_>>,
    filter: &CandidateFilter,
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
    filter: &CandidateFilter,
) {
    let chunks = snapshot.chunks_of_file(candidate.file);
    let is_allowed = |chunk: &u32| filter.allows_in_file(snapshot, *chunk);
    let allowed: Option<Vec<u32>> = filter.splits_files().then(|| chunks.clone().filter(is_allowed).collect());
    if let Some(dense) = dense {
        candidate.dense_file = dense.file_cosine(candidate.file);
        let highest = match &allowed {
            Some(allowed) => {
                let cosines = sort_descending(allowed.iter().map(|chunk| dense.cosine(*chunk)));
                [0, 1, 2].map(|at| cosines.get(at).copied().unwrap_or(0.0))
            }
            None => dense.top_three(chunks.clone()),
        };
        candidate.dense_best = highest[0].max(0.0);
        candidate.dense_mean = highest.iter().sum::<f32>() / 3.0;
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
        let max_coverage = |max: f32, mask: u32| max.max(lexical.coverage(mask));
        candidate.coverage_chunk =
            distinct_masks(tallies.iter().map(|tally| tally.words)).into_iter().fold(0.0, max_coverage);
        candidate.coverage_file = lexical.coverage(tallies.iter().fold(0, |all, tally| all | tally.words));
        candidate.coverage_names = lexical.coverage(tallies.iter().fold(0, |all, tally| all | tally.name_words));
        let named = |chunk: &u32| all_tallies[(chunk - chunks.start) as usize].name_words != 0;
        candidate.named = match allowed {
            Some(allowed) => allowed.into_iter().filter(named).collect(),
            None => chunks.clone().filter(named).collect(),
        };
    }
}

/// Returns the distinct nonzero masks.
fn distinct_masks(masks: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut masks: Vec<u32> = masks.filter(|mask| *mask != 0).collect();
    masks.sort_unstable();
    masks.dedup();
    masks
}

/// Returns the scores in descending order.
fn sort_descending(scores: impl Iterator<Item = f32>) -> Vec<f32> {
    let mut scores: Vec<f32> = scores.collect();
    scores.sort_unstable_by(|a, b| b.total_cmp(a));
    scores
}
