//! Turns the bytes of a file into text in a known language.

use crate::language;
use crate::parse::SourceFile;
use types::RepoPath;

/// Decodes a file as UTF-8, replacing invalid bytes with U+FFFD, and detects its language.
pub fn decode_source(path: &RepoPath, bytes: Vec<u8>) -> SourceFile {
    let text = String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    let language = language::detect_language(path, text.lines().next());
    let language = language::refine_language(language, path, &text);
    SourceFile { path: path.clone(), language, text }
}

/// Returns the number of lines in a text. A line end at the end of the text does not start another line.
///
/// # Panics
/// When the text has more than four billion lines, which the limit on file sizes rules out.
pub fn count_lines(text: &str) -> u32 {
    u32::try_from(text.lines().count()).expect("a file has fewer than 2^32 lines")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_bytes_are_replaced_and_the_language_is_detected() {
        let file = decode_source(&RepoPath::new("bin/run"), b"#!/usr/bin/env python3\nprint('\xff')\n".to_vec());
        assert_eq!((file.language.0, file.text.as_str()), ("python", "#!/usr/bin/env python3\nprint('\u{fffd}')\n"));
    }

    #[test]
    fn a_final_line_end_starts_no_line() {
        assert_eq!(["", "\n", "a", "a\n", "a\r\nb"].map(count_lines), [0, 1, 1, 1, 2]);
    }
}
