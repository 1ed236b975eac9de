//! Definitions by their names.
//!
//! Owns what a name matches: itself, then the same letters in another case or with other separators,
//! then a beginning or some of its words, then a name with a typo. What matches less well is told only
//! where nothing matches better. Names are looked up where they are held already: nothing is kept for this.
//! Invariant: equal input gives equal order.

use super::block::ChunkMeta;
use super::filter::FileFilter;
use super::marks::Marks;
use super::names::name_key;
use super::snapshot::Snapshot;
use super::{Filter, Folders, QueryError};
use crate::embed::words;
use crate::types::{RepoPath, Span, SymbolKind};

/// How a name matches, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NameMatch {
    Exact,
    /// In another case or with other separators: `parse_header` for `parseHeader`.
    Plain,
    /// It begins with what was asked, or has its words in that order.
    Words,
    /// With a typo or two.
    Fuzzy,
}

/// A name as it was asked for: `bar`, `Foo::bar`, `Foo.bar`, `Foo#bar`, `bar*`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameQuery {
    /// As written, for names that hold a dot themselves.
    whole: String,
    /// The last part.
    pub name: String,
    /// What it is to be found in, outermost first: containers, then folders and files.
    pub qualifiers: Vec<String>,
    /// Whether names that only begin with it are asked for.
    is_prefix: bool,
}

/// Longest name that is looked for, in bytes.
const MAX_NAME_BYTES: usize = 200;

/// Words that say only where a path begins.
const RELATIVE: [&str; 6] = ["crate", "self", "Self", "super", "this", "cls"];

impl NameQuery {
    /// Takes what was asked apart; `None` when there is no name in it.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim().trim_matches(['`', '"', '\'']);
        let (text, is_prefix) = text.strip_suffix('*').map_or((text, false), |text| (text, true));
        let text = text.strip_suffix("()").or_else(|| text.strip_suffix('!')).unwrap_or(text);
        let text = without_brackets(text);
        let parts = text.split([':', '.', '#', '/', '\\', '>', ' ']).map(|part| part.trim_matches(|c| !is_name(c)));
        let mut parts: Vec<String> = parts.filter(|part| !part.is_empty()).map(str::to_owned).collect();
        let name = parts.pop().filter(|name| name.len() <= MAX_NAME_BYTES && name_key(name).next().is_some())?;
        parts.retain(|part| !RELATIVE.contains(&part.as_str()));
        Some(Self { whole: text, name, qualifiers: parts, is_prefix })
    }

    /// The same name in this container, too.
    pub fn inside(mut self, container: &str) -> Self {
        if let Some(of) = Self::new(container) {
            let outer = of.qualifiers.into_iter().chain([of.name]);
            self.qualifiers = outer.chain(self.qualifiers).collect();
        }
        self
    }

    /// Whether a definition of this name and container, in this file, is where the qualifiers say.
    pub fn fits(&self, name: &str, container: &str, path: &RepoPath) -> bool {
        self.is_whole(name) || self.is_below(container.rsplit(['.', ':']), path)
    }

    /// Whether a name holds its own qualifiers: `M.open` in Lua.
    fn is_whole(&self, name: &str) -> bool {
        self.whole != self.name && self.whole == name
    }

    /// The same name wherever it is.
    pub fn anywhere(self) -> Self {
        Self { qualifiers: Vec::new(), ..self }
    }

    /// Whether a name of a chunk may be where the qualifiers say: any name before it in the chunk may be
    /// what it is in.
    fn may_fit(&self, chunk: ChunkMeta<'_>, place: usize, path: &RepoPath) -> bool {
        let names: Vec<&str> = chunk.defines().take(place + 1).collect();
        let Some((name, before)) = names.split_last() else { return false };
        let before = before.iter().rev().copied();
        self.is_whole(name) || self.is_below(before.chain(chunk.container.rsplit(['.', ':'])), path)
    }

    /// Whether the qualifiers are among these containers and then the file and its folders, in order
    /// from the inside out.
    fn is_below<'c>(&self, containers: impl Iterator<Item = &'c str>, path: &'c RepoPath) -> bool {
        let mut asked = self.qualifiers.iter().rev().peekable();
        let mut parts =
            containers.chain([path.stem()]).chain(path.folder().rsplit('/')).filter(|part| !part.is_empty());
        while let Some(wanted) = asked.peek() {
            match parts.next() {
                None => return false,
                Some(part) if name_key(wanted).eq(name_key(without_arguments(part))) => _ = asked.next(),
                Some(_) => {}
            }
        }
        true
    }
}

