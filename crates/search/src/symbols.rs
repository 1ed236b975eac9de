//! Finds definitions by name.
//!
//! Matches, best first: the same spelling, the same letters in another case or with other separators, names
//! that begin with the query or contain its words, and names with a typo. Approximate matches are returned only
//! if there are no better ones. Names are looked up in the snapshot's column blocks; there is no separate
//! index. Equal input gives equal order.

use super::block::ChunkMeta;
use super::filter::FileFilter;
use super::marks::PathClass;
use super::names::name_key;
use super::snapshot::Snapshot;
use super::{Filter, FolderScope, QueryError};
use text::words;
use types::{RepoPath, Span, SymbolKind};

/// How a name matches a query, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NameMatch {
    Exact,
    /// The same letters in another case or with other separators: `parse_header` for `parseHeader`.
    Normalized,
    /// The name begins with the query, or contains its words in order.
    Partial,
    /// The name differs by one or two typos.
    Fuzzy,
}

/// A parsed query for a name: `bar`, `Foo::bar`, `Foo.bar`, `Foo#bar`, `bar*`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameQuery {
    /// The full text, for names that contain a separator themselves.
    full_text: String,
    /// The last part of the text.
    pub name: String,
    /// Names of enclosing containers, files or folders, outermost first.
    pub qualifiers: Vec<String>,
    /// Whether longer names that begin with `name` match.
    is_prefix: bool,
}

/// Maximum length of a queried name, in bytes.
const MAX_NAME_BYTES: usize = 200;

/// Qualifiers that do not name a container.
const RELATIVE: [&str; 6] = ["crate", "self", "Self", "super", "this", "cls"];

impl NameQuery {
    /// Parses a query; `None` if it contains no name.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_matches(['`', '"', '\'']);
        let (text, is_prefix) = text.strip_suffix('*').map_or((text, false), |text| (text, true));
        let text = text.strip_suffix("()").or_else(|| text.strip_suffix('!')).unwrap_or(text);
        let text = strip_brackets(text);
        let parts =
            text.split([':', '.', '#', '/', '\\', '>', ' ']).map(|part| part.trim_matches(|c| !is_name_char(c)));
        let mut parts: Vec<String> = parts.filter(|part| !part.is_empty()).map(str::to_owned).collect();
        let name = parts.pop().filter(|name| name.len() <= MAX_NAME_BYTES && name_key(name).next().is_some())?;
        parts.retain(|part| !RELATIVE.contains(&part.as_str()));
        Some(Self { full_text: text, name, qualifiers: parts, is_prefix })
    }

    /// Adds `container` as an outer qualifier.
    pub fn inside(mut self, container: &str) -> Self {
        if let Some(outer) = Self::parse(container) {
            let outer = outer.qualifiers.into_iter().chain([outer.name]);
            self.qualifiers = outer.chain(self.qualifiers).collect();
        }
        self
    }

    /// Returns whether a definition with this name, container and file matches the qualifiers.
    pub fn fits(&self, name: &str, container: &str, path: &RepoPath) -> bool {
        self.is_full_text(name) || self.contains_qualifiers(container.rsplit(['.', ':']), path)
    }

    /// Returns whether `name` contains the qualifiers itself, such as `M.open` in Lua.
    fn is_full_text(&self, name: &str) -> bool {
        self.full_text != self.name && self.full_text == name
    }

    /// Removes the qualifiers.
    pub fn anywhere(self) -> Self {
        Self { qualifiers: Vec::new(), ..self }
    }

    /// Returns whether the name at `position` in a chunk may match the qualifiers; any name before it in the
    /// chunk may be its container.
    fn may_match_qualifiers(&self, chunk: ChunkMeta<'_>, position: usize, path: &RepoPath) -> bool {
        let names: Vec<&str> = chunk.defines().take(position + 1).collect();
        let Some((name, before)) = names.split_last() else { return false };
        let before = before.iter().rev().copied();
        self.is_full_text(name) || self.contains_qualifiers(before.chain(chunk.container.rsplit(['.', ':'])), path)
    }

    /// Returns whether the qualifiers occur in order among the containers, the file and its folders, from the
    /// inside out.
    fn contains_qualifiers<'c>(&self, containers: impl Iterator<Item = &'c str>, path: &'c RepoPath) -> bool {
        let mut remaining = self.qualifiers.iter().rev().peekable();
        let mut parts =
            containers.chain([path.stem()]).chain(path.folder().rsplit('/')).filter(|part| !part.is_empty());
        while let Some(wanted) = remaining.peek() {
            match parts.next() {
                None => return false,
                Some(part) if name_key(wanted).eq(name_key(strip_type_arguments(part))) => _ = remaining.next(),
                Some(_) => {}
            }
        }
        true
    }
}

