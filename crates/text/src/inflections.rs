//! Stems and inflections of English words, so that "retries", "retried" and "retry" match each other, and spellings
//! that differ in capitals only, such as "GRÖSSE" and "Größe".

use std::borrow::Cow;

use crate::words::{self, WORD_HASH_START, extend_word_hash};

/// Minimum length of words with inflections, in bytes.
const MIN_INFLECTED_BYTES: usize = 3;

/// Returns a word without its English ending.
///
/// This is a simplified form of the first step of Porter's algorithm (1980). Compared words must both be
/// stemmed.
pub fn stem(word: &str) -> String {
    let (stem, ending) = split_ending(word);
    format!("{stem}{ending}")
}

/// Returns the stem of a word as a part of the word and an ending to append to it.
fn split_ending(word: &str) -> (&str, &'static str) {
    let strip = |suffix: &str, least: usize| word.strip_suffix(suffix).filter(|stem| stem.len() >= least);
    if let Some(stem) = strip("ies", 2).or_else(|| strip("ied", 2)) {
        return (stem, "y");
    }
    let cut = strip("ing", 4)
        .map(undouble)
        .or_else(|| strip("ed", 3).map(undouble))
        .or_else(|| strip("es", 3))
        .or_else(|| strip("s", 3).filter(|stem| !stem.ends_with('s')))
        .unwrap_or(word);
    (cut.strip_suffix('e').filter(|short| short.len() >= 3).unwrap_or(cut), "")
}

/// Removes one of two equal final letters other than `l`, `s` and `z`: `stopp` of "stopped" becomes `stop`.
fn undouble(stem: &str) -> &str {
    let mut last = stem.chars().rev();
    match (last.next(), last.next()) {
        (Some(a), Some(b)) if a == b && !matches!(a, 'l' | 's' | 'z') => &stem[..stem.len() - a.len_utf8()],
        _ => stem,
    }
}

/// The distinct stems of some words, stored as sorted hashes so that a query can be compared with thousands of names
/// quickly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StemSet<'r>(Cow<'r, [u64]>);

impl<'r> StemSet<'r> {
    /// Returns the stems of the words in `text`, without numbers.
    pub fn from_text(text: &str) -> Self {
        let mut stems = Vec::new();
        words::for_each_word(text, |word| {
            if !word.bytes().all(|byte| byte.is_ascii_digit()) {
                insert_sorted(&mut stems, hash_stem(word));
            }
        });
        Self(Cow::Owned(stems))
    }

    /// Creates a set from hashes that [`StemSet::hashes`] returned.
    pub fn from_hashes(hashes: &'r [u64]) -> Self {
        Self(Cow::Borrowed(hashes))
    }

    /// Returns the sorted hashes of the stems.
    pub fn hashes(&self) -> &[u64] {
        &self.0
    }

    /// Adds the stems of `other`.
    pub fn add(&mut self, other: &StemSet<'_>) {
        let stems = self.0.to_mut();
        other.0.iter().for_each(|hash| insert_sorted(stems, *hash));
    }

    /// Returns whether the set contains the stem of `word`.
    pub fn contains_word(&self, word: &str) -> bool {
        self.contains_hash(hash_stem(word))
    }

    fn contains_hash(&self, hash: u64) -> bool {
        self.0.binary_search(&hash).is_ok()
    }

    /// Returns the fraction of the stems in this set that are also in `others`; 0 if this set is empty.
    pub fn fraction_in(&self, others: &StemSet<'_>) -> f32 {
        ratio(self.0.iter().filter(|hash| others.contains_hash(**hash)).count(), self.0.len())
    }

    /// Scores how well a name with these stems fits a query, alone or together with its container, from 0 to 1.
    ///
    /// The score is the geometric mean of the shared fractions of the name and of the query: of two names that
    /// contain the same two query words, the one with fewer other words is better.
    pub fn fit(&self, container: &StemSet<'_>, query: &StemSet<'_>) -> f32 {
        let mean = |shared: usize, of: usize| (ratio(shared, of) * ratio(shared, query.0.len())).sqrt();
        let mut shared = self.0.iter().filter(|hash| query.contains_hash(**hash)).count();
        let alone = mean(shared, self.0.len());
        let mut count = self.0.len();
        for hash in container.0.iter().filter(|hash| !self.contains_hash(**hash)) {
            count += 1;
            shared += usize::from(query.contains_hash(*hash));
        }
        alone.max(mean(shared, count))
    }
}

