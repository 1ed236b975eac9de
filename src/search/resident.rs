//! A block on disk, in the shape it has in memory, so that a process starts without decoding a store.
//!
//! It is a copy: who finds none, or one of another program, another store or a damaged one, reads the
//! store. Written beside itself and put in place by one rename. All numbers are little-endian:
//!
//! | part | what |
//! |---|---|
//! | header | magic, then 64-bit numbers: epoch and generation of the store, dimensions, files, chunks, names, strings, bytes of strings, bytes of paths |
//! | files | where each path ends, where each one's chunks end, then the paths; and the language of each as a line of text |
//! | chunks | 35 bytes each |
//! | names, ends of strings, strings | 32-bit numbers, 32-bit numbers, text |
//! | vectors | of chunks, then of files: values, scales, sketches |
//! | checksum | XXH3-64 of all before it |
//!
//! Must never import: anything above `search`.

use std::fs::{self, File};
use std::hash::Hasher;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use twox_hash::XxHash3_64;

use super::block::{Block, BlockFile, Entry, Strings};
use super::vectors::Matrix;
use crate::language;
use crate::store::Stamp;
use crate::types::{RepoPath, Span, SymbolKind};

/// Names the format and what the numbers of kinds mean: raised when either changes.
const MAGIC: &[u8; 8] = b"CSCRYRS1";

/// Numbers of the header.
const HEADER: usize = 9;

const ENTRY_BYTES: usize = 35;

/// Keeps `block`, which is all of the store's chunks at `stamp`, at `path`.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write(path: &Path, block: &Block, stamp: Stamp) -> io::Result<()> {
    let beside = path.with_extension(format!("{}.tmp", std::process::id()));
    let written = write_to(&beside, block, stamp).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

fn write_to(path: &Path, block: &Block, stamp: Stamp) -> io::Result<()> {
    let mut out = Summed { inner: BufWriter::with_capacity(1 << 20, File::create(path)?), sum: XxHash3_64::new() };
    let Strings { text, ends, .. } = &block.strings;
    let paths: String = block.files.iter().map(|file| file.path.as_str()).collect();
    let languages: String = block.files.iter().map(|file| format!("{}\n", file.language)).collect();
    let dimensions = block.chunks.dimensions();
    let counts = [dimensions, block.files.len(), block.len(), block.names.len(), ends.len(), text.len(), paths.len()];
    out.write_all(MAGIC)?;
    out.write_all(&stamp.rows_epoch.to_le_bytes())?;
    out.write_all(&stamp.generation.to_le_bytes())?;
    counts.iter().try_for_each(|count| out.write_all(&(*count as u64).to_le_bytes()))?;
    let mut path_end = 0;
    for file in &block.files {
        path_end += file.path.as_str().len();
        out.number(u32::try_from(path_end).map_err(io::Error::other)?)?;
    }
    block.files.iter().try_for_each(|file| out.number(file.end))?;
    out.write_all(paths.as_bytes())?;
    out.number(u32::try_from(languages.len()).map_err(io::Error::other)?)?;
    out.write_all(languages.as_bytes())?;
    block.entries.iter().try_for_each(|entry| out.write_all(&entry_bytes(entry)))?;
    block.names.iter().chain(ends).try_for_each(|number| out.number(*number))?;
    out.write_all(text.as_bytes())?;
    for matrix in [&block.chunks, &block.means] {
        let (data, scales, sketches) = matrix.parts();
        out.write_all(data)?;
        scales.iter().try_for_each(|scale| out.write_all(&scale.to_le_bytes()))?;
        sketches.iter().try_for_each(|word| out.write_all(&word.to_le_bytes()))?;
    }
    let sum = out.sum.finish();
    out.write_all(&sum.to_le_bytes())?;
    out.inner.flush()
}

