//! Turns the bytes of a file into text in a known language.

use std::borrow::Cow;

use embedded::Notebook;

use crate::language;
use crate::long_lines::shorten_lines;
use crate::parse::SourceFile;
use crate::secrets::mask_tokens;
use types::{RepoPath, Span};

/// Decodes a file and detects its language. The text is UTF-8, in which invalid bytes are replaced by U+FFFD and
/// credentials by [`MASK`](crate::secrets::MASK). The text of a notebook is that of its cells, and its language that of
/// its code.
///
/// Every text of a file that is indexed or shown comes from here, so that no answer and no index has a credential.
pub fn decode_source(path: &RepoPath, bytes: Vec<u8>) -> SourceFile {
    let (text, notebook) = decode_bytes(path, bytes);
    let (text, masks) = mask_tokens(path.as_str(), text);
    let language = match notebook {
        Some(name) => language::language_by_name(&name).unwrap_or(language::text_language()),
        None => language::detect_language(path, text.lines().next()),
    };
    let language = language::refine_language(language, path, &text);
    SourceFile { path: path.clone(), language, text, masks }
}

/// Returns the text of a file, and the language of a notebook.
fn decode_bytes(path: &RepoPath, bytes: Vec<u8>) -> (String, Option<String>) {
    if embedded::is_notebook(path)
        && let Some(Notebook { language, text }) = Notebook::decode(&bytes)
    {
        return (text, Some(language));
    }
    let text = String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    (text, None)
}

/// Returns the number of lines in a text. A line end at the end of the text does not start another line.
///
/// # Panics
/// When the text has more than four billion lines, which the limit on file sizes rules out.
pub fn count_lines(text: &str) -> u32 {
    u32::try_from(text.lines().count()).expect("a file has fewer than 2^32 lines")
}

/// Returns the text of the chunk with the lines of `span`; `None` if the file has fewer lines.
pub fn chunk_text(file: &SourceFile, span: Span) -> Option<Cow<'_, str>> {
    Some(shorten_lines(file.language, cut_lines(&file.text, span)?).text)
}

/// Returns the lines of `span` without the last line end, as the text of a chunk is cut; `None` if the text has fewer
/// lines.
fn cut_lines(text: &str, span: Span) -> Option<&str> {
    let (first, last) = (span.start_line.checked_sub(1)? as usize, span.end_line as usize);
    let mut starts = std::iter::once(0).chain(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1));
    let start = starts.nth(first)?;
    // The end of the last line, which may have no line end.
    let end = match starts.nth(last.checked_sub(first + 1)?) {
        Some(end) => end,
        None if text[start..].split('\n').count() == last - first => text.len(),
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
            [cut("a\nb\nc", 1, 1), cut("a\nb\nc", 2, 3), cut("a\nb\nc\n", 1, 3)],
            ["a", "b\nc", "a\nb\nc"].map(Some)
        );
        assert_eq!([cut("a\r\nb\r\n", 1, 2), cut("a", 1, 1), cut("\n\n", 2, 2)], ["a\r\nb", "a", ""].map(Some));
        for (text, start, end) in [("a\nb", 1, 3), ("a\nb", 3, 3), ("a\nb", 0, 1), ("a\nb", 2, 1), ("", 2, 2)] {
            assert_eq!(cut(text, start, end), None, "{text:?} {start}-{end}");
        }
    }

    #[test]
    fn invalid_bytes_are_replaced_and_the_language_is_detected() {
        let file = decode_source(&RepoPath::new("bin/run"), b"#!/usr/bin/env python3\nprint('\xff')\n".to_vec());
        assert_eq!((file.language.0, file.text.as_str()), ("python", "#!/usr/bin/env python3\nprint('\u{fffd}')\n"));
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