/// `text` without type arguments and parameters, which are no part of a name.
fn without_brackets(text: &str) -> String {
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

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '?' | '!' | '=')
}

fn without_arguments(part: &str) -> &str {
    part.split('<').next().unwrap_or(part).trim()
}

/// A name that matches: of a chunk's [`ChunkMeta::defines`], the one at `place`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    pub chunk: u32,
    pub place: usize,
    pub how: NameMatch,
    /// Letters that differ; only where it is [`NameMatch::Fuzzy`].
    pub typos: usize,
}

/// The definitions a name may stand for, best first. Of a chunk's definitions only the first one's
/// container is known: see [`NameQuery::fits`]. `folders` is what the filter's project stands for.
///
/// # Errors
/// When the filter does not hold.
pub fn find_named(
    snapshot: &Snapshot,
    filter: &Filter,
    folders: &Folders,
    query: &NameQuery,
) -> Result<Vec<Named>, QueryError> {
    // Most files have no such name, so that only those that have one are tested.
    let filter = FileFilter::new(filter)?.below(folders);
    let is_asked_for = |named: &Named| {
        let file = &snapshot.files[snapshot.owner(named.chunk)];
        filter.allows(file) && query.may_fit(snapshot.chunk(named.chunk), named.place, &file.path)
    };
    let mut found = if query.is_prefix { Vec::new() } else { same(snapshot, query) };
    let is_known = found.iter().any(|named| filter.allows(&snapshot.files[snapshot.owner(named.chunk)]));
    if !is_known {
        found = similar(snapshot, query);
    }
    found.retain(is_asked_for);
    let best = found.iter().map(|named| named.how).min();
    if best.is_some_and(|best| best < NameMatch::Fuzzy) {
        found.retain(|named| named.how < NameMatch::Fuzzy);
    }
    found.sort_by_cached_key(|named| Order::of(snapshot, named));
    Ok(found)
}

/// Names of the same letters and digits.
fn same(snapshot: &Snapshot, query: &NameQuery) -> Vec<Named> {
    let mut found = Vec::new();
    let mut add = |name: &str, how, matches: &dyn Fn(&str) -> bool| {
        for chunk in snapshot.defining(name) {
            let defines = snapshot.chunk(chunk).defines().enumerate();
            let places = defines.filter(|(_, other)| matches(other));
            found.extend(places.map(|(place, _)| Named { chunk, place, how, typos: 0 }));
        }
    };
    add(&query.name, NameMatch::Exact, &|other| other == query.name);
    add(&query.whole, NameMatch::Exact, &|other| other == query.whole);
    add(&query.name, NameMatch::Plain, &|other| name_key(other).eq(name_key(&query.name)));
    found.sort_by_key(|named| (named.chunk, named.place, named.how));
    found.dedup_by_key(|named| (named.chunk, named.place));
    found
}

/// Names that have the words asked for, or else are nearly the same.
fn similar(snapshot: &Snapshot, query: &NameQuery) -> Vec<Named> {
    let pattern = Pattern::new(query);
    let names = snapshot.names_that(|name| pattern.matches(name));
    let places = |(name, (how, typos))| {
        let named = move |(chunk, place)| Named { chunk, place, how, typos };
        snapshot.spelled(name).into_iter().map(named)
    };
    names.into_iter().flat_map(places).collect()
}

