//! The beginning of a text that is too long to show, and the lines after it.

use engine::Span;

use crate::budget::find_largest;

/// Maximum length of a token of the vocabulary that budgets are counted in, in bytes.
const MAX_TOKEN_BYTES: usize = 128;

/// Length in characters above which a line is cut, in an answer that has no room for the whole text.
const MAX_LINE_CHARS: usize = 400;

/// Number of characters that are shown of a line that is cut.
const SHOWN_CHARS: usize = 160;

/// A text of whole lines of a file, cut in two at a byte.
#[derive(Clone, Copy, Debug)]
pub struct Excerpt<'t> {
    /// The text to show.
    pub code: &'t str,
    /// The text that is cut off. Begins with a line break if the text is cut at the end of a line.
    pub rest: &'t str,
    /// The lines of the whole text.
    span: Span,
}

impl<'t> Excerpt<'t> {
    /// Cuts `text`, which consists of the lines `span`, after `bytes` bytes. Keeps all of it if it is not longer.
    ///
    /// # Panics
    /// If `bytes` is inside a character.
    pub fn new(text: &'t str, span: Span, bytes: usize) -> Self {
        let (code, rest) = text.split_at(bytes.min(text.len()));
        Self { code, rest, span }
    }

    /// Returns whether the text is cut elsewhere than at the end of a line.
    pub fn ends_inside_line(&self) -> bool {
        !self.rest.is_empty() && !self.rest.starts_with('\n')
    }

    /// Returns the last line that is shown in full; the first line if there is none.
    pub fn last_line(&self) -> u32 {
        if self.rest.is_empty() {
            return self.span.end_line;
        }
        self.line_after().saturating_sub(1).max(self.span.start_line)
    }

    /// Returns the lines that are not shown, or not in full; `None` when nothing is cut off.
    pub fn lines_left(&self) -> Option<Span> {
        let start_line = self.line_after().min(self.span.end_line);
        (!self.rest.is_empty()).then_some(Span { start_line, end_line: self.span.end_line })
    }

    /// Returns the line after the last one that is shown in full; the first line if there is none.
    fn line_after(&self) -> u32 {
        let shown = self.code.matches('\n').count() + usize::from(!self.ends_inside_line());
        self.span.start_line.saturating_add(u32::try_from(shown).unwrap_or(u32::MAX))
    }
}

/// Returns the lines of `code`, each after its number and without white space at its end. The first number is `first`.
pub fn number_lines(code: &str, first: u32) -> String {
    let numbered = |(number, line): (u32, &str)| format!("{number} {line}").trim_end().to_owned();
    (first..).zip(code.split('\n')).map(numbered).collect::<Vec<_>>().join("\n")
}

/// Cuts each line of more than [`MAX_LINE_CHARS`] characters to [`SHOWN_CHARS`], followed by its length. Returns the
/// text and the indices of the cut lines; `None` if no line is cut, or `text` is a single line.
pub fn cut_long_lines(text: &str) -> Option<(String, Vec<usize>)> {
    if !text.contains('\n') {
        return None;
    }
    let (mut lines, mut cut) = (Vec::new(), Vec::new());
    for (at, line) in text.split('\n').enumerate() {
        let length = if line.len() > MAX_LINE_CHARS { line.chars().count() } else { 0 };
        if length > MAX_LINE_CHARS {
            let shown: String = line.chars().take(SHOWN_CHARS).collect();
            lines.push(format!("{shown} … ({length} characters)"));
            cut.push(at);
        } else {
            lines.push(line.to_owned());
        }
    }
    (!cut.is_empty()).then(|| (lines.join("\n"), cut))
}

/// Returns `fit(bytes)` for the largest number of whole lines at the beginning of `text` for which it is `Some`, where
/// `bytes` is their length; `None` if there is none. If `fit` is `None` for some lines, it must be `None` for more
/// lines.
///
/// # Errors
/// The first error of `fit`.
pub fn fit_whole_lines<T, E>(text: &str, fit: impl Fn(usize) -> Result<Option<T>, E>) -> Result<Option<T>, E> {
    let ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).chain([text.len()]).collect();
    find_largest(ends.len(), |lines| fit(ends[lines - 1]))
}

/// Returns `fit(bytes)` for the longest beginning of the first line of `text` for which it is `Some`, among those of at
/// most as many bytes as `max_tokens` tokens can have; `None` if there is none. If `fit` rejects a length, it must
/// reject every longer one.
///
/// # Errors
/// The first error of `fit`.
pub fn fit_part_of_first_line<T, E>(
    text: &str,
    max_tokens: usize,
    fit: impl Fn(usize) -> Result<Option<T>, E>,
) -> Result<Option<T>, E> {
    let line = text.find('\n').unwrap_or(text.len());
    find_largest(line.min(max_tokens * MAX_TOKEN_BYTES), |bytes| fit(text.floor_char_boundary(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "first\nsecond\nthird";
    const SPAN: Span = Span { start_line: 10, end_line: 12 };

    fn lines_left(bytes: usize) -> Option<(u32, u32)> {
        Excerpt::new(TEXT, SPAN, bytes).lines_left().map(|left| (left.start_line, left.end_line))
    }

    #[test]
    fn a_cut_text_names_the_lines_that_are_left() {
        assert_eq!((lines_left(usize::MAX), lines_left(5), lines_left(3)), (None, Some((11, 12)), Some((10, 12))));
        assert_eq!((lines_left(12), lines_left(14), lines_left(0)), (Some((12, 12)), Some((12, 12)), Some((10, 12))));
        let last_lines = [0, 3, 5, 8, 12, 14, 99].map(|bytes| Excerpt::new(TEXT, SPAN, bytes).last_line());
        assert_eq!(last_lines, [10, 10, 10, 10, 11, 11, 12]);
        assert!(Excerpt::new(TEXT, SPAN, 3).ends_inside_line() && !Excerpt::new(TEXT, SPAN, 5).ends_inside_line());
    }

    #[test]
    fn lines_are_numbered() {
        assert_eq!(number_lines("a\n  b\n\nc", 9), "9 a\n10   b\n11\n12 c");
        assert_eq!(number_lines("", 1), "1");
    }

    #[test]
    fn whole_lines_are_kept_first_then_parts_of_the_first() {
        let up_to = |limit: usize| move |bytes: usize| Ok::<_, ()>((bytes <= limit).then_some(bytes));
        assert_eq!(fit_whole_lines(TEXT, up_to(100)), Ok(Some(TEXT.len())));
        assert_eq!(fit_whole_lines(TEXT, up_to(13)), Ok(Some(12)));
        assert_eq!(fit_whole_lines(TEXT, up_to(4)), Ok(None));
        assert_eq!(fit_part_of_first_line(TEXT, 100, up_to(4)), Ok(Some(4)));
        assert_eq!(fit_part_of_first_line("漢字", 100, up_to(5)), Ok(Some(3)));
        assert_eq!(fit_part_of_first_line(TEXT, 0, up_to(4)), Ok(None));
    }

    #[test]
    fn long_lines_are_cut_where_others_follow() {
        let data = "é".repeat(401);
        assert_eq!(cut_long_lines(&data), None);
        assert_eq!(cut_long_lines(&format!("a\n{}\nb", "x".repeat(400))), None);
        let cut = format!("a\n{} … (401 characters)\nb", "é".repeat(160));
        assert_eq!(cut_long_lines(&format!("a\n{data}\nb")), Some((cut, vec![1])));
    }
}
