//! Merging of small neighbouring pieces.

use super::pieces::ChunkPiece;
use crate::parse::definitions::Definition;
use crate::parse::lines::LineIndex;
use types::SymbolKind;

/// Size below which a piece may be merged with a neighbour, in bytes.
const SMALL_BYTES: usize = 500;

/// Maximum size, in bytes, of the piece that two small pieces are merged into.
const MERGED_BYTES: usize = 1_000;

/// Size in bytes below which a piece without a name, such as a closing brace or a lone statement, is always merged
/// into the previous piece.
const TINY_BYTES: usize = 80;

/// Size in bytes below which the bare head of a container (`impl Ledger {`) is merged with its first member, because
/// a bare head is not a useful search result.
const HEAD_BYTES: usize = 200;

/// Merges neighbouring pieces: small ones of the same scope, a small definition and a small piece inside it, a tiny
/// piece with the piece before it, and the bare head of a container with its first member.
pub(super) fn merge_pieces(
    pieces: Vec<ChunkPiece>,
    lines: &LineIndex<'_>,
    definitions: &[Definition],
) -> Vec<ChunkPiece> {
    let mut merged: Vec<ChunkPiece> = Vec::with_capacity(pieces.len());
    let mut pieces = pieces.into_iter().peekable();
    while let Some(piece) = pieces.next() {
        let opens_next = pieces.peek().is_some_and(|next| is_bare_head(&piece, next, lines));
        match merged.last_mut() {
            Some(last) if should_merge(last, &piece, lines, opens_next) => {
                last.end = piece.end;
                last.defines.extend(piece.defines);
                last.is_part |= piece.is_part;
                last.symbol = dominant_symbol(last.symbol, piece.symbol, definitions);
                last.symbol = last.symbol.or_else(|| first_definition_in_scope(last, definitions));
            }
            Some(last) if is_bare_head(last, &piece, lines) => {
                let defines = std::mem::take(&mut last.defines);
                *last = ChunkPiece { start: last.start, defines: [defines, piece.defines].concat(), ..piece };
            }
            _ => merged.push(piece),
        }
    }
    merged
}

/// Returns the symbol of two merged pieces: the symbol of the first piece, unless it is a constant, a variable or
/// similar and the symbol of the second piece is not.
fn dominant_symbol(first: Option<usize>, second: Option<usize>, definitions: &[Definition]) -> Option<usize> {
    use SymbolKind::{Block, Constant, Field, Property, Type, Variable};
    let is_minor =
        |index: usize| matches!(definitions[index].kind, Block | Constant | Field | Property | Type | Variable);
    match (first, second) {
        (Some(first), Some(second)) if is_minor(first) && !is_minor(second) => Some(second),
        _ => first,
    }
}

/// Returns whether `next` is merged into `last`. `opens_next` is true if `next` is the bare head of the piece after it.
fn should_merge(last: &ChunkPiece, next: &ChunkPiece, lines: &LineIndex<'_>, opens_next: bool) -> bool {
    let (a, b) = (lines.byte_count(last.start, last.end), lines.byte_count(next.start, next.end));
    let tiny = next.symbol.is_none() && next.defines.is_empty() && b < TINY_BYTES;
    let has_part = last.is_part || next.is_part;
    let small =
        !has_part && a < SMALL_BYTES && b < SMALL_BYTES && lines.byte_count(last.start, next.end) <= MERGED_BYTES;
    let same_scope = last.scope == next.scope || (last.symbol.is_some() && next.scope == last.symbol);
    tiny || (small && same_scope && !(opens_next && last.scope == next.scope))
}

/// Returns whether `last` is the bare head of a container, smaller than [`HEAD_BYTES`], and `next` is the container's
/// first member.
fn is_bare_head(last: &ChunkPiece, next: &ChunkPiece, lines: &LineIndex<'_>) -> bool {
    last.symbol.is_some()
        && next.symbol.is_some()
        && next.scope == last.symbol
        && lines.byte_count(last.start, last.end) < HEAD_BYTES
}

/// Returns the first definition in a merged piece that is directly in the piece's scope.
fn first_definition_in_scope(piece: &ChunkPiece, definitions: &[Definition]) -> Option<usize> {
    piece.defines.iter().copied().find(|index| definitions[*index].parent == piece.scope)
}
