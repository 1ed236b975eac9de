//! Retrieves the chunks and files that may answer a query, with their retrieval scores.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use rayon::prelude::*;

use super::candidate_filter::CandidateFilter;
use super::dense::DenseScorer;
use super::lexical::LexicalScores;
use crate::query::error::QueryError;
use crate::query::request::RetrievalMode;
use crate::query::terms::{QueryKind, QueryTerms};
use crate::snapshot::Snapshot;
use crate::threads::run_on_search_pool;
use store::StoreError;

/// Maximum number of chunks taken from each retriever.
const MAX_RETRIEVED_CHUNKS: usize = 400;

/// Maximum number of files retrieved because their mean vectors are near the query.
const MAX_DENSE_FILES: usize = 60;

/// Minimum cosine at which a chunk is a candidate if it neither contains a word nor defines a name of the query, and
/// the query names neither its file nor its text.
pub(crate) const MIN_COSINE: f32 = 0.1;

/// Maximum number of chunks that define a name in a report. A name with more definitions adds no candidates.
const MAX_REPORT_DEFINITIONS: usize = 20;

/// A candidate file with its retrieval scores.
#[derive(Clone, Debug, Default)]
pub(crate) struct CandidateFile {
    pub file: usize,
    /// Cosine of the file's mean vector and the query vector.
    pub dense_file: f32,
    /// Sum of the chunks' BM25F scores, each divided by its rank in the file.
    pub lexical_file: f32,
    /// Highest cosine of a chunk vector and the query vector; 0 if all are negative.
    pub dense_best: f32,
    /// Highest BM25F score of a chunk.
    pub lexical_best: f32,
    /// Highest BM25F score of a chunk for identifiers that consist of adjacent query words.
    pub joined: f32,
    /// IDF-weighted share of the query words found in the file.
    pub coverage_file: f32,
    /// IDF-weighted share of the query words found in names that the file defines.
    pub coverage_names: f32,
    /// The sum of [`PartCandidates::defined`] over `chunks`.
    pub rare: f32,
    /// The retrieved chunks, sorted by number.
    pub chunks: Vec<CandidateChunk>,
    /// Numbers of the chunks that define a name with a query word.
    pub named: Vec<u32>,
}

/// A candidate chunk.
#[derive(Clone, Debug, Default)]
pub(crate) struct CandidateChunk {
    pub chunk: u32,
    /// BM25F score; 0 if no word matches.
    pub lexical: f32,
    /// Whether the chunk defines a name in the query.
    pub defines: bool,
}

/// The candidates of a query with their scores for one part of it. The files and chunks are the same for every part.
pub(crate) struct PartCandidates<'s> {
    pub dense: Option<DenseScorer<'s>>,
    pub lexical: Option<LexicalScores<'s>>,
    /// The chunks that define names in this part of the query, each with the sum of the weights of these names. The
    /// weight of a name is the inverse square root of the number of chunks that define it.
    pub defined: HashMap<u32, f32>,
    /// The candidate files, sorted by file index.
    pub files: Vec<CandidateFile>,
}

impl PartCandidates<'_> {
    /// Returns the cosine of a chunk and the part; 0 without dense retrieval.
    pub fn cosine(&self, chunk: u32) -> f32 {
        self.dense.as_ref().map_or(0.0, |dense| dense.cosine(chunk))
    }

    /// Returns the BM25F score of a chunk; 0 without lexical retrieval.
    pub fn lexical_score(&self, chunk: u32) -> f32 {
        self.lexical.as_ref().map_or(0.0, |lexical| lexical.score(chunk))
    }
}

/// Retrieves the candidates of a query, grouped by file, from the chunks that pass `filter`. Each part of the query has
/// a vector.
///
/// # Errors
/// If the inverted index cannot be read, or a vector has other dimensions than the vectors of the snapshot.
pub(crate) fn retrieve_candidates<'s>(
    snapshot: &'s Snapshot,
    parts: &[(&QueryTerms, Vec<f32>)],
    mode: RetrievalMode,
    filter: &CandidateFilter<'_>,
) -> Result<Vec<PartCandidates<'s>>, QueryError> {
    let mut scored = Vec::new();
    for (terms, vector) in parts {
        let dense = if mode == RetrievalMode::Lexical { None } else { Some(DenseScorer::new(snapshot, vector)?) };
        scored.push((*terms, dense));
    }
    // Enters the thread pool once for all parallel steps, which is faster than once per step.
    Ok(run_on_search_pool(|| retrieve_in_pool(snapshot, scored, mode, filter))?)
}

