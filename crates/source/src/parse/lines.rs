//! The lines of a text, and the cost of cutting before each of them.

use crate::long_lines;
use types::Span;

/// Depth of a line that starts inside a string or comment, so that no syntax node begins there.
pub(super) const INSIDE_NODE_DEPTH: u32 = 10_000;

/// The lines of a text, 0-based. The last line may have no line end.
pub(super) struct LineIndex<'t> {
    text: &'t str,
    /// Byte at which each line starts, followed by the length of the text.
    starts: Vec<usize>,
    blank: Vec<bool>,
    /// Number of bytes before each line, and of the whole text, with shortened lines; empty if no line is shortened.
    shown: Vec<usize>,
    /// Nesting depth of the syntax tree at the start of each line or, without a tree, a depth derived from the
    /// indentation; a lower depth makes a cut cheaper.
    depths: Vec<u32>,
}

impl<'t> LineIndex<'t> {
    /// Splits a text at `\n`; a `\r` before it counts as white space.
    pub fn new(text: &'t str) -> Self {
        let mut starts = vec![0];
        starts.extend(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1));
        if starts.last() != Some(&text.len()) {
            starts.push(text.len());
        }
        let blank: Vec<bool> = starts.windows(2).map(|pair| text[pair[0]..pair[1]].trim().is_empty()).collect();
        let depths = indentation_depths(text, &starts, &blank);
        Self { text, starts, blank, shown: Vec::new(), depths }
    }

    /// Returns the number of lines.
    pub fn count(&self) -> usize {
        self.starts.len() - 1
    }

    /// Returns the text of lines `start..end` without the last line end.
    pub fn text(&self, start: usize, end: usize) -> &'t str {
        let text = &self.text[self.starts[start]..self.starts[end]];
        let text = text.strip_suffix('\n').unwrap_or(text);
        text.strip_suffix('\r').unwrap_or(text)
    }

    /// Returns the size of lines `start..end` in bytes; a shortened line counts with its shortened size.
    pub fn byte_count(&self, start: usize, end: usize) -> usize {
        let before = if self.shown.is_empty() { &self.starts } else { &self.shown };
        before[end] - before[start]
    }

    /// Makes each line that is longer than `max_bytes` count with its shortened size.
    pub fn shorten_lines(&mut self, max_bytes: usize) {
        let lengths = self.starts.windows(2).map(|pair| pair[1] - pair[0]);
        if !lengths.clone().any(|length| length > max_bytes) {
            return;
        }
        let ends = lengths.scan(0, |end, length| {
            *end += long_lines::shown_bytes(length, max_bytes);
            Some(*end)
        });
        self.shown = std::iter::once(0).chain(ends).collect();
    }

    /// Returns the whole text.
    pub fn full_text(&self) -> &'t str {
        self.text
    }

    /// Returns the line that contains a byte; the last line for a byte after the text.
    pub fn line_at_byte(&self, byte: usize) -> usize {
        let line = self.starts.partition_point(|start| *start <= byte);
        line.saturating_sub(1).min(self.count().saturating_sub(1))
    }

    /// Returns the byte range of a line; `None` if there is no such line.
    pub fn range(&self, line: usize) -> Option<std::ops::Range<usize>> {
        Some(*self.starts.get(line)?..*self.starts.get(line + 1)?)
    }

    /// Returns the byte at which a line starts.
    pub fn start_byte(&self, line: usize) -> usize {
        self.starts[line]
    }

    /// Returns `start..end` without blank lines at both ends; empty if all lines are blank.
    pub fn trim(&self, mut start: usize, mut end: usize) -> (usize, usize) {
        while start < end && self.blank[start] {
            start += 1;
        }
        while start < end && self.blank[end - 1] {
            end -= 1;
        }
        (start, end)
    }

    /// Replaces the depths derived from indentation by the depths of a syntax tree.
    pub fn set_depths(&mut self, depths: Vec<u32>) {
        self.depths = depths;
    }

    /// Returns the depth of each line.
    pub fn depths(&self) -> &[u32] {
        &self.depths
    }

    /// Makes a cut before `line` more expensive, because the line belongs to the one above it.
    pub fn tie_to_previous(&mut self, line: usize) {
        if let Some(depth) = self.depths.get_mut(line) {
            *depth = depth.saturating_add(50);
        }
    }

    /// Returns the cost of a cut before `line`; 0 is best.
    ///
    /// The cost grows with the depth of the line, and is lower after a blank line. It is high before a line that begins
    /// with a closing bracket, `end` or `else`.
    pub fn cut_cost(&self, line: usize) -> u32 {
        let text = self.text(line, line + 1).trim_start();
        if text.starts_with(['}', ')', ']']) || text == "end" || text.starts_with("end ") || text.starts_with("else") {
            return INSIDE_NODE_DEPTH * 2;
        }
        let after_blank = line > 0 && self.blank[line - 1];
        self.depths[line].saturating_mul(2) + u32::from(!after_blank)
    }
}

/// Returns depths for a text without a syntax tree: low for the first line of a paragraph, high for deep indentation.
fn indentation_depths(text: &str, starts: &[usize], blank: &[bool]) -> Vec<u32> {
    let depth = |(index, pair): (usize, &[usize])| {
        let line = &text[pair[0]..pair[1]];
        let indent = line.bytes().take_while(|byte| matches!(byte, b' ' | b'\t')).count().min(50);
        let continues = index > 0 && !blank[index - 1];
        indent as u32 + if continues { 100 } else { 0 }
    };
    starts.windows(2).enumerate().map(depth).collect()
}

/// Converts a 0-based first and last line to a span.
pub(super) fn line_span(first: usize, last: usize) -> Span {
    Span { start_line: to_one_based(first), end_line: to_one_based(last) }
}

/// Converts a 0-based line or column to its 1-based number.
///
/// # Panics
/// When the number exceeds 32 bits, which the limit on file sizes rules out.
pub(super) fn to_one_based(index: usize) -> u32 {
    u32::try_from(index + 1).expect("a file has fewer than 2^32 lines and columns")
}
