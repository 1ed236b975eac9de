//! The snapshot cache: a column block on disk in its in-memory layout, so that a process starts without decoding the
//! store.
//!
//! The file contains only data that the store also contains. If it is missing, damaged, or belongs to another program
//! version or store, the store is read instead. All numbers are little-endian:
//!
//! | part | content |
//! |---|---|
//! | header | see [`platform::file_format`] |
//! | generation | 64-bit numbers: rows generation and generation number of the store |
//! | counts | 64-bit numbers: dimensions, files, chunks, names, strings, bytes of strings, bytes of paths |
//! | files | end of each path, chunk end of each file, the paths, and the length and the lines of the languages |
//! | chunks | 35 bytes each |
//! | names, ends of strings, strings | 32-bit numbers, 32-bit numbers, text |
//! | vectors | of chunks, then of files: values, scales, sign bits |
//! | checksum | 64 bits, of all before it |

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, Write};
use std::path::Path;

use embed::vector::quantized_matrix::QuantizedMatrix;
use platform::atomic_file::{Durability, replace_file};
use platform::file_format::{ChecksumReader, ChecksumWriter, FileFormat, HEADER_BYTES, read_exact_at};

use super::column_block::{BlockFile, ChunkRecord, ColumnBlock, StringTable};
use source::language;
use store::Generation;
use types::{RepoPath, Span, SymbolKind};

/// The format of the file. Its version changes with the layout and with the numbering of symbol kinds.
const CACHE_FORMAT: FileFormat = FileFormat { magic: *b"CSCRYSNP", version: 2 };

/// Number of 64-bit numbers after the header: two of the generation, then the counts.
const COUNTS: usize = 9;

const CHUNK_RECORD_BYTES: usize = 35;

/// Size of the header and the counts, in bytes.
const START_BYTES: usize = HEADER_BYTES + 8 * COUNTS;

/// Identifies the content of a snapshot cache: the header with the generation and all counts, and the checksum of the
/// whole file. Copies and links of a file have the same identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CacheIdentity {
    start: [u8; START_BYTES],
    checksum: u64,
}

/// Writes `block`, which holds all chunks of the store at `generation`, to `path`. Returns the identity of the file.
///
/// # Errors
/// If the file cannot be written.
pub(super) fn write_snapshot_cache(
    path: &Path,
    block: &ColumnBlock,
    generation: Generation,
) -> io::Result<CacheIdentity> {
    let start = encode_start(block, generation);
    let mut checksum = 0;
    replace_file(path, Durability::Unsynced, |out| {
        let mut out = ChecksumWriter::new(out);
        out.write_all(&start)?;
        write_block(&mut out, block)?;
        checksum = out.checksum();
        out.finish().map(drop)
    })?;
    Ok(CacheIdentity { start, checksum })
}

/// Returns the header and the counts.
fn encode_start(block: &ColumnBlock, generation: Generation) -> [u8; START_BYTES] {
    let path_bytes: usize = block.files.iter().map(|file| file.path.as_str().len()).sum();
    let StringTable { text, ends, .. } = &block.strings;
    let (dimensions, files) = (block.chunks.dimensions(), block.files.len());
    let counts = [dimensions, files, block.len(), block.names.len(), ends.len(), text.len(), path_bytes];
    let generation = [generation.rows_generation, generation.number];
    let numbers = generation.into_iter().chain(counts.into_iter().map(|count| count as u64));
    let mut start = [0; START_BYTES];
    let bytes = CACHE_FORMAT.header().into_iter().chain(numbers.flat_map(u64::to_le_bytes));
    start.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    start
}

