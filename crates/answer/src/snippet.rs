//! Chooses the lines of a hit that are shown: its signature and the lines that match the query.
//!
//! Invariants: the chosen lines are in order, at most the requested number, and include the line of
//! the signature.

use std::collections::BTreeSet;

use text::words::for_each_word;

/// Words that are too common in code and queries to select lines.
const COMMON: &[&str] = &[
    "the", "and", "for", "how", "are", "was", "what", "where", "when", "which", "with", "that", "this", "does", "from",
    "into",
];

/// Minimum length of a query word in characters; shorter words occur in too many lines.
const MIN_WORD_CHARS: usize = 3;

/// Returns the prefixes of the words of a query in lower case, so that `connection` also matches `connect`.
pub fn query_prefixes(query: &str) -> Vec<String> {
    let mut prefixes: Vec<String> = Vec::new();
    for_each_word(query, |word| {
        let chars = word.chars().count();
        if chars < MIN_WORD_CHARS || COMMON.contains(&word) {
            return;
        }
        let prefix: String = word.chars().take(chars.saturating_sub(3).max(4)).collect();
        if !prefixes.contains(&prefix) {
            prefixes.push(prefix);
        }
    });
    prefixes
}

/// Returns the indices of at most `max_lines` lines: the signature, then lines with words of the query
/// and their neighbours, then the lines after and before the signature.
pub fn choose_lines(lines: &[&str], signature: &str, words: &[String], max_lines: usize) -> Vec<usize> {
    let used = lines.iter().rposition(|line| !line.trim().is_empty()).map_or(0, |last| last + 1);
    let lines = &lines[..used];
    if lines.len() <= max_lines {
        return (0..lines.len()).collect();
    }
    let first = find_signature_line(lines, signature);
    let mut chosen = BTreeSet::from([first]);
    let mut add = |at: Option<usize>| {
        if let Some(at) = at.filter(|at| *at < lines.len() && chosen.len() < max_lines) {
            chosen.insert(at);
        }
    };
    let has_text = |at: &usize| lines.get(*at).is_some_and(|line| !line.trim().is_empty());
    for at in rank_matching_lines(lines, words) {
        add(Some(at));
        add(at.checked_add(1).filter(has_text));
        add(at.checked_sub(1).filter(has_text));
    }
    for at in first..first.saturating_add(max_lines) {
        add(Some(at));
    }
    for at in (0..first).rev() {
        add(Some(at));
    }
    chosen.into_iter().collect()
}

/// Returns the indices of lines with words of the query; the lines with the most words come first.
fn rank_matching_lines(lines: &[&str], words: &[String]) -> Vec<usize> {
    let mut matches = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let line = line.to_lowercase();
        let hits = words.iter().filter(|word| line.contains(word.as_str())).count();
        if hits > 0 {
            matches.push((hits, at));
        }
    }
    matches.sort_by_key(|(hits, at)| (std::cmp::Reverse(*hits), *at));
    matches.into_iter().map(|(_, at)| at).collect()
}

/// Returns the index of the line with the most words of the query; `None` if no line has any.
pub(crate) fn find_best_line(lines: &[&str], words: &[String]) -> Option<usize> {
    rank_matching_lines(lines, words).first().copied()
}

/// Returns the index of the line on which `signature` (white space collapsed) starts, or 0.
pub(crate) fn find_signature_line(lines: &[&str], signature: &str) -> usize {
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
    fn inflected_words_share_a_prefix() {
        assert_eq!(query_prefixes("how is the connectionPool retried, retries?"), ["connect", "pool", "retr"]);
        assert_eq!(query_prefixes("a b"), Vec::<String>::new());
    }

    #[test]
    fn a_short_text_is_shown_whole_without_blank_lines_at_its_end() {
        assert_eq!(choose_lines(&["a", "", "b", "  "], "", &[], 12), [0, 1, 2]);
        assert_eq!(choose_lines(&[], "", &[], 12), Vec::<usize>::new());
    }

    #[test]
    fn the_signature_and_the_lines_with_words_of_the_query_are_kept() {
        let mut lines = vec!["filler"; 60];
        lines[2] = "pub fn  open(";
        lines[40] = "    retry_after(delay)";
        let chosen = choose_lines(&lines, "pub fn open( path: &Path )", &query_prefixes("retry"), 6);
        assert_eq!(chosen, [2, 3, 4, 39, 40, 41]);
    }

    #[test]
    fn at_most_the_requested_number_of_lines_is_chosen() {
        let lines = vec!["retry"; 60];
        assert_eq!(choose_lines(&lines, "nowhere", &query_prefixes("retry"), 12).len(), 12);
    }

    #[test]
    fn lines_before_the_signature_fill_the_rest() {
        let mut lines = vec!["filler"; 20];
        lines[19] = "fn last()";
        assert_eq!(choose_lines(&lines, "fn last()", &[], 3), [17, 18, 19]);
    }
}