/// The block kept at `path` and the generation it is of; `None` when there is none of that epoch and width.
pub(super) fn read(path: &Path, epoch: u64, dimensions: usize) -> Option<(Block, u64)> {
    let mut input = Summed { inner: BufReader::with_capacity(1 << 16, File::open(path).ok()?), sum: XxHash3_64::new() };
    let size = fs::metadata(path).ok()?.len();
    if input.bytes(MAGIC.len() as u64, size)? != MAGIC {
        return None;
    }
    let header: Vec<u64> = words(&input.bytes(8 * HEADER as u64, size)?);
    let [found_epoch, generation, width, files, chunks, names, strings, text_bytes, path_bytes] = header[..] else {
        return None;
    };
    if found_epoch != epoch || width != dimensions as u64 {
        return None;
    }
    let (path_ends, ends) = (input.numbers(files, size)?, input.numbers(files, size)?);
    let paths = String::from_utf8(input.bytes(path_bytes, size)?).ok()?;
    let languages = *input.numbers(1, size)?.first()?;
    let languages = String::from_utf8(input.bytes(u64::from(languages), size)?).ok()?;
    let entries = input.bytes(chunks.checked_mul(ENTRY_BYTES as u64)?, size)?;
    let entries: Vec<Entry> = entries.as_chunks().0.iter().map(entry).collect::<Option<_>>()?;
    let (names, string_ends) = (input.numbers(names, size)?, input.numbers(strings, size)?);
    let strings = Strings::new(String::from_utf8(input.bytes(text_bytes, size)?).ok()?, string_ends);
    let matrices = (input.matrix(dimensions, chunks, size)?, input.matrix(dimensions, files, size)?);
    let sum = input.sum.finish();
    if words(&input.bytes(8, size)?) != [sum]
        || !ends.is_sorted()
        || ends.last().map_or(0, |end| u64::from(*end)) != chunks
    {
        return None;
    }
    let mut start = 0;
    let mut files = Vec::with_capacity(ends.len());
    for ((path_end, end), name) in path_ends.into_iter().zip(ends).zip(languages.lines()) {
        let path = RepoPath::new(paths.get(start..path_end as usize)?);
        start = path_end as usize;
        files.push(BlockFile { path, language: language::by_name(name)?, end });
    }
    Some((Block { files, entries, names, strings, chunks: matrices.0, means: matrices.1 }, generation))
}

fn entry_bytes(entry: &Entry) -> [u8; ENTRY_BYTES] {
    let Entry { row, number, span, kind, symbol, container, names } = *entry;
    let mut bytes = [0; ENTRY_BYTES];
    bytes[..8].copy_from_slice(&row.to_le_bytes());
    for (place, value) in [number, span.start_line, span.end_line, symbol, container, names.0].iter().enumerate() {
        bytes[8 + 4 * place..12 + 4 * place].copy_from_slice(&value.to_le_bytes());
    }
    bytes[32..34].copy_from_slice(&names.1.to_le_bytes());
    bytes[34] = kind as u8;
    bytes
}

fn entry(bytes: &[u8; ENTRY_BYTES]) -> Option<Entry> {
    let (row, rest) = bytes.split_first_chunk::<8>()?;
    let (numbers, rest) = rest.split_at(24);
    let [number, start_line, end_line, symbol, container, first] = numbers_of(numbers)[..] else { return None };
    Some(Entry {
        row: u64::from_le_bytes(*row),
        number,
        span: Span { start_line, end_line },
        kind: *SymbolKind::ALL.get(usize::from(rest[2]))?,
        symbol,
        container,
        names: (first, u16::from_le_bytes([rest[0], rest[1]])),
    })
}

fn numbers_of(bytes: &[u8]) -> Vec<u32> {
    bytes.as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect()
}

fn words(bytes: &[u8]) -> Vec<u64> {
    bytes.as_chunks().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect()
}

/// A file whose bytes are summed up as they pass.
struct Summed<T> {
    inner: T,
    sum: XxHash3_64,
}

impl<T: Write> Summed<T> {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sum.write(bytes);
        self.inner.write_all(bytes)
    }

    fn number(&mut self, number: u32) -> io::Result<()> {
        self.write_all(&number.to_le_bytes())
    }
}

impl<T: Read> Summed<T> {
    /// The next `count` bytes; `None` where a file of `size` bytes cannot have them.
    fn bytes(&mut self, count: u64, size: u64) -> Option<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(count).ok().filter(|_| count <= size)?];
        self.inner.read_exact(&mut bytes).ok()?;
        self.sum.write(&bytes);
        Some(bytes)
    }

    fn numbers(&mut self, count: u64, size: u64) -> Option<Vec<u32>> {
        Some(numbers_of(&self.bytes(count.checked_mul(4)?, size)?))
    }

    fn matrix(&mut self, dimensions: usize, rows: u64, size: u64) -> Option<Matrix> {
        let data = self.bytes(rows.checked_mul(dimensions as u64)?, size)?;
        let scales = self.bytes(rows.checked_mul(4)?, size)?;
        let scales = scales.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let sketches = words(&self.bytes(rows.checked_mul(8 * dimensions.div_ceil(64) as u64)?, size)?);
        Matrix::of(dimensions, data, scales, sketches)
    }
}
