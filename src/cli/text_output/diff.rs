//! A line diff of small texts: one block of changed lines with two lines of context.

use super::palette::{Palette, TextRole};

/// Number of unchanged lines shown before and after the change.
const CONTEXT: usize = 2;

/// Returns the diff of two texts: a header with the line number, and the lines from the first to the last difference,
/// old ones first, with up to [`CONTEXT`] unchanged lines before and after.
pub fn diff_lines(before: &str, after: &str, palette: Palette) -> Vec<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let same = |pairs: &mut dyn Iterator<Item = (&&str, &&str)>| pairs.take_while(|(a, b)| a == b).count();
    let head = same(&mut old.iter().zip(&new));
    let tail = same(&mut old[head..].iter().rev().zip(new[head..].iter().rev()));
    let from = head.saturating_sub(CONTEXT);
    let to = (old.len() - tail + CONTEXT).min(old.len());
    let mut shown = vec![palette.paint(TextRole::Dim, &format!("@@ line {} @@", from + 1))];
    let mut show = |lines: &[&str], sign: &str, role: Option<TextRole>| {
        for line in lines {
            let line = format!("{sign}{line}");
            shown.push(role.map_or_else(|| terminal_text::escape_controls(&line), |role| palette.paint(role, &line)));
        }
    };
    show(&old[from..head], "  ", None);
    show(&old[head..old.len() - tail], "- ", Some(TextRole::Bad));
    show(&new[head..new.len() - tail], "+ ", Some(TextRole::Good));
    show(&old[old.len() - tail..to], "  ", None);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Palette = Palette { is_coloured: false, columns: 80 };

    #[test]
    fn a_new_line_is_shown_between_its_neighbours() {
        let shown = diff_lines("a\nb\nc\nd\ne\n", "a\nb\nc\nx\x1b\nd\ne\n", PLAIN);
        assert_eq!(shown, ["@@ line 2 @@", "  b", "  c", "+ x\\u{1b}", "  d", "  e"]);
    }

    #[test]
    fn texts_from_and_to_nothing_are_shown_whole() {
        assert_eq!(diff_lines("", "a\r\nb\r\n", PLAIN), ["@@ line 1 @@", "+ a", "+ b"]);
        assert_eq!(diff_lines("a\n", "", PLAIN), ["@@ line 1 @@", "- a"]);
        assert_eq!(diff_lines("a\nb\na\n", "a\n", PLAIN), ["@@ line 1 @@", "  a", "- b", "- a"]);
    }
}