fn write_block(out: &mut impl Write, block: &ColumnBlock) -> io::Result<()> {
    let StringTable { text, ends, .. } = &block.strings;
    let paths: String = block.files.iter().map(|file| file.path.as_str()).collect();
    let languages: String = block.files.iter().map(|file| format!("{}\n", file.language)).collect();
    let mut path_end = 0;
    for file in &block.files {
        path_end += file.path.as_str().len();
        write_u32(out, u32::try_from(path_end).map_err(io::Error::other)?)?;
    }
    block.files.iter().try_for_each(|file| write_u32(out, file.end))?;
    out.write_all(paths.as_bytes())?;
    write_u32(out, u32::try_from(languages.len()).map_err(io::Error::other)?)?;
    out.write_all(languages.as_bytes())?;
    block.records.iter().try_for_each(|record| out.write_all(&encode_chunk_record(record)))?;
    block.names.iter().chain(ends).try_for_each(|number| write_u32(out, *number))?;
    out.write_all(text.as_bytes())?;
    for matrix in [&block.chunks, &block.means] {
        let (data, scales, signs) = matrix.parts();
        out.write_all(data)?;
        scales.iter().try_for_each(|scale| out.write_all(&scale.to_le_bytes()))?;
        signs.iter().try_for_each(|word| out.write_all(&word.to_le_bytes()))?;
    }
    Ok(())
}

fn write_u32(out: &mut impl Write, number: u32) -> io::Result<()> {
    out.write_all(&number.to_le_bytes())
}

/// A snapshot cache that is open for reading.
pub(super) struct CacheFile {
    file: File,
    size: u64,
    identity: CacheIdentity,
}

impl CacheFile {
    /// Opens the file at `path`. Returns `None` if it is missing, too short, or of another version.
    ///
    /// # Errors
    /// If the file exists but cannot be opened or read.
    pub fn open(path: &Path) -> io::Result<Option<Self>> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let size = file.metadata()?.len();
        let (mut start, mut checksum) = ([0; START_BYTES], [0; 8]);
        let Some(end) = size.checked_sub(8).filter(|end| *end >= START_BYTES as u64) else { return Ok(None) };
        read_exact_at(&file, &mut start, 0)?;
        read_exact_at(&file, &mut checksum, end)?;
        let identity = CacheIdentity { start, checksum: u64::from_le_bytes(checksum) };
        Ok(CACHE_FORMAT.check_header(&start).is_ok().then_some(Self { file, size, identity }))
    }

    /// Returns the identity of the content, which is not verified yet.
    pub fn identity(&self) -> &CacheIdentity {
        &self.identity
    }

    /// Returns whether the file belongs to rows of this generation, with vectors of this width.
    pub fn is_valid_for(&self, rows_generation: u64, dimensions: usize) -> bool {
        let counts = self.identity.counts();
        counts[0] == rows_generation && counts[2] == dimensions as u64
    }

    /// Reads the block and the number of its generation. Returns `None` if the file is damaged or unreadable.
    pub fn read(self) -> Option<(ColumnBlock, u64)> {
        let Self { mut file, size, identity } = self;
        file.rewind().ok()?;
        read_cache_file(file, size, &identity)
    }
}

impl CacheIdentity {
    fn counts(&self) -> [u64; COUNTS] {
        let mut counts = [0; COUNTS];
        let numbers = decode_u64s(&self.start[HEADER_BYTES..]);
        counts.iter_mut().zip(numbers).for_each(|(to, from)| *to = from);
        counts
    }
}

