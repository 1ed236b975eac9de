//! Lines of code with the classes of their tokens, cut to the terminal.
//!
//! Invariants: every byte of a line is in exactly one run; tokens that do not fit the text (out of
//! order, overlapping, inside of a character) are passed by. Must never import: anything of this
//! crate but `engine`.

use std::ops::Range;

use super::palette::{Palette, Role};
use super::text;
use crate::engine::{self, Language, TokenClass};

/// A part of a line: its bytes within the line, and what they are.
pub type Run = (Range<usize>, Option<TokenClass>);

/// The lines of `text` with their runs; one run a line when nothing is to be coloured.
pub fn lines(language: Language, text: &str, palette: Palette) -> Vec<(&str, Vec<Run>)> {
    let tokens = if palette.on { engine::highlight(language, text) } else { Vec::new() };
    split(text, &tokens)
}

/// Cuts `text` into lines, and each line at the borders of `tokens`.
fn split<'t>(text: &'t str, tokens: &[(Range<usize>, TokenClass)]) -> Vec<(&'t str, Vec<Run>)> {
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
                break; // it goes on in the next line
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

/// A line as it is shown in at most `width` columns; `…` stands for what was cut off.
pub fn paint(line: &str, runs: &[Run], width: usize, palette: Palette) -> String {
    let whole = text::fits(line, width);
    let width = if whole { width } else { width.saturating_sub(1) };
    let mut shown = String::with_capacity(line.len());
    let mut column = 0;
    for (range, class) in runs {
        shown.push_str(class.map_or("", |class| palette.begin(Role::Token(class))));
        for c in line[range.clone()].chars() {
            let before = shown.len();
            column += text::push_visible(&mut shown, c, column);
            if column > width {
                shown.truncate(before);
                break;
            }
        }
        shown.push_str(class.map_or("", |_| palette.end()));
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

    const PLAIN: Palette = Palette { on: false, columns: 80 };
    const COLOURED: Palette = Palette { on: true, columns: 80 };

    #[test]
    fn a_token_over_several_lines_is_in_each_of_them() {
        let text = "let a = \"x\ny\";\r\nend";
        let lines = split(text, &[(0..3, TokenClass::Keyword), (8..12, TokenClass::String)]);
        assert_eq!(
            lines[0],
            ("let a = \"x", vec![(0..3, Some(TokenClass::Keyword)), (3..8, None), (8..10, Some(TokenClass::String))])
        );
        assert_eq!(lines[1], ("y\";", vec![(0..1, Some(TokenClass::String)), (1..3, None)]));
        assert_eq!(lines[2], ("end", vec![(0..3, None)]));
    }

    #[test]
    fn tokens_that_do_not_fit_are_passed_by() {
        let text = "é = 1\n";
        let tokens = [(1..3, TokenClass::String), (0..2, TokenClass::Type), (5..900, TokenClass::Number)];
        let (line, runs) = &split(text, &tokens)[0];
        let joined: String = runs.iter().map(|(range, _)| &line[range.clone()]).collect();
        assert_eq!(joined, "é = 1");
    }

    #[test]
    fn a_long_line_is_cut_to_the_width() {
        assert_eq!(paint("abcdefgh", &[(0..8, None)], 5, PLAIN), "abcd…");
        assert_eq!(paint("abcde", &[(0..5, None)], 5, PLAIN), "abcde");
        assert_eq!(paint("世界世界", &[(0..12, None)], 5, PLAIN), "世界…");
    }

    #[test]
    fn code_cannot_colour_or_end_a_colour() {
        let shown = paint("\x1b[0mx", &[(0..5, Some(TokenClass::Comment))], 80, COLOURED);
        assert_eq!(shown, "\x1b[2m␛[0mx\x1b[0m");
    }
}