/// Removes bracketed type arguments and parameters.
fn strip_brackets(text: &str) -> String {
    let mut depth = 0_usize;
    let outside = |c: &char| match c {
        '<' | '(' | '[' => {
            depth += 1;
            false
        }
        '>' | ')' | ']' if depth > 0 => {
            depth -= 1;
            false
        }
        _ => depth == 0,
    };
    text.chars().filter(outside).collect::<String>().trim().to_owned()
}

fn is_name_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '?' | '!' | '=')
}

fn strip_type_arguments(part: &str) -> &str {
    part.split('<').next().unwrap_or(part).trim()
}

/// A definition whose name matches: the name at `position` of a chunk's [`ChunkMeta::defines`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedDefinition {
    pub chunk: u32,
    pub position: usize,
    pub name_match: NameMatch,
    /// The number of typos; nonzero only for [`NameMatch::Fuzzy`].
    pub typos: usize,
}

/// Returns the definitions that match `query`, best first.
///
/// Qualifiers are checked only roughly, because the container is known only for the first definition of a
/// chunk; [`NameQuery::fits`] checks them exactly. `folders` is the resolved project filter.
///
/// # Errors
/// If the filter is invalid.
pub fn find_definitions(
    snapshot: &Snapshot,
    filter: &Filter,
    folders: &FolderScope,
    query: &NameQuery,
) -> Result<Vec<NamedDefinition>, QueryError> {
    // The filter is applied to matches only, since most files have none.
    let filter = FileFilter::new(filter)?.in_folders(folders);
    let matches_query = |named: &NamedDefinition| {
        let file = &snapshot.files[snapshot.file_of_chunk(named.chunk)];
        filter.allows(file) && query.may_match_qualifiers(snapshot.chunk(named.chunk), named.position, &file.path)
    };
    let mut found = if query.is_prefix { Vec::new() } else { find_same_names(snapshot, query) };
    let is_known = found.iter().any(|named| filter.allows(&snapshot.files[snapshot.file_of_chunk(named.chunk)]));
    if !is_known {
        found = find_similar_names(snapshot, query);
    }
    found.retain(matches_query);
    let best = found.iter().map(|named| named.name_match).min();
    if best.is_some_and(|best| best < NameMatch::Fuzzy) {
        found.retain(|named| named.name_match < NameMatch::Fuzzy);
    }
    found.sort_by_cached_key(|named| DefinitionOrder::new(snapshot, named));
    Ok(found)
}

/// Returns the definitions with the same letters and digits.
fn find_same_names(snapshot: &Snapshot, query: &NameQuery) -> Vec<NamedDefinition> {
    let mut found = Vec::new();
    let mut add = |name: &str, name_match, matches: &dyn Fn(&str) -> bool| {
        for chunk in snapshot.chunks_defining(name) {
            let defines = snapshot.chunk(chunk).defines().enumerate();
            let positions = defines.filter(|(_, other)| matches(other));
            found.extend(positions.map(|(position, _)| NamedDefinition { chunk, position, name_match, typos: 0 }));
        }
    };
    add(&query.name, NameMatch::Exact, &|other| other == query.name);
    add(&query.full_text, NameMatch::Exact, &|other| other == query.full_text);
    add(&query.name, NameMatch::Normalized, &|other| name_key(other).eq(name_key(&query.name)));
    found.sort_by_key(|named| (named.chunk, named.position, named.name_match));
    found.dedup_by_key(|named| (named.chunk, named.position));
    found
}

