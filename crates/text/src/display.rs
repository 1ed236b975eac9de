//! Prepares text for display on one line: removes characters that control the display, and limits the length.

/// Returns whether a character is invisible and affects the display of others.
///
/// Such characters are the controls (C0, DEL and C1), zero-width characters, line and paragraph separators, the
/// characters that change the direction of text, and tags, which can hide text from people.
pub fn is_display_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// Returns `text` as a single line, without the characters of [`is_display_control`]. Line ends and tabs become spaces.
pub fn sanitize_line(text: &str) -> String {
    text.chars().map(|c| if c == '\n' || c == '\t' { ' ' } else { c }).filter(|c| !is_display_control(*c)).collect()
}

/// Returns the first `max_chars` characters of `text`, followed by `…` when more were cut off.
pub fn truncate_chars(text: &str, max_chars: usize) -> String {
    match text.char_indices().nth(max_chars) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Returns `text` as [`sanitize_line`] does, with at most `max_chars` characters and a `…` for the rest.
pub fn sanitize_to_length(text: &str, max_chars: usize) -> String {
    truncate_chars(&sanitize_line(text), max_chars)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sanitizing_removes_display_controls() {
        assert_eq!(sanitize_line("a\u{202e}b\u{1b}[31m\r\nc\u{2066}\u{200b}é漢"), "ab[31m cé漢");
        assert_eq!(sanitize_line("hidden\u{e0041}\u{e0042}\u{206a}\u{9b}"), "hidden");
    }

    #[test]
    fn truncated_text_says_so() {
        assert_eq!([truncate_chars("漢字", 2), truncate_chars("漢字かな", 2)], ["漢字", "漢字…"]);
        assert_eq!(sanitize_to_length("a\nb\u{202e}c", 3), "a b…");
    }
}
