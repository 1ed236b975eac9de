//! Replacements in a text, by byte range.
//!
//! The editors of the parser crates are not used, because they change other bytes. `jsonc_parser::cst` breaks an object
//! on one line into several when it adds a property, drops blank lines inside of it, and removes the comments
//! beside a removed property; `toml_edit::DocumentMut` writes `\n` for `\r\n`, adds a line end at the end of the
//! file, and reorders dotted keys. Both crates parse; only the bytes of the entry are replaced here.

/// A replacement of the bytes `from..to` by `with`.
#[derive(Clone, Debug)]
pub(super) struct Splice {
    pub from: usize,
    pub to: usize,
    pub with: String,
}

impl Splice {
    /// Inserts `with` at byte `at`.
    pub fn insert(at: usize, with: String) -> Self {
        Self { from: at, to: at, with }
    }

    /// Removes the bytes `from..to`.
    pub fn cut(from: usize, to: usize) -> Self {
        Self { from, to, with: String::new() }
    }
}

/// Applies `splices` to `text`. They must not overlap; insertions at the same byte keep their order.
pub(super) fn apply_splices(text: &str, mut splices: Vec<Splice>) -> String {
    splices.sort_by_key(|splice| splice.from);
    let mut result = String::with_capacity(text.len() + 256);
    let mut at = 0;
    for splice in splices {
        result.push_str(&text[at..splice.from]);
        result.push_str(&splice.with);
        at = splice.to;
    }
    result.push_str(&text[at..]);
    result
}

/// Returns the line ending of `text`: `\r\n` if there is one, otherwise `\n`.
pub(crate) fn detect_line_ending(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// Returns the start of the line that contains byte `at`.
pub(super) fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |line_end| line_end + 1)
}
