//! Orders the chunks of a file, or of all files.

use super::evidence::QueryEvidence;
use super::features::definition_fit;
use super::hit::ScoreTerm;
use crate::query::parsed_query::ParsedQuery;
use crate::query::request::RetrievalMode;
use crate::retrieve::candidates::CandidateChunk;
use crate::snapshot::Snapshot;

/// Scores the chunks of a file and sorts them, best first.
pub(crate) fn sort_chunks(
    snapshot: &Snapshot,
    query: &ParsedQuery,
    evidence: &QueryEvidence,
    chunks: &mut [CandidateChunk],
) {
    let terms = chunk_score_terms(snapshot, query, evidence, chunks);
    let scores: Vec<f32> = chunks.iter().map(|chunk| terms(chunk).iter().map(|term| term.share).sum()).collect();
    chunks.iter_mut().zip(scores).for_each(|(chunk, score)| chunk.score = score);
    chunks.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.chunk.cmp(&b.chunk)));
}

/// Returns a function that explains the score of a chunk in `chunks`; the shares add up to the score.
pub(crate) fn explain_chunk<'a>(
    snapshot: &'a Snapshot,
    query: &'a ParsedQuery,
    evidence: &'a QueryEvidence,
    chunks: &[CandidateChunk],
) -> impl Fn(&CandidateChunk) -> Vec<ScoreTerm> + use<'a> {
    let terms = chunk_score_terms(snapshot, query, evidence, chunks);
    move |chunk| terms(chunk).into_iter().filter(|term| term.share != 0.0).collect()
}

/// Returns a function that computes the score terms of a chunk in `chunks`.
///
/// The weights are set by hand, because there are few labeled chunks to learn them from.
fn chunk_score_terms<'a>(
    snapshot: &'a Snapshot,
    query: &'a ParsedQuery,
    evidence: &'a QueryEvidence,
    chunks: &[CandidateChunk],
) -> impl Fn(&CandidateChunk) -> [ScoreTerm; 7] + use<'a> {
    let (terms, mode) = (&query.terms, query.mode);
    let highest = |score: fn(&CandidateChunk) -> f32| chunks.iter().map(score).fold(f32::EPSILON, f32::max);
    let (dense, lexical) = (highest(|chunk| chunk.dense), highest(|chunk| chunk.lexical));
    let fit = definition_fit(terms);
    let hybrid = mode == RetrievalMode::Hybrid;
    move |chunk| {
        let meta = snapshot.chunk(chunk.chunk);
        let defines = hybrid && chunk.defines;
        let term = |name, value: f32, weight: f32| ScoreTerm { name, value, share: value * weight };
        let flag = |name, is: bool, weight: f32| term(name, if is { 1.0 } else { 0.0 }, weight);
        // In hybrid mode, both scores count equally, each relative to the highest among the chunks. In the other modes,
        // only the score of the retriever in use counts.
        let weight_of =
            |alone: RetrievalMode, best: f32| if hybrid { 1.0 / best } else { f32::from(u8::from(mode == alone)) };
        [
            term("chunk: nearest (cosine)", chunk.dense, weight_of(RetrievalMode::Dense, dense)),
            term("chunk: words (BM25F)", chunk.lexical, weight_of(RetrievalMode::Lexical, lexical)),
            term("chunk: best-fitting definition", if hybrid { fit(meta) } else { 0.0 }, 1.0),
            flag("chunk: defines the exact name", defines, 2.0),
            // Prefers the class `Session` to a function `session` in the same file.
            flag("chunk: … spelled as in the query", defines && terms.spells(meta.defines()), 1.0),
            flag(
                "chunk: … in the container given by the query",
                defines && terms.qualifies_name_with(meta.container),
                2.0,
            ),
            term(
                "chunk: named line or function, or snippet",
                if hybrid { evidence.chunk_score(snapshot, chunk) } else { 0.0 },
                1.0,
            ),
        ]
    }
}
