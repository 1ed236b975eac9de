//! Retrieval: the chunks and files that may answer, with what each kind of retrieval says of them.

use std::borrow::Cow;
use std::collections::HashMap;

use rayon::prelude::*;

use super::Mode;
use super::dense::Dense;
use super::query::QueryTerms;
use super::snapshot::Snapshot;
use super::within::Within;
use super::words::WordScores;
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
    /// Mean cosine of its three nearest chunks.
    pub dense_mean: f32,
    /// Sum of the BM25F scores of its chunks, best ones first and each further one counting less.
    pub lexical_file: f32,
    /// Best cosine of a chunk.
    pub dense_best: f32,
    /// Best BM25F score of a chunk.
    pub lexical_best: f32,
    /// Best score of a chunk for neighbouring words that are one identifier.
    pub joined: f32,
    /// Share of the question's words, by idf, that one of its chunks has.
    pub coverage_chunk: f32,
    /// … that it has anywhere.
    pub coverage_file: f32,
    /// … that the names it defines have.
    pub coverage_names: f32,
    /// Its chunks that were retrieved.
    pub chunks: Vec<CandidateChunk>,
    /// Its chunks whose names have a word of the question.
    pub named: Vec<u32>,
}

/// A chunk that may answer.
#[derive(Clone, Debug, Default)]
pub(super) struct CandidateChunk {
    pub chunk: u32,
    /// Cosine; 0 when the mode leaves vectors out.
    pub dense: f32,
    /// BM25F; 0 when no word matches.
    pub lexical: f32,
    /// Whether it defines exactly a name of the question.
    pub defines: bool,
    /// Whether the question names its file.
    pub named: bool,
    /// Its place among the chunks of its file; set by the ranking.
    pub score: f32,
}

/// Everything retrieved for a question from the files that are allowed.
pub(super) fn retrieve(
    snapshot: &Snapshot,
    terms: &QueryTerms,
    vector: &[f32],
    mode: Mode,
    within: &Within,
) -> Result<Vec<CandidateFile>, StoreError> {
    // One way to the threads that share the work, and not one for each part of it.
    rayon::scope(|_| retrieve_there(snapshot, terms, vector, mode, within))
}

fn retrieve_there(
    snapshot: &Snapshot,
    terms: &QueryTerms,
    vector: &[f32],
    mode: Mode,
    within: &Within,
) -> Result<Vec<CandidateFile>, StoreError> {
    let may = |chunk: u32| within.may(snapshot, chunk);
    let dense = (mode != Mode::Lexical).then(|| Dense::new(snapshot, vector));
    let by_words = || {
        let words = if mode == Mode::Dense { None } else { Some(WordScores::of(snapshot, terms)?) };
        let most_words = words.as_ref().map_or_else(Vec::new, |words| words.best(DEPTH_CHUNKS, may));
        Ok::<_, StoreError>((words, most_words))
    };
    let by_meaning = || {
        let nearest = dense.as_ref().map_or_else(Vec::new, |dense| dense.nearest(DEPTH_CHUNKS, within));
        let by_file = dense.as_ref().filter(|_| mode == Mode::Hybrid);
        let files = by_file.map(|dense| dense.nearest_files(DEPTH_FILES, within));
        (nearest, files.unwrap_or_default())
    };
    let (by_words, (nearest, files)) = rayon::join(by_words, by_meaning);
    let (words, most_words) = by_words?;
    let cosine = |chunk: u32| dense.as_ref().map_or(0.0, |dense| dense.cosine(chunk));
    let lexical = |chunk: u32| words.as_ref().map_or(0.0, |words| words.score(chunk));
    let mut found: HashMap<u32, CandidateChunk> = HashMap::new();
    let mut add = |chunk: u32, defines: bool| {
        let fresh =
            || CandidateChunk { chunk, dense: cosine(chunk), lexical: lexical(chunk), ..CandidateChunk::default() };
        found.entry(chunk).or_insert_with(fresh).defines |= defines;
    };
    nearest.into_iter().for_each(|chunk| add(chunk, false));
    most_words.into_iter().for_each(|chunk| add(chunk, false));
    if mode != Mode::Dense {
        let defining = terms.names.iter().flat_map(|name| snapshot.defining(&name.text));
        defining.filter(|chunk| may(*chunk)).for_each(|chunk| add(chunk, true));
    }
    for file in files {
        let chunks = snapshot.chunks_in(file as usize).filter(|chunk| may(*chunk));
        let nearest = chunks.map(|chunk| (chunk, cosine(chunk))).max_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((nearest, _)) = nearest {
            add(nearest, false);
        }
    }
    for chunk in within.named.iter().filter(|chunk| may(**chunk)) {
        let fresh = || CandidateChunk {
            chunk: *chunk,
            dense: cosine(*chunk),
            lexical: lexical(*chunk),
            ..CandidateChunk::default()
        };
        found.entry(*chunk).or_insert_with(fresh).named = true;
    }
    found.retain(|_, chunk| chunk.defines || chunk.named || chunk.lexical > 0.0 || chunk.dense >= LEAST_COSINE);
    Ok(gather(snapshot, found, dense.as_ref(), words.as_ref(), within))
}

