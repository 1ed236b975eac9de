//! Syntax highlighting: code split into lines and tokens, coloured, and cut to the terminal width.
//!
//! Invariants: every byte of a line belongs to exactly one run. A token that splits a character is ignored; of a token
//! that begins before the end of an earlier one, only the part after that end is used.

use std::ops::Range;

use super::palette::{Palette, TextRole};
use engine::TokenClass;

/// A run of a line: its byte range within the line, and its token class.
pub type TokenRun = (Range<usize>, Option<TokenClass>);

/// Splits `text` into lines, and each line at the boundaries of `tokens`; without tokens, each line that is not empty
/// is one run.
pub fn split_tokens<'t>(text: &'t str, tokens: &[(Range<usize>, TokenClass)]) -> Vec<(&'t str, Vec<TokenRun>)> {
    let mut tokens = tokens.iter().peekable();
    let mut lines = Vec::new();
    let mut start = 0;
    for piece in text.split_inclusive('\n') {
        let line = piece.trim_end_matches('\n').trim_end_matches('\r');
        let end = start + line.len();
        let mut runs = Vec::new();
        let mut at = start;
        while let Some((range, class)) = tokens.peek().filter(|(range, _)| range.start < end) {
            let (from, to) = (range.start.max(at), range.end.min(end));
            if from < to && text.is_char_boundary(from) && text.is_char_boundary(to) {
                if at < from {
                    runs.push((at - start..from - start, None));
                }
                runs.push((from - start..to - start, Some(*class)));
                at = to;
            }
            if range.end > end {
                break; // the token continues on the next line
            }
            tokens.next();
        }
        if at < end {
            runs.push((at - start..end - start, None));
        }
        lines.push((line, runs));
        start += piece.len();
    }
    lines
}

/// Returns a line, escaped and coloured, in at most `width` columns; `…` marks a cut.
pub fn paint_line(line: &str, runs: &[TokenRun], width: usize, palette: Palette) -> String {
    let whole = terminal_text::fits_columns(line, width);
    let width = if whole { width } else { width.saturating_sub(1) };
    let mut shown = String::with_capacity(line.len());
    let mut column = 0;
    for (range, class) in runs {
        shown.push_str(class.map_or("", |class| palette.role_prefix(TextRole::Token(class))));
        for (at, c) in line[range.clone()].char_indices() {
            let before = shown.len();
            column += terminal_text::push_shown(&mut shown, line, range.start + at, c, column);
            if column > width {
                shown.truncate(before);
                break;
            }
        }
        shown.push_str(class.map_or("", |_| palette.role_suffix()));
        if column > width {
            break;
        }
    }
    if !whole {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Palette = Palette { is_coloured: false, columns: 80 };
    const COLOURED: Palette = Palette { is_coloured: true, columns: 80 };

    #[test]
    fn a_token_over_several_lines_is_in_each_of_them() {
        let text = "let a = \"x\ny\";\r\nend";
        let lines = split_tokens(text, &[(0..3, TokenClass::Keyword), (8..12, TokenClass::String)]);
        assert_eq!(
            lines[0],
            ("let a = \"x", vec![(0..3, Some(TokenClass::Keyword)), (3..8, None), (8..10, Some(TokenClass::String))])
        );
        assert_eq!(lines[1], ("y\";", vec![(0..1, Some(TokenClass::String)), (1..3, None)]));
        assert_eq!(lines[2], ("end", vec![(0..3, None)]));
    }

    #[test]
    fn invalid_tokens_are_ignored() {
        let text = "é = 1\n";
        let tokens = [(1..3, TokenClass::String), (0..2, TokenClass::Type), (5..900, TokenClass::Number)];
        let (line, runs) = &split_tokens(text, &tokens)[0];
        let joined: String = runs.iter().map(|(range, _)| &line[range.clone()]).collect();
        assert_eq!(joined, "é = 1");
    }

    #[test]
    fn a_long_line_is_cut_to_the_width() {
        assert_eq!(paint_line("abcdefgh", &[(0..8, None)], 5, PLAIN), "abcd…");
        assert_eq!(paint_line("abcde", &[(0..5, None)], 5, PLAIN), "abcde");
        assert_eq!(paint_line("世界世界", &[(0..12, None)], 5, PLAIN), "世界…");
    }

    #[test]
    fn code_cannot_colour_or_end_a_colour() {
        let shown = paint_line("\x1b[0mx", &[(0..5, Some(TokenClass::Comment))], 80, COLOURED);
        assert_eq!(shown, "\x1b[2m\\u{1b}[0mx\x1b[0m");
    }
}
