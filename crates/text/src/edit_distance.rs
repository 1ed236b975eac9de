//! The edit distance, which measures misspellings, and the words that two texts share in order.

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

/// Returns the length of the longest run of words that two texts share.
pub fn longest_shared_run(a: &[String], b: &[String]) -> usize {
    let mut longest = 0;
    let mut lengths = vec![0_usize; b.len() + 1];
    for word in a {
        for at in (0..b.len()).rev() {
            lengths[at + 1] = if b[at] == *word { lengths[at] + 1 } else { 0 };
            longest = longest.max(lengths[at + 1]);
        }
    }
    longest
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

    #[test]
    fn shared_runs_are_without_gaps() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for (a, b, run) in [("no user found", "if no user then", 2), ("a b c", "c b a", 1), ("a", "b", 0)] {
            assert_eq!(longest_shared_run(&words(a), &words(b)), run, "{a} {b}");
        }
    }
}
