//! Assembly of chunks from pieces.

use std::ops::Range;

use types::{Chunk, SymbolKind};

use super::merge::merge_pieces;
use super::pieces::{ChunkPiece, cut_pieces};
use crate::long_lines::{self, ShortenedText};
use crate::parse::definitions::{self, Definition};
use crate::parse::lines::{LineIndex, line_span};
use crate::parse::source_file::SourceFile;
use crate::parse::symbols;
use crate::secrets::TextMask;

/// Returns the chunks of a file in line order, which together contain every non-blank line once.
pub(in crate::parse) fn build_chunks(
    file: &SourceFile,
    lines: &LineIndex<'_>,
    definitions: &[Definition],
) -> Vec<Chunk> {
    let pieces = merge_pieces(cut_pieces(lines, definitions), lines, definitions);
    pieces.iter().map(|piece| build_chunk(file, lines, definitions, piece)).collect()
}

/// Returns the chunk of a piece.
fn build_chunk(file: &SourceFile, lines: &LineIndex<'_>, definitions: &[Definition], piece: &ChunkPiece) -> Chunk {
    let text = lines.text(piece.start, piece.end);
    let shortened = long_lines::shorten_lines(file.language, text);
    let span = line_span(piece.start, piece.end - 1);
    let named = piece.symbol.map(|index| &definitions[index]);
    let container = match (named, piece.scope) {
        (Some(definition), _) => definitions::container_path(definition, definitions),
        (None, Some(scope)) => definitions::qualified_path(scope, definitions),
        (None, None) => String::new(),
    };
    Chunk {
        path: file.path.clone(),
        language: file.language,
        span,
        kind: named.map_or(SymbolKind::Block, |definition| definition.kind),
        symbol: named.map(|definition| definition.name.clone()).unwrap_or_default(),
        container,
        definitions: piece
            .defines
            .iter()
            .map(|index| symbols::build_symbol(&definitions[*index], definitions))
            .collect(),
        signature: named.map(|definition| definition.signature.clone()).unwrap_or_default(),
        masked: masks_within(file, text, &shortened),
        text: shortened.text.into_owned(),
    }
}

/// Returns the masks in a part of a file's text, as byte ranges of the shortened part. Masks that are not entirely in
/// the shortened part are left out. `part` is a slice of the text.
fn masks_within(file: &SourceFile, part: &str, shortened: &ShortenedText<'_>) -> Vec<Range<u32>> {
    let start = (part.as_ptr() as usize).saturating_sub(file.text.as_ptr() as usize);
    let inside =
        file.masks.iter().map(TextMask::range).filter(|mask| start <= mask.start && mask.end <= start + part.len());
    let offset = |at: usize| u32::try_from(at).expect("a file has fewer than 2^32 bytes");
    let shown = inside.filter_map(|mask| shortened.place(mask.start - start..mask.end - start));
    shown.map(|mask| offset(mask.start)..offset(mask.end)).collect()
}
