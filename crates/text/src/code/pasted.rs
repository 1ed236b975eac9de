//! Compares a pasted text with the words of a source.
//!
//! An error message is pasted without quotes, and with values where the source has placeholders: `{name}`, `%s`,
//! `${x}`. So the longest run of words that the text and a source share is looked for, and further runs before and after
//! it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use super::placeholders::is_whole_string;

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

/// Weight of a common word, relative to another word.
const COMMON_WEIGHT: f32 = 0.3;

/// The words of a pasted text.
pub struct PastedText {
    words: Vec<String>,
    /// The number of each word from 1; equal words have the same one.
    numbers: Vec<u16>,
    number_of: HashMap<String, u16>,
    /// The weight of each word.
    weights: Vec<f32>,
}

impl PastedText {
    /// Splits a pasted text; `None` if it is too short or too long. Common words have less weight than others.
    pub fn split(text: &str, is_common: impl Fn(&str) -> bool) -> Option<Self> {
        let words: Vec<String> =
            split_words(text).take(MAX_PASTED_WORDS + 1).map(|(_, word)| word.into_owned()).collect();
        if !(MIN_WORDS..=MAX_PASTED_WORDS).contains(&words.len()) {
            return None;
        }
        let mut number_of = HashMap::new();
        for word in &words {
            let next = u16::try_from(number_of.len() + 1).unwrap_or(u16::MAX);
            number_of.entry(word.clone()).or_insert(next);
        }
        let numbers = words.iter().map(|word| number_of[word]).collect();
        let weights = words.iter().map(|word| if is_common(word) { COMMON_WEIGHT } else { 1.0 }).collect();
        Some(Self { words, numbers, number_of, weights })
    }

    /// Returns the words in lower case, in order.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// Returns the sum of the weights of these words.
    fn weight(&self, words: Range<usize>) -> f32 {
        self.weights[words].iter().sum()
    }

    /// Returns whether these words may be the longest run of a match.
    fn is_long_run(&self, words: Range<usize>) -> bool {
        words.len() >= MIN_LONGEST && self.weights[words].iter().filter(|weight| **weight > COMMON_WEIGHT).count() >= 2
    }

    /// Returns whether a text with the words that `is_present` names may contain enough of them in runs: in the longest
    /// one, one before and one after it.
    pub fn can_share(&self, is_present: impl Fn(usize) -> bool) -> bool {
        let is_in = |index: &usize| self.weights[*index] < 1.0 || is_present(*index);
        let all: Vec<usize> = (0..self.words.len()).collect();
        let runs = all.chunk_by(|a, b| is_in(a) == is_in(b)).filter(|run| is_in(&run[0]) && run.len() >= MIN_FURTHER);
        let runs: Vec<Range<usize>> = runs.map(|run| run[0]..run[run.len() - 1] + 1).collect();
        let highest = |runs: &[Range<usize>]| runs.iter().map(|run| self.weight(run.clone())).fold(0.0, f32::max);
        let most = |at: usize| self.weight(runs[at].clone()) + highest(&runs[..at]) + highest(&runs[at + 1..]);
        let wanted = self.weight(0..self.words.len()) * MIN_WHOLE_STRING.min(MIN_SHARE);
        (0..runs.len()).any(|at| self.is_long_run(runs[at].clone()) && most(at) >= wanted)
    }

    /// Returns the share of the words that `text` contains in runs; `None` if it is too small.
    ///
    /// Prose that shares half of its words with a question is not evidence, so a partial match counts only in a string.
    /// In documentation (`is_prose`), a quotation mark begins an example rather than a string, so only a nearly complete
    /// match outside of quotation marks counts.
    pub fn share_in(&self, text: &str, is_prose: bool) -> Option<f32> {
        let number = |word: &str| self.number_of.get(word).copied().unwrap_or(0);
        let (offsets, words): (Vec<usize>, Vec<u16>) =
            split_words(text).take(MAX_CHUNK_WORDS).map(|(at, word)| (at, number(&word))).unzip();
        let pasted = self.numbers.as_slice();
        let (start, at, length) = find_longest_run(pasted, &words)?;
        if !self.is_long_run(start..start + length) {
            return None;
        }
        let longest = self.weight(start..start + length);
        let (mut count, mut matched) = (length, longest);
        let near = at.saturating_sub(MAX_DISTANCE)..words.len().min(at + length + MAX_DISTANCE);
        for (part, words) in
            [(0..start, &words[near.start..at]), (start + length..pasted.len(), &words[at + length..near.end])]
        {
            let further = find_longest_run(&pasted[part.clone()], words).filter(|run| run.2 >= MIN_FURTHER);
            if let Some((start, _, length)) = further {
                count += length;
                matched += self.weight(part.start + start..part.start + start + length);
            }
        }
        let total = self.weight(0..pasted.len());
        let last = offsets[at + length - 1];
        let end = last + text[last..].find(|c| !is_word_char(c)).unwrap_or(0);
        if !is_prose && is_whole_string(text, offsets[at], end) && longest / total >= MIN_WHOLE_STRING {
            return Some(1.0);
        }
        let share = matched / total;
        // The kind of an error may stand before the string.
        let before = &text[..last];
        let line = &before[before.rfind('\n').map_or(0, |end| end + 1)..];
        let is_quoted = line.contains(['"', '\'', '`']);
        let is_text = if is_prose { share >= WHOLE_SHARE && !is_quoted } else { share >= WHOLE_SHARE || is_quoted };
        (count >= MIN_WORDS && share >= MIN_SHARE && is_text).then_some(share)
    }
}

/// Returns the longest run of words, given by their numbers, that two texts share: its start in each, and its length;
/// `None` if they share no word.
fn find_longest_run(a: &[u16], b: &[u16]) -> Option<(usize, usize, usize)> {
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
fn split_words(text: &str) -> impl Iterator<Item = (usize, Cow<'_, str>)> {
    let start = text.as_ptr().addr();
    text.split(|c: char| !is_word_char(c)).filter_map(move |word| {
        let at = word.as_ptr().addr() - start;
        let is_escape = text[..at].ends_with('\\') && word.starts_with(['n', 't', 'r']);
        let word = if is_escape { &word[1..] } else { word };
        let is_lower = word.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
        let lower = || if is_lower { Cow::Borrowed(word) } else { Cow::Owned(word.to_lowercase()) };
        (!word.is_empty()).then(|| (at, lower()))
    })
}

fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> PastedText {
        PastedText::split(text, |word| ["a", "are", "for", "is", "not", "of", "the", "to", "when"].contains(&word))
            .expect("neither short nor long")
    }

    fn share(pasted: &str, text: &str) -> f32 {
        match PastedText::split(pasted, |word| word == "the" || word == "of") {
            Some(pasted) => pasted.share_in(text, false).unwrap_or(0.0),
            None => 0.0,
        }
    }

    #[test]
    fn an_example_in_documentation_is_not_what_it_shows() {
        let pasted = split("why are two spaces not allowed");
        assert_eq!(pasted.share_in("tool search \"why are two spaces not allowed\" .", true), None);
        assert!(pasted.share_in("It is said below why are two spaces not allowed.", true).is_some());
    }

    #[test]
    fn a_chunk_that_lacks_too_many_words_is_not_read() {
        let pasted = split("cannot open file a.txt for writing: disk is full");
        let with = |words: &str| pasted.can_share(|index| words.split(' ').any(|word| word == pasted.words[index]));
        assert!(with("cannot open file for writing") && with("cannot open file disk full"));
        assert!(!with("open txt disk"), "no long run of them");
        assert!(!with("cannot open"), "too few");
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
