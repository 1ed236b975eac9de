//! Retrieval: scores of chunks and files from vectors, words and names.

use std::collections::HashMap;

use super::Mode;
use super::query::QueryTerms;
use super::snapshot::{Scores, Snapshot};
use crate::lexical::{self, Bm25f};
use crate::store::StoreError;

/// Chunks taken from each retrieval.
const DEPTH_CHUNKS: usize = 400;

/// Files taken by the vector of the whole file.
const DEPTH_FILES: usize = 60;

/// A chunk or file this far from the question in meaning, and without a word of it, is no answer.
const LEAST_COSINE: f32 = 0.1;

/// A file that may answer, with what retrieval says of it.
#[derive(Clone, Debug, Default)]
pub(super) struct CandidateFile {
    pub file: usize,
    /// Cosine of the whole file.
    pub dense_file: f32,
    /// Sum of the BM25 scores of its chunks, best ones first and each further one counting less.
    pub lexical_file: f32,
    /// Best cosine of a chunk.
    pub dense_best: f32,
    /// Best BM25 score of a chunk.
    pub lexical_best: f32,
    /// Its chunks that were retrieved.
    pub chunks: Vec<CandidateChunk>,
}

/// A chunk that may answer.
#[derive(Clone, Debug, Default)]
pub(super) struct CandidateChunk {
    pub chunk: u32,
    /// Cosine; 0 when the mode leaves vectors out.
    pub dense: f32,
    /// BM25; 0 when no word matches.
    pub lexical: f32,
    /// Whether it defines exactly a name of the question.
    pub defines: bool,
    /// Its place among the chunks of its file; set by the ranking.
    pub score: f32,
}

/// Everything retrieved for a question from the files that are allowed.
pub(super) fn retrieve(
    snapshot: &Snapshot,
    terms: &QueryTerms,
    vector: &[f32],
    mode: Mode,
    allowed: &[bool],
) -> Result<Vec<CandidateFile>, StoreError> {
    let may = |chunk: u32| allowed[snapshot.owner(chunk)];
    let scores = if mode == Mode::Lexical { Scores::default() } else { snapshot.scores(vector) };
    let (dense, files) = (scores.chunks, scores.files);
    let lexical = if mode == Mode::Dense { Vec::new() } else { lexical(snapshot, terms, allowed)? };
    let mut found: HashMap<u32, CandidateChunk> = HashMap::new();
    let fresh = |chunk: u32| CandidateChunk {
        chunk,
        dense: dense.get(chunk as usize).copied().unwrap_or(0.0),
        lexical: lexical.get(chunk as usize).copied().unwrap_or(0.0),
        ..CandidateChunk::default()
    };

    for chunk in best(&dense, DEPTH_CHUNKS, may) {
        found.entry(chunk).or_insert_with(|| fresh(chunk));
    }
    if mode != Mode::Dense {
        for chunk in best(&lexical, DEPTH_CHUNKS, |chunk| lexical[chunk as usize] > 0.0) {
            found.entry(chunk).or_insert_with(|| fresh(chunk));
        }
        for chunk in terms.identifiers.iter().flat_map(|name| snapshot.defining(name)).filter(|chunk| may(*chunk)) {
            found.entry(chunk).or_insert_with(|| fresh(chunk)).defines = true;
        }
    }
    if mode == Mode::Hybrid {
        for file in best(&files, DEPTH_FILES, |file| allowed[file as usize]) {
            let chunks = snapshot.chunks_in(file as usize);
            if let Some(nearest) = chunks.max_by(|a, b| dense[*a as usize].total_cmp(&dense[*b as usize])) {
                found.entry(nearest).or_insert_with(|| fresh(nearest));
            }
        }
    }
    found.retain(|_, chunk| chunk.defines || chunk.lexical > 0.0 || chunk.dense >= LEAST_COSINE);
    Ok(gather(snapshot, found, &files, &lexical))
}

/// The highest scores' indices among those that may, best first; equal scores by index.
fn best(scores: &[f32], count: usize, may: impl Fn(u32) -> bool) -> Vec<u32> {
    let mut indices: Vec<u32> = (0_u32..).take(scores.len()).filter(|index| may(*index)).collect();
    let order = |a: &u32, b: &u32| scores[*b as usize].total_cmp(&scores[*a as usize]).then(a.cmp(b));
    if indices.len() > count {
        indices.select_nth_unstable_by(count, order);
        indices.truncate(count);
    }
    indices.sort_unstable_by(order);
    indices
}

/// BM25F of every chunk that is allowed, by number of the chunk.
fn lexical(snapshot: &Snapshot, terms: &QueryTerms, allowed: &[bool]) -> Result<Vec<f32>, StoreError> {
    let bm25f = Bm25f::default();
    let mut scores = vec![0.0; snapshot.chunk_count()];
    for word in &terms.lexical {
        snapshot.word(lexical::hash(word), &bm25f, |chunk, matched| {
            if allowed[snapshot.owner(chunk)] {
                scores[chunk as usize] += matched.score;
            }
        })?;
    }
    Ok(scores)
}

/// Groups chunks by file, in a fixed order.
fn gather(
    snapshot: &Snapshot,
    found: HashMap<u32, CandidateChunk>,
    file_scores: &[f32],
    lexical: &[f32],
) -> Vec<CandidateFile> {
    let mut by_file: HashMap<usize, CandidateFile> = HashMap::new();
    for chunk in found.into_values() {
        let file = snapshot.owner(chunk.chunk);
        let candidate = by_file.entry(file).or_insert_with(|| CandidateFile {
            file,
            dense_file: file_scores.get(file).copied().unwrap_or(0.0),
            ..CandidateFile::default()
        });
        candidate.dense_best = candidate.dense_best.max(chunk.dense);
        candidate.lexical_best = candidate.lexical_best.max(chunk.lexical);
        candidate.chunks.push(chunk);
    }
    let mut files: Vec<CandidateFile> = by_file.into_values().collect();
    files.sort_by_key(|candidate| candidate.file);
    for candidate in &mut files {
        candidate.chunks.sort_by_key(|chunk| chunk.chunk);
        let chunks = snapshot.chunks_in(candidate.file);
        candidate.lexical_file = discounted(chunks.filter_map(|chunk| lexical.get(chunk as usize).copied()));
    }
    files
}

/// The sum of scores, the n-th best divided by n.
fn discounted(scores: impl Iterator<Item = f32>) -> f32 {
    let mut scores: Vec<f32> = scores.filter(|score| *score > 0.0).collect();
    scores.sort_by(|a, b| b.total_cmp(a));
    let mut rank = 0.0;
    scores.into_iter().fold(0.0, |sum, score| {
        rank += 1.0;
        sum + score / rank
    })
}
