//! Reads the hits of a search: picks chunks from the ranked files and reads their texts.

use crate::query::error::QueryError;
use crate::query::parsed_query::ParsedQuery;
use crate::rank::chunk_order::explain_chunk;
use crate::rank::evidence::QueryEvidence;
use crate::rank::hit::{Explanation, Hit, RelatedChunk, ScoreTerm};
use crate::rank::ranking::RankedFile;
use crate::retrieve::candidates::CandidateChunk;
use crate::snapshot::Snapshot;
use platform::cancel::CancelToken;
use types::qualified_name;

/// Maximum number of related chunks listed with a hit.
const MAX_RELATED_CHUNKS: usize = 3;

/// A chunk that becomes a hit.
struct PickedChunk<'r> {
    file: &'r RankedFile,
    chunk: &'r CandidateChunk,
    /// Whether it is the best chunk of its file.
    is_first: bool,
}

/// Reads the hits of ranked files: the best chunk of each, then further chunks up to the limit of `query`. Leaves out
/// chunks whose stored text is damaged.
///
/// # Errors
/// If the store cannot be read, or a stop was requested.
pub(crate) fn read_hits(
    snapshot: &Snapshot,
    query: &ParsedQuery,
    evidence: &QueryEvidence,
    ranked: &[RankedFile],
    cancel: &CancelToken,
) -> Result<Vec<Hit>, QueryError> {
    QueryError::check_cancelled(cancel)?;
    let picked = pick_chunks(ranked, query.limit);
    let shown: Vec<u32> = picked.iter().map(|picked| picked.chunk.chunk).collect();
    let texts = snapshot.read_texts(&shown)?;
    let intact = picked.iter().zip(texts).filter(|(_, text)| !text.is_damaged);
    let hits = intact.map(|(picked, text)| {
        let PickedChunk { file, chunk, is_first } = *picked;
        let meta = snapshot.chunk(chunk.chunk);
        let ranked_file = &snapshot.files[file.file];
        Hit {
            path: ranked_file.path.clone(),
            language: ranked_file.language,
            span: meta.span,
            kind: meta.kind,
            symbol: meta.symbol.to_owned(),
            container: meta.container.to_owned(),
            signature: text.signature,
            text: text.text,
            deciding_lines: Vec::new(),
            // Further chunks of a file score 0, because they are listed after the best chunks of all files.
            score: if is_first { file.score } else { 0.0 },
            also: if is_first { find_related_chunks(snapshot, file, &shown) } else { Vec::new() },
            project: None,
            stale: false,
            explanation: query.explain.then(|| explain_hit(snapshot, query, evidence, picked)),
        }
    });
    Ok(hits.collect())
}

/// Picks the best chunk of each file, then the second of each, and so on, up to `limit`.
fn pick_chunks(ranked: &[RankedFile], limit: usize) -> Vec<PickedChunk<'_>> {
    let mut picked: Vec<PickedChunk<'_>> = Vec::new();
    for depth in 0.. {
        let before = picked.len();
        for file in ranked {
            if picked.len() < limit
                && let Some(chunk) = file.chunks.get(depth)
            {
                picked.push(PickedChunk { file, chunk, is_first: depth == 0 });
            }
        }
        if picked.len() == before || picked.len() >= limit {
            break;
        }
    }
    picked
}

/// Explains the score of the file of a hit, and the score of the chunk within that file.
fn explain_hit(
    snapshot: &Snapshot,
    query: &ParsedQuery,
    evidence: &QueryEvidence,
    picked: &PickedChunk<'_>,
) -> Explanation {
    let PickedChunk { file, chunk, is_first } = *picked;
    let in_file = || explain_chunk(snapshot, query, evidence, &file.chunks)(chunk);
    if !is_first {
        let name = "further chunk of a file above (the value is the file's score)";
        return Explanation { terms: vec![ScoreTerm { name, value: file.score, share: 0.0 }], chunk: in_file() };
    }
    let chunk = if file.chunks.len() > 1 { in_file() } else { Vec::new() };
    Explanation { chunk, ..file.explanation.clone() }
}

/// Returns the next best chunks of a file, without chunks that are hits.
fn find_related_chunks(snapshot: &Snapshot, file: &RankedFile, shown: &[u32]) -> Vec<RelatedChunk> {
    let best = file.chunks.first().map_or(0.0, |chunk| chunk.score);
    let is_related = |chunk: &&CandidateChunk| !shown.contains(&chunk.chunk) && chunk.score * 2.0 >= best;
    let to_related = |chunk: &CandidateChunk| {
        let meta = snapshot.chunk(chunk.chunk);
        let name = qualified_name(meta.container, meta.symbol);
        RelatedChunk { span: meta.span, kind: meta.kind, name }
    };
    file.chunks.iter().filter(is_related).take(MAX_RELATED_CHUNKS).map(to_related).collect()
}