/// Groups chunks by file, in a fixed order.
fn gather(
    snapshot: &Snapshot,
    found: HashMap<u32, CandidateChunk>,
    dense: Option<&Dense<'_>>,
    words: Option<&WordScores<'_>>,
    within: &Within,
) -> Vec<CandidateFile> {
    let mut by_file: HashMap<usize, CandidateFile> = HashMap::new();
    for chunk in found.into_values() {
        let file = snapshot.owner(chunk.chunk);
        by_file.entry(file).or_insert_with(|| CandidateFile { file, ..CandidateFile::default() }).chunks.push(chunk);
    }
    let mut files: Vec<CandidateFile> = by_file.into_values().collect();
    files.sort_by_key(|candidate| candidate.file);
    files.par_iter_mut().for_each(|candidate| {
        candidate.chunks.sort_by_key(|chunk| chunk.chunk);
        measure(snapshot, candidate, dense, words, within);
    });
    files
}

/// What retrieval says of the whole of a file, or of those of its chunks that may answer.
fn measure(
    snapshot: &Snapshot,
    candidate: &mut CandidateFile,
    dense: Option<&Dense<'_>>,
    words: Option<&WordScores<'_>>,
    within: &Within,
) {
    let chunks = snapshot.chunks_in(candidate.file);
    let may = |chunk: &u32| within.may_by_kind(snapshot, *chunk);
    let some: Option<Vec<u32>> = within.splits_files().then(|| chunks.clone().filter(may).collect());
    if let Some(dense) = dense {
        candidate.dense_file = dense.file(candidate.file);
        let highest = match &some {
            Some(some) => {
                let cosines = descending(some.iter().map(|chunk| dense.cosine(*chunk)));
                [0, 1, 2].map(|at| cosines.get(at).copied().unwrap_or(0.0))
            }
            None => dense.highest(chunks.clone()),
        };
        candidate.dense_best = highest[0].max(0.0);
        candidate.dense_mean = highest.iter().sum::<f32>() / 3.0;
    }
    if let Some(words) = words {
        let of_all = words.tallies(chunks.clone());
        let tallies = match &some {
            Some(some) => {
                Cow::Owned(some.iter().map(|chunk| of_all[(chunk - chunks.start) as usize]).collect::<Vec<_>>())
            }
            None => Cow::Borrowed(of_all),
        };
        let scores = descending(tallies.iter().map(|tally| tally.score).filter(|score| *score > 0.0));
        candidate.lexical_best = scores.first().copied().unwrap_or(0.0);
        candidate.lexical_file = scores.iter().zip(1_u16..).map(|(score, rank)| score / f32::from(rank)).sum();
        candidate.joined = words.joined(&chunks);
        let most = |most: f32, mask: u32| most.max(words.coverage(mask));
        candidate.coverage_chunk = distinct(tallies.iter().map(|tally| tally.any)).into_iter().fold(0.0, most);
        candidate.coverage_file = words.coverage(tallies.iter().fold(0, |all, tally| all | tally.any));
        candidate.coverage_names = words.coverage(tallies.iter().fold(0, |all, tally| all | tally.names));
        let named = |chunk: &u32| of_all[(chunk - chunks.start) as usize].names != 0;
        candidate.named = match some {
            Some(some) => some.into_iter().filter(named).collect(),
            None => chunks.clone().filter(named).collect(),
        };
    }
}

/// What differs among these, which mostly repeat.
fn distinct(masks: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut masks: Vec<u32> = masks.filter(|mask| *mask != 0).collect();
    masks.sort_unstable();
    masks.dedup();
    masks
}

/// Sorted, the highest first.
fn descending(scores: impl Iterator<Item = f32>) -> Vec<f32> {
    let mut scores: Vec<f32> = scores.collect();
    scores.sort_unstable_by(|a, b| b.total_cmp(a));
    scores
}
