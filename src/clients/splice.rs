//! Cutting and inserting text.
//!
//! Must never import anything of this crate.

/// Puts `with` where `from..to` was.
#[derive(Clone, Debug)]
pub(super) struct Splice {
    pub from: usize,
    pub to: usize,
    pub with: String,
}

impl Splice {
    pub fn insert(at: usize, with: String) -> Self {
        Self { from: at, to: at, with }
    }

    pub fn cut(from: usize, to: usize) -> Self {
        Self { from, to, with: String::new() }
    }
}

/// `text` with all of the splices done; they do not overlap. Those at one place go in in order.
pub(super) fn spliced(text: &str, mut splices: Vec<Splice>) -> String {
    splices.sort_by_key(|splice| splice.from);
    let mut made = String::with_capacity(text.len() + 256);
    let mut at = 0;
    for splice in splices {
        made.push_str(&text[at..splice.from]);
        made.push_str(&splice.with);
        at = splice.to;
    }
    made.push_str(&text[at..]);
    made
}

/// The line end that `text` uses.
pub(super) fn line_end(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}
