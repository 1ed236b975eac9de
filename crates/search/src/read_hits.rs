//! Reads the hits of a search: the texts of the ranked places.

use crate::deciding_lines::LineScorer;
use crate::query::error::QueryError;
use crate::query::parsed_query::ParsedQuery;
use crate::rank::hit::{Hit, RelatedChunk};
use crate::rank::ranking::RankedPlace;
use crate::retrieve::candidates::PartCandidates;
use crate::snapshot::Snapshot;
use platform::cancel::CancelToken;
use types::qualified_name;

/// Maximum number of related chunks listed with a hit.
const MAX_RELATED_CHUNKS: usize = 3;

/// Reads the hits of ranked places. Leaves out places whose stored text is damaged. Also returns the number of hits
/// with masked credentials.
///
/// # Errors
/// If the store cannot be read, or a stop was requested.
pub(crate) fn read_hits(
    snapshot: &Snapshot,
    query: &ParsedQuery,
    parts: &[PartCandidates<'_>],
    ranked: &[RankedPlace],
    cancel: &CancelToken,
) -> Result<(Vec<Hit>, usize), QueryError> {
    QueryError::check_cancelled(cancel)?;
    let shown: Vec<u32> = ranked.iter().map(|place| place.chunk).collect();
    let texts = snapshot.read_texts(&shown)?;
    let masked = texts.iter().filter(|text| text.is_masked && !text.is_damaged).count();
    let intact = ranked.iter().zip(texts).filter(|(_, text)| !text.is_damaged);
    let lines = LineScorer::new(query, parts);
    let hits = intact.map(|(place, text)| {
        let meta = snapshot.chunk(place.chunk);
        let file = &snapshot.files[snapshot.file_of_chunk(place.chunk)];
        Hit {
            path: file.path.clone(),
            language: file.language,
            span: meta.span,
            kind: meta.kind,
            symbol: meta.symbol.to_owned(),
            container: meta.container.to_owned(),
            signature: text.signature,
            definitions: text.definitions,
            deciding_lines: lines.find_lines(&text.text, meta.span),
            text: text.text,
            score: place.score,
            also: find_related_chunks(snapshot, &place.related, &shown),
            project: None,
            repository: snapshot.repository_of_file(snapshot.file_of_chunk(place.chunk)).map(str::to_owned),
            stale: false,
            explanation: query.explain.then(|| place.explanation.clone()),
        }
    });
    Ok((hits.collect(), masked))
}

/// Describes the first few related chunks that are not hits themselves.
fn find_related_chunks(snapshot: &Snapshot, related: &[u32], shown: &[u32]) -> Vec<RelatedChunk> {
    let to_related = |chunk: &u32| {
        let meta = snapshot.chunk(*chunk);
        let name = qualified_name(meta.container, meta.symbol);
        RelatedChunk { span: meta.span, kind: meta.kind, name }
    };
    related.iter().filter(|chunk| !shown.contains(chunk)).take(MAX_RELATED_CHUNKS).map(to_related).collect()
}
