//! Corrects misspelled names and words in a query.

use std::collections::BTreeMap;

use super::names::{LetterProfile, name_key};
use super::query::{QueryKind, QueryName, QueryTerms};
use super::snapshot::Snapshot;
use embed::is_common_word;
use store::StoreError;
use store::lexical;
use text::words;

/// Minimum length of a corrected name, because shorter names have too many similar ones.
const MIN_NAME_LETTERS: usize = 4;

/// Maximum length of a corrected name; longer names are rarely typed.
const MAX_NAME_LETTERS: usize = 64;

/// From this length, a name may have two errors.
const MIN_LETTERS_FOR_TWO_ERRORS: usize = 8;

/// Minimum length of a corrected word of prose.
const MIN_WORD_LETTERS: usize = 6;

/// Minimum length of a corrected container. It may be short because it is compared with few names.
const MIN_CONTAINER_LETTERS: usize = 3;

/// Maximum number of names, and of words, corrected in one query.
const MAX_CORRECTIONS: usize = 2;

/// A name that does not occur in the index, and its replacement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Correction {
    pub from: String,
    pub to: String,
}

impl Correction {
    /// Replaces every occurrence of the name as a whole word, ignoring case.
    pub fn apply_to(&self, text: &str) -> String {
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

/// Finds corrections for names, containers, file names and words of a query that do not occur in the index.
///
/// Stack traces and code are not corrected.
///
/// # Errors
/// If the inverted index cannot be read.
pub(super) fn find_corrections(
    snapshot: &Snapshot,
    terms: &QueryTerms,
    allowed: &[bool],
) -> Result<Vec<Correction>, StoreError> {
    let mut found = Vec::new();
    if !matches!(terms.kind, QueryKind::Name | QueryKind::Path | QueryKind::Words) {
        return Ok(found);
    }
    let mut add = |from: &str, to: String| found.push(Correction { from: from.to_owned(), to });
    for QueryName { text, container } in terms.names.iter().take(MAX_CORRECTIONS) {
        if !occurs_in_index(snapshot, text)? {
            let word = || if is_correctable_word(text) { find_nearest_word(snapshot, text) } else { None };
            if let Some(to) = find_nearest_name(snapshot, text, allowed).or_else(word) {
                add(text, to);
            }
        } else if !container.is_empty()
            && !occurs_in_index(snapshot, container)?
            && let Some(to) = find_nearest_container(snapshot, text, container)
        {
            add(container, to);
        }
    }
    for name in terms.missing_files.iter().take(MAX_CORRECTIONS) {
        if let Some(to) = find_nearest_file(snapshot, name, allowed) {
            add(name, to);
        }
    }
    let mut corrected = 0;
    for word in terms.words.iter().filter(|word| is_correctable_word(word) && !is_part_of_name(terms, word)) {
        if corrected < MAX_CORRECTIONS
            && !occurs_in_index(snapshot, word)?
            && let Some(to) = find_nearest_word(snapshot, word)
        {
            corrected += 1;
            add(word, to);
        }
    }
    Ok(found)
}

/// Returns whether a word is long enough and not a common English word.
fn is_correctable_word(word: &str) -> bool {
    word.len() >= MIN_WORD_LETTERS
        && word.bytes().all(|byte| byte.is_ascii_lowercase())
        && !is_common_word(word)
        && !super::forms::inflections(word).iter().any(|form| is_common_word(form))
}

/// Returns whether a word is part of a name or a file name in the query.
fn is_part_of_name(terms: &QueryTerms, word: &str) -> bool {
    let names = terms.names.iter().flat_map(|name| [&name.text, &name.container]);
    let mut is = false;
    names.chain(&terms.missing_files).for_each(|name| words::for_each_word(name, |part| is |= part == word));
    is
}

/// Returns the container of a definition of `name` that is most similar to `container`: its chunk's container,
/// or another definition in the chunk.
fn find_nearest_container(snapshot: &Snapshot, name: &str, container: &str) -> Option<String> {
    let wanted = FuzzyName::with_min_letters(container, MIN_CONTAINER_LETTERS)?;
    let around = snapshot.chunks_defining(name).map(|chunk| snapshot.chunk(chunk)).flat_map(|chunk| {
        let last = chunk.container.rsplit('.').next().unwrap_or_default();
        std::iter::once(last).chain(chunk.defines())
    });
    let near = around.filter_map(|other| Some((wanted.distance_to(other)?, other)));
    near.min().map(|(_, other)| other.to_owned())
}

/// Returns the most similar file name with the same extension, the alphabetically first of several.
///
/// Names of common words, such as `Node.js`, are not corrected.
fn find_nearest_file(snapshot: &Snapshot, name: &str, allowed: &[bool]) -> Option<String> {
    let (stem, extension) = name.rsplit_once('.')?;
    let mut common = true;
    words::for_each_word(stem, |word| common &= is_common_word(word));
    let wanted = if common { None } else { FuzzyName::new(stem) }?;
    let files = snapshot.files.iter().zip(allowed).filter(|(_, allowed)| **allowed);
    let near = |name: &'_ str| {
        let (stem, other) = name.rsplit_once('.')?;
        if other == extension { wanted.distance_to(stem) } else { None }
    };
    let names = files.map(|(file, _)| file.path.file_name());
    names.filter_map(|other| Some((near(other)?, other))).min().map(|(_, other)| other.to_owned())
}

/// Returns the most similar word in defined names that has the same first letter; of several, the most
/// frequent.
fn find_nearest_word(snapshot: &Snapshot, word: &str) -> Option<String> {
    let wanted = FuzzyName::new(word)?;
    let nearest = |name: &str| {
        let mut best: Option<(usize, String)> = None;
        words::for_each_word(name, |other| {
            let errors = wanted.distance_to(other).filter(|_| other.as_bytes().first() == word.as_bytes().first());
            if let Some(errors) = errors.filter(|errors| best.as_ref().is_none_or(|(least, _)| errors < least)) {
                best = Some((errors, other.to_owned()));
            }
        });
        best
    };
    let mut names: BTreeMap<(usize, String), usize> = BTreeMap::new();
    // The letters rule out nearly all names.
    let is_allowed =
        |profile: LetterProfile| (wanted.profile.mask & !profile.mask).count_ones() <= u32::from(wanted.max_errors);
    for (_, found) in snapshot.match_names_with_profile(is_allowed, nearest) {
        *names.entry(found).or_default() += 1;
    }
    let least = names.keys().next()?.0;
    let alike = names.into_iter().take_while(|((errors, _), _)| *errors == least);
    alike.min_by_key(|(_, count)| usize::MAX - count).map(|((_, other), _)| other)
}

/// Returns whether a definition has the name, or the text of a chunk contains it or an inflection of it.
fn occurs_in_index(snapshot: &Snapshot, name: &str) -> Result<bool, StoreError> {
    if snapshot.chunks_defining(name).next().is_some() {
        return Ok(true);
    }
    let whole: String = name_key(name).collect();
    for form in std::iter::once(&whole).chain(&super::forms::inflections(&whole)) {
        if snapshot.has_word(lexical::hash_term(form))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns the most similar defined name; of several, one with the same first letter, then the most often
/// defined one, then the alphabetically first.
fn find_nearest_name(snapshot: &Snapshot, name: &str, allowed: &[bool]) -> Option<String> {
    let wanted = FuzzyName::new(name)?;
    let near =
        snapshot.match_names_with_profile(|profile| wanted.may_match(profile), |other| wanted.bounded_distance(other));
    let is_allowed = |(chunk, _): &(u32, usize)| allowed[snapshot.file_of_chunk(*chunk)];
    let places = |other: &str| snapshot.definitions_spelled(other).iter().filter(|place| is_allowed(place)).count();
    for errors in 0..=usize::from(wanted.max_errors) {
        let alike = near.iter().filter(|(_, found)| *found == errors);
        let defined = alike.map(|(other, _)| (*other, places(other))).filter(|(_, places)| *places > 0);
        let begins = |other: &str| name_key(other).next() == wanted.letters.first().copied();
        let best = defined.min_by_key(|(other, places)| (!begins(other), usize::MAX - places, *other));
        if let Some((other, _)) = best {
            return Some(other.to_owned());
        }
    }
    None
}

/// A name prepared for comparison with many others.
struct FuzzyName {
    letters: Vec<char>,
    profile: LetterProfile,
    max_errors: u8,
}

impl FuzzyName {
    fn new(name: &str) -> Option<Self> {
        Self::with_min_letters(name, MIN_NAME_LETTERS)
    }

    /// Prepares a name; `None` if it has fewer than `min_letters` or too many letters.
    fn with_min_letters(name: &str, min_letters: usize) -> Option<Self> {
        let letters: Vec<char> = name_key(name).collect();
        if !(min_letters..=MAX_NAME_LETTERS).contains(&letters.len()) {
            return None;
        }
        let max_errors = if letters.len() < MIN_LETTERS_FOR_TWO_ERRORS { 1 } else { 2 };
        Some(Self { profile: LetterProfile::from_letters(letters.iter().copied()), letters, max_errors })
    }

    /// Returns whether a name with this profile may be within the maximum distance. The letters and the length
    /// rule out nearly all names.
    fn may_match(&self, LetterProfile { count, mask }: LetterProfile) -> bool {
        let unlike = mask ^ self.profile.mask;
        count.abs_diff(self.profile.count) <= self.max_errors && unlike.count_ones() <= 2 * u32::from(self.max_errors)
    }

    /// Returns the distance as [`FuzzyName::bounded_distance`] does, but tests the letter profile first.
    fn distance_to(&self, other: &str) -> Option<usize> {
        if self.may_match(LetterProfile::from_name(other)) { self.bounded_distance(other) } else { None }
    }

    /// Returns the edit distance to another name, ignoring case and separators; `None` above the maximum.
    fn bounded_distance(&self, other: &str) -> Option<usize> {
        let letters: Vec<char> = name_key(other).collect();
        Some(alignment_distance(&self.letters, &letters)).filter(|errors| *errors <= usize::from(self.max_errors))
    }
}

/// Returns the optimal string alignment distance: insertions, deletions, replacements and swaps of adjacent
/// letters (Damerau 1964, with each letter edited at most once).
fn alignment_distance(a: &[char], b: &[char]) -> usize {
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
    fn errors_are_counted_up_to_a_limit() {
        for (wanted, other, errors) in [
            ("getUserByld", "getUserById", Some(1)),
            ("getUserByld", "get_user_by_id", Some(1)),
            ("getUesrById", "getUserById", Some(1)),
            ("getUsrByIdd", "getUserById", Some(2)),
            ("getUserById", "getOrderById", None),
            ("pool", "poll", Some(1)),
            ("pool", "bowl", None),
            ("retry", "retries", None),
        ] {
            let wanted = FuzzyName::new(wanted).expect("long enough");
            assert_eq!(wanted.bounded_distance(other), errors, "{other}");
            assert!(errors.is_none() || wanted.may_match(LetterProfile::from_name(other)), "{other}");
        }
        assert!(FuzzyName::new("abc").is_none());
        assert_eq!(alignment_distance(&['a', 'b'], &['b', 'a']), 1);
    }

    #[test]
    fn names_are_replaced_as_a_whole() {
        let correction = Correction { from: "pol".to_owned(), to: "Pool".to_owned() };
        for (text, corrected) in [
            ("Pol.acquire in policy.rs", "Pool.acquire in policy.rs"),
            ("pol", "Pool"),
            ("a_pol pol_a (pol)", "a_pol pol_a (Pool)"),
            ("größe pol", "größe Pool"),
        ] {
            assert_eq!(correction.apply_to(text), corrected);
        }
    }
}
