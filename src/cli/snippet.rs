//! Which lines of a hit are shown.
//!
//! Invariants: at most as many lines as asked for, in order, the signature's line among them.
//! Must never import: anything of this crate.

use std::collections::BTreeSet;

/// Words that are in every program and every question.
const COMMON: &[&str] = &[
    "the", "and", "for", "how", "are", "was", "what", "where", "when", "which", "with", "that", "this", "does", "from",
    "into",
];

/// Shorter words stand in too many lines to tell anything.
const MIN_WORD_CHARS: usize = 3;

/// The beginnings of the words of a query, lower case: `connection` also finds `connect`.
pub fn query_words(query: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in split_words(query) {
        let chars = word.chars().count();
        if chars < MIN_WORD_CHARS || COMMON.contains(&word.as_str()) {
            continue;
        }
        let stem: String = word.chars().take(chars.saturating_sub(3).max(4)).collect();
        if !words.contains(&stem) {
            words.push(stem);
        }
    }
    words
}

/// `parseHTTPHeader now` → `parse`, `httpheader`, `now`.
fn split_words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower = false;
    for c in text.chars() {
        if !c.is_alphanumeric() || (lower && c.is_uppercase()) {
            words.push(String::new());
        }
        if c.is_alphanumeric() {
            words.last_mut().into_iter().for_each(|word| word.extend(c.to_lowercase()));
        }
        lower = c.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Indices of at most `most` of `lines`: the signature, then lines with words of the query and
/// their neighbours, then what follows the signature.
pub fn choose(lines: &[&str], signature: &str, words: &[String], most: usize) -> Vec<usize> {
    let used = lines.iter().rposition(|line| !line.trim().is_empty()).map_or(0, |last| last + 1);
    let lines = &lines[..used];
    if lines.len() <= most {
        return (0..lines.len()).collect();
    }
    let first = signature_line(lines, signature);
    let mut chosen = BTreeSet::from([first]);
    let mut add = |at: Option<usize>| {
        if let Some(at) = at.filter(|at| *at < lines.len() && chosen.len() < most) {
            chosen.insert(at);
        }
    };
    let written = |at: &usize| lines.get(*at).is_some_and(|line| !line.trim().is_empty());
    for at in matching(lines, words) {
        add(Some(at));
        add(at.checked_add(1).filter(written));
        add(at.checked_sub(1).filter(written));
    }
    for at in first..first.saturating_add(most) {
        add(Some(at));
    }
    for at in (0..first).rev() {
        add(Some(at));
    }
    chosen.into_iter().collect()
}

/// Lines with words of the query, those with most of them first.
fn matching(lines: &[&str], words: &[String]) -> Vec<usize> {
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let line = line.to_lowercase();
        let hits = words.iter().filter(|word| line.contains(word.as_str())).count();
        if hits > 0 {
            found.push((hits, at));
        }
    }
    found.sort_by_key(|(hits, at)| (std::cmp::Reverse(*hits), *at));
    found.into_iter().map(|(_, at)| at).collect()
}

/// The line on which `signature` (white space collapsed) begins; the first line if none does.
fn signature_line(lines: &[&str], signature: &str) -> usize {
    if signature.is_empty() {
        return 0;
    }
    let begins = |line: &&str| {
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        !line.is_empty() && (signature.starts_with(&line) || line.starts_with(signature))
    };
    lines.iter().position(begins).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_their_other_forms() {
        assert_eq!(query_words("how is the connectionPool retried, retries?"), ["connect", "pool", "retr"]);
        assert_eq!(query_words("a b"), Vec::<String>::new());
    }

    #[test]
    fn a_short_text_is_shown_whole_without_blank_lines_at_its_end() {
        assert_eq!(choose(&["a", "", "b", "  "], "", &[], 12), [0, 1, 2]);
        assert_eq!(choose(&[], "", &[], 12), Vec::<usize>::new());
    }

    #[test]
    fn the_signature_and_the_lines_with_words_of_the_query_are_kept() {
        let mut lines = vec!["filler"; 60];
        lines[2] = "pub fn  open(";
        lines[40] = "    retry_after(delay)";
        let chosen = choose(&lines, "pub fn open( path: &Path )", &query_words("retry"), 6);
        assert_eq!(chosen, [2, 3, 4, 39, 40, 41]);
    }

    #[test]
    fn never_more_lines_than_asked_for() {
        let lines = vec!["retry"; 60];
        assert_eq!(choose(&lines, "nowhere", &query_words("retry"), 12).len(), 12);
    }

    #[test]
    fn the_end_of_a_text_is_filled_up_from_before() {
        let mut lines = vec!["filler"; 20];
        lines[19] = "fn last()";
        assert_eq!(choose(&lines, "fn last()", &[], 3), [17, 18, 19]);
    }
}
