//! Replacements in a text, by byte range.

/// Replaces the bytes `from..to` by `with`.
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
pub(super) fn detect_line_ending(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}