/// What is looked for in every name there is.
struct Pattern {
    /// The words of the name asked for, lower case.
    words: Vec<Vec<u8>>,
    is_prefix: bool,
    /// Its letters and digits, lower case.
    key: Vec<u8>,
    letters: u64,
    most_typos: usize,
}

impl Pattern {
    fn new(query: &NameQuery) -> Self {
        let mut all: Vec<Vec<u8>> = Vec::new();
        words::words(&query.name, |word| all.push(word.as_bytes().to_vec()));
        let key: String = name_key(&query.name).collect();
        let key = key.into_bytes();
        let most_typos = match key.len() {
            _ if query.is_prefix => 0,
            0..4 => 0,
            4..6 => 1,
            _ => 2,
        };
        Self { words: all, is_prefix: query.is_prefix, letters: letters(&key), key, most_typos }
    }

    fn matches(&self, name: &str) -> Option<(NameMatch, usize)> {
        let name = name.as_bytes();
        let letters = letters(name);
        // Most names are out by the letters they have.
        if name.len() >= self.key.len() && self.letters & !letters == 0 {
            let begins = name[..self.key.len()].eq_ignore_ascii_case(&self.key);
            if begins || self.has_words(name) {
                return Some((NameMatch::Words, 0));
            }
        }
        let near = (letters ^ self.letters).count_ones() as usize <= 2 * self.most_typos
            && name.len().abs_diff(self.key.len()) <= self.most_typos + 2;
        if self.most_typos == 0 || !near || name.len() > 64 {
            return None;
        }
        let typos = typos(name, &self.key, self.most_typos)?;
        Some((NameMatch::Fuzzy, typos))
    }

    /// Whether the words asked for begin words of the name, in their order.
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

/// Whether a word of an identifier begins at this byte.
fn is_word_start(name: &[u8], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).map(|before| name[before]) else { return true };
    let here = name[at];
    let next_is_lower = name.get(at + 1).is_some_and(u8::is_ascii_lowercase);
    !before.is_ascii_alphanumeric() && before.is_ascii()
        || here.is_ascii_uppercase() && (!before.is_ascii_uppercase() || next_is_lower)
}

/// For each byte the bit of its letter, whatever its case, or of its digit; none for what separates.
const LETTERS: [u64; 256] = {
    let mut letters = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let is_letter = (byte as u8).is_ascii_alphanumeric();
        letters[byte] = if is_letter { 1 << ((byte as u8).to_ascii_lowercase() & 63) } else { 0 };
        byte += 1;
    }
    letters
};

/// Which letters and digits there are, a bit each.
fn letters(name: &[u8]) -> u64 {
    name.iter().fold(0, |seen, byte| seen | LETTERS[usize::from(*byte)])
}

/// How many letters of `name` are wrong, missing, too many or swapped with the next one; `None` for
/// more than `most`. Separators do not count (optimal string alignment).
fn typos(name: &[u8], key: &[u8], most: usize) -> Option<usize> {
    let name: Vec<u8> = name.iter().filter(|byte| !matches!(byte, b'_' | b'-')).map(u8::to_ascii_lowercase).collect();
    if name.len().abs_diff(key.len()) > most {
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
        if next.iter().min().is_none_or(|least| *least > most) {
            return None;
        }
        (before, last) = (last, next);
    }
    last.last().copied().filter(|typos| *typos <= most)
}

/// Whether a path is that of a test, an example or the like.
pub(super) fn is_aside(path: &RepoPath) -> bool {
    let marks = Marks::of(path);
    marks.test || marks.example
}

/// What decides the order of names that match.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Order {
    how: NameMatch,
    typos: usize,
    is_aside: bool,
    rank: u8,
    /// The shorter of two longer names has less in it that was not asked for.
    excess: usize,
    chunk: u32,
    place: usize,
}

