//! Finds the lines of signatures among the lines of a hit.

use std::ops::Range;

use engine::{Hit, Span, Symbol, SymbolKind};

use text::code::comments::is_comment_line;

/// Maximum number of lines of a signature that are found; of a longer one, the first line counts.
const MAX_SIGNATURE_LINES: usize = 4;

/// The lines of a definition in a hit, as indices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SignatureLines {
    /// The lines of the signature; only the first of a signature of more than [`MAX_SIGNATURE_LINES`] lines.
    pub lines: Range<usize>,
    /// Whether `lines` has all of the signature.
    pub is_whole: bool,
    /// The index after the last line of the definition.
    pub end: usize,
}

/// The signatures that stand in a hit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HitSignatures {
    /// The signature of the definition that names the hit; `None` in a later part of a long definition, and in code
    /// without a definition.
    pub own: Option<SignatureLines>,
    /// The signatures of the definitions in the hit, sorted by their first line.
    pub all: Vec<SignatureLines>,
}

impl SignatureLines {
    /// Finds a signature (white space collapsed) on the lines `within`: the line with which it begins, or else the
    /// first line of code with the defined `name`, because comments in it are not part of a signature. `None` if there
    /// is neither.
    fn find(lines: &[&str], within: Range<usize>, signature: &str, name: &str) -> Option<Self> {
        let inside = lines.get(within.clone())?;
        let is_named = |line: &&str| has_word(line, name) && !is_comment_line(line) && !is_annotation(line);
        let named = || if name.is_empty() { None } else { inside.iter().position(is_named) };
        let first = within.start + find_signature_line(inside, signature).or_else(named)?;
        let (letters, mut seen) = (count_letters(signature), 0);
        let reaches_end = |line: &&str| {
            seen += count_letters(line);
            seen >= letters
        };
        let last = lines[first..within.end].iter().take(MAX_SIGNATURE_LINES).position(reaches_end);
        Some(Self { lines: first..first + last.unwrap_or(0) + 1, is_whole: last.is_some(), end: within.end })
    }
}

impl HitSignatures {
    /// Finds the signatures in the `lines` of a hit.
    pub fn find(hit: &Hit, lines: &[&str]) -> Self {
        let span = |symbol: &Symbol| lines_of(symbol.span, hit.span.start_line, lines.len());
        let is_own = |symbol: &&Symbol| symbol.name == hit.symbol && symbol.container == hit.container;
        let own_lines = hit.definitions.iter().find(is_own).map(span).filter(|lines| !lines.is_empty());
        let own = match own_lines {
            Some(within) => SignatureLines::find(lines, within, &hit.signature, &hit.symbol),
            // A later part of a long definition, or an index of an older version.
            None => SignatureLines::find(lines, 0..lines.len(), &hit.signature, ""),
        };
        // The line of a heading or of a block says no more than the name of the place.
        let has_body = |symbol: &&Symbol| !matches!(symbol.kind, SymbolKind::Section | SymbolKind::Block);
        let find = |symbol: &Symbol| SignatureLines::find(lines, span(symbol), &symbol.signature, &symbol.name);
        let mut all: Vec<SignatureLines> = hit.definitions.iter().filter(has_body).filter_map(find).collect();
        all.extend(own.clone());
        all.sort_by_key(|signature| signature.lines.start);
        Self { own, all }
    }

    /// Returns the first line of the signature of the innermost definition whose body has the line at `index`; `None`
    /// if the line is in no body, or itself in a signature.
    pub fn first_line_above(&self, index: usize) -> Option<usize> {
        if self.all.iter().any(|signature| signature.lines.contains(&index)) {
            return None;
        }
        let holds = |signature: &&SignatureLines| (signature.lines.end..signature.end).contains(&index);
        self.all.iter().rfind(holds).map(|signature| signature.lines.start)
    }
}

/// Returns the lines of `span` that are among the `count` lines from `start_line` on, as indices.
fn lines_of(span: Span, start_line: u32, count: usize) -> Range<usize> {
    let index = |line: u32| (line.saturating_sub(start_line) as usize).min(count);
    index(span.start_line)..index(span.end_line.saturating_add(1))
}

/// Returns the index of the line on which `signature` (white space collapsed) starts; `None` if it is not among the
/// lines, as in the later parts of a long definition.
fn find_signature_line(lines: &[&str], signature: &str) -> Option<usize> {
    if signature.is_empty() {
        return None;
    }
    let begins = |line: &&str| {
        begins_alike(line, signature)
            || (is_annotation(line) && line.split_whitespace().collect::<Vec<_>>().join(" ").contains(signature))
    };
    lines.iter().position(begins)
}

/// Returns whether a line that is not blank is the beginning of a signature or begins with it, once the white space in
/// the line is collapsed as it is in the signature.
fn begins_alike(line: &str, signature: &str) -> bool {
    let mut rest = signature;
    for (index, word) in line.split_whitespace().enumerate() {
        if index > 0 {
            match rest.strip_prefix(' ') {
                Some(after) => rest = after,
                None => return rest.is_empty(),
            }
        }
        match rest.strip_prefix(word) {
            Some(after) => rest = after,
            None => return word.starts_with(rest),
        }
    }
    rest.len() < signature.len()
}

/// Returns whether a line begins with an annotation in a common language: `@Test`, `[Fact]`, `#[test]`.
fn is_annotation(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with(['@', '[']) || line.starts_with("#[")
}

/// Returns whether `line` contains `word` between characters that are not part of a name.
pub(crate) fn has_word(line: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word)
        .any(|(at, _)| !line[..at].ends_with(is_part) && !line[at + word.len()..].starts_with(is_part))
}

fn count_letters(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(lines: &[&str], signature: &str, name: &str) -> Option<(Range<usize>, bool)> {
        let found = SignatureLines::find(lines, 0..lines.len(), signature, name)?;
        Some((found.lines, found.is_whole))
    }

    #[test]
    fn a_signature_is_found_on_one_line_on_several_and_behind_annotations() {
        let lines = ["@route(", "    \"/items\",", ")", "def items(", "    limit: int,", ") -> list:", "    return 1"];
        assert_eq!(find(&lines, "def items( limit: int, ) -> list", "items"), Some((3..6, true)));
        let long = ["fn long(", "a: A,", "b: B,", "c: C,", "d: D,", ") {", "}"];
        assert_eq!(find(&long, "fn long( a: A, b: B, c: C, d: D, )", "long"), Some((0..1, false)));
        let annotated = ["// run() runs.", "@Override public void run() { // often", "    run();", "}"];
        assert_eq!(find(&annotated, "public void run()", "run"), Some((1..2, true)));
        let commented = ["/// Runs.", "#[inline]", "pub fn run( // often", "    n: usize,", ") {"];
        let found = find(&commented, "pub fn run( n: usize, )", "run");
        assert_eq!(found.map(|(lines, _)| lines.start), Some(2));
        assert_eq!(find(&["step();", "run();"], "public void run()", ""), None, "a later part");
        assert_eq!(find(&["fn open(path: &Path) {"], "fn open(path: &Path)", "open"), Some((0..1, true)));
        assert_eq!(find(&["  fn  open", "(a)"], "fn open(a)", ""), Some((0..2, true)));
        assert_eq!(find(&["fn opener(a)", "fn open (a)", "", "open"], "fn open(a)", ""), None);
        assert_eq!(find(&[], "fn open()", "open"), None);
    }
}
