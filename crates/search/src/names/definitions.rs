//! Finds definitions by name.
//!
//! Names with the same spelling are found first, then those with the same letters in another case or with other
//! separators. Only if no allowed file defines such a name, names that begin with the query or contain its words are
//! found, or else names with one or two typos. A short name may have a typo if its container is given. If the query ends with `*`, only names that begin with its first word
//! and contain its other words are found.
//!
//! Equal names are looked up in the snapshot's index of names, similar ones by a scan of its column blocks. For equal
//! input, the order of results is always the same.

use super::name_query::{NameQuery, QualifierFit};
use crate::snapshot::Snapshot;
use crate::snapshot::file_chunks::FileChunks;
use text::edit_distance::count_edits_within;
use text::name_key::{LetterProfile, is_same_name, name_key};
use text::unicode::{is_same_text, unify};
use text::words;
use types::SymbolKind;

/// The kind of a match between a name and a query, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NameMatch {
    Exact,
    /// The name has the same letters in another case or with other separators: `parse_header` for `parseHeader`.
    Normalized,
    /// The name begins with the query, or contains words that begin with the words of the query, in the same order.
    Partial,
    /// The name differs by one or two typos.
    Fuzzy,
}

/// A definition whose name matches: the name at `position` of a chunk's [`ChunkMeta::defines`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedDefinition {
    pub chunk: u32,
    pub position: usize,
    pub name_match: NameMatch,
    /// The number of typos; nonzero only for [`NameMatch::Fuzzy`].
    pub typos: usize,
    /// The closest possible fit of the query's qualifiers; `None` if the containers that the snapshot has do not fit.
    /// The definition may still have a fitting one, which [`NameQuery::fit`] tests.
    pub best_fit: Option<QualifierFit>,
}

impl NamedDefinition {
    /// Returns the sort key of this definition if the qualifiers of the query have the fit `fit`. `None` sorts last.
    pub fn order_key(&self, fit: Option<QualifierFit>) -> (bool, NameMatch, Option<QualifierFit>) {
        (fit.is_none(), self.name_match, fit)
    }
}

/// Returns the definitions that match `query`, in files that pass `is_allowed`, best first.
///
/// Qualifiers are checked only roughly, because a chunk names only the container of its first definition. Definitions
/// whose qualifiers may match come first, sorted by [`NamedDefinition::order_key`], then others in chunks with several
/// definitions.
pub fn find_definitions(
    snapshot: &Snapshot,
    query: &NameQuery,
    is_allowed: impl Fn(&FileChunks) -> bool,
) -> Vec<NamedDefinition> {
    // Tests only files with matches, because most files have none.
    let file_of = |named: &NamedDefinition| &snapshot.files[snapshot.file_of_chunk(named.chunk)];
    let best_fit =
        |named: &NamedDefinition| query.best_fit(snapshot.chunk(named.chunk), named.position, &file_of(named).path);
    let is_unknown = |named: &NamedDefinition| snapshot.chunk(named.chunk).defines().nth(1).is_some();
    let matches_query = |named: &mut NamedDefinition| {
        let is_allowed = is_allowed(file_of(named));
        named.best_fit = if is_allowed { best_fit(named) } else { None };
        // Short names with a typo are too many to read the containers of all of them.
        let is_read = named.name_match < NameMatch::Fuzzy || query.name.len() >= MIN_TYPO_BYTES;
        is_allowed && (named.best_fit.is_some() || is_read && is_unknown(named))
    };
    let mut found = if query.is_prefix { Vec::new() } else { find_same_names(snapshot, query) };
    if !found.iter().any(|named| is_allowed(file_of(named))) {
        found = find_similar_names(snapshot, query);
    }
    found.retain_mut(matches_query);
    let best = found.iter().filter(|named| named.best_fit.is_some()).map(|named| named.name_match).min();
    if best.is_some_and(|best| best < NameMatch::Fuzzy) {
        found.retain(|named| named.name_match < NameMatch::Fuzzy);
    }
    found.sort_by_cached_key(|named| (named.order_key(named.best_fit), DefinitionOrder::new(snapshot, named)));
    found
}

/// Returns the definitions whose names are the query's whole text or have the same letters and digits as the queried
/// name, ignoring case.
fn find_same_names(snapshot: &Snapshot, query: &NameQuery) -> Vec<NamedDefinition> {
    let mut found = Vec::new();
    let mut add = |name: &str, name_match, matches: &dyn Fn(&str) -> bool| {
        for chunk in snapshot.chunks_defining(name) {
            let defines = snapshot.chunk(chunk).defines().enumerate();
            let positions = defines.filter(|(_, other)| matches(other));
            found.extend(positions.map(|(position, _)| NamedDefinition {
                chunk,
                position,
                name_match,
                typos: 0,
                best_fit: None,
            }));
        }
    };
    add(&query.name, NameMatch::Exact, &|other| is_same_text(other, &query.name));
    add(&query.full_text, NameMatch::Exact, &|other| is_same_text(other, &query.full_text));
    add(&query.name, NameMatch::Normalized, &|other| is_same_name(other, &query.name));
    found.sort_by_key(|named| (named.chunk, named.position, named.name_match));
    found.dedup_by_key(|named| (named.chunk, named.position));
    found
}

