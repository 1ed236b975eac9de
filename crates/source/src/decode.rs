//! Decodes the bytes of a file, masks credentials in the text, and detects its language.

use std::borrow::Cow;

use embedded::Notebook;

use crate::language::{self, LanguageChoices};
use crate::long_lines::shorten_lines;
use crate::parse::SourceFile;
use crate::secrets::mask_tokens;
use text::encoding::decode_bytes;
use types::{RepoPath, Span, TextEncoding};

/// The encoding that a file was decoded from, and the problem of decoding it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoding {
    pub encoding: TextEncoding,
    /// Message about bytes that could not be decoded; `None` if all could be.
    pub problem: Option<String>,
}

/// Decodes a file and detects its language. In its text, bytes that cannot be decoded are replaced by U+FFFD and
/// credentials by [`MASK`](crate::secrets::MASK). The text of a valid notebook is the text of its cells, and its
/// language is the language of its code.
///
/// Every file text that is indexed or shown is decoded by this function or one of its variants, so that no index and no
/// answer contains a recognized credential.
pub fn decode_source(path: &RepoPath, bytes: Vec<u8>) -> SourceFile {
    decode_source_as(path, bytes, &LanguageChoices::default())
}

/// Decodes a file like [`decode_source`]. A language that `choices` has for the file replaces the detected one.
pub fn decode_source_as(path: &RepoPath, bytes: Vec<u8>, choices: &LanguageChoices) -> SourceFile {
    decode_file(path, bytes, choices).0
}

/// Decodes a file like [`decode_source_as`]. Also returns how it was decoded.
pub fn decode_file(path: &RepoPath, bytes: Vec<u8>, choices: &LanguageChoices) -> (SourceFile, Decoding) {
    let notebook = embedded::is_notebook(path).then(|| Notebook::decode(&bytes)).flatten();
    let (text, named, decoding) = match notebook {
        Some(Notebook { language, text }) => {
            (text, Some(language), Decoding { encoding: TextEncoding::Utf8, problem: None })
        }
        None => {
            let decoded = decode_bytes(bytes);
            let encoding =
                decoded.encoding.map_or(TextEncoding::Utf8, |name| TextEncoding::parse(name).unwrap_or_default());
            let problem = (decoded.places_lost > 0).then(|| describe_lost_bytes(decoded.places_lost));
            (decoded.text, None, Decoding { encoding, problem })
        }
    };
    let (text, masks) = mask_tokens(path.as_str(), text);
    let language = choices.find(path).unwrap_or_else(|| {
        let language = match named {
            Some(name) => language::language_by_name(&name).unwrap_or(language::text_language()),
            None => language::detect_language(path, text.lines().next()),
        };
        language::refine_language(language, path, &text)
    });
    (SourceFile { path: path.clone(), language, text, masks }, decoding)
}

fn describe_lost_bytes(places: usize) -> String {
    let places = if places == 1 { "1 place is".to_owned() } else { format!("{places} places are") };
    format!(
        "its encoding is neither UTF-8 nor another one that can be told for certain; text in {places} shown as \
         \u{fffd}; save it as UTF-8"
    )
}

/// Returns the number of lines in a text. A line end at the end of the text does not start another line.
///
/// # Panics
/// When the text has more than four billion lines, which the limit on file sizes rules out.
pub fn count_lines(text: &str) -> u32 {
    u32::try_from(text.lines().count()).expect("a file has fewer than 2^32 lines")
}

/// Returns the lines of `span` as the text of a chunk: without the last line end, and with long lines shortened. `None`
/// if the file has fewer lines or `span` is not a valid range of lines.
pub fn chunk_text(file: &SourceFile, span: Span) -> Option<Cow<'_, str>> {
    Some(shorten_lines(file.language, cut_lines(&file.text, span)?).text)
}

/// Returns whether `text` is the lines of `span` in a file of UTF-8, and has no credential of its own. False for texts
/// that differ from the lines of their file: those with masks or shortened lines, and the cells of notebooks.
pub fn has_unmasked_lines(path: &RepoPath, bytes: &[u8], span: Span, text: &str) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|file| cut_lines(file, span) == Some(text))
        && mask_tokens(path.as_str(), text.to_owned()).1.is_empty()
}

