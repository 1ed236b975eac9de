//! Names that are written a letter wrong.
//!
//! Must never import: anything above `search`.

use std::collections::BTreeMap;

use super::names::{Outline, name_key};
use super::query::{Kind, Name, QueryTerms};
use super::snapshot::Snapshot;
use crate::embed::{is_common_word, words};
use crate::lexical;
use crate::store::StoreError;

/// A shorter name has too many neighbours.
const LEAST_LETTERS: usize = 4;

/// A longer one is rarely typed.
const MOST_LETTERS: usize = 64;

/// A name of so many letters may have two errors.
const LETTERS_OF_TWO_ERRORS: usize = 8;

/// A word of prose with fewer letters is near to too many.
const LEAST_LETTERS_OF_A_WORD: usize = 6;

/// A container with so few letters is still compared with those of the name that it is said to hold.
const LEAST_LETTERS_OF_A_CONTAINER: usize = 3;

/// Most names of one question that are looked for, and most words.
const MAX_NAMES: usize = 2;

/// A name of a question that is nowhere, and the one that it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Correction {
    pub from: String,
    pub to: String,
}

impl Correction {
    /// The text with the name replaced wherever it stands as a whole, in any letter case.
    pub fn applied(&self, text: &str) -> String {
        let inside = |c: char| c.is_alphanumeric() || c == '_';
        let (mut applied, mut at) = (String::with_capacity(text.len()), 0);
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            let ends = !rest.get(self.from.len()..).is_none_or(|rest| rest.starts_with(inside));
            let begins = !text[..at].ends_with(inside);
            let is_it = rest.get(..self.from.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(&self.from));
            let step = if begins && ends && is_it {
                applied.push_str(&self.to);
                self.from.len()
            } else {
                let first = rest.chars().next().map_or(1, char::len_utf8);
                applied.push_str(&rest[..first]);
                first
            };
            at += step;
        }
        applied
    }
}

/// Corrects what is nowhere in the index, in a question that is a name, a path or in words: names, what they
/// are said to be in, names of files, and words of prose.
pub(super) fn corrections(
    snapshot: &Snapshot,
    terms: &QueryTerms,
    allowed: &[bool],
) -> Result<Vec<Correction>, StoreError> {
    let mut found = Vec::new();
    if !matches!(terms.kind, Kind::Name | Kind::Path | Kind::Words) {
        return Ok(found);
    }
    let mut add = |from: &str, to: String| found.push(Correction { from: from.to_owned(), to });
    for Name { text, container } in terms.names.iter().take(MAX_NAMES) {
        if !is_somewhere(snapshot, text)? {
            let word = || if may_be_misspelt(text) { nearest_word(snapshot, text) } else { None };
            if let Some(to) = nearest(snapshot, text, allowed).or_else(word) {
                add(text, to);
            }
        } else if !container.is_empty()
            && !is_somewhere(snapshot, container)?
            && let Some(to) = nearest_container(snapshot, text, container)
        {
            add(container, to);
        }
    }
    for name in terms.absent.iter().take(MAX_NAMES) {
        if let Some(to) = nearest_file(snapshot, name, allowed) {
            add(name, to);
        }
    }
    let mut corrected = 0;
    for word in terms.words.iter().filter(|word| may_be_misspelt(word) && !is_of_code(terms, word)) {
        if corrected < MAX_NAMES
            && !is_somewhere(snapshot, word)?
            && let Some(to) = nearest_word(snapshot, word)
        {
            corrected += 1;
            add(word, to);
        }
    }
    Ok(found)
}

/// Whether a word is long enough to be told from others, and none that is in common use.
fn may_be_misspelt(word: &str) -> bool {
    word.len() >= LEAST_LETTERS_OF_A_WORD
        && word.bytes().all(|byte| byte.is_ascii_lowercase())
        && !is_common_word(word)
        && !super::forms::forms(word).iter().any(|form| is_common_word(form))
}

