//! Shortens lines that are too long to read, such as an embedded image: a chunk has only the start and the end of such
//! a line.

use std::borrow::Cow;
use std::ops::Range;

use crate::language;
use types::{ContentKind, Language};

/// Length above which a line of code or configuration is shortened, in bytes.
const MAX_CODE_LINE_BYTES: usize = 4_000;

/// Length above which a line of an HTML page is shortened, in bytes. A whole paragraph may be one line.
const MAX_PAGE_LINE_BYTES: usize = 20 * 1024;

/// Number of bytes of a shortened line that are kept at its start and at its end.
const KEPT_BYTES: (usize, usize) = (1_000, 200);

/// Approximate length of a shortened line, in bytes, with the mark that replaces the omitted bytes.
const SHORT_LINE_BYTES: usize = KEPT_BYTES.0 + KEPT_BYTES.1 + 24;

/// Returns the length above which lines of a language are shortened; `None` for prose, which has a paragraph per line.
pub(crate) fn max_line_bytes(language: Language) -> Option<usize> {
    match language::language_content(language) {
        _ if language.0 == "html" => Some(MAX_PAGE_LINE_BYTES),
        ContentKind::Docs => None,
        ContentKind::Code | ContentKind::Config => Some(MAX_CODE_LINE_BYTES),
    }
}

/// A text with shortened lines.
pub(crate) struct ShortenedText<'t> {
    pub text: Cow<'t, str>,
    /// Byte ranges of the whole text that are left out, in order, each with the length in bytes of the mark that
    /// replaces it.
    cuts: Vec<(Range<usize>, usize)>,
}

impl ShortenedText<'_> {
    /// Converts a byte range of the whole text to one of the shortened text; `None` if a part of the range is left out.
    pub fn place(&self, range: Range<usize>) -> Option<Range<usize>> {
        let mut start = range.start;
        for (cut, mark) in self.cuts.iter().take_while(|(cut, _)| cut.start < range.end) {
            if cut.end > range.start {
                return None;
            }
            start = start - cut.len() + mark;
        }
        Some(start..start + range.len())
    }
}

/// Shortens the lines of a text that exceed the limit of its language, if the language has one.
pub(crate) fn shorten_lines(language: Language, text: &str) -> ShortenedText<'_> {
    let mut shortened = ShortenedText { text: Cow::Borrowed(text), cuts: Vec::new() };
    let Some(limit) = max_line_bytes(language).filter(|limit| text.len() > *limit) else { return shortened };
    let mut out = String::new();
    let (mut start, mut kept) = (0, 0);
    for line in text.split_inclusive('\n') {
        let end = start + line.trim_end_matches(['\r', '\n']).len();
        if end - start > limit {
            let cut = text.floor_char_boundary(start + KEPT_BYTES.0)..text.ceil_char_boundary(end - KEPT_BYTES.1);
            let mark = format!(" … {} bytes … ", cut.len());
            out.push_str(&text[kept..cut.start]);
            out.push_str(&mark);
            kept = cut.end;
            shortened.cuts.push((cut, mark.len()));
        }
        start += line.len();
    }
    if !shortened.cuts.is_empty() {
        out.push_str(&text[kept..]);
        shortened.text = Cow::Owned(out);
    }
    shortened
}

/// Returns the number of bytes that a line adds to the size of a chunk: its length or, above `limit`, the approximate
/// length of the shortened line.
pub(crate) fn shown_bytes(line_bytes: usize, limit: usize) -> usize {
    if line_bytes > limit { SHORT_LINE_BYTES } else { line_bytes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_shortened_and_ranges_keep_their_texts() {
        let long = format!("x = \"{}é{}\"", "a".repeat(995), "b".repeat(90_000));
        let text = format!("before\n{long}\r\nafter KEY\n{long}");
        let short = shorten_lines(Language("python"), &text);
        let lines: Vec<&str> = short.text.lines().collect();
        assert_eq!((lines[0], lines[2]), ("before", "after KEY"));
        assert!(lines[1].starts_with("x = \"aaa") && lines[1].ends_with("bbb\"") && lines[1].len() < 1_300);
        let key = text.find("KEY").expect("it is there");
        assert_eq!(short.place(key..key + 3).map(|range| &short.text[range]), Some("KEY"));
        assert_eq!(short.place(40_000..40_004), None);
        assert_eq!(shorten_lines(Language("markdown"), &text).text, text);
        assert_eq!(shorten_lines(Language("python"), "a\nb\n").text, "a\nb\n");
    }
}
