//! Forms of English words, so that "retries", "retried" and "retry" meet.
//!
//! Must never import: anything of this crate but `embed::words`.

use std::borrow::Cow;

use crate::embed::words;

/// Shortest word that has other forms.
const LEAST_BYTES: usize = 3;

/// A word without its English ending. A crude form of Porter's first step (1980); both sides of a
/// comparison go through it.
pub(super) fn root(word: &str) -> String {
    let (stem, ending) = cut(word);
    format!("{stem}{ending}")
}

/// A word's root, in two pieces.
fn cut(word: &str) -> (&str, &'static str) {
    let stem = |suffix: &str, least: usize| word.strip_suffix(suffix).filter(|stem| stem.len() >= least);
    if let Some(stem) = stem("ies", 2).or_else(|| stem("ied", 2)) {
        return (stem, "y");
    }
    let cut = stem("ing", 4)
        .map(undouble)
        .or_else(|| stem("ed", 3).map(undouble))
        .or_else(|| stem("es", 3))
        .or_else(|| stem("s", 3).filter(|stem| !stem.ends_with('s')))
        .unwrap_or(word);
    (cut.strip_suffix('e').filter(|short| short.len() >= 3).unwrap_or(cut), "")
}

/// `stopp` of "stopped" is `stop`.
fn undouble(stem: &str) -> &str {
    let mut last = stem.chars().rev();
    match (last.next(), last.next()) {
        (Some(a), Some(b)) if a == b && !matches!(a, 'l' | 's' | 'z') => &stem[..stem.len() - a.len_utf8()],
        _ => stem,
    }
}

/// Distinct roots of words, rising, by their hashes: thousands of names are compared with a question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Roots<'r>(Cow<'r, [u64]>);

impl<'r> Roots<'r> {
    /// Of the words of `text`, numbers left out.
    pub fn of(text: &str) -> Self {
        let mut roots = Vec::new();
        words::words(text, |word| {
            if !word.bytes().all(|byte| byte.is_ascii_digit()) {
                insert(&mut roots, hash(word));
            }
        });
        Self(Cow::Owned(roots))
    }

    /// Those that [`Roots::hashes`] gave.
    pub fn kept(hashes: &'r [u64]) -> Self {
        Self(Cow::Borrowed(hashes))
    }

    /// To be kept.
    pub fn hashes(&self) -> &[u64] {
        &self.0
    }

    /// Takes those of `other` in.
    pub fn add(&mut self, other: &Roots<'_>) {
        let roots = self.0.to_mut();
        other.0.iter().for_each(|hash| insert(roots, *hash));
    }

    /// Whether the root of `word` is among them.
    pub fn have(&self, word: &str) -> bool {
        self.has(hash(word))
    }

    fn has(&self, hash: u64) -> bool {
        self.0.binary_search(&hash).is_ok()
    }

    /// Share of these that are among `others`; 0 for none.
    pub fn share(&self, others: &Roots<'_>) -> f32 {
        share(self.0.iter().filter(|hash| others.has(**hash)).count(), self.0.len())
    }

    /// How well these, a name's, fit those that are asked for, alone or together with those of what it stands in. It
    /// is the geometric mean of both shares: a name of two words that are both asked for beats one of five that
    /// has the same two.
    pub fn fit(&self, container: &Roots<'_>, asked: &Roots<'_>) -> f32 {
        let mean = |shared: usize, of: usize| (share(shared, of) * share(shared, asked.0.len())).sqrt();
        let mut shared = self.0.iter().filter(|hash| asked.has(**hash)).count();
        let alone = mean(shared, self.0.len());
        let mut count = self.0.len();
        for hash in container.0.iter().filter(|hash| !self.has(**hash)) {
            count += 1;
            shared += usize::from(asked.has(*hash));
        }
        alone.max(mean(shared, count))
    }
}

fn insert(roots: &mut Vec<u64>, hash: u64) {
    if let Err(place) = roots.binary_search(&hash) {
        roots.insert(place, hash);
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of words in a name are small")]
fn share(some: usize, all: usize) -> f32 {
    if all == 0 { 0.0 } else { some as f32 / all as f32 }
}

/// FNV-1a (Fowler, Noll, Vo) of a word's root.
fn hash(word: &str) -> u64 {
    let (stem, ending) = cut(word);
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    stem.bytes().chain(ending.bytes()).fold(0xcbf2_9ce4_8422_2325, step)
}

/// Other words with the same root, likely or not; none for a short word or one with digits.
pub(super) fn forms(word: &str) -> Vec<String> {
    if word.len() < LEAST_BYTES || !word.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return Vec::new();
    }
    let root = root(word);
    let mut forms: Vec<String> =
        ["", "e", "s", "es", "ed", "ing", "er"].iter().map(|ending| format!("{root}{ending}")).collect();
    if let Some(stem) = root.strip_suffix('y') {
        forms.extend(["ies", "ied"].iter().map(|ending| format!("{stem}{ending}")));
    }
    forms.retain(|form| form != word && form.len() >= LEAST_BYTES);
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_a_word_meet() {
        for pair in [
            ["retry", "retries"],
            ["parse", "parsing"],
            ["stop", "stopped"],
            ["handle", "handled"],
            ["class", "classes"],
            ["cache", "caching"],
        ] {
            assert_eq!(root(pair[0]), root(pair[1]), "{pair:?}");
        }
        assert_ne!(root("process"), root("proces"));
    }

    #[test]
    fn a_name_fits_by_what_it_has_and_what_it_has_beside_that() {
        let fit = |name: &str, container: &str| {
            let asked = Roots::of("open the connection pool");
            Roots::of(name).fit(&Roots::of(container), &asked)
        };
        assert!((fit("connectionPool", "") - (2.0_f32 / 2.0 * 2.0 / 4.0).sqrt()).abs() < 1e-6);
        assert!((fit("openPools", "Connection") - (3.0_f32 / 3.0 * 3.0 / 4.0).sqrt()).abs() < 1e-6);
        assert!(fit("connectionPool", "") > fit("connectionPoolOfMany", ""));
        assert!((fit("pool", "Other.Pool.Registry") - fit("pool", "")).abs() < 1e-6, "alone it fits better");
        assert!(fit("x", "") < 1e-6 && fit("", "").abs() < 1e-6);
    }

    #[test]
    fn a_word_s_forms_have_its_root() {
        assert!(forms("retries").contains(&"retry".to_owned()));
        assert!(forms("handler").contains(&"handlers".to_owned()));
        assert!(forms("parse").contains(&"parsing".to_owned()) && !forms("parse").contains(&"parse".to_owned()));
        assert!(forms("io").is_empty() && forms("sha256").is_empty());
    }
}