/// Whether a word is of a name in the question, or of what looks like a file.
fn is_of_code(terms: &QueryTerms, word: &str) -> bool {
    let names = terms.names.iter().flat_map(|name| [&name.text, &name.container]);
    let mut is = false;
    names.chain(&terms.absent).for_each(|name| words::words(name, |part| is |= part == word));
    is
}

/// What a definition of `name` stands in, with few errors between it and `container`: its chunk's container, or
/// what is defined in the same chunk.
fn nearest_container(snapshot: &Snapshot, name: &str, container: &str) -> Option<String> {
    let asked = Asked::of(container, LEAST_LETTERS_OF_A_CONTAINER)?;
    let around = snapshot.defining(name).map(|chunk| snapshot.chunk(chunk)).flat_map(|chunk| {
        let last = chunk.container.rsplit('.').next().unwrap_or_default();
        std::iter::once(last).chain(chunk.defines())
    });
    let near = around.filter_map(|other| Some((asked.near(other)?, other)));
    near.min().map(|(_, other)| other.to_owned())
}

/// The name of a file with the same extension and the fewest errors between it and `name`; of several the
/// first by letters. `Node.js` is a word in common use and meant as it is.
fn nearest_file(snapshot: &Snapshot, name: &str, allowed: &[bool]) -> Option<String> {
    let (stem, extension) = name.rsplit_once('.')?;
    let mut common = true;
    words::words(stem, |word| common &= is_common_word(word));
    let asked = if common { None } else { Asked::new(stem) }?;
    let files = snapshot.files.iter().zip(allowed).filter(|(_, allowed)| **allowed);
    let near = |name: &'_ str| {
        let (stem, other) = name.rsplit_once('.')?;
        if other == extension { asked.near(stem) } else { None }
    };
    let names = files.map(|(file, _)| file.path.file_name());
    names.filter_map(|other| Some((near(other)?, other))).min().map(|(_, other)| other.to_owned())
}

/// The word in defined names with the fewest errors between it and `word`, which begins alike; of several the
/// one that most names have.
fn nearest_word(snapshot: &Snapshot, word: &str) -> Option<String> {
    let asked = Asked::new(word)?;
    let nearest = |name: &str| {
        let mut best: Option<(usize, String)> = None;
        words::words(name, |other| {
            let errors = asked.near(other).filter(|_| other.as_bytes().first() == word.as_bytes().first());
            if let Some(errors) = errors.filter(|errors| best.as_ref().is_none_or(|(least, _)| errors < least)) {
                best = Some((errors, other.to_owned()));
            }
        });
        best
    };
    let mut names: BTreeMap<(usize, String), usize> = BTreeMap::new();
    // Nearly all names lack too many of the letters.
    let may = |outline: Outline| (asked.outline.mask & !outline.mask).count_ones() <= u32::from(asked.most);
    for (_, found) in snapshot.names_like(may, nearest) {
        *names.entry(found).or_default() += 1;
    }
    let least = names.keys().next()?.0;
    let alike = names.into_iter().take_while(|((errors, _), _)| *errors == least);
    alike.min_by_key(|(_, count)| usize::MAX - count).map(|((_, other), _)| other)
}