/// Returns the definitions that match the query as [`NameMatch::Partial`] or [`NameMatch::Fuzzy`].
fn find_similar_names(snapshot: &Snapshot, query: &NameQuery) -> Vec<NamedDefinition> {
    let pattern = NamePattern::new(query);
    let names = snapshot.match_names(|profile| pattern.may_match(profile), |name| pattern.matches(name));
    let positions = |(name, (name_match, typos))| {
        let named = move |(chunk, position)| NamedDefinition { chunk, position, name_match, typos, best_fit: None };
        snapshot.definitions_spelled(name).into_iter().map(named)
    };
    names.into_iter().flat_map(positions).collect()
}

/// Returns a function that compares a name with `query` and returns the kind of the match and the number of typos;
/// `None` if the name does not match. It is for names that differ from the query in more than case and separators.
pub fn match_similar_name(query: &NameQuery) -> impl Fn(&str) -> Option<(NameMatch, usize)> {
    let pattern = NamePattern::new(query);
    move |name| if pattern.may_match(LetterProfile::from_name(name)) { pattern.matches(name) } else { None }
}

/// A query for a name, prepared for comparison with all names of a snapshot.
struct NamePattern {
    /// The words of the queried name, in lower case.
    words: Vec<Vec<u8>>,
    is_prefix: bool,
    /// The [`name_key`] of the queried name.
    key: String,
    profile: LetterProfile,
    max_typos: u8,
}

/// Minimum length of a name that may have a typo if its container is not given, in bytes.
const MIN_TYPO_BYTES: usize = 4;

/// Maximum length of a name that is compared for typos, in bytes.
const MAX_COMPARED_BYTES: usize = 64;

impl NamePattern {
    fn new(query: &NameQuery) -> Self {
        let mut all: Vec<Vec<u8>> = Vec::new();
        words::for_each_word(&query.name, |word| all.push(word.as_bytes().to_vec()));
        let key: String = name_key(&query.name).collect();
        let max_typos = match key.len() {
            _ if query.is_prefix => 0,
            0..2 => 0,
            // Few names are in the container.
            2..MIN_TYPO_BYTES => u8::from(!query.qualifiers.is_empty()),
            MIN_TYPO_BYTES..6 => 1,
            _ => 2,
        };
        let profile = LetterProfile::from_letters(key.chars());
        Self { words: all, is_prefix: query.is_prefix, key, profile, max_typos }
    }

    /// Returns whether a name with this profile may match. Most names are rejected by this quick test.
    fn may_match(&self, profile: LetterProfile) -> bool {
        let has_letters = self.profile.missing_in(profile) == 0;
        has_letters || (self.max_typos > 0 && profile.may_be_within(self.profile, self.max_typos))
    }

    fn matches(&self, name: &str) -> Option<(NameMatch, usize)> {
        let name = &*unify(name);
        if let Some(begin) = name.as_bytes().get(..self.key.len())
            && (begin.eq_ignore_ascii_case(self.key.as_bytes()) || self.has_words(name.as_bytes()))
        {
            return Some((NameMatch::Partial, 0));
        }
        if self.max_typos == 0 || name.len() > MAX_COMPARED_BYTES {
            return None;
        }
        let letters = name.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase);
        let typos = count_edits_within(&letters.collect::<String>(), &self.key, usize::from(self.max_typos))?;
        Some((NameMatch::Fuzzy, typos))
    }

    /// Returns whether the name contains words that begin with the words of the query, in the same order. For a prefix,
    /// the first of them must begin the name.
    fn has_words(&self, name: &[u8]) -> bool {
        let mut from = 0;
        for (number, word) in self.words.iter().enumerate() {
            let begins = |at: &usize| {
                (number > 0 || !self.is_prefix || *at == 0)
                    && is_word_start(name, *at)
                    && name[*at..].get(..word.len()).is_some_and(|part| part.eq_ignore_ascii_case(word))
            };
            match (from..name.len()).find(begins) {
                Some(at) => from = at + word.len(),
                None => return false,
            }
        }
        !self.words.is_empty()
    }
}

