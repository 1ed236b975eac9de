//! Finds chunks in which a pasted text stands word for word, whole or in runs.
//!
//! An error message is pasted without quotes, and with values where the source has placeholders: `{name}`, `%s`, `${x}`.
//! So the longest run of words that the text and a chunk share is looked for, and further runs before and after it.

use std::collections::HashMap;

use super::lexical::LexicalScores;
use crate::query::terms::is_stop_word;
use crate::snapshot::Snapshot;
use source::language;
use store::StoreError;
use types::ContentKind;

/// Maximum number of chunks whose text is read.
const MAX_CHUNKS: usize = 16;

/// Minimum share of the query's words, by inverse document frequency, in a chunk whose text is read.
const MIN_COVERAGE: f32 = 0.5;

/// Maximum number of words of the pasted text, and of a chunk.
const MAX_PASTED_WORDS: usize = 60;
const MAX_CHUNK_WORDS: usize = 3_000;

/// Minimum number of words in all runs, in the longest run, and in a further run.
const MIN_WORDS: usize = 4;
const MIN_LONGEST: usize = 3;
const MIN_FURTHER: usize = 2;

/// Maximum distance of a further run from the longest one, in words.
const MAX_DISTANCE: usize = 40;

/// Minimum share of a text that stands in a chunk.
const MIN_SHARE: f32 = 0.5;

/// Minimum share of a text that stands in a chunk outside of a string.
const WHOLE_SHARE: f32 = 0.9;

/// Weight of a stop word, relative to another word.
const STOP_WORD_WEIGHT: f32 = 0.3;

/// Returns the share of `text` that stands in each of `chunks` word for word, by chunk number; chunks with less than half
/// of it are left out. `lexical` are the scores of the words of `text`.
///
/// # Errors
/// If a text cannot be read.
pub(crate) fn measure_pasted_shares(
    snapshot: &Snapshot,
    text: &str,
    lexical: &LexicalScores<'_>,
    chunks: impl Iterator<Item = u32>,
) -> Result<HashMap<u32, f32>, StoreError> {
    let pasted: Vec<String> = split_words(text).take(MAX_PASTED_WORDS + 1).map(|(_, word)| word).collect();
    if !(MIN_WORDS..=MAX_PASTED_WORDS).contains(&pasted.len()) {
        return Ok(HashMap::new());
    }
    let with_coverage = chunks.map(|chunk| (chunk, lexical.coverage(lexical.tallies(chunk..chunk + 1)[0].words)));
    let mut covered: Vec<(u32, f32)> = with_coverage.filter(|(_, coverage)| *coverage >= MIN_COVERAGE).collect();
    let order = |(chunk, coverage): &(u32, f32)| (*coverage, lexical.score(*chunk));
    covered.sort_by(|a, b| {
        let (a_order, b_order) = (order(a), order(b));
        b_order.0.total_cmp(&a_order.0).then(b_order.1.total_cmp(&a_order.1)).then(a.0.cmp(&b.0))
    });
    let numbers: Vec<u32> = covered.into_iter().take(MAX_CHUNKS).map(|(chunk, _)| chunk).collect();
    if numbers.is_empty() {
        return Ok(HashMap::new());
    }
    let texts = snapshot.read_texts(&numbers)?;
    let shares = numbers.into_iter().zip(&texts).filter_map(|(chunk, text)| {
        let language = snapshot.languages[snapshot.file_of_chunk(chunk)];
        let is_prose = language::language_content(language) == ContentKind::Docs;
        Some((chunk, pasted_share(&pasted, &text.text, is_prose)?))
    });
    Ok(shares.collect())
}

