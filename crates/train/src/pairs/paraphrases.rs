//! Pairs of an everyday phrase and the terms that code uses for the same thing, from a file.
//!
//! Each line has the phrase, a tab, and terms separated by commas. The first term identifies the concept: phrases of
//! one concept are not negatives of each other.

use super::text_pair::{PairKind, TextPair, TrainingRepository, hash_text};

/// Maximum number of pairs in a group. A batch draws from several groups, so small ones spread the phrases.
const GROUP_PAIRS: usize = 800;

/// A line that is not a phrase, a tab and terms.
#[derive(Debug, thiserror::Error)]
#[error("line {line} is not a phrase, a tab and terms: {text:?}")]
pub struct InvalidParaphrase {
    /// Number of the line, from 1.
    pub line: usize,
    pub text: String,
}

/// Reads the pairs of a file's text, in groups of similar size.
///
/// # Errors
///
/// Fails at the first line that is not a phrase, a tab and terms. Blank lines and lines that start with `#` are
/// skipped.
pub fn read_paraphrases(text: &str) -> Result<Vec<TrainingRepository>, InvalidParaphrase> {
    let mut pairs = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        if text.trim().is_empty() || text.starts_with('#') {
            continue;
        }
        let parts = text.split_once('\t').map(|(phrase, terms)| (phrase.trim(), terms.trim()));
        let Some((phrase, terms)) = parts.filter(|(phrase, terms)| !phrase.is_empty() && !terms.is_empty()) else {
            return Err(InvalidParaphrase { line, text: text.to_owned() });
        };
        let concept = terms.split(',').next().unwrap_or(terms).trim().to_lowercase();
        pairs.push(TextPair {
            kind: PairKind::Paraphrase,
            query: phrase.to_owned(),
            passage: terms.replace(',', " "),
            path: String::new(),
            target: hash_text(&concept),
        });
    }
    // Order by content, so that a group has many concepts however the file is sorted.
    pairs.sort_by_key(|pair| hash_text(&pair.query));
    let groups = pairs.len().div_ceil(GROUP_PAIRS).max(1);
    let size = pairs.len().div_ceil(groups).max(1);
    let named = |(number, pairs): (usize, &[TextPair])| TrainingRepository {
        name: format!("paraphrases-{number}"),
        pairs: pairs.to_vec(),
    };
    Ok(pairs.chunks(size).enumerate().map(named).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_of_a_concept_share_its_key() {
        let text = "# comment\ngive up when it takes too long\ttimeout, deadline_exceeded\n\nstop waiting\tTimeout, expire\n\
                    ask again later\tretry, backoff\n";
        let groups = read_paraphrases(text).expect("three pairs");
        let pairs: Vec<&TextPair> = groups.iter().flat_map(|group| &group.pairs).collect();
        let target = |query: &str| pairs.iter().find(|pair| pair.query == query).expect("a pair").target;
        assert_eq!(pairs.len(), 3);
        assert_eq!(target("stop waiting"), target("give up when it takes too long"));
        assert_ne!(target("stop waiting"), target("ask again later"));
    }

    #[test]
    fn a_line_without_terms_is_named() {
        let error = read_paraphrases("a\tb\nno terms\n").expect_err("the second line");
        assert_eq!(error.to_string(), "line 2 is not a phrase, a tab and terms: \"no terms\"");
    }
}
