//! Locations of code in a file, as `path:first-last`.

use engine::Span;
use text::display::escape_name;

/// Formats a location, such as `src/a.rs:10-20`.
pub fn format_location(path: &str, span: Span) -> String {
    format!("{}:{}", escape_name(path), format_lines(span))
}

/// Formats lines, such as `10-20`, or `10` for one line.
pub fn format_lines(span: Span) -> String {
    let Span { start_line, end_line } = span;
    if start_line == end_line { start_line.to_string() } else { format!("{start_line}-{end_line}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_one_line_for_any_path() {
        let span = Span { start_line: 10, end_line: 20 };
        assert_eq!(format_location("src/a\n\u{202e}.rs", span), "src/a\\u{a}\\u{202e}.rs:10-20");
        assert_eq!(format_lines(Span { start_line: 7, end_line: 7 }), "7");
    }
}
