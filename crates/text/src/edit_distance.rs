//! The edit distance, which measures misspellings.

/// Returns the optimal string alignment distance of two texts: the minimum number of insertions, deletions,
/// replacements and swaps of adjacent characters that turn one text into the other (Damerau 1964), if no part is edited
/// twice.
pub fn count_edits(a: &str, b: &str) -> usize {
    strsim::osa_distance(a, b)
}

/// Returns [`count_edits`], or `None` above `max_edits`.
pub fn count_edits_within(a: &str, b: &str, max_edits: usize) -> Option<usize> {
    Some(count_edits(a, b)).filter(|edits| *edits <= max_edits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swapped_characters_are_one_edit() {
        for (a, b, edits) in [
            ("", "", 0),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
            ("ab", "ba", 1),
            ("open", "opne", 1),
            ("größe", "grösse", 2),
            ("ca", "abc", 3),
        ] {
            assert_eq!((count_edits(a, b), count_edits(b, a)), (edits, edits), "{a} {b}");
        }
        assert_eq!((count_edits_within("ab", "ba", 0), count_edits_within("ab", "ba", 1)), (None, Some(1)));
    }
}
