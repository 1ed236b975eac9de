//! Counts tokens of the `o200k` vocabulary, the unit of `max_tokens`.
//!
//! Counting stops at a limit, so that a text of a megabyte takes no longer than one that just exceeds it.

mod byte_pairs;
mod pieces;

use std::cell::RefCell;

use byte_pairs::PieceCounter;
use pieces::split_pieces;

thread_local! {
    static COUNTER: RefCell<PieceCounter> = RefCell::default();
}

/// Returns the number of tokens of `text`.
pub fn count_tokens(text: &str) -> usize {
    count_tokens_up_to(text, usize::MAX).unwrap_or(usize::MAX)
}

/// Returns the number of tokens of `text`, or `None` when there are more than `limit`.
pub fn count_tokens_up_to(text: &str, limit: usize) -> Option<usize> {
    COUNTER.with_borrow_mut(|counter| {
        split_pieces(text).try_fold(0, |counted, piece| {
            let count = counter.count_up_to(piece.as_bytes(), limit - counted)?;
            Some(counted + count)
        })
    })
}

/// Returns whether `text` has at most `limit` tokens.
pub fn fits_token_limit(text: &str, limit: usize) -> bool {
    // A token has at least one byte.
    text.len() <= limit || count_tokens_up_to(text, limit).is_some()
}

/// Returns the number of tokens of `text`, or `limit + 1` when there are more than `limit`.
pub fn count_tokens_capped(text: &str, limit: usize) -> usize {
    count_tokens_up_to(text, limit).unwrap_or(limit + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_those_of_the_published_tokenizer() {
        let counts = include_str!("../assets/token-counts.tsv");
        let mut checked = 0;
        for line in counts.lines().filter(|line| !line.starts_with('#')) {
            let (expected, escaped) = line.split_once('\t').expect("a count, a tab, a text");
            let text = unescape_line(escaped);
            assert_eq!(count_tokens(&text), expected.parse::<usize>().expect("a number"), "{text:?}");
            checked += 1;
        }
        assert!(checked >= 700, "{checked} texts");
    }

    fn unescape_line(line: &str) -> String {
        let mut text = String::new();
        let mut chars = line.chars();
        while let Some(char) = chars.next() {
            text.push(match char {
                '\\' => match chars.next() {
                    Some('n') => '\n',
                    Some('r') => '\r',
                    Some('t') => '\t',
                    Some('\\') => '\\',
                    other => panic!("unknown escape {other:?} in {line:?}"),
                },
                char => char,
            });
        }
        text
    }

    #[test]
    fn the_limit_is_exact() {
        let text = "fn main() { println!(\"hello\"); }\n".repeat(40);
        let count = count_tokens(&text);
        assert_eq!(count_tokens_up_to(&text, count), Some(count));
        assert_eq!(count_tokens_up_to(&text, count - 1), None);
        assert!(fits_token_limit(&text, count) && !fits_token_limit(&text, count - 1));
    }

    #[test]
    fn counting_a_megabyte_stops_at_the_limit() {
        let texts = ["😀漢字".repeat(100_000), "QUJDRA".repeat(170_000), " ".repeat(1 << 20), "a\n".repeat(1 << 19)];
        for text in texts {
            assert_eq!(count_tokens_capped(&text, 500), 501);
        }
    }
}
