//! Locations of code in a file, as `path:first-last`.

use engine::Span;
use text::display::escape_name;

/// Formats a location, such as `src/a.rs:10-20`.
pub fn format_location(path: &str, span: Span) -> String {
    format!("{}:{}-{}", escape_name(path), span.start_line, span.end_line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_one_line_for_any_path() {
        let span = Span { start_line: 10, end_line: 20 };
        assert_eq!(format_location("src/a\n\u{202e}.rs", span), "src/a\\u{a}\\u{202e}.rs:10-20");
    }
}
