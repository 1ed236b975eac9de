//! Cutting of a file's lines into pieces along its definitions.

use crate::parse::definitions::Definition;
use crate::parse::lines::LineIndex;

/// Size in bytes above which a definition is cut at syntax boundaries. A chunk is larger only if it is a single long
/// line, or if a tiny piece or the bare head of a container was merged into it.
///
/// In the evaluation, 1,200 bytes score the same but yield more chunks; 3,000 and 4,000 bytes score lower.
pub(in crate::parse) const MAX_CHUNK_BYTES: usize = 2_000;

/// The lines `start..end` of a future chunk, 0-based; neither the first nor the last line is blank.
#[derive(Clone, Debug)]
pub(super) struct ChunkPiece {
    pub start: usize,
    pub end: usize,
    /// Index of the definition that the piece contains, is part of, or begins with; `None` for other lines.
    pub symbol: Option<usize>,
    /// Index of the innermost definition around the piece; `None` at the top level.
    pub scope: Option<usize>,
    /// Indexes of the definitions whose names are in these lines, in order.
    pub defines: Vec<usize>,
    /// Whether the piece is a part of a large definition without members.
    pub is_part: bool,
}

/// Cuts a file into pieces that are in order, do not overlap, and contain every non-blank line.
pub(super) fn cut_pieces(lines: &LineIndex<'_>, definitions: &[Definition]) -> Vec<ChunkPiece> {
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); definitions.len()];
    let mut top = Vec::new();
    for (index, definition) in definitions.iter().enumerate() {
        match definition.parent {
            Some(parent) => children[parent].push(index),
            None => top.push(index),
        }
    }
    let mut cutter = PieceCutter { lines, definitions, children, pieces: Vec::new(), cursor: 0 };
    cutter.cut_region(&top, lines.count(), None);
    let mut pieces = cutter.pieces;
    assign_defined_names(&mut pieces, definitions);
    pieces
}

/// The state of cutting a file into pieces.
struct PieceCutter<'a, 't> {
    lines: &'a LineIndex<'t>,
    definitions: &'a [Definition],
    children: Vec<Vec<usize>>,
    pieces: Vec<ChunkPiece>,
    /// The first line that is not in a piece yet.
    cursor: usize,
}

impl PieceCutter<'_, '_> {
    /// Cuts the lines from the cursor to `end`, which contain the definitions `inside`.
    ///
    /// Recursion is bounded by the maximum nesting of definitions.
    fn cut_region(&mut self, inside: &[usize], end: usize, scope: Option<usize>) {
        for &index in inside {
            let definition = &self.definitions[index];
            let first = definition.first_line.max(self.cursor);
            let past = (definition.last_line + 1).min(end);
            if first >= past {
                continue; // it shares its lines with the definition before it
            }
            self.cut_gap(first, scope);
            self.cut_definition(index, past, scope);
        }
        self.cut_gap(end, scope);
    }

    /// Cuts a definition that ends before line `past`, either as a whole or along its members.
    fn cut_definition(&mut self, index: usize, past: usize, scope: Option<usize>) {
        let small = self.lines.byte_count(self.cursor, past) <= MAX_CHUNK_BYTES;
        if small || self.children[index].is_empty() {
            let whole = (self.cursor, past);
            self.add_pieces(whole, Some(index), scope, !small);
            self.cursor = past;
        } else {
            let inside = std::mem::take(&mut self.children[index]);
            let head = inside.iter().map(|child| self.definitions[*child].first_line).find(|line| *line > self.cursor);
            let head = head.unwrap_or(past).min(past);
            self.add_pieces((self.cursor, head), Some(index), scope, false);
            self.cursor = head;
            self.cut_region(&inside, past, Some(index));
        }
    }

    /// Cuts the lines from the cursor to `end`, which are in `scope` but not in a definition inside it.
    fn cut_gap(&mut self, end: usize, scope: Option<usize>) {
        if end > self.cursor {
            self.add_pieces((self.cursor, end), None, scope, false);
            self.cursor = end;
        }
    }

    /// Adds the lines of `range` as pieces of at most [`MAX_CHUNK_BYTES`]. A longer line becomes a piece of its own.
    fn add_pieces(&mut self, range: (usize, usize), symbol: Option<usize>, scope: Option<usize>, is_part: bool) {
        let (mut start, end) = self.lines.trim(range.0, range.1);
        while start < end {
            let cut = self.best_cut(start, end);
            let (first, past) = self.lines.trim(start, cut);
            if first < past {
                self.pieces.push(ChunkPiece { start: first, end: past, symbol, scope, defines: Vec::new(), is_part });
            }
            start = cut;
        }
    }

    /// Returns the line before which a piece should end: `end` if the piece fits, or the last of the cheapest cuts that
    /// give the piece at least two fifths of the maximum size. If there is no such cut, the piece is as large as
    /// possible, and has at least one line.
    fn best_cut(&self, start: usize, end: usize) -> usize {
        if self.lines.byte_count(start, end) <= MAX_CHUNK_BYTES {
            return end;
        }
        let mut best = None;
        for line in start + 1..end {
            let size = self.lines.byte_count(start, line);
            if size > MAX_CHUNK_BYTES {
                break;
            }
            let cost = self.lines.cut_cost(line);
            if size * 5 >= MAX_CHUNK_BYTES * 2 && best.is_none_or(|(least, _)| cost <= least) {
                best = Some((cost, line));
            }
        }
        let fits = || (start + 1..end).take_while(|line| self.lines.byte_count(start, *line) <= MAX_CHUNK_BYTES).last();
        best.map(|(_, line)| line).or_else(fits).unwrap_or(start + 1)
    }
}

/// Adds each definition to the `defines` of the piece that contains the line of its name.
fn assign_defined_names(pieces: &mut [ChunkPiece], definitions: &[Definition]) {
    for (index, definition) in definitions.iter().enumerate() {
        let at = pieces.partition_point(|piece| piece.end <= definition.name_line);
        if let Some(piece) = pieces.get_mut(at)
            && piece.start <= definition.name_line
        {
            piece.defines.push(index);
        }
    }
}
