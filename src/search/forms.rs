//! Forms of English words, so that "retries", "retried" and "retry" meet.
//!
//! Must never import: anything of this crate but `embed::words`.

use std::collections::HashSet;

use crate::embed::words;

/// Shortest word that has other forms.
const LEAST_BYTES: usize = 3;

/// A word without its English ending. A crude form of Porter's first step (1980); both sides of a
/// comparison go through it.
pub(super) fn root(word: &str) -> String {
    let stem = |suffix: &str, least: usize| word.strip_suffix(suffix).filter(|stem| stem.len() >= least);
    let cut = stem("ies", 2)
        .or_else(|| stem("ied", 2))
        .map(|stem| format!("{stem}y"))
        .or_else(|| stem("ing", 4).map(undouble))
        .or_else(|| stem("ed", 3).map(undouble))
        .or_else(|| stem("es", 3).map(str::to_owned))
        .or_else(|| stem("s", 3).filter(|stem| !stem.ends_with('s')).map(str::to_owned))
        .unwrap_or_else(|| word.to_owned());
    match cut.strip_suffix('e') {
        Some(short) if short.len() >= 3 => short.to_owned(),
        _ => cut,
    }
}

/// `stopp` of "stopped" is `stop`.
fn undouble(stem: &str) -> String {
    let mut last = stem.chars().rev();
    match (last.next(), last.next()) {
        (Some(a), Some(b)) if a == b && !matches!(a, 'l' | 's' | 'z') => stem[..stem.len() - a.len_utf8()].to_owned(),
        _ => stem.to_owned(),
    }
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

/// The roots of the words of `text`, numbers left out.
pub(super) fn roots(text: &str) -> HashSet<String> {
    let mut found = HashSet::new();
    words::words(text, |word| {
        if !word.bytes().all(|byte| byte.is_ascii_digit()) {
            found.insert(root(word));
        }
    });
    found
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
    fn a_word_s_forms_have_its_root() {
        assert!(forms("retries").contains(&"retry".to_owned()));
        assert!(forms("handler").contains(&"handlers".to_owned()));
        assert!(forms("parse").contains(&"parsing".to_owned()) && !forms("parse").contains(&"parse".to_owned()));
        assert!(forms("io").is_empty() && forms("sha256").is_empty());
    }
}