/// Returns the definitions that contain the words of the query, or differ by a few typos.
fn find_similar_names(snapshot: &Snapshot, query: &NameQuery) -> Vec<NamedDefinition> {
    let pattern = NamePattern::new(query);
    let names = snapshot.match_names(|name| pattern.matches(name));
    let positions = |(name, (name_match, typos))| {
        let named = move |(chunk, position)| NamedDefinition { chunk, position, name_match, typos };
        snapshot.definitions_spelled(name).into_iter().map(named)
    };
    names.into_iter().flat_map(positions).collect()
}

/// A query prepared for comparison with every name.
struct NamePattern {
    /// The words of the queried name, in lower case.
    words: Vec<Vec<u8>>,
    is_prefix: bool,
    /// The letters and digits of the queried name, in lower case.
    key: Vec<u8>,
    letters: u64,
    max_typos: usize,
}

impl NamePattern {
    fn new(query: &NameQuery) -> Self {
        let mut all: Vec<Vec<u8>> = Vec::new();
        words::for_each_word(&query.name, |word| all.push(word.as_bytes().to_vec()));
        let key: String = name_key(&query.name).collect();
        let key = key.into_bytes();
        let max_typos = match key.len() {
            _ if query.is_prefix => 0,
            0..4 => 0,
            4..6 => 1,
            _ => 2,
        };
        Self { words: all, is_prefix: query.is_prefix, letters: letter_set(&key), key, max_typos }
    }

    fn matches(&self, name: &str) -> Option<(NameMatch, usize)> {
        let name = name.as_bytes();
        let letters = letter_set(name);
        // The letters rule out most names.
        if name.len() >= self.key.len() && self.letters & !letters == 0 {
            let begins = name[..self.key.len()].eq_ignore_ascii_case(&self.key);
            if begins || self.has_words(name) {
                return Some((NameMatch::Partial, 0));
            }
        }
        let near = (letters ^ self.letters).count_ones() as usize <= 2 * self.max_typos
            && name.len().abs_diff(self.key.len()) <= self.max_typos + 2;
        if self.max_typos == 0 || !near || name.len() > 64 {
            return None;
        }
        let typos = bounded_edit_distance(name, &self.key, self.max_typos)?;
        Some((NameMatch::Fuzzy, typos))
    }

    /// Returns whether the query's words begin words of the name, in order.
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

/// Returns whether a word of an identifier begins at this byte.
fn is_word_start(name: &[u8], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).map(|before| name[before]) else { return true };
    let here = name[at];
    let next_is_lower = name.get(at + 1).is_some_and(u8::is_ascii_lowercase);
    !before.is_ascii_alphanumeric() && before.is_ascii()
        || here.is_ascii_uppercase() && (!before.is_ascii_uppercase() || next_is_lower)
}

/// The bit of each ASCII letter, ignoring case, and digit; 0 for other bytes.
const LETTER_BITS: [u64; 256] = {
    let mut letters = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let is_letter = (byte as u8).is_ascii_alphanumeric();
        letters[byte] = if is_letter { 1 << ((byte as u8).to_ascii_lowercase() & 63) } else { 0 };
        byte += 1;
    }
    letters
};

/// Returns the set of letters and digits in a name.
fn letter_set(name: &[u8]) -> u64 {
    name.iter().fold(0, |seen, byte| seen | LETTER_BITS[usize::from(*byte)])
}

/// Returns the optimal string alignment distance of `name` and `key`: the number of replaced, inserted, deleted
/// or swapped letters, ignoring `_` and `-`; `None` above `max_distance`.
fn bounded_edit_distance(name: &[u8], key: &[u8], max_distance: usize) -> Option<usize> {
    let name: Vec<u8> = name.iter().filter(|byte| !matches!(byte, b'_' | b'-')).map(u8::to_ascii_lowercase).collect();
    if name.len().abs_diff(key.len()) > max_distance {
        return None;
    }
    let (mut before, mut last): (Vec<usize>, Vec<usize>) = (Vec::new(), (0..=key.len()).collect());
    for (row, byte) in name.iter().enumerate() {
        let mut next = vec![row + 1];
        for (column, wanted) in key.iter().enumerate() {
            let mut cost = (last[column] + usize::from(byte != wanted)).min(last[column + 1] + 1).min(next[column] + 1);
            let is_swapped = row > 0 && column > 0 && name[row - 1] == *wanted && *byte == key[column - 1];
            if is_swapped {
                cost = cost.min(before[column - 1] + 1);
            }
            next.push(cost);
        }
        if next.iter().min().is_none_or(|least| *least > max_distance) {
            return None;
        }
        (before, last) = (last, next);
    }
    last.last().copied().filter(|typos| *typos <= max_distance)
}

