//! Small neighbours become one piece.

use super::carve::Piece;
use super::definitions::Definition;
use super::lines::Lines;
use crate::types::SymbolKind;

/// Pieces below this size may join a neighbour.
const SMALL_BYTES: usize = 500;

/// What joined pieces may come to.
const JOINED_BYTES: usize = 1_000;

/// A piece without a name below this size (a closing brace, a lone statement) joins what is above
/// it, wherever it stands.
const CRUMB_BYTES: usize = 80;

/// The bare head of a container (`impl Ledger {`) below this size goes with the first thing in it:
/// on its own it answers nothing.
const HEAD_BYTES: usize = 200;

/// Joins neighbours that are small and stand in the same scope.
pub(super) fn merge(pieces: Vec<Piece>, lines: &Lines<'_>, definitions: &[Definition]) -> Vec<Piece> {
    let mut merged: Vec<Piece> = Vec::with_capacity(pieces.len());
    let mut pieces = pieces.into_iter().peekable();
    while let Some(piece) = pieces.next() {
        let opens_next = pieces.peek().is_some_and(|next| is_bare_head(&piece, next, lines));
        match merged.last_mut() {
            Some(last) if joins(last, &piece, lines, opens_next) => {
                last.end = piece.end;
                last.defines.extend(piece.defines);
                last.part |= piece.part;
                last.symbol = weightier(last.symbol, piece.symbol, definitions);
                last.symbol = last.symbol.or_else(|| first_named(last, definitions));
            }
            Some(last) if is_bare_head(last, &piece, lines) => {
                let defines = std::mem::take(&mut last.defines);
                *last = Piece { start: last.start, defines: [defines, piece.defines].concat(), ..piece };
            }
            _ => merged.push(piece),
        }
    }
    merged
}

/// The one of two neighbours that names them both: the first, unless it is a mere constant or
/// variable and the second is not.
fn weightier(first: Option<usize>, second: Option<usize>, definitions: &[Definition]) -> Option<usize> {
    use SymbolKind::{Block, Constant, Field, Property, Type, Variable};
    let light = |index: usize| matches!(definitions[index].kind, Block | Constant | Field | Property | Type | Variable);
    match (first, second) {
        (Some(first), Some(second)) if light(first) && !light(second) => Some(second),
        _ => first,
    }
}

fn joins(last: &Piece, next: &Piece, lines: &Lines<'_>, opens_next: bool) -> bool {
    let (a, b) = (lines.bytes(last.start, last.end), lines.bytes(next.start, next.end));
    let crumb = next.symbol.is_none() && next.defines.is_empty() && b < CRUMB_BYTES;
    let parts = last.part || next.part;
    let small = !parts && a < SMALL_BYTES && b < SMALL_BYTES && lines.bytes(last.start, next.end) <= JOINED_BYTES;
    let same_scope = last.scope == next.scope || (last.symbol.is_some() && next.scope == last.symbol);
    crumb || (small && same_scope && !(opens_next && last.scope == next.scope))
}

fn is_bare_head(last: &Piece, next: &Piece, lines: &Lines<'_>) -> bool {
    last.symbol.is_some()
        && next.symbol.is_some()
        && next.scope == last.symbol
        && lines.bytes(last.start, last.end) < HEAD_BYTES
}

/// The first definition of a joined piece that has none of its own yet.
fn first_named(piece: &Piece, definitions: &[Definition]) -> Option<usize> {
    piece.defines.iter().copied().find(|index| definitions[*index].parent == piece.scope)
}
