//! Counts tokens of the `o200k` vocabulary, the unit of `max_tokens`.
//!
//! Counting stops at a limit, so that a text of a megabyte takes no longer than one that just exceeds it.

/// Returns the number of tokens of `text`, or `None` when there are more than `limit`.
pub fn count_tokens_up_to(text: &str, limit: usize) -> Option<usize> {
    let tokenizer = bpe_openai::o200k_base();
    tokenizer.count_till_limit(&tokenizer.normalize(text), limit)
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
    fn the_limit_is_exact() {
        let text = "fn main() { println!(\"hello\"); }\n".repeat(40);
        let count = bpe_openai::o200k_base().count(text.as_str());
        assert_eq!(count_tokens_up_to(&text, count), Some(count));
        assert_eq!(count_tokens_up_to(&text, count - 1), None);
        assert!(fits_token_limit(&text, count) && !fits_token_limit(&text, count - 1));
    }

    #[test]
    fn counting_a_megabyte_stops_at_the_limit() {
        let texts = ["😀漢字".repeat(100_000), "QUJDRA".repeat(170_000), " ".repeat(1 << 20), "a\n".repeat(1 << 19)];
        for text in texts {
            let started_at = std::time::Instant::now();
            assert_eq!(count_tokens_capped(&text, 500), 501);
            assert!(started_at.elapsed().as_secs() < 5, "{:?}", started_at.elapsed());
        }
    }
}
