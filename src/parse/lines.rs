//! A text as lines, and how good a place each of them is to cut before.

/// Depth of a line that no syntax node begins at: inside a string or a comment.
pub(super) const INSIDE: u32 = 10_000;

/// The lines of a text, 0-based. The last one may lack its line end.
pub(super) struct Lines<'t> {
    text: &'t str,
    /// Byte at which each line starts; one more entry, the text's length, closes the list.
    starts: Vec<usize>,
    blank: Vec<bool>,
    /// How deep the syntax is at the start of each line: the lower, the better a place to cut.
    depths: Vec<u32>,
}

impl<'t> Lines<'t> {
    /// Splits at `\n`; a `\r` before it is white space.
    pub fn new(text: &'t str) -> Self {
        let mut starts = vec![0];
        starts.extend(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1));
        if starts.last() != Some(&text.len()) {
            starts.push(text.len());
        }
        let blank: Vec<bool> = starts.windows(2).map(|pair| text[pair[0]..pair[1]].trim().is_empty()).collect();
        let depths = indentation(text, &starts, &blank);
        Self { text, starts, blank, depths }
    }

    /// Number of lines.
    pub fn count(&self) -> usize {
        self.starts.len() - 1
    }

    /// The text of lines `start..end` without the last line end.
    pub fn text(&self, start: usize, end: usize) -> &'t str {
        let text = &self.text[self.starts[start]..self.starts[end]];
        let text = text.strip_suffix('\n').unwrap_or(text);
        text.strip_suffix('\r').unwrap_or(text)
    }

    /// Bytes of lines `start..end`.
    pub fn bytes(&self, start: usize, end: usize) -> usize {
        self.starts[end] - self.starts[start]
    }

    /// The whole text.
    pub fn whole(&self) -> &'t str {
        self.text
    }

    /// The line a byte is on.
    pub fn of_byte(&self, byte: usize) -> usize {
        let line = self.starts.partition_point(|start| *start <= byte);
        line.saturating_sub(1).min(self.count().saturating_sub(1))
    }

    /// The bytes of a line, if there is one of this number.
    pub fn range(&self, line: usize) -> Option<std::ops::Range<usize>> {
        Some(*self.starts.get(line)?..*self.starts.get(line + 1)?)
    }

    /// The first byte of a line.
    pub fn start_byte(&self, line: usize) -> usize {
        self.starts[line]
    }

    /// `start..end` without the blank lines at either end; empty if all are blank.
    pub fn trim(&self, mut start: usize, mut end: usize) -> (usize, usize) {
        while start < end && self.blank[start] {
            start += 1;
        }
        while start < end && self.blank[end - 1] {
            end -= 1;
        }
        (start, end)
    }

    /// Replaces the depths that indentation gave by those of a syntax tree.
    pub fn set_depths(&mut self, depths: Vec<u32>) {
        self.depths = depths;
    }

    /// Makes cutting before `line` less welcome: it belongs to the line above.
    pub fn tie_to_previous(&mut self, line: usize) {
        if let Some(depth) = self.depths.get_mut(line) {
            *depth = depth.saturating_add(50);
        }
    }

    /// What a cut before `line` costs; 0 is best. A line that only closes something is never a
    /// good start, and a blank line above makes a better one.
    pub fn cut_cost(&self, line: usize) -> u32 {
        let text = self.text(line, line + 1).trim_start();
        if text.starts_with(['}', ')', ']']) || text == "end" || text.starts_with("end ") || text.starts_with("else") {
            return INSIDE * 2;
        }
        let after_blank = line > 0 && self.blank[line - 1];
        self.depths[line].saturating_mul(2) + u32::from(!after_blank)
    }
}

/// Depths without a syntax tree: a paragraph's first line is a good start, a deep indent is not.
fn indentation(text: &str, starts: &[usize], blank: &[bool]) -> Vec<u32> {
    let depth = |(index, pair): (usize, &[usize])| {
        let line = &text[pair[0]..pair[1]];
        let indent = line.bytes().take_while(|byte| matches!(byte, b' ' | b'\t')).count().min(50);
        let continues = index > 0 && !blank[index - 1];
        u32::try_from(indent).unwrap_or(50) + if continues { 100 } else { 0 }
    };
    starts.windows(2).enumerate().map(depth).collect()
}
