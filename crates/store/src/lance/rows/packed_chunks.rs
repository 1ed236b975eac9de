//! The parts of a chunk that a search compares, packed into one value. Reading this one column of some thousand rows
//! takes a fraction of the time that reading the head columns and the words takes.
//!
//! `checksum: u32 · number, first line, last line: u32 · path, language, kind, symbol, container, names: length u32 and
//! UTF-8 · scale: f32 · vector: length u32 and [i8] · terms` ([`Terms::pack`]), in little-endian order. The checksum
//! covers all that follows it. A value of the vector is its number times the scale, as a snapshot in memory rounds it.

use platform::file_format::checksum32;

use super::chunks::split_defined_names;
use super::columns::language_or_text;
use crate::commit::{RowKey, StoredChunk};
use crate::inverted_index::{DocNumber, Terms};
use types::{RepoPath, Span, SymbolKind};

/// The values of a chunk before they are packed.
pub(super) struct UnpackedChunk<'c> {
    pub number: DocNumber,
    pub span: Span,
    /// The path, the language, the kind, the symbol, the container, and the defined names.
    pub texts: [&'c str; 6],
    pub vector: &'c [f32],
    pub terms: &'c Terms,
}

impl UnpackedChunk<'_> {
    pub fn pack(&self) -> Vec<u8> {
        let length = |length: usize| u32::try_from(length).expect("a row has less than 4 GiB").to_le_bytes();
        let mut bytes = vec![0; 4];
        for number in [self.number, self.span.start_line, self.span.end_line] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        for text in self.texts {
            bytes.extend_from_slice(&length(text.len()));
            bytes.extend_from_slice(text.as_bytes());
        }
        let scale = self.vector.iter().fold(0.0_f32, |most, value| most.max(value.abs())) / 127.0;
        bytes.extend_from_slice(&scale.to_le_bytes());
        bytes.extend_from_slice(&length(self.vector.len()));
        bytes.extend(self.vector.iter().map(|value| quantize(*value, scale).cast_unsigned()));
        self.terms.pack(&mut bytes);
        let checksum = checksum32(&bytes[4..]);
        bytes[..4].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }
}

#[expect(clippy::cast_possible_truncation, reason = "at most 127")]
fn quantize(value: f32, scale: f32) -> i8 {
    if scale > 0.0 { (value / scale).round() as i8 } else { 0 }
}

/// Reads numbers and texts from the front of bytes.
struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn bytes(&mut self) -> Option<&'b [u8]> {
        let length = self.number()? as usize;
        let (first, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(first)
    }

    fn text(&mut self) -> Option<&'b str> {
        std::str::from_utf8(self.bytes()?).ok()
    }
}

/// Unpacks chunks. Consecutive chunks of a file share its path.
pub(in crate::lance) struct ChunkUnpacker<'w> {
    /// The hashes of the terms to unpack, sorted.
    wanted: &'w [u64],
    path: RepoPath,
}

impl<'w> ChunkUnpacker<'w> {
    pub fn new(wanted: Option<&'w [u64]>) -> Self {
        Self { wanted: wanted.unwrap_or_default(), path: RepoPath::new("") }
    }

    /// Returns the chunk of a row, and those of its terms that are wanted; `None` if the bytes are damaged.
    pub fn unpack(&mut self, bytes: &[u8], row: RowKey) -> Option<(StoredChunk, Terms)> {
        let mut reader = Reader(bytes);
        if reader.number()? != checksum32(reader.0) {
            return None;
        }
        let number = reader.number()?;
        let span = Span { start_line: reader.number()?, end_line: reader.number()? };
        let path = reader.text()?;
        if self.path.as_str() != path {
            self.path = RepoPath::new(path);
        }
        let language = language_or_text(reader.text()?);
        // A kind that this program does not know comes from another version.
        let kind = SymbolKind::parse(reader.text()?).unwrap_or(SymbolKind::Block);
        let (symbol, container) = (reader.text()?.to_owned(), reader.text()?.to_owned());
        let defines = split_defined_names(reader.text()?).map(str::to_owned).collect();
        let scale = reader.array().map(f32::from_le_bytes)?;
        let vector = reader.bytes()?.iter().map(|value| f32::from(value.cast_signed()) * scale).collect();
        let terms = Terms::unpack(reader.0, self.wanted)?;
        let path = self.path.clone();
        Some((StoredChunk { row, number, path, language, span, kind, symbol, container, defines, vector }, terms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_byte_is_damage() {
        let terms = Terms::default();
        let texts = ["src/pool.rs", "rust", "function", "open", "Pool", "open\nclose"];
        let span = Span { start_line: 3, end_line: 9 };
        let packed = UnpackedChunk { number: 7, span, texts, vector: &[0.5, -1.0, 0.0], terms: &terms }.pack();
        let mut unpacker = ChunkUnpacker::new(None);
        let (chunk, _) = unpacker.unpack(&packed, 40).expect("it is intact");
        assert_eq!((chunk.row, chunk.number, chunk.span, chunk.kind), (40, 7, span, SymbolKind::Function));
        assert_eq!((chunk.path.as_str(), chunk.language.0, chunk.defines.len()), ("src/pool.rs", "rust", 2));
        assert!(chunk.vector.iter().zip([0.5, -1.0, 0.0]).all(|(a, b)| (a - b).abs() < 0.005), "{:?}", chunk.vector);
        for index in 0..packed.len() {
            let mut changed = packed.clone();
            changed[index] ^= 4;
            assert!(unpacker.unpack(&changed, 40).is_none(), "{index}");
            assert!(unpacker.unpack(&packed[..index], 40).is_none(), "{index}");
        }
    }
}