fn retrieve_in_pool<'s>(
    snapshot: &'s Snapshot,
    parts: Vec<(&QueryTerms, Option<DenseScorer<'s>>)>,
    mode: RetrievalMode,
    filter: &CandidateFilter<'_>,
) -> Result<Vec<PartCandidates<'s>>, StoreError> {
    let is_allowed = |chunk: u32| filter.allows(snapshot, chunk);
    let retrieve_part = |(terms, dense): (&QueryTerms, Option<DenseScorer<'s>>)| {
        let retrieve_lexical = || {
            let scores =
                if mode == RetrievalMode::Dense { None } else { Some(LexicalScores::compute(snapshot, terms)?) };
            let best =
                scores.as_ref().map_or_else(Vec::new, |scores| scores.select_best(MAX_RETRIEVED_CHUNKS, is_allowed));
            Ok::<_, StoreError>((scores, best))
        };
        let retrieve_dense = || {
            let nearest = dense.as_ref().map_or_else(Vec::new, |dense| dense.nearest(MAX_RETRIEVED_CHUNKS, filter));
            let by_file = dense.as_ref().filter(|_| mode == RetrievalMode::Hybrid);
            let files = by_file.map(|dense| dense.nearest_files(MAX_DENSE_FILES, filter));
            (nearest, files.unwrap_or_default())
        };
        let (lexical_result, (nearest, files)) = rayon::join(retrieve_lexical, retrieve_dense);
        let (lexical, best_lexical) = lexical_result?;
        let mut defined: HashMap<u32, f32> = HashMap::new();
        if mode != RetrievalMode::Dense {
            let limit = if terms.kind == QueryKind::Report { MAX_REPORT_DEFINITIONS } else { usize::MAX };
            for name in &terms.names {
                let chunks: Vec<u32> = snapshot.chunks_defining(&name.text).collect();
                // A name that many chunks define says little in a report.
                if chunks.len() <= limit {
                    #[expect(clippy::cast_precision_loss, reason = "a small count")]
                    let weight = (chunks.len() as f32).sqrt().recip();
                    for chunk in chunks.into_iter().filter(|chunk| is_allowed(*chunk)) {
                        *defined.entry(chunk).or_default() += weight;
                    }
                }
            }
        }
        let mut chunks: HashSet<u32> = nearest.into_iter().chain(best_lexical).collect();
        if let Some(dense) = &dense {
            for file in files {
                let in_file = snapshot.chunks_of_file(file as usize).filter(|chunk| is_allowed(*chunk));
                let cosines = in_file.map(|chunk| (chunk, dense.cosine(chunk)));
                chunks.extend(cosines.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(chunk, _)| chunk));
            }
        }
        let cosine = |chunk: u32| dense.as_ref().map_or(0.0, |dense| dense.cosine(chunk));
        let score = |chunk: u32| lexical.as_ref().map_or(0.0, |lexical| lexical.score(chunk));
        chunks.retain(|chunk| score(*chunk) > 0.0 || cosine(*chunk) >= MIN_COSINE);
        chunks.extend(defined.keys());
        Ok::<_, StoreError>((PartCandidates { dense, lexical, defined, files: Vec::new() }, chunks))
    };
    let retrieved: Vec<_> = parts.into_par_iter().map(retrieve_part).collect::<Result<_, _>>()?;
    let named: HashSet<u32> = filter.named.iter().copied().filter(|chunk| is_allowed(*chunk)).collect();
    let all: HashSet<u32> = retrieved.iter().flat_map(|(_, chunks)| chunks).chain(&named).copied().collect();
    let group = |(mut part, _): (PartCandidates<'s>, HashSet<u32>)| {
        let candidate = |chunk: &u32| CandidateChunk {
            chunk: *chunk,
            lexical: part.lexical_score(*chunk),
            defines: part.defined.contains_key(chunk),
        };
        let chunks = all.iter().map(candidate).collect();
        part.files = group_by_file(snapshot, chunks, &part, filter);
        part
    };
    Ok(retrieved.into_iter().map(group).collect())
}

/// Groups chunks by file, sorts files and chunks by number, and measures each file.
fn group_by_file(
    snapshot: &Snapshot,
    candidates: Vec<CandidateChunk>,
    part: &PartCandidates<'_>,
    filter: &CandidateFilter<'_>,
) -> Vec<CandidateFile> {
    let mut by_file: HashMap<usize, CandidateFile> = HashMap::new();
    for chunk in candidates {
        let file = snapshot.file_of_chunk(chunk.chunk);
        by_file.entry(file).or_insert_with(|| CandidateFile { file, ..CandidateFile::default() }).chunks.push(chunk);
    }
    let mut files: Vec<CandidateFile> = by_file.into_values().collect();
    files.sort_by_key(|candidate| candidate.file);
    files.par_iter_mut().for_each(|candidate| {
        candidate.chunks.sort_by_key(|chunk| chunk.chunk);
        measure_retrieval(snapshot, candidate, part.dense.as_ref(), part.lexical.as_ref(), filter);
        candidate.rare = candidate.chunks.iter().filter_map(|chunk| part.defined.get(&chunk.chunk)).sum();
    });
    files
}

/// Sets the scores of a candidate file from its chunks that pass `filter`; `dense_file` and `joined` count all chunks.
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