/// Whether the name is defined, or it or a form of it occurs as a word.
fn is_somewhere(snapshot: &Snapshot, name: &str) -> Result<bool, StoreError> {
    if snapshot.defining(name).next().is_some() {
        return Ok(true);
    }
    let whole: String = name_key(name).collect();
    for form in std::iter::once(&whole).chain(&super::forms::forms(&whole)) {
        if snapshot.has_word(lexical::hash(form))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The defined name with the fewest errors between it and `name`; of several the one that begins
/// alike, then the one defined most often, then the first by letters.
fn nearest(snapshot: &Snapshot, name: &str, allowed: &[bool]) -> Option<String> {
    let asked = Asked::new(name)?;
    let near = snapshot.names_like(|outline| asked.may_be(outline), |other| asked.errors(other));
    let is_allowed = |(chunk, _): &(u32, usize)| allowed[snapshot.owner(*chunk)];
    let places = |other: &str| snapshot.spelled(other).iter().filter(|place| is_allowed(place)).count();
    for errors in 0..=usize::from(asked.most) {
        let alike = near.iter().filter(|(_, found)| *found == errors);
        let defined = alike.map(|(other, _)| (*other, places(other))).filter(|(_, places)| *places > 0);
        let begins = |other: &str| name_key(other).next() == asked.letters.first().copied();
        let best = defined.min_by_key(|(other, places)| (!begins(other), usize::MAX - places, *other));
        if let Some((other, _)) = best {
            return Some(other.to_owned());
        }
    }
    None
}

/// A name made ready to be compared with many.
struct Asked {
    letters: Vec<char>,
    outline: Outline,
    most: u8,
}

impl Asked {
    fn new(name: &str) -> Option<Self> {
        Self::of(name, LEAST_LETTERS)
    }

    /// A name of at least so many letters.
    fn of(name: &str, least: usize) -> Option<Self> {
        let letters: Vec<char> = name_key(name).collect();
        if !(least..=MOST_LETTERS).contains(&letters.len()) {
            return None;
        }
        let most = if letters.len() < LETTERS_OF_TWO_ERRORS { 1 } else { 2 };
        Some(Self { outline: Outline::of_letters(letters.iter().copied()), letters, most })
    }

    /// Whether a name of that outline may be near. Nearly all names are told to be farther by their
    /// length, or by the letters that they have.
    fn may_be(&self, Outline { count, mask }: Outline) -> bool {
        let unlike = mask ^ self.outline.mask;
        count.abs_diff(self.outline.count) <= self.most && unlike.count_ones() <= 2 * u32::from(self.most)
    }

    /// As [`Asked::errors`], of a name of which nothing is known yet.
    fn near(&self, other: &str) -> Option<usize> {
        if self.may_be(Outline::of(other)) { self.errors(other) } else { None }
    }

    /// How many errors make the two names one, if few enough.
    fn errors(&self, other: &str) -> Option<usize> {
        let letters: Vec<char> = name_key(other).collect();
        Some(distance(&self.letters, &letters)).filter(|errors| *errors <= usize::from(self.most))
    }
}

/// Letters put in, taken out, replaced, or exchanged with their neighbour (Damerau 1964, each letter
/// in one error at most).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.iter().enumerate() {
        let mut row = vec![i + 1; b.len() + 1];
        for (j, other) in b.iter().enumerate() {
            let mut least = (last[j] + usize::from(letter != other)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *letter == b[j - 1] && a[i - 1] == *other {
                least = least.min(before[j - 1] + 1);
            }
            row[j + 1] = least;
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_counted_up_to_a_few() {
        for (asked, other, errors) in [
            ("getUserByld", "getUserById", Some(1)),
            ("getUserByld", "get_user_by_id", Some(1)),
            ("getUesrById", "getUserById", Some(1)),
            ("getUsrByIdd", "getUserById", Some(2)),
            ("getUserById", "getOrderById", None),
            ("pool", "poll", Some(1)),
            ("pool", "bowl", None),
            ("retry", "retries", None),
        ] {
            let asked = Asked::new(asked).expect("long enough");
            assert_eq!(asked.errors(other), errors, "{other}");
            assert!(errors.is_none() || asked.may_be(Outline::of(other)), "{other}");
        }
        assert!(Asked::new("abc").is_none());
        assert_eq!(distance(&['a', 'b'], &['b', 'a']), 1);
    }

    #[test]
    fn names_are_replaced_as_a_whole() {
        let correction = Correction { from: "pol".to_owned(), to: "Pool".to_owned() };
        for (text, applied) in [
            ("Pol.acquire in policy.rs", "Pool.acquire in policy.rs"),
            ("pol", "Pool"),
            ("a_pol pol_a (pol)", "a_pol pol_a (Pool)"),
            ("größe pol", "größe Pool"),
        ] {
            assert_eq!(correction.applied(text), applied);
        }
    }
}