impl Order {
    fn of(snapshot: &Snapshot, named: &Named) -> Self {
        let (chunk, file) = (snapshot.chunk(named.chunk), &snapshot.files[snapshot.owner(named.chunk)]);
        let name = chunk.defines().nth(named.place).unwrap_or_default();
        // Of a chunk with several definitions only the first one's kind is known.
        let rank = if name == chunk.symbol { rank(chunk.kind) } else { rank(SymbolKind::Method) };
        let excess = if named.how == NameMatch::Words { name.len() } else { 0 };
        let is_aside = is_aside(&file.path);
        Self { how: named.how, typos: named.typos, is_aside, rank, excess, chunk: named.chunk, place: named.place }
    }
}

/// What a name most likely means comes first.
fn rank(kind: SymbolKind) -> u8 {
    use SymbolKind::{Block, Constant, Field, Impl, Module, Property, Section, Test, Variable};
    match kind {
        Impl | Module => 2,
        Constant | Variable | Field | Property => 1,
        Test => 3,
        Section | Block => 4,
        _ => 0,
    }
}

/// The lines of the definition that a chunk begins, those of the chunks that go on with it included.
pub fn extent(snapshot: &Snapshot, chunk: u32) -> Span {
    let first = snapshot.chunk(chunk);
    let inner = format!("{}{}{}", first.container, if first.container.is_empty() { "" } else { "." }, first.symbol);
    let mut span = first.span;
    let rest = snapshot.chunks_in(snapshot.owner(chunk)).filter(|next| *next > chunk).map(|next| snapshot.chunk(next));
    for next in rest {
        let is_below =
            next.container.strip_prefix(inner.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        let goes_on = next.symbol == first.symbol
            && next.container == first.container
            && !next.defines().any(|name| name == first.symbol);
        let begins_anew = next.container == first.container && next.defines().any(|name| name == first.symbol);
        if begins_anew || (!goes_on && !is_below) {
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
        let query = NameQuery::new(text).expect("a name");
        (query.name, query.qualifiers)
    }

    #[test]
    fn names_are_taken_apart_however_they_are_qualified() {
        for text in ["Foo::bar", "Foo.bar", "Foo#bar", "`Foo->bar()`", "crate::Foo::<T>::bar", "Foo\\bar"] {
            assert_eq!(query(text), ("bar".to_owned(), vec!["Foo".to_owned()]), "{text}");
        }
        assert_eq!(query("println!").0, "println");
        assert_eq!(query("empty?").0, "empty?");
        assert_eq!(query("@name").0, "name");
        assert_eq!(query("Vec<String>").0, "Vec");
        assert_eq!(NameQuery::new(" :: "), None);
        assert_eq!(NameQuery::new("*"), None);
        assert_eq!(NameQuery::new(&"a".repeat(10_000)), None);
    }

    fn matches(asked: &str, name: &str) -> Option<(NameMatch, usize)> {
        Pattern::new(&NameQuery::new(asked).expect("a name")).matches(name)
    }

    #[test]
    fn words_match_where_they_begin() {
        let words = Some((NameMatch::Words, 0));
        for (asked, name) in [
            ("parseHead", "parseHTTPHeader"),
            ("header", "parseHTTPHeader"),
            ("HTTPHeader", "parse_http_header"),
            ("par", "parseHTTPHeader"),
            ("par*", "parse_it"),
        ] {
            assert_eq!(matches(asked, name), words, "{asked} {name}");
        }
        for (asked, name) in [("eader", "parseHTTPHeader"), ("header*", "parse_header"), ("ab", "xyz"), ("açé", "b")]
        {
            assert_eq!(matches(asked, name), None, "{asked} {name}");
        }
    }

    #[test]
    fn typos_are_counted() {
        let fuzzy = |typos| Some((NameMatch::Fuzzy, typos));
        assert_eq!(matches("parseHaeder", "parse_header"), fuzzy(1));
        assert_eq!(matches("parsHeadr", "parseHeader"), fuzzy(2));
        assert_eq!(matches("psrsHeadr", "parseHeader"), None);
        assert_eq!(matches("opne", "open"), fuzzy(1));
        assert_eq!(matches("get", "got"), None, "too short to guess");
    }
}
