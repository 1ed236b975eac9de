//! Reads the hits of a search: the texts of the ranked places.

use std::collections::HashMap;

use crate::deciding_lines::{LineScorer, put_first};
use crate::query::error::QueryError;
use crate::query::parsed_query::ParsedQuery;
use crate::rank::hit::{Hit, RelatedChunk};
use crate::rank::ranking::RankedPlace;
use crate::retrieve::retrieval::QueryCandidates;
use crate::snapshot::Snapshot;
use crate::snapshot::column_block::ChunkMeta;
use crate::threads::map_in_parallel;
use platform::cancel::CancelToken;
use source::language::language_content;
use store::ChunkText;
use types::{ContentKind, Symbol, qualified_name};

/// Maximum number of related chunks listed with a hit, without those that are hits themselves.
const MAX_RELATED_CHUNKS: usize = 3;

/// Reads the hits of ranked places. Leaves out places whose stored text is damaged. Also returns the number of hits
/// with masked credentials.
///
/// # Errors
/// If the store cannot be read, or a stop was requested.
pub(crate) fn read_hits(
    snapshot: &Snapshot,
    query: &ParsedQuery,
    found: &QueryCandidates<'_>,
    ranked: &[RankedPlace],
    cancel: &CancelToken,
) -> Result<(Vec<Hit>, usize), QueryError> {
    QueryError::check_cancelled(cancel)?;
    let shown: Vec<u32> = ranked.iter().map(|place| place.chunk).collect();
    let lines = LineScorer::new(query, &found.parts);
    // The definition that matched, if it is not the one after which the chunk is named.
    let find_title = |meta: &ChunkMeta<'_>, definitions: &[Symbol], best_line: Option<u32>| {
        let own = definitions.iter().position(|symbol| symbol.name == meta.symbol).unwrap_or(0);
        let named = |symbol: &Symbol| query.parts().any(|terms| terms.spells(std::iter::once(&symbol.name)));
        let matched = find_matched_definition(definitions, own, best_line, named);
        matched.filter(|symbol| query.filter.allows_kind(symbol.kind)).cloned()
    };
    let related = |place: &RankedPlace| -> Vec<u32> {
        place.related.iter().copied().filter(|chunk| !shown.contains(chunk)).take(MAX_RELATED_CHUNKS).collect()
    };
    let has_several = |chunk: &u32| snapshot.chunk(*chunk).defines().nth(1).is_some();
    let several: Vec<u32> = ranked.iter().flat_map(related).filter(has_several).collect();
    let mut related_titles = HashMap::new();
    // One read takes less time than one for the hits and one for the related chunks.
    let all: Vec<u32> = shown.iter().chain(&several).copied().collect();
    let mut texts = snapshot.read_texts(&all)?;
    let chunks_with_texts: Vec<_> = all.iter().zip(&texts).collect();
    let find_lines = |(chunk, text): &(&u32, &ChunkText)| {
        let language = snapshot.files[snapshot.file_of_chunk(**chunk)].language;
        let is_code = language_content(language) != ContentKind::Docs;
        lines.find_lines(&text.text, snapshot.chunk(**chunk).span, is_code)
    };
    let mut lines_of_hits = map_in_parallel(&chunks_with_texts, find_lines);
    let lines_of_several = lines_of_hits.split_off(shown.len());
    let texts_of_several = texts.split_off(shown.len());
    let masked = texts.iter().filter(|text| text.is_masked && !text.is_damaged).count();
    let intact = ranked.iter().zip(texts).zip(lines_of_hits).filter(|((_, text), _)| !text.is_damaged);
    for ((chunk, text), best) in several.iter().zip(texts_of_several).zip(lines_of_several) {
        if !text.is_damaged {
            let title = find_title(&snapshot.chunk(*chunk), &text.definitions, best.first().copied());
            related_titles.insert(*chunk, title);
        }
    }
    let to_related = |chunk: u32| {
        let meta = snapshot.chunk(chunk);
        let title = related_titles.get(&chunk).and_then(Option::as_ref);
        let (kind, container, name) = title
            .map_or((meta.kind, meta.container, meta.symbol), |title| (title.kind, &*title.container, &*title.name));
        RelatedChunk { span: meta.span, kind, name: qualified_name(container, name) }
    };
    let hits = intact.map(|((place, text), mut deciding_lines)| {
        let meta = snapshot.chunk(place.chunk);
        let file_index = snapshot.file_of_chunk(place.chunk);
        let file = &snapshot.files[file_index];
        if let Some(named) = found.named.get(&file_index) {
            put_first(&mut deciding_lines, named.named_lines().filter(|line| meta.span.contains(*line)));
        }
        let definitions = text.definitions;
        let title = find_title(&meta, &definitions, deciding_lines.first().copied());
        Hit {
            path: file.path.clone(),
            language: file.language,
            span: meta.span,
            kind: title.as_ref().map_or(meta.kind, |symbol| symbol.kind),
            symbol: title.as_ref().map_or_else(|| meta.symbol.to_owned(), |symbol| symbol.name.clone()),
            container: title.as_ref().map_or_else(|| meta.container.to_owned(), |symbol| symbol.container.clone()),
            signature: title.map_or(text.signature, |symbol| symbol.signature),
            definitions,
            deciding_lines,
            text: text.text,
            score: place.score,
            also: related(place).into_iter().map(to_related).collect(),
            project: None,
            repository: snapshot.repository_of_file(file_index).map(str::to_owned),
            stale: false,
            explanation: query.explain.then(|| place.explanation.clone()),
        }
    });
    Ok((hits.collect(), masked))
}

/// Returns the definition that names a hit instead of the chunk's own one, at index `own`: one not inside of it that
/// the query names, or else the first such one around the best line, unless that line is in the own one. `None` if the
/// query names the own one, or no other one matches.
fn find_matched_definition(
    definitions: &[Symbol],
    own: usize,
    best_line: Option<u32>,
    is_named: impl Fn(&Symbol) -> bool,
) -> Option<&Symbol> {
    let first = definitions.get(own).filter(|first| !is_named(first))?;
    let is_sibling = |symbol: &&Symbol| {
        let (outer, inner) = (first.span, symbol.span);
        inner.start_line < outer.start_line || outer.end_line < inner.end_line
    };
    let siblings = || definitions.iter().filter(is_sibling);
    let line = best_line.filter(|line| !first.span.contains(*line));
    siblings()
        .find(|symbol| is_named(symbol))
        .or_else(|| siblings().find(|symbol| line.is_some_and(|line| symbol.span.contains(line))))
}
