//! Finds chunks that contain a pasted text word for word, whole or in runs.
//!
//! An error message is pasted without quotes, and with values where the source has placeholders: `{name}`, `%s`,
//! `${x}`. So the longest run of words that the text and a chunk share is looked for, and further runs before and after
//! it.

use std::collections::HashMap;

use super::lexical::LexicalScores;
use crate::query::terms::is_stop_word;
use crate::snapshot::Snapshot;
use source::language;
use store::StoreError;
use types::ContentKind;

/// Maximum number of chunks whose text is read.
const MAX_CHUNKS: usize = 32;

/// Minimum share of the query's words, by inverse document frequency, in a chunk whose text is read.
const MIN_COVERAGE: f32 = 0.25;

/// Maximum number of words of a pasted text; longer texts are not looked for.
const MAX_PASTED_WORDS: usize = 60;
/// Maximum number of words that are read of a chunk.
const MAX_CHUNK_WORDS: usize = 3_000;

/// Minimum number of words in a pasted text, and in all matching runs together.
const MIN_WORDS: usize = 4;
/// Minimum number of words in the longest matching run.
const MIN_LONGEST: usize = 3;

/// Minimum number of words in a further run.
const MIN_FURTHER: usize = 2;

/// Maximum distance of a further run from the longest one, in words.
const MAX_DISTANCE: usize = 40;

/// Minimum share of a pasted text that counts if a string of a chunk contains it.
const MIN_SHARE: f32 = 0.5;

/// Minimum share of a pasted text that counts if a chunk contains it outside of strings.
const WHOLE_SHARE: f32 = 0.9;

/// Minimum share of a pasted text that a whole string in the code makes up. The rest is taken for the values of
/// placeholders.
const MIN_WHOLE_STRING: f32 = 0.4;

/// Weight of a stop word, relative to another word.
const STOP_WORD_WEIGHT: f32 = 0.3;

/// Returns the share of `text` that chunks contain word for word, by chunk number. Reads the [`MAX_CHUNKS`] of `chunks`
/// that contain the most of its words, and leaves out those with a small share. A chunk with a whole string that occurs
/// in `text` has the share 1. Empty if `text` is very short or very long. `lexical` contains the scores of the words of
/// `text`.
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

/// Returns the share of `pasted` that `text` contains in runs; `None` if it is too small.
///
/// Prose that shares half of its words with a question is not evidence, so a partial match counts only in a string. In
/// documentation (`is_prose`), a quotation mark begins an example rather than a string, so only a nearly complete match
/// outside of quotation marks counts.
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
    let end = offsets[at + length - 1] + text[offsets[at + length - 1]..].find(|c| !is_word_char(c)).unwrap_or(0);
    if !is_prose
        && is_whole_string(text, offsets[at], end)
        && pasted[start..start + length].iter().map(weight).sum::<f32>() / total >= MIN_WHOLE_STRING
    {
        return Some(1.0);
    }
    let share = matched.iter().map(|word| weight(word)).sum::<f32>() / total;
    // The kind of an error may stand before the string.
    let before = &text[..offsets[at + length - 1]];
    let line = &before[before.rfind('\n').map_or(0, |end| end + 1)..];
    let is_quoted = line.contains(['"', '\'', '`']);
    let is_text = if is_prose { share >= WHOLE_SHARE && !is_quoted } else { share >= WHOLE_SHARE || is_quoted };
    (matched.len() >= MIN_WORDS && share >= MIN_SHARE && is_text).then_some(share)
}

/// Returns whether `text[start..end]` has all words of a string in the code, except placeholders such as `{name}`.
fn is_whole_string(text: &str, start: usize, end: usize) -> bool {
    let line = text[..start].rfind('\n').map_or(0, |end| end + 1);
    let Some(quote) = text[line..start].rfind(['"', '\'', '`']).map(|at| line + at) else { return false };
    let rest = &text[end..];
    let mark = &text[quote..=quote];
    let Some(close) = rest.find(mark).filter(|close| !rest[..*close].contains('\n')) else { return false };
    let has_no_words = |part: &str| !remove_placeholders(part).contains(char::is_alphanumeric);
    has_no_words(&text[quote + 1..start]) && has_no_words(&rest[..close])
}

/// Removes placeholders: `%s`, `%-5.2f`, `%(name)s`, `{}`, `{name}`, `${name}`, `#{name}`, `\(name)`.
fn remove_placeholders(part: &str) -> String {
    let mut kept = String::new();
    let mut rest = part;
    while let Some(at) = rest.find(['%', '{', '\\']) {
        kept.push_str(&rest[..at]);
        let (sign, after) = rest[at..].split_at(1);
        let closed = |open: char, close: char| after.strip_prefix(open).and_then(|inside| inside.split_once(close));
        rest = match sign {
            "{" => after.split_once('}').map_or(after, |(_, rest)| rest),
            "\\" => closed('(', ')').map_or_else(|| after.get(1..).unwrap_or_default(), |(_, rest)| rest),
            _ => {
                let after = closed('(', ')').map_or(after, |(_, rest)| rest);
                let after = after.trim_start_matches(|c: char| c.is_ascii_digit() || "+-.#*$".contains(c));
                let after = after.trim_start_matches(['l', 'z', 'h']);
                after.strip_prefix(|c: char| c.is_ascii_alphabetic()).unwrap_or(after)
            }
        };
    }
    kept + rest
}

/// Returns the longest run of words that two texts share: its start in each, and its length; `None` if they share no
/// word.
fn find_longest_run(a: &[String], b: &[String]) -> Option<(usize, usize, usize)> {
    let mut best: Option<(usize, usize, usize)> = None;
    let mut lengths = vec![0_usize; b.len() + 1];
    for (at_a, word) in a.iter().enumerate() {
        // `lengths[i + 1]` is the length of the run that ends at `b[i]`; going down keeps the entries of the row
        // before.
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
    text.split(|c: char| !is_word_char(c)).filter_map(move |word| {
        let at = word.as_ptr().addr() - start;
        let is_escape = text[..at].ends_with('\\') && word.starts_with(['n', 't', 'r']);
        let word = if is_escape { &word[1..] } else { word };
        (!word.is_empty()).then(|| (at, word.to_lowercase()))
    })
}

fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
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

    #[test]
    fn a_whole_string_is_strong_evidence_even_if_it_is_short() {
        let pasted = "module not registered: foo.bar";
        for source in [
            "raise E(\"module not registered: %s\" % name)",
            "bail!(\"module not registered: {name}\")",
            "throw new E(`${kind} module not registered: ${name}`)",
            "fail \"module not registered: #{name}\"",
            "throw \"module not registered: \\(name)\"",
            "throw new E('module not registered: ' + name)",
            "printf(\"module not registered: %-5.2lf\\n\", x)",
        ] {
            assert_eq!(share(pasted, source), 1.0, "{source}");
        }
        assert_eq!(share(pasted, "log(\"the module not registered yet: %s\")"), 0.0, "a part of another text");
        assert_eq!(share(pasted, "// module not registered: see below"), 0.0);
        assert_eq!(share("not registered: foo", "f(\"not registered: %s\")"), 0.0, "too short");
        assert_eq!(
            share(
                "why is the module not registered when the plugin of the user loads it",
                "f(\"module not registered\")"
            ),
            0.0
        );
    }
}
