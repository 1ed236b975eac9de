//! Finds the places that prose names: paths, and the lines beside them, such as `src/a.c - line 40` and `line 40 of
//! src/a.c`.

use crate::query::terms::stack_trace::{QueryLocation, parse_location};

/// Maximum number of words between a path and the line that is written after it.
const MAX_WORDS_BETWEEN: usize = 5;

/// Words between a line and the path after it.
const JOINING_WORDS: &[&str] = &["of", "in", "from", "at", "the", "file"];

/// Returns the places in the order of the text. Only paths with a folder or a line count, because another word with a
/// dot may be no path.
pub(super) fn find_written_locations(text: &str) -> Vec<QueryLocation> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let located = |(at, word): (usize, &&str)| {
        let mut location = parse_location(word)?;
        let beside = || find_line_after(&words[at..]).or_else(|| find_line_before(&words[..at]));
        location.line = location.line.or_else(beside);
        Some(location)
    };
    let is_place = |location: &QueryLocation| location.line.is_some() || location.path.contains('/');
    words.iter().enumerate().filter_map(located).filter(is_place).collect()
}

/// Returns the line that is written after the path with which `words` begin, before the sentence ends or another path
/// follows.
fn find_line_after(words: &[&str]) -> Option<u32> {
    let ends_sentence = |word: &str| word.ends_with(['.', '?', '!']);
    let pairs = words.windows(2).skip(1).take(MAX_WORDS_BETWEEN + 1);
    let is_near = |pair: &&[&str]| !ends_sentence(pair[0]) && parse_location(pair[0]).is_none();
    let mut near = pairs.take_while(is_near).filter(|pair| is_line_word(pair[0]));
    near.find_map(|pair| parse_line(pair[1])).filter(|_| !words.first().is_some_and(|path| ends_sentence(path)))
}

/// Returns the line that is written before a path: at the end of `words` but for words that join the two.
fn find_line_before(words: &[&str]) -> Option<u32> {
    let joins = |word: &&&str| JOINING_WORDS.iter().any(|joining| trim_marks(word).eq_ignore_ascii_case(joining));
    let mut before = words.iter().rev().skip_while(joins);
    let line = parse_line(before.next()?)?;
    before.next().is_some_and(|word| is_line_word(word)).then_some(line)
}

fn is_line_word(word: &str) -> bool {
    ["line", "lines"].iter().any(|line| trim_marks(word).eq_ignore_ascii_case(line))
}

/// Parses the first number of a word such as `40`, `#40,` or `40-52`.
fn parse_line(word: &str) -> Option<u32> {
    let word = trim_marks(word);
    let digits = word.find(|c: char| !c.is_ascii_digit()).map_or(word, |end| &word[..end]);
    digits.parse().ok().filter(|line| *line > 0)
}

/// Removes what is neither a letter nor a digit from both ends of a word.
fn trim_marks(word: &str) -> &str {
    word.trim_matches(|c: char| !c.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_beside_paths_are_found() {
        for (text, path, line) in [
            ("private inheritance (fmt/format.h - line 4055.", "fmt/format.h", Some(4055)),
            ("the formatter (in fmt/std.h) calls `u.set(x);` on line 170, which", "fmt/std.h", Some(170)),
            ("Caused by \u{200b}line 77 of core/templates.py by checking", "core/templates.py", Some(77)),
            ("at line 2646 of the file `wcs.c`:", "wcs.c", Some(2646)),
            ("see schema.py, lines 378-380", "schema.py", Some(378)),
            ("see schema.py:12 and line 40", "schema.py", Some(12)),
            ("in src/a.rs. Line 4 of the output is empty", "src/a.rs", None),
            ("in src/a.rs the first line is empty, 3 times", "src/a.rs", None),
        ] {
            let found = find_written_locations(text);
            let places: Vec<_> = found.iter().map(|place| (place.path.as_str(), place.line)).collect();
            assert_eq!(places, [(path, line)], "{text}");
        }
        let found = find_written_locations("src/a.rs calls src/b.rs on line 9; a word like self.py is none");
        let places: Vec<_> = found.iter().map(|place| (place.path.as_str(), place.line)).collect();
        assert_eq!(places, [("src/a.rs", None), ("src/b.rs", Some(9))]);
    }
}
