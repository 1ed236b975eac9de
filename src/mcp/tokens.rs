//! Counts tokens the way budgets are meant: with the `o200k` vocabulary.
//!
//! Counting stops at a limit, so that a megabyte costs no more than the budget it cannot fit.
//! Must never import: anything of this crate.

/// The number of tokens of `text` when that is at most `limit`.
///
/// A token is at least one byte, so that a text of no more bytes than `limit` always has a number.
pub fn count_up_to(text: &str, limit: usize) -> Option<usize> {
    let tokenizer = bpe_openai::o200k_base();
    tokenizer.count_till_limit(&tokenizer.normalize(text), limit)
}

/// Whether `text` has at most `limit` tokens.
pub fn fits(text: &str, limit: usize) -> bool {
    text.len() <= limit || count_up_to(text, limit).is_some()
}

/// The number of tokens of `text`, or `limit + 1` when there are more than `limit`.
pub fn count_capped(text: &str, limit: usize) -> usize {
    count_up_to(text, limit).unwrap_or(limit + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_kept_to_the_token() {
        let text = "fn main() { println!(\"hello\"); }\n".repeat(40);
        let count = bpe_openai::o200k_base().count(text.as_str());
        assert_eq!(count_up_to(&text, count), Some(count));
        assert_eq!(count_up_to(&text, count - 1), None);
        assert!(fits(&text, count) && !fits(&text, count - 1));
    }

    #[test]
    fn a_megabyte_is_given_up_early() {
        let texts = ["😀漢字".repeat(100_000), "QUJDRA".repeat(170_000), " ".repeat(1 << 20), "a\n".repeat(1 << 19)];
        for text in texts {
            let begun = std::time::Instant::now();
            assert_eq!(count_capped(&text, 500), 501);
            assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
        }
    }
}
