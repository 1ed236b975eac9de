//! Files that are skipped because of their content: binary, empty, bulk data, minified, generated, or with credentials.
//!
//! Reads bytes only, never the disk. A text in another encoding than UTF-8 is decoded first. Credentials take
//! precedence over every other reason except binary. Prose never counts as minified or generated, because it has one
//! paragraph per line and mentions generated code.

use embedded::{Notebook, is_notebook};

use super::file_kinds;
use super::generated::is_generated;
use crate::language;
use crate::secrets::find_credentials;
use text::encoding::{SNIFF_BYTES, has_binary_bytes, to_utf8};
use types::{ContentKind, RepoPath, SkipReason};

/// Size in bytes up to which a file never counts as minified.
const MINIFIED_MIN_BYTES: usize = 4 * 1024;

/// Mean line length, in bytes, above which a file may be minified.
const MINIFIED_MEAN_BYTES: usize = 250;

/// Length of a single line, in bytes, above which a file may be minified.
const MINIFIED_LINE_BYTES: usize = 20 * 1024;

/// File extensions of prose.
const PROSE_EXTENSIONS: &[&str] = &["md", "markdown", "mdx", "rst", "txt", "adoc", "asciidoc", "org", "tex"];

/// Returns why a file with these bytes is skipped; `None` if it is indexed.
pub fn inspect_content(path: &RepoPath, bytes: &[u8]) -> Option<SkipReason> {
    let bytes = &*to_utf8(bytes);
    let cells = notebook_text(path, bytes);
    let (bytes, is_data) = (cells.as_deref().map_or(bytes, str::as_bytes), is_notebook(path) && cells.is_none());
    match inspect_text(path, bytes, is_data) {
        Some(SkipReason::Binary) => Some(SkipReason::Binary),
        other => match find_credentials(path, bytes) {
            Some(found) => Some(SkipReason::Credentials { found }),
            None => other,
        },
    }
}

/// Inspects a file of a public repository like [`inspect_content`], but ignores credentials.
///
/// A key in the tests of a public repository is not a secret.
pub fn inspect_published_content(path: &RepoPath, bytes: &[u8]) -> Option<SkipReason> {
    let bytes = &*to_utf8(bytes);
    let cells = notebook_text(path, bytes);
    let is_data = is_notebook(path) && cells.is_none();
    inspect_text(path, cells.as_deref().map_or(bytes, str::as_bytes), is_data)
}

/// Returns the text of a notebook's cells, without their outputs; `None` for any other file, and for a notebook that
/// cannot be read.
fn notebook_text(path: &RepoPath, bytes: &[u8]) -> Option<String> {
    is_notebook(path).then(|| Notebook::decode(bytes)).flatten().map(|notebook| notebook.text)
}

/// Inspects the text of a file in UTF-8, ignoring credentials; `is_data` if the file is a notebook whose cells cannot
/// be read.
fn inspect_text(path: &RepoPath, bytes: &[u8], is_data: bool) -> Option<SkipReason> {
    let sniffed = &bytes[..bytes.len().min(SNIFF_BYTES)];
    if is_binary(sniffed) {
        return Some(SkipReason::Binary);
    }
    if is_blank(bytes) {
        return Some(SkipReason::Empty);
    }
    if is_data {
        return Some(SkipReason::Data);
    }
    let extension = path.file_name().rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
    if PROSE_EXTENSIONS.contains(&extension.as_str()) {
        return None;
    }
    if file_kinds::is_bulk_json(path, bytes) {
        return Some(SkipReason::Data);
    }
    if is_minified(path, &extension, bytes) {
        return Some(SkipReason::Minified);
    }
    is_generated(bytes).then_some(SkipReason::Generated)
}

/// Returns whether the bytes are only white space.
fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0x0b)
}

/// Returns whether the bytes are not text, or are invalid UTF-16.
fn is_binary(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) || has_binary_bytes(bytes)
}

/// Returns whether the lines are too long for hand-written text, apart from a few lines with data.
fn is_minified(path: &RepoPath, extension: &str, bytes: &[u8]) -> bool {
    if bytes.len() <= MINIFIED_MIN_BYTES {
        return false;
    }
    // Some files use the line ending of classic Mac OS, a lone carriage return.
    let line_end = if bytes.contains(&b'\n') { b'\n' } else { b'\r' };
    let (mut count, mut longest, mut start) = (1, 0, 0);
    for at in memchr::memchr_iter(line_end, bytes) {
        (count, longest, start) = (count + 1, longest.max(at - start), at + 1);
    }
    longest = longest.max(bytes.len() - start);
    let is_long = bytes.len() / count > MINIFIED_MEAN_BYTES || longest > MINIFIED_LINE_BYTES;
    is_long && !has_code_between_data(path, extension, bytes.split(|byte| *byte == line_end))
}

/// Extensions of files that bundlers and minifiers write. In these files, the long lines often follow a comment or code
/// that loads modules.
const BUNDLE_EXTENSIONS: &[&str] = &["js", "mjs", "cjs", "jsx", "css"];

/// Extensions of pages, which may have a paragraph per line.
const PAGE_EXTENSIONS: &[&str] = &["html", "htm", "xhtml"];

