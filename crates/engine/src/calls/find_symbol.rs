//! Finds definitions by name, using the index alone.

use retrieval::{PartRequest, load_part};

use super::explain_empty::explain_empty_filter;
use super::explain_left_out::note_left_out_definition;
use super::matching_symbols::{DescribedSymbol, SymbolHit, SymbolQuery, page_of_symbols};
use crate::answer::{IndexCoverage, copy_note};
use crate::damage::TextState;
use crate::error::{EngineError, RequestError, fail_if_cancelled};
use crate::query_source::{QuerySource, compare_texts, compile_filter, request_repair, track_damage};
use platform::cancel::CancelToken;
use search::{ContentFilter, InvalidFilter, NameMatch, NameQuery, QueryFilters, Snapshot, find_definitions};
use source::secrets::MASK;
use text::display::escape_name;
use types::SymbolKind;

/// Matching definitions, best first.
#[derive(Clone, Debug, Default)]
pub struct SymbolAnswer {
    pub symbols: Vec<SymbolHit>,
    /// Whether there are further matches, or matches that were not examined.
    pub more: bool,
    /// False if no match lies in the requested container, so that the definitions match by name alone; otherwise true.
    pub is_qualified: bool,
    /// Remarks: for an empty answer, the files that were not searched, and why; a container that does not exist; masked
    /// credentials; an index copied from another folder; and left-out folders of a group.
    pub notes: Vec<String>,
    pub coverage: IndexCoverage,
    /// Hash of the commit; see [`crate::SearchAnswer::generation`].
    pub generation: u64,
}

/// Finds the definitions of a name.
///
/// # Errors
/// Fails like [`QueryCalls::find_symbol`](crate::QueryCalls::find_symbol).
pub(crate) fn find_symbol_in<S: QuerySource + ?Sized>(
    source: &S,
    query: &SymbolQuery,
    cancel: &CancelToken,
) -> Result<SymbolAnswer, EngineError> {
    let (filters, text) = split_name_filters(&query.name);
    let name = NameQuery::parse(&text)
        .ok_or_else(|| RequestError::NoName { text: text.clone(), example: "one like `parse` or `Foo::bar`" })?;
    let in_text = filters.include.kinds.iter().filter_map(|word| SymbolKind::from_word(word));
    let kinds = query.kinds.iter().copied().chain(in_text).collect();
    let query = &SymbolQuery { kinds, ..query.clone() };
    let name = query.container.iter().fold(name, |name, container| name.inside(container));
    let snapshot = source.snapshot()?;
    let snapshot = load_part(&snapshot, &PartRequest::Name(&name))?;
    // Targets, jobs and resources are definitions too.
    let mut all = query.filter.clone();
    if all.content == ContentFilter::CodeAndDocs {
        all.content = ContentFilter::All;
    }
    let query = &SymbolQuery { filter: all, ..query.clone() };
    let filter = compile_filter(source, &snapshot, &query.filter, &filters)?;
    let find = |name: &NameQuery, query: &SymbolQuery| {
        fail_if_cancelled(cancel)?;
        let found = find_definitions(&snapshot, name, |file| filter.allows(file));
        page_of_symbols(&snapshot, &found, name, query, cancel)
    };
    let find = |name: &NameQuery, query: &SymbolQuery| track_damage(source, find(name, query));
    let (mut found, mut more) = find(&name, query)?;
    let mut is_qualified = true;
    let first = SymbolQuery { offset: 0, limit: 1, ..query.clone() };
    if found.is_empty() && !name.qualifiers.is_empty() && find(&name, &first)?.0.is_empty() {
        (found, more) = find(&name.clone().anywhere(), query)?;
        is_qualified = found.is_empty();
    }
    let (mut left_out, is_copy) = (0, snapshot.manifest().is_unconfirmed_copy());
    let mut symbols = Vec::with_capacity(found.len());
    for DescribedSymbol { mut hit, chunk, text } in found {
        fail_if_cancelled(cancel)?;
        let state = compare_texts(source, &snapshot, &hit.path, &[(snapshot.chunk(chunk).span, &text)]);
        hit.stale = state != [TextState::Current];
        match state == [TextState::Damaged] {
            true => request_repair(source),
            // In a copy of another folder's index, a file with another text is of that folder.
            false if hit.stale && is_copy => left_out += 1,
            false => symbols.push(hit),
        }
    }
    if snapshot.has_met_damage() {
        request_repair(source);
    }
    let (coverage, generation) = (IndexCoverage::of_snapshot(&snapshot), snapshot.generation().stable_hash());
    let is_empty = symbols.is_empty() && query.offset == 0;
    let mut notes =
        if is_empty { explain_empty_filter(source, &snapshot, &query.filter, &filters)? } else { Vec::new() };
    let is_same = symbols.first().is_some_and(|first| first.how <= NameMatch::Normalized);
    let outside = if query.offset == 0 && !(is_same && is_qualified) {
        let folders = source.find_folders(&snapshot, &query.filter, &filters)?;
        let of_call = (&query.filter, &filters, &folders);
        let note = note_left_out_definition(&snapshot, (&name, text.as_str()), &query.kinds, of_call, cancel);
        track_damage(source, note)?
    } else {
        None
    };
    if !is_qualified {
        let within = query.container.as_deref().map(|container| format!(" in {}", escape_name(container.trim())));
        let (name, within) = (escape_name(text.trim()), within.unwrap_or_default());
        let missing = outside.unwrap_or_else(|| format!("there is no {name}{within}"));
        notes.push(format!("{missing}; these match the name alone"));
    } else {
        notes.extend(outside);
    }
    notes.extend(note_invalid_filters(&filters, &snapshot));
    let masked = symbols.iter().filter(|hit| hit.symbol.signature.contains(MASK)).count();
    notes.extend(search::masked_note(masked));
    notes.extend(copy_note(&snapshot, left_out));
    notes.extend(source.left_out_notes());
    Ok(SymbolAnswer { symbols, more, is_qualified, notes, coverage, generation })
}

/// Splits a name from the filters that are written with it. A text that consists only of filters is taken as a name.
/// Invalid filters are left out of the name ([`note_invalid_filters`]).
pub(crate) fn split_name_filters(text: &str) -> (QueryFilters, String) {
    let (filters, mut name) = QueryFilters::parse(text);
    if !filters.invalid.is_empty() {
        let is_valid = |word: &&str| QueryFilters::parse(word).0.invalid.is_empty();
        name = name.split_whitespace().filter(is_valid).collect::<Vec<_>>().join(" ");
    }
    if name.trim().is_empty() { (QueryFilters::default(), text.to_owned()) } else { (filters, name) }
}

/// Returns notes on the invalid filters that are written with a name.
pub(crate) fn note_invalid_filters(filters: &QueryFilters, snapshot: &Snapshot) -> Vec<String> {
    let note = |filter: &InvalidFilter| format!("`{}:` was ignored: {}", filter.name(), filter.describe(snapshot));
    filters.invalid.iter().map(note).collect()
}
