//! Finds the lines of a hit that best match the query.

use std::collections::HashMap;

use crate::query::parsed_query::ParsedQuery;
use crate::retrieve::candidates::PartCandidates;
use text::code::comments::is_comment_line;
use text::edit_distance::longest_shared_run;
use text::words;
use types::Span;

/// Maximum number of best-matching lines of a hit.
const MAX_LINES: usize = 3;

/// Maximum number of comments among them: others follow it, or say the same.
const MAX_COMMENTS: usize = 1;

/// Minimum score of a line, as a fraction of the best line's score in its hit.
const MIN_RELATIVE: f32 = 0.6;

/// Minimum length, in words, of a run that a line shares with a pasted text; shorter runs do not count.
const MIN_RUN: usize = 3;

/// Increase of a line's score for each word of the longest run that it shares with a pasted text, relative to the score
/// without the run.
const RUN_FACTOR: f32 = 1.0;

/// Factor on the score of a comment: code tells more of what happens, and the name of the place says what it is about.
const COMMENT_FACTOR: f32 = 0.5;

/// Scores lines by the words of a query and by the pasted texts in it.
pub(crate) struct LineScorer {
    /// The inverse document frequency of each word of the query; an inflection has that of its word.
    weights: HashMap<String, f32>,
    /// The words of each pasted text, in order.
    pasted: Vec<Vec<String>>,
}

/// A line, by its number in the file, with its score.
struct ScoredLine {
    number: u32,
    is_comment: bool,
    score: f32,
}

impl LineScorer {
    /// Creates a scorer for the words of all parts of a query. Without lexical scores, it finds no lines.
    pub fn new(query: &ParsedQuery, parts: &[PartCandidates<'_>]) -> Self {
        let mut weights = HashMap::new();
        for (terms, part) in query.parts().zip(parts) {
            let Some(lexical) = &part.lexical else { continue };
            for (index, word) in terms.lexical_words.iter().enumerate() {
                for form in std::iter::once(&word.text).chain(&word.inflections) {
                    weights.insert(form.clone(), lexical.idf(index));
                }
            }
        }
        Self { weights, pasted: query.pasted_texts.iter().map(|text| split_words(text)).collect() }
    }

    /// Returns the numbers of at most [`MAX_LINES`] lines that match best, best first; empty if no line matches. `text`
    /// is the text of the lines of `span`; line numbers count from the start of the file. Only `is_code` has comments.
    pub fn find_lines(&self, text: &str, span: Span, is_code: bool) -> Vec<u32> {
        let to_scored = |(number, line)| {
            let is_comment = is_code && is_comment_line(line);
            ScoredLine { number, is_comment, score: self.score(line) * if is_comment { COMMENT_FACTOR } else { 1.0 } }
        };
        let mut scored: Vec<ScoredLine> = (span.start_line..).zip(text.lines()).map(to_scored).collect();
        scored.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.number.cmp(&b.number)));
        let min = scored.first().map_or(0.0, |best| best.score * MIN_RELATIVE);
        let mut comments = 0;
        scored.retain(|line| {
            comments += usize::from(line.is_comment);
            line.score > 0.0 && line.score >= min && (!line.is_comment || comments <= MAX_COMMENTS)
        });
        scored.into_iter().take(MAX_LINES).map(|line| line.number).collect()
    }

    fn score(&self, line: &str) -> f32 {
        let mut found: Vec<(&str, f32)> = Vec::new();
        words::for_each_search_word(line, |word| {
            if let Some((word, weight)) = self.weights.get_key_value(word)
                && !found.iter().any(|(known, _)| known == word)
            {
                found.push((word, *weight));
            }
        });
        // Sorted, so that lines with the same words have exactly the same score.
        found.sort_by(|a, b| a.1.total_cmp(&b.1));
        let sum: f32 = found.iter().map(|(_, weight)| weight).sum();
        if found.is_empty() || self.pasted.is_empty() {
            return sum;
        }
        let line_words = split_words(line);
        let run = self.pasted.iter().map(|pasted| longest_shared_run(pasted, &line_words)).max().unwrap_or(0);
        #[expect(clippy::cast_precision_loss, reason = "a small count")]
        let factor = if run >= MIN_RUN { 1.0 + RUN_FACTOR * run as f32 } else { 1.0 };
        sum * factor
    }
}

/// Puts lines that the query names before the others, and keeps at most [`MAX_LINES`].
pub(crate) fn put_first(lines: &mut Vec<u32>, named: impl Iterator<Item = u32>) {
    let mut all: Vec<u32> = Vec::new();
    for line in named.chain(lines.drain(..)) {
        if !all.contains(&line) {
            all.push(line);
        }
    }
    all.truncate(MAX_LINES);
    *lines = all;
}

fn split_words(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_lines_come_before_others() {
        let mut lines = vec![11, 12, 13];
        put_first(&mut lines, [12, 40].into_iter());
        assert_eq!(lines, [12, 40, 11]);
        put_first(&mut lines, std::iter::empty());
        assert_eq!(lines, [12, 40, 11]);
    }

    #[test]
    fn lines_with_the_same_words_keep_their_order() {
        let words = ["open", "close", "read", "write", "seek", "flush", "sync"];
        let weights = words.iter().zip([0.1, 0.7, 3.3, 0.3, 1.9, 0.01, 2.2]);
        let weights = weights.map(|(word, weight)| ((*word).to_owned(), weight)).collect();
        let scorer = LineScorer { weights, pasted: Vec::new() };
        let lines: Vec<String> = (0..words.len()).map(|at| [&words[at..], &words[..at]].concat().join(" ")).collect();
        assert_eq!(scorer.find_lines(&lines.join("\n"), Span { start_line: 1, end_line: 7 }, true), [1, 2, 3]);
    }

    #[test]
    fn the_line_with_rare_words_or_the_message_comes_first() {
        let weights = [("open", 1.0), ("session", 1.0), ("renew", 5.0), ("expired", 2.0)];
        let weights = weights.map(|(word, weight)| (word.to_owned(), weight)).into_iter().collect();
        let scorer = LineScorer { weights, pasted: vec![split_words("the session is expired")] };
        let text = "fn open_session() {\n    renew(token);\n    bail!(\"the session is expired\");\n    done()\n}";
        let span = Span { start_line: 10, end_line: 14 };
        assert_eq!(scorer.find_lines(text, span, true), [12]);
        let scorer = LineScorer { pasted: Vec::new(), ..scorer };
        assert_eq!(scorer.find_lines(text, span, true), [11, 12]);
        let commented = "// Opens a session, or renews it: renew, expired, open.\n    renew(token);";
        assert_eq!(
            scorer.find_lines(commented, span, true),
            [11, 10],
            "code comes before a comment with a few words more"
        );
        let commented = format!("// Renews it.\n// Renews an expired session.\n{commented}");
        assert_eq!(scorer.find_lines(&commented, Span { start_line: 10, end_line: 13 }, true), [13, 12], "one comment");
        assert_eq!(scorer.find_lines("* renew\n* expired renew", span, false), [11, 10], "a list is no comment");
        assert!(scorer.find_lines("nothing\nhere", span, true).is_empty());
    }
}