/// Mean line length of a page, in bytes, above which it counts as minified.
const PAGE_MEAN_BYTES: usize = 1_500;

/// Length above which a line is data, in bytes, except in a page.
const DATA_LINE_BYTES: usize = 2_000;

/// Returns whether the lines that are not data are hand-written code. False for prose other than a page, and for text
/// in no known language.
fn has_code_between_data<'b>(path: &RepoPath, extension: &str, lines: impl Iterator<Item = &'b [u8]>) -> bool {
    let language = language::detect_language(path, None);
    let is_page = PAGE_EXTENSIONS.contains(&extension);
    let is_bundle = BUNDLE_EXTENSIONS.contains(&extension);
    if !is_page && (language == language::text_language() || language::language_content(language) == ContentKind::Docs)
    {
        return false;
    }
    let (mut code_lines, mut code_bytes, mut data_lines) = (0, 0, 0);
    for line in lines.map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()) {
        let is_comment = ["/*", "*", "//"].iter().any(|mark| line.starts_with(mark.as_bytes()));
        if line.len() > if is_page { MINIFIED_LINE_BYTES } else { DATA_LINE_BYTES } {
            data_lines += 1;
        } else if !(is_bundle && is_comment) {
            (code_lines, code_bytes) = (code_lines + 1, code_bytes + line.len());
        }
    }
    let min_lines = match language.0 {
        _ if is_bundle => 10.max(5 * data_lines),
        // A dump has few lines beside its data.
        "sql" => 1,
        _ => 2,
    };
    code_lines >= min_lines && code_bytes / code_lines <= if is_page { PAGE_MEAN_BYTES } else { MINIFIED_MEAN_BYTES }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binary_minified_and_generated_files_are_detected_by_content() {
        let of = |path: &str, bytes: &[u8]| inspect_content(&RepoPath::new(path), bytes).map(|reason| reason.label());
        assert_eq!(of("a.rs", b"fn a() {}\0"), Some("binary"));
        assert_eq!(of("a.txt", &[0xff, 0xfe, b'a', 0]), None);
        assert_eq!(of("a.txt", &[0xff, 0xfe, b'a', 0, 0]), Some("binary"));
        assert_eq!(of("a.txt", &[0xff, 0xfe]), Some("empty"));
        assert_eq!(of("a.rs", b" \n\t\n"), Some("empty"));
        assert_eq!(of("a.js", "var a=1;".repeat(1000).as_bytes()), Some("minified"));
        assert_eq!(of("a.md", "a long paragraph. ".repeat(1000).as_bytes()), None);
        assert_eq!(of("a.go", b"// Code generated by protoc-gen-go. DO NOT EDIT.\npackage a\n"), Some("generated"));
        assert_eq!(of("a.ts", b"/**\n * @generated by hand\n */\n"), Some("generated"));
        assert_eq!(of("a.py", b"\"\"\"Writes generated code to disk.\"\"\"\n# The file is generated later.\n"), None);
        assert_eq!(of("a.rs", "fn größe() {}\n".as_bytes()), None);
        let outputs = format!(r#"{{"cells": [{{"source": "a = 1", "outputs": "{}"}}]}}"#, "x".repeat(30_000));
        assert_eq!(of("a.ipynb", outputs.as_bytes()), None);
        assert_eq!(of("a.ipynb", b"{\"cells\": []}"), Some("empty"));
        assert_eq!(of("a.ipynb", b"{\"cells\": ["), Some("data"));
    }

    #[test]
    fn one_long_line_costs_that_line_and_a_bundle_stays_out() {
        let of = |path: &str, text: &str| {
            inspect_content(&RepoPath::new(path), text.as_bytes()).map(|reason| reason.label())
        };
        let code = "function draw(icon) {\n  return icon;\n}\n";
        let data = "aGVsbG8sIHdvcmxk".repeat(3_000);
        assert_eq!(
            of("icons.py", &format!("LOGO = \"{data}\"\n\ndef draw(icon):\n    return icon\n\n\nx = 1\n")),
            None
        );
        assert_eq!(of("icons.js", &format!("const logo = '{data}';\n{}", code.repeat(5))), None);
        assert_eq!(
            of("seed.sql", &format!("CREATE TABLE t (a INT);\nINSERT INTO t VALUES {};\n", "(1),".repeat(9_000))),
            None
        );
        assert_eq!(of("page.html", &format!("<p>{}</p>\n", "Words of a paragraph. ".repeat(30)).repeat(20)), None);
        let bundle = "!function(e){var t={};return t.a=e,t}(window);".repeat(2_000);
        assert_eq!(of("lib.js", &format!("/*!\n{} */\n{bundle}\n", " * License.\n".repeat(20))), Some("minified"));
        assert_eq!(of("lib.js", &format!("{code}{bundle}\n{code}{bundle}\n")), Some("minified"));
        assert_eq!(of("page.html", &"<p>a</p>".repeat(5_000)), Some("minified"));
        assert_eq!(of("data.py", &format!("DATA = \"{data}\"\n")), Some("minified"));
        assert_eq!(of("genes.fa", &format!("{data}\n{}", "ACGT\n".repeat(50))), Some("minified"));
    }
}