/// Returns whether a path belongs to a test, an example, a benchmark or a fixture.
pub(super) fn is_test_or_example(path: &RepoPath) -> bool {
    let class = PathClass::from_path(path);
    class.test || class.example
}

/// The sort key of matching definitions.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct DefinitionOrder {
    name_match: NameMatch,
    typos: usize,
    is_test_or_example: bool,
    rank: u8,
    /// The length of a partially matching name, so that shorter names come first.
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
        let is_test_or_example = is_test_or_example(&file.path);
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

/// Ranks symbol kinds by how likely a name query means them; 0 is the most likely.
fn rank_kind(kind: SymbolKind) -> u8 {
    use SymbolKind::{Block, Constant, Field, Impl, Module, Property, Section, Test, Variable};
    match kind {
        Impl | Module => 2,
        Constant | Variable | Field | Property => 1,
        Test => 3,
        Section | Block => 4,
        _ => 0,
    }
}

/// Returns the lines of the definition that begins in `chunk`, including the chunks that continue it.
pub fn definition_span(snapshot: &Snapshot, chunk: u32) -> Span {
    let first = snapshot.chunk(chunk);
    let full_name = format!("{}{}{}", first.container, if first.container.is_empty() { "" } else { "." }, first.symbol);
    let mut span = first.span;
    let rest = snapshot
        .chunks_of_file(snapshot.file_of_chunk(chunk))
        .filter(|next| *next > chunk)
        .map(|next| snapshot.chunk(next));
    for next in rest {
        let is_inside = next
            .container
            .strip_prefix(full_name.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        let continues = next.symbol == first.symbol
            && next.container == first.container
            && !next.defines().any(|name| name == first.symbol);
        let is_redefinition = next.container == first.container && next.defines().any(|name| name == first.symbol);
        if is_redefinition || (!continues && !is_inside) {
            break;
        }
        span.end_line = next.span.end_line;
    }
    span
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> (String, Vec<String>) {
        let query = NameQuery::parse(text).expect("a name");
        (query.name, query.qualifiers)
    }

    #[test]
    fn qualified_names_are_parsed_in_every_notation() {
        for text in ["Foo::bar", "Foo.bar", "Foo#bar", "`Foo->bar()`", "crate::Foo::<T>::bar", "Foo\\bar"] {
            assert_eq!(query(text), ("bar".to_owned(), vec!["Foo".to_owned()]), "{text}");
        }
        assert_eq!(query("println!").0, "println");
        assert_eq!(query("empty?").0, "empty?");
        assert_eq!(query("@name").0, "name");
        assert_eq!(query("Vec<String>").0, "Vec");
        assert_eq!(NameQuery::parse(" :: "), None);
        assert_eq!(NameQuery::parse("*"), None);
        assert_eq!(NameQuery::parse(&"a".repeat(10_000)), None);
    }

    fn matches(query_text: &str, name: &str) -> Option<(NameMatch, usize)> {
        NamePattern::new(&NameQuery::parse(query_text).expect("a name")).matches(name)
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
    fn typos_are_counted() {
        let fuzzy = |typos| Some((NameMatch::Fuzzy, typos));
        assert_eq!(matches("parseHaeder", "parse_header"), fuzzy(1));
        assert_eq!(matches("parsHeadr", "parseHeader"), fuzzy(2));
        assert_eq!(matches("psrsHeadr", "parseHeader"), None);
        assert_eq!(matches("opne", "open"), fuzzy(1));
        assert_eq!(matches("get", "got"), None, "too short for typos");
    }
}
