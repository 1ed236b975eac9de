//! A file's lines are cut into pieces along its definitions.

use super::definitions::Definition;
use super::lines::Lines;

/// A definition up to this size stays whole; a larger one is cut at syntax boundaries.
/// On the evaluation 1,200 scores the same with more chunks; 3,000 and 4,000 score lower.
pub(super) const MAX_CHUNK_BYTES: usize = 2_000;

/// Lines `start..end`, 0-based; neither the first nor the last is blank.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub start: usize,
    pub end: usize,
    /// The definition it is, is part of, or begins with.
    pub symbol: Option<usize>,
    /// The innermost definition around it.
    pub scope: Option<usize>,
    /// Definitions whose name stands in these lines, in order.
    pub defines: Vec<usize>,
    /// Whether it is one of several parts of a large definition.
    pub part: bool,
}

/// Cuts all lines. The pieces are in order, do not overlap, and hold every non-blank line.
pub(super) fn carve(lines: &Lines<'_>, definitions: &[Definition]) -> Vec<Piece> {
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); definitions.len()];
    let mut top = Vec::new();
    for (index, definition) in definitions.iter().enumerate() {
        match definition.parent {
            Some(parent) => children[parent].push(index),
            None => top.push(index),
        }
    }
    let mut carver = Carver { lines, definitions, children, pieces: Vec::new(), cursor: 0 };
    carver.region(&top, lines.count(), None);
    let mut pieces = carver.pieces;
    assign_names(&mut pieces, definitions);
    pieces
}

struct Carver<'a, 't> {
    lines: &'a Lines<'t>,
    definitions: &'a [Definition],
    children: Vec<Vec<usize>>,
    pieces: Vec<Piece>,
    /// The first line that no piece holds yet.
    cursor: usize,
}

impl Carver<'_, '_> {
    /// Cuts from the cursor up to `end`: the definitions `inside`, and what lies between them.
    /// Nesting, and so recursion, is bounded by the number of levels `definitions` keeps.
    fn region(&mut self, inside: &[usize], end: usize, scope: Option<usize>) {
        for &index in inside {
            let definition = &self.definitions[index];
            let first = definition.first_line.max(self.cursor);
            let past = (definition.last_line + 1).min(end);
            if first >= past {
                continue; // it shares its lines with the definition before it
            }
            self.gap(first, scope);
            self.definition(index, past, scope);
        }
        self.gap(end, scope);
    }

    fn definition(&mut self, index: usize, past: usize, scope: Option<usize>) {
        let small = self.lines.bytes(self.cursor, past) <= MAX_CHUNK_BYTES;
        if small || self.children[index].is_empty() {
            let whole = (self.cursor, past);
            self.split(whole, Some(index), scope, !small);
            self.cursor = past;
        } else {
            let inside = std::mem::take(&mut self.children[index]);
            let head = inside.iter().map(|child| self.definitions[*child].first_line).find(|line| *line > self.cursor);
            let head = head.unwrap_or(past).min(past);
            self.split((self.cursor, head), Some(index), scope, false);
            self.cursor = head;
            self.region(&inside, past, Some(index));
        }
    }

    /// The lines from the cursor to `end`, which belong to no definition below `scope`.
    fn gap(&mut self, end: usize, scope: Option<usize>) {
        if end > self.cursor {
            self.split((self.cursor, end), None, scope, false);
            self.cursor = end;
        }
    }

    /// One piece, or as many as it takes to stay within [`MAX_CHUNK_BYTES`].
    fn split(&mut self, range: (usize, usize), symbol: Option<usize>, scope: Option<usize>, part: bool) {
        let (mut start, end) = self.lines.trim(range.0, range.1);
        while start < end {
            let cut = self.cut(start, end);
            let (first, past) = self.lines.trim(start, cut);
            if first < past {
                self.pieces.push(Piece { start: first, end: past, symbol, scope, defines: Vec::new(), part });
            }
            start = cut;
        }
    }

    /// The best line to end a piece before: the cheapest cut in the last part of the room there is.
    fn cut(&self, start: usize, end: usize) -> usize {
        if self.lines.bytes(start, end) <= MAX_CHUNK_BYTES {
            return end;
        }
        let mut best = None;
        for line in start + 1..end {
            let size = self.lines.bytes(start, line);
            if size > MAX_CHUNK_BYTES {
                break;
            }
            let cost = self.lines.cut_cost(line);
            if size * 5 >= MAX_CHUNK_BYTES * 2 && best.is_none_or(|(least, _)| cost <= least) {
                best = Some((cost, line));
            }
        }
        let fits = || (start + 1..end).take_while(|line| self.lines.bytes(start, *line) <= MAX_CHUNK_BYTES).last();
        best.map(|(_, line)| line).or_else(fits).unwrap_or(start + 1)
    }
}

/// Tells each piece which names stand in it.
fn assign_names(pieces: &mut [Piece], definitions: &[Definition]) {
    for (index, definition) in definitions.iter().enumerate() {
        let at = pieces.partition_point(|piece| piece.end <= definition.name_line);
        if let Some(piece) = pieces.get_mut(at)
            && piece.start <= definition.name_line
        {
            piece.defines.push(index);
        }
    }
}