fn insert_sorted(stems: &mut Vec<u64>, hash: u64) {
    if let Err(place) = stems.binary_search(&hash) {
        stems.insert(place, hash);
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of words in a name are small")]
fn ratio(some: usize, all: usize) -> f32 {
    if all == 0 { 0.0 } else { some as f32 / all as f32 }
}

/// Returns the hash of a word's stem; see [`hash_word`](words::hash_word).
fn hash_stem(word: &str) -> u64 {
    let (stem, ending) = split_ending(word);
    stem.as_bytes().iter().chain(ending.as_bytes()).fold(WORD_HASH_START, extend_word_hash)
}

/// Returns other words that may have the same stem, and other spellings of the word in lower case, without checking
/// that they exist.
///
/// A short word, and one with characters other than lowercase letters of ASCII, has no inflections, only spellings.
pub fn inflections(word: &str) -> Vec<String> {
    let mut forms = lower_case_spellings(word);
    if word.len() < MIN_INFLECTED_BYTES || !word.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return forms;
    }
    let stem = stem(word);
    forms.extend(["", "e", "s", "es", "ed", "ing", "er"].iter().map(|ending| format!("{stem}{ending}")));
    if let Some(stem) = stem.strip_suffix('y') {
        forms.extend(["ies", "ied"].iter().map(|ending| format!("{stem}{ending}")));
    }
    forms.retain(|form| form != word && form.len() >= MIN_INFLECTED_BYTES);
    forms
}

/// Returns other words in lower case that have the same capitals: `ß` and `ss` are both `SS`, and both forms of the
/// Greek sigma are `Σ`.
fn lower_case_spellings(word: &str) -> Vec<String> {
    let mut spellings = Vec::new();
    if word.contains('ß') {
        spellings.push(word.replace('ß', "ss"));
    } else if word.contains("ss") {
        spellings.push(word.replace("ss", "ß"));
    }
    if let Some(start) = word.strip_suffix('σ') {
        spellings.push(format!("{start}ς"));
    } else if let Some(start) = word.strip_suffix('ς') {
        spellings.push(format!("{start}σ"));
    }
    spellings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inflections_have_the_same_stem() {
        for pair in [
            ["retry", "retries"],
            ["parse", "parsing"],
            ["stop", "stopped"],
            ["handle", "handled"],
            ["class", "classes"],
            ["cache", "caching"],
        ] {
            assert_eq!(stem(pair[0]), stem(pair[1]), "{pair:?}");
        }
        assert_ne!(stem("process"), stem("proces"));
    }

    #[test]
    fn extra_words_in_a_name_lower_its_fit() {
        let fit = |name: &str, container: &str| {
            let query = StemSet::from_text("open the connection pool");
            StemSet::from_text(name).fit(&StemSet::from_text(container), &query)
        };
        assert!((fit("connectionPool", "") - (2.0_f32 / 2.0 * 2.0 / 4.0).sqrt()).abs() < 1e-6);
        assert!((fit("openPools", "Connection") - (3.0_f32 / 3.0 * 3.0 / 4.0).sqrt()).abs() < 1e-6);
        assert!(fit("connectionPool", "") > fit("connectionPoolOfMany", ""));
        assert!((fit("pool", "Other.Pool.Registry") - fit("pool", "")).abs() < 1e-6, "alone it fits better");
        assert!(fit("x", "") < 1e-6 && fit("", "").abs() < 1e-6);
    }

    #[test]
    fn a_word_has_the_inflections_of_its_stem() {
        assert!(inflections("retries").contains(&"retry".to_owned()));
        assert!(inflections("handler").contains(&"handlers".to_owned()));
        assert!(
            inflections("parse").contains(&"parsing".to_owned()) && !inflections("parse").contains(&"parse".to_owned())
        );
        assert!(inflections("io").is_empty() && inflections("sha256").is_empty());
        assert_eq!(inflections("größe"), ["grösse"]);
        assert!(inflections("grösse") == ["größe"] && inflections("strasse").contains(&"straße".to_owned()));
        assert_eq!(
            inflections("ΣΊΣΥΦΟΣ".chars().flat_map(char::to_lowercase).collect::<String>().as_str()),
            ["σίσυφος"]
        );
    }
}