fn read_cache_file(file: File, size: u64, identity: &CacheIdentity) -> Option<(ColumnBlock, u64)> {
    let mut input = BlockReader { input: ChecksumReader::new(BufReader::with_capacity(1 << 16, file)), size };
    if input.read_bytes(START_BYTES as u64)? != identity.start {
        return None;
    }
    let [_, generation, width, files, chunks, names, strings, text_bytes, path_bytes] = identity.counts();
    let dimensions = usize::try_from(width).ok()?;
    let (path_ends, ends) = (input.read_u32s(files)?, input.read_u32s(files)?);
    let paths = String::from_utf8(input.read_bytes(path_bytes)?).ok()?;
    let languages = *input.read_u32s(1)?.first()?;
    let languages = String::from_utf8(input.read_bytes(u64::from(languages))?).ok()?;
    let records = input.read_bytes(chunks.checked_mul(CHUNK_RECORD_BYTES as u64)?)?;
    let records: Vec<ChunkRecord> = records.as_chunks().0.iter().map(decode_chunk_record).collect::<Option<_>>()?;
    let (names, string_ends) = (input.read_u32s(names)?, input.read_u32s(strings)?);
    let strings = StringTable::new(String::from_utf8(input.read_bytes(text_bytes)?).ok()?, string_ends);
    let matrices = (input.read_matrix(dimensions, chunks)?, input.read_matrix(dimensions, files)?);
    input.input.verify().ok()?;
    if languages.lines().count() != ends.len() {
        return None;
    }
    let mut start = 0;
    let mut files = Vec::with_capacity(ends.len());
    for ((path_end, end), name) in path_ends.into_iter().zip(ends).zip(languages.lines()) {
        let path = RepoPath::new(paths.get(start..path_end as usize)?);
        start = path_end as usize;
        files.push(BlockFile { path, language: language::language_by_name(name)?, end });
    }
    let block = ColumnBlock { files, records, names, strings, chunks: matrices.0, means: matrices.1 };
    block.is_valid().then_some((block, generation))
}

fn encode_chunk_record(record: &ChunkRecord) -> [u8; CHUNK_RECORD_BYTES] {
    let ChunkRecord { row, number, span, kind, symbol, container, names } = *record;
    let mut bytes = [0; CHUNK_RECORD_BYTES];
    bytes[..8].copy_from_slice(&row.to_le_bytes());
    for (field, value) in [number, span.start_line, span.end_line, symbol, container, names.0].iter().enumerate() {
        bytes[8 + 4 * field..12 + 4 * field].copy_from_slice(&value.to_le_bytes());
    }
    bytes[32..34].copy_from_slice(&names.1.to_le_bytes());
    bytes[34] = kind as u8;
    bytes
}

fn decode_chunk_record(bytes: &[u8; CHUNK_RECORD_BYTES]) -> Option<ChunkRecord> {
    let (row, rest) = bytes.split_first_chunk::<8>()?;
    let (numbers, rest) = rest.split_at(24);
    let [number, start_line, end_line, symbol, container, first] = decode_u32s(numbers)[..] else { return None };
    Some(ChunkRecord {
        row: u64::from_le_bytes(*row),
        number,
        span: Span { start_line, end_line },
        kind: *SymbolKind::ALL.get(usize::from(rest[2]))?,
        symbol,
        container,
        names: (first, u16::from_le_bytes([rest[0], rest[1]])),
    })
}

fn decode_u32s(bytes: &[u8]) -> Vec<u32> {
    bytes.as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect()
}

fn decode_u64s(bytes: &[u8]) -> Vec<u64> {
    bytes.as_chunks().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect()
}

/// A reader of the parts of a file of `size` bytes, which returns `None` for a part that is longer than the file or
/// cannot be read.
struct BlockReader<R> {
    input: ChecksumReader<R>,
    size: u64,
}

impl<R: Read> BlockReader<R> {
    fn read_bytes(&mut self, count: u64) -> Option<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(count).ok().filter(|_| count <= self.size)?];
        self.input.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }

    fn read_u32s(&mut self, count: u64) -> Option<Vec<u32>> {
        Some(decode_u32s(&self.read_bytes(count.checked_mul(4)?)?))
    }

    fn read_matrix(&mut self, dimensions: usize, rows: u64) -> Option<QuantizedMatrix> {
        let data = self.read_bytes(rows.checked_mul(dimensions as u64)?)?;
        let scales = self.read_bytes(rows.checked_mul(4)?)?;
        let scales = scales.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let signs = decode_u64s(&self.read_bytes(rows.checked_mul(8 * dimensions.div_ceil(64) as u64)?)?);
        QuantizedMatrix::from_parts(dimensions, data, scales, signs)
    }
}
