//! Names that are written a letter wrong.
//!
//! Must never import: anything above `search`.

use super::keys::{Outline, name_key};
use super::query::{Kind, Name, QueryTerms};
use super::snapshot::Snapshot;
use crate::lexical;
use crate::store::StoreError;

/// A shorter name has too many neighbours.
const LEAST_LETTERS: usize = 4;

/// A longer one is rarely typed.
const MOST_LETTERS: usize = 64;

/// A name of so many letters may have two errors.
const LETTERS_OF_TWO_ERRORS: usize = 8;

/// Most names of one question that are looked for.
const MAX_NAMES: usize = 2;

/// A name of a question that is nowhere, and the defined one that it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Correction {
    pub from: String,
    pub to: String,
}

/// Corrects names that are nowhere in the index, in a question that is a name or in words.
pub(super) fn corrections(
    snapshot: &Snapshot,
    terms: &QueryTerms,
    allowed: &[bool],
) -> Result<Vec<Correction>, StoreError> {
    let mut found = Vec::new();
    if !matches!(terms.kind, Kind::Name | Kind::Words) {
        return Ok(found);
    }
    for Name { text, .. } in terms.names.iter().take(MAX_NAMES) {
        if !is_somewhere(snapshot, text)?
            && let Some(to) = nearest(snapshot, text, allowed)
        {
            found.push(Correction { from: text.clone(), to });
        }
    }
    Ok(found)
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
        let letters: Vec<char> = name_key(name).collect();
        if !(LEAST_LETTERS..=MOST_LETTERS).contains(&letters.len()) {
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
}
