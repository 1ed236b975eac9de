//! Fusion and file-first ranking: the best files, and in each its best chunks.

use super::candidates::{CandidateChunk, CandidateFile};
use super::features::{self, Features};
use super::query::QueryTerms;
use super::snapshot::Snapshot;
use super::{Explanation, Mode, Term};

/// Reciprocal rank fusion's constant (Cormack, Clarke and Büttcher 2009), scaled so that rank 1
/// gives 1: `(K + 1) / (K + rank)`.
const K: f32 = 20.0;

/// What each signal counts. Set by hand on the evaluation; nothing is learned yet.
#[derive(Clone, Copy, Debug)]
pub struct Weights {
    pub dense_chunk: f32,
    pub dense_file: f32,
    pub lexical_chunk: f32,
    pub lexical_file: f32,
    pub file_name: f32,
    pub path: f32,
    pub definition: f32,
    pub exact: f32,
    pub names: f32,
    /// Share of the score a test or an example loses.
    pub aside: f32,
    /// Share of the score prose loses.
    pub docs: f32,
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            dense_chunk: 1.0,
            dense_file: 0.7,
            lexical_chunk: 1.0,
            lexical_file: 2.0,
            file_name: 0.9,
            path: 0.6,
            definition: 0.8,
            exact: 1.0,
            names: 0.5,
            aside: 0.4,
            docs: 0.3,
        }
    }
}

/// A file in its place, with its chunks best first.
pub(super) struct RankedFile {
    pub file: usize,
    pub score: f32,
    pub chunks: Vec<CandidateChunk>,
    pub explanation: Explanation,
}

/// Orders files by score; equal ones by path.
pub(super) fn rank(
    snapshot: &Snapshot,
    terms: &QueryTerms,
    mode: Mode,
    weights: &Weights,
    candidates: Vec<CandidateFile>,
) -> Vec<RankedFile> {
    let ranks = [
        fused(&candidates, |file| file.dense_best),
        fused(&candidates, |file| file.dense_file),
        fused(&candidates, |file| file.lexical_best),
        fused(&candidates, |file| file.lexical_file),
    ];
    let mut ranked: Vec<RankedFile> = Vec::with_capacity(candidates.len());
    for (index, candidate) in candidates.into_iter().enumerate() {
        let explanation = match mode {
            Mode::Dense => alone("nearest chunk (cosine)", candidate.dense_best),
            Mode::Lexical => alone("best chunk (BM25)", candidate.lexical_best),
            Mode::Hybrid => {
                let features = features::features(snapshot, &candidate, terms);
                explain(
                    &candidate,
                    [ranks[0][index], ranks[1][index], ranks[2][index], ranks[3][index]],
                    features,
                    weights,
                )
            }
        };
        let score = explanation.terms.iter().map(|term| term.share).sum();
        let chunks = order_chunks(snapshot, terms, candidate.chunks, mode);
        ranked.push(RankedFile { file: candidate.file, score, chunks, explanation });
    }
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.file.cmp(&b.file)));
    ranked
}

fn alone(name: &'static str, value: f32) -> Explanation {
    Explanation { terms: vec![Term { name, value, share: value }] }
}

/// `(K + 1) / (K + rank)` of each file by `score`, 0 where the score is; equal scores share a rank.
#[expect(clippy::cast_precision_loss, reason = "ranks are below a thousand")]
fn fused(files: &[CandidateFile], score: impl Fn(&CandidateFile) -> f32) -> Vec<f32> {
    let mut order: Vec<usize> = (0..files.len()).collect();
    order.sort_by(|a, b| score(&files[*b]).total_cmp(&score(&files[*a])));
    let mut fused = vec![0.0; files.len()];
    let mut rank = 0;
    for (place, index) in order.iter().enumerate() {
        if place == 0 || score(&files[*index]) < score(&files[order[place - 1]]) {
            rank = place + 1;
        }
        if score(&files[*index]) > 0.0 {
            fused[*index] = (K + 1.0) / (K + rank as f32);
        }
    }
    fused
}

fn explain(candidate: &CandidateFile, ranks: [f32; 4], features: Features, weights: &Weights) -> Explanation {
    let mut terms = vec![
        Term { name: "nearest chunk, by rank", value: candidate.dense_best, share: weights.dense_chunk * ranks[0] },
        Term {
            name: "meaning of the file, by rank",
            value: candidate.dense_file,
            share: weights.dense_file * ranks[1],
        },
        Term {
            name: "best chunk's words (BM25), by rank",
            value: candidate.lexical_best,
            share: weights.lexical_chunk * ranks[2],
        },
        Term {
            name: "words in the file (BM25), by rank",
            value: candidate.lexical_file,
            share: weights.lexical_file * ranks[3],
        },
        Term {
            name: "file name in the query",
            value: features.file_name,
            share: weights.file_name * features.file_name,
        },
        Term { name: "query in the path", value: features.path, share: weights.path * features.path },
        Term {
            name: "best fitting definition",
            value: features.definition,
            share: weights.definition * features.definition,
        },
        Term { name: "defines the very name", value: features.exact, share: weights.exact * features.exact },
        Term { name: "query in definition names", value: features.names, share: weights.names * features.names },
    ];
    let sum: f32 = terms.iter().map(|term| term.share).sum();
    let aside = sum * weights.aside * features.aside;
    terms.push(Term { name: "test, example or the like", value: features.aside, share: -aside });
    terms.push(Term { name: "prose", value: features.docs, share: -(sum - aside) * weights.docs * features.docs });
    terms.retain(|term| term.share != 0.0);
    Explanation { terms }
}

/// A file's chunks, best first: by both scores within the file and by how well the names they
/// define fit, an exact definition before all.
fn order_chunks(
    snapshot: &Snapshot,
    terms: &QueryTerms,
    mut chunks: Vec<CandidateChunk>,
    mode: Mode,
) -> Vec<CandidateChunk> {
    let most = |score: fn(&CandidateChunk) -> f32| chunks.iter().map(score).fold(f32::EPSILON, f32::max);
    let (dense, lexical) = (most(|chunk| chunk.dense), most(|chunk| chunk.lexical));
    let fit = features::name_fit(terms);
    for chunk in &mut chunks {
        chunk.score = match mode {
            Mode::Dense => chunk.dense,
            Mode::Lexical => chunk.lexical,
            Mode::Hybrid => {
                let exact = if chunk.defines { 2.0 } else { 0.0 };
                chunk.dense / dense + chunk.lexical / lexical + fit(snapshot.chunk(chunk.chunk)) + exact
            }
        };
    }
    chunks.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.chunk.cmp(&b.chunk)));
    chunks
}