/// Returns the lines of `span` without the last line end, as the text of a chunk is cut; `None` if the text has fewer
/// lines or `span` is not a valid range of lines.
fn cut_lines(text: &str, span: Span) -> Option<&str> {
    let (first, last) = (span.start_line.checked_sub(1)? as usize, span.end_line as usize);
    let starts = std::iter::once(0).chain(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1));
    // No line starts after the final line end, as in `count_lines`.
    let mut starts = starts.filter(|start| *start < text.len());
    let start = starts.nth(first)?;
    // The end of the last line, which may have no line end.
    let end = match starts.nth(last.checked_sub(first + 1)?) {
        Some(end) => end,
        None if text[start..].lines().count() == last - first => text.len(),
        None => return None,
    };
    let lines = &text[start..end];
    let lines = lines.strip_suffix('\n').unwrap_or(lines);
    Some(lines.strip_suffix('\r').unwrap_or(lines))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_without_their_last_line_end() {
        let cut = |text, start_line, end_line| cut_lines(text, Span { start_line, end_line });
        assert_eq!(
            [cut("a\nb\nc", 1, 1), cut("a\nb\nc", 2, 3), cut("a\nb\nc\n", 1, 3), cut("a\nb\n", 2, 2)],
            ["a", "b\nc", "a\nb\nc", "b"].map(Some)
        );
        assert_eq!([cut("a\r\nb\r\n", 1, 2), cut("a", 1, 1), cut("\n\n", 2, 2)], ["a\r\nb", "a", ""].map(Some));
        let outside = [("a\nb", 1, 3), ("a\nb", 3, 3), ("a\nb", 0, 1), ("a\nb", 2, 1), ("", 2, 2)];
        let after_final_line_end = [("a\n", 2, 2), ("a\n", 1, 2), ("\n\n", 3, 3), ("a\r\n", 2, 2), ("", 1, 1)];
        for (text, start, end) in outside.into_iter().chain(after_final_line_end) {
            assert_eq!(cut(text, start, end), None, "{text:?} {start}-{end}");
        }
    }

    #[test]
    fn invalid_bytes_are_replaced_and_the_language_is_detected() {
        let file = decode_source(&RepoPath::new("bin/run"), b"#!/usr/bin/env python3\nprint('\xff')\n".to_vec());
        assert_eq!((file.language.0, file.text.as_str()), ("python", "#!/usr/bin/env python3\nprint('\u{fffd}')\n"));
        let (_, decoding) =
            decode_file(&RepoPath::new("a.py"), b"print('\xff')\n".to_vec(), &LanguageChoices::default());
        assert!(decoding.problem.is_some_and(|problem| problem.contains("text in 1 place is shown as \u{fffd}")));
    }

    #[test]
    fn credentials_are_masked_and_languages_detected_in_every_encoding() {
        let text = format!("\u{feff}#!/usr/bin/env python3\nkey = 'ghp_{}'\n", "aB3dE6gH9j".repeat(4).split_at(36).0);
        let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in [text.into_bytes(), utf16] {
            let (file, decoding) = decode_file(&RepoPath::new("bin/run"), bytes, &LanguageChoices::default());
            assert_eq!((file.language.0, file.masks.len(), decoding.problem), ("python", 1, None), "{}", file.text);
        }
    }

    #[test]
    fn lines_as_in_the_file_have_no_credential() {
        let token = format!("ghp_{}", "aB3dE6gH9j".repeat(4).split_at(36).0);
        let has = |file: &str, line, text: &str| {
            let span = Span { start_line: line, end_line: line };
            has_unmasked_lines(&RepoPath::new("a.py"), file.as_bytes(), span, text)
        };
        let file = format!("a = 1\nkey = '{token}'\nb = 2\n");
        assert!(has(&file, 1, "a = 1") && has(&file, 3, "b = 2"));
        assert!(!has(&file, 2, "key = '\u{2022}\u{2022}\u{2022}\u{2022}'"), "the file has something else");
        assert!(!has(&file, 2, &format!("key = '{token}'")), "a credential is never shown");
        assert!(!has(&file, 1, "b = 2") && !has(&file, 9, ""), "other lines");
        assert!(!has_unmasked_lines(
            &RepoPath::new("a.py"),
            b"a = '\xff'\n",
            Span { start_line: 1, end_line: 1 },
            "a = '\u{fffd}'"
        ));
    }

    #[test]
    fn a_notebook_is_the_text_of_its_cells_in_its_language() {
        let cells = r#"{"cells": [{"cell_type": "code", "source": "f <- 1", "outputs": [{"text": "OUT"}]}], "metadata": {"language_info": {"name": "R"}}}"#;
        let file = decode_source(&RepoPath::new("a.ipynb"), cells.into());
        assert_eq!((file.language.0, file.text.as_str()), ("r", "# %% cell 1\nf <- 1\n"));
        let broken = decode_source(&RepoPath::new("a.ipynb"), b"{".to_vec());
        assert_eq!(broken.text, "{");
    }

    #[test]
    fn a_final_line_end_starts_no_line() {
        assert_eq!(["", "\n", "a", "a\n", "a\r\nb"].map(count_lines), [0, 1, 1, 1, 2]);
    }
}