/// Returns whether a word of an identifier begins at this byte: at its start, after an ASCII separator, or at an ASCII
/// capital that begins a camel-case word.
fn is_word_start(name: &[u8], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).map(|before| name[before]) else { return true };
    let here = name[at];
    let next_is_lower = name.get(at + 1).is_some_and(u8::is_ascii_lowercase);
    !before.is_ascii_alphanumeric() && before.is_ascii()
        || here.is_ascii_uppercase() && (!before.is_ascii_uppercase() || next_is_lower)
}

/// The sort key of matching definitions.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct DefinitionOrder {
    name_match: NameMatch,
    typos: usize,
    is_test_or_example: bool,
    rank: u8,
    /// The length of a partially matching name in bytes, so that shorter names come first; 0 for other matches.
    excess: usize,
    chunk: u32,
    position: usize,
}

impl DefinitionOrder {
    fn new(snapshot: &Snapshot, named: &NamedDefinition) -> Self {
        let (chunk, file) = (snapshot.chunk(named.chunk), &snapshot.files[snapshot.file_of_chunk(named.chunk)]);
        let name = chunk.defines().nth(named.position).unwrap_or_default();
        // The kind is known only for the first definition of a chunk.
        let rank = if name == chunk.symbol { rank_kind(chunk.kind) } else { rank_kind(SymbolKind::Method) };
        let excess = if named.name_match == NameMatch::Partial { name.len() } else { 0 };
        let is_test_or_example = file.is_test_or_example();
        Self {
            name_match: named.name_match,
            typos: named.typos,
            is_test_or_example,
            rank,
            excess,
            chunk: named.chunk,
            position: named.position,
        }
    }
}

/// Returns whether a query for a name most likely means a definition of this kind. Less likely kinds are, for example,
/// fields, modules, constructors and tests.
pub(crate) fn is_meant_kind(kind: SymbolKind) -> bool {
    rank_kind(kind) == 0 && kind != SymbolKind::Constructor
}

/// Returns the rank of a symbol kind: 0 for the kinds that a query for a name most likely means, higher for others.
fn rank_kind(kind: SymbolKind) -> u8 {
    use SymbolKind::{
        Block, Constant, Field, Impl, Module, Property, Resource, Section, Service, Task, Test, Variable,
    };
    match kind {
        Impl | Module => 2,
        Constant | Variable | Field | Property | Resource | Service | Task => 1,
        Test => 3,
        Section | Block => 4,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(query_text: &str, name: &str) -> Option<(NameMatch, usize)> {
        let pattern = NamePattern::new(&NameQuery::parse(query_text).expect("a name"));
        let matched = pattern.matches(name);
        assert!(matched.is_none() || pattern.may_match(LetterProfile::from_name(name)), "{query_text} {name}");
        matched
    }

    #[test]
    fn words_match_where_they_begin() {
        let words = Some((NameMatch::Partial, 0));
        for (query_text, name) in [
            ("parseHead", "parseHTTPHeader"),
            ("header", "parseHTTPHeader"),
            ("HTTPHeader", "parse_http_header"),
            ("par", "parseHTTPHeader"),
            ("par*", "parse_it"),
        ] {
            assert_eq!(matches(query_text, name), words, "{query_text} {name}");
        }
        for (query_text, name) in
            [("eader", "parseHTTPHeader"), ("header*", "parse_header"), ("ab", "xyz"), ("açé", "b")]
        {
            assert_eq!(matches(query_text, name), None, "{query_text} {name}");
        }
    }

    #[test]
    fn names_match_in_every_form_of_unicode() {
        let words = Some((NameMatch::Partial, 0));
        assert_eq!(matches("größe", "puffer_gro\u{308}ße"), words);
        assert_eq!(matches("gro\u{308}ße", "größe_ändern"), words);
        assert_eq!(matches("größen", "gro\u{308}ßen"), words);
    }

    #[test]
    fn typos_are_counted() {
        let fuzzy = |typos| Some((NameMatch::Fuzzy, typos));
        assert_eq!(matches("parseHaeder", "parse_header"), fuzzy(1));
        assert_eq!(matches("parsHeadr", "parseHeader"), fuzzy(2));
        assert_eq!(matches("psrsHeadr", "parseHeader"), None);
        assert_eq!(matches("opne", "open"), fuzzy(1));
        assert_eq!(matches("get", "got"), None, "too short for typos");
        assert_eq!(matches("Config::lod", "load"), fuzzy(1), "a container has few names");
        assert_eq!(matches("Config::l", "lo"), Some((NameMatch::Partial, 0)));
        assert_eq!(matches("grosse", "größe"), None);
        assert_eq!(matches("grössen", "größen"), fuzzy(2));
        assert_eq!(matches("groeßen", "größen"), fuzzy(2));
        assert_eq!(matches("großen", "größen"), fuzzy(1), "a letter outside of ASCII is one letter");
    }
}