/// Returns the share of `pasted` that stands in `text` in runs; `None` if it is too small.
///
/// Prose that shares half of its words with a question is no evidence, so a part of a text counts in a string only. In
/// documentation (`is_prose`) a quotation mark begins no string but an example, so only a whole text outside of one counts.
fn pasted_share(pasted: &[String], text: &str, is_prose: bool) -> Option<f32> {
    let (offsets, words): (Vec<usize>, Vec<String>) = split_words(text).take(MAX_CHUNK_WORDS).unzip();
    let words = words.as_slice();
    let (start, at, length) = find_longest_run(pasted, words)?;
    if length < MIN_LONGEST || pasted[start..start + length].iter().filter(|word| !is_stop_word(word)).count() < 2 {
        return None;
    }
    let mut matched: Vec<&String> = pasted[start..start + length].iter().collect();
    let near = at.saturating_sub(MAX_DISTANCE)..words.len().min(at + length + MAX_DISTANCE);
    for (pasted, words) in
        [(&pasted[..start], &words[near.start..at]), (&pasted[start + length..], &words[at + length..near.end])]
    {
        if let Some((start, _, length)) = find_longest_run(pasted, words).filter(|run| run.2 >= MIN_FURTHER) {
            matched.extend(&pasted[start..start + length]);
        }
    }
    let weight = |word: &String| if is_stop_word(word) { STOP_WORD_WEIGHT } else { 1.0 };
    let total: f32 = pasted.iter().map(weight).sum();
    let share = matched.iter().map(|word| weight(word)).sum::<f32>() / total;
    // The kind of an error may stand before the string.
    let before = &text[..offsets[at + length - 1]];
    let line = &before[before.rfind('\n').map_or(0, |end| end + 1)..];
    let is_quoted = line.contains(['"', '\'', '`']);
    let is_text = if is_prose { share >= WHOLE_SHARE && !is_quoted } else { share >= WHOLE_SHARE || is_quoted };
    (matched.len() >= MIN_WORDS && share >= MIN_SHARE && is_text).then_some(share)
}

/// Returns the longest run of words that two texts share: its start in each, and its length.
fn find_longest_run(a: &[String], b: &[String]) -> Option<(usize, usize, usize)> {
    let mut best: Option<(usize, usize, usize)> = None;
    let mut lengths = vec![0_usize; b.len() + 1];
    for (at_a, word) in a.iter().enumerate() {
        // `lengths[i + 1]` is the length of the run that ends at `b[i]`; going down keeps the entries of the row before.
        for at_b in (0..b.len()).rev() {
            let length = if b[at_b] == *word { lengths[at_b] + 1 } else { 0 };
            lengths[at_b + 1] = length;
            if length > best.map_or(0, |best| best.2) {
                best = Some((at_a + 1 - length, at_b + 1 - length, length));
            }
        }
    }
    best
}

/// Splits a text into lower-case words of letters, digits and underscores, with their offsets. The letter of an escape
/// such as `\n` is no part of a word.
fn split_words(text: &str) -> impl Iterator<Item = (usize, String)> {
    let start = text.as_ptr().addr();
    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter_map(move |word| {
        let at = word.as_ptr().addr() - start;
        let is_escape = text[..at].ends_with('\\') && word.starts_with(['n', 't', 'r']);
        let word = if is_escape { &word[1..] } else { word };
        (!word.is_empty()).then(|| (at, word.to_lowercase()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(pasted: &str, text: &str) -> f32 {
        let words: Vec<String> = split_words(pasted).map(|(_, word)| word).collect();
        pasted_share(&words, text, false).unwrap_or(0.0)
    }

    #[test]
    fn an_example_in_documentation_is_not_what_it_shows() {
        let words: Vec<String> = split_words("why are two spaces not allowed").map(|(_, word)| word).collect();
        assert_eq!(pasted_share(&words, "tool search \"why are two spaces not allowed\" .", true), None);
        assert!(pasted_share(&words, "It is said below why are two spaces not allowed.", true).is_some());
    }

    #[test]
    fn a_message_is_found_with_values_for_its_placeholders() {
        let source = "fn open() {\n    bail!(\"cannot open file '{}' for writing: {reason}\");\n}";
        assert!(share("cannot open file 'a.txt' for writing: disk full", source) > 0.5);
        assert!(share("cannot open file for writing", source) > 0.9);
        assert_eq!(share("how to open the file for writing again", "// open the file for writing"), 0.0, "a comment");
        assert_eq!(share("can one open a file and write to it", source), 0.0);
        assert_eq!(share("open file", source), 0.0, "too short");
        let broken = "raise E(\n    \"no more than \"\n    \"%d connections per host\" % n)";
        assert!(share("E: no more than 8 connections per host", broken) > 0.6);
    }
}
