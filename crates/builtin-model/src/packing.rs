//! The packed form of a model's file.
//!
//! A file contains a table of scales (f32) and a table of rows (int8), as `embed::static_model` describes. In the
//! packed form, both tables are transposed: the first byte of every scale comes first, then the second byte of every
//! scale, and so on. The bytes of the transposed rows are then taken in pairs, and split: the upper halves of all pairs
//! come before the lower halves. Neighbours in a column are vectors of similar words, so their upper halves are alike
//! and compress, while the lower halves are noise. Everything else is unchanged, and so is the length.

/// The length of the header, in bytes. The numbers of tokens, of dimensions and of bytes in the token block follow it.
const HEADER_BYTES: usize = 16;
/// The length in bytes of the three numbers after the header, and of the version.
const COUNTS_BYTES: usize = 16;
/// The length of the checksum at the end, in bytes.
const CHECKSUM_BYTES: usize = 8;
/// The length of a scale, in bytes.
const SCALE_BYTES: usize = 4;

/// Returns the packed form of a model's file; `None` if the file's length contradicts its header. An empty file stays
/// empty.
pub fn pack_artifact(artifact: &[u8]) -> Option<Vec<u8>> {
    let Some(layout) = Layout::read(artifact)? else { return Some(Vec::new()) };
    let mut packed = artifact[..layout.scales_at].to_vec();
    packed.extend(transpose(&artifact[layout.scales_at..layout.rows_at], layout.count, SCALE_BYTES));
    let columns = transpose(&artifact[layout.rows_at..layout.rows_end], layout.count, layout.dimensions);
    packed.extend(split_halves(&columns));
    packed.extend(&artifact[layout.rows_end..]);
    Some(packed)
}

/// Restores a model's file from its packed form; `None` if the length contradicts the header. An empty form stays
/// empty.
pub fn unpack_artifact(packed: &[u8]) -> Option<Vec<u8>> {
    let Some(layout) = Layout::read(packed)? else { return Some(Vec::new()) };
    let mut artifact = packed[..layout.scales_at].to_vec();
    artifact.extend(transpose(&packed[layout.scales_at..layout.rows_at], SCALE_BYTES, layout.count));
    let columns = join_halves(&packed[layout.rows_at..layout.rows_end]);
    artifact.extend(transpose(&columns, layout.dimensions, layout.count));
    artifact.extend(&packed[layout.rows_end..]);
    Some(artifact)
}

/// The sizes and the offsets of the tables in a file, packed or not.
struct Layout {
    count: usize,
    dimensions: usize,
    scales_at: usize,
    rows_at: usize,
    rows_end: usize,
}

impl Layout {
    /// Reads the layout: `Some(None)` if the file is empty, `None` if its length contradicts its header.
    fn read(bytes: &[u8]) -> Option<Option<Self>> {
        if bytes.is_empty() {
            return Some(None);
        }
        let number = |at: usize| -> Option<usize> {
            let field = bytes.get(HEADER_BYTES + at..)?.first_chunk::<4>()?;
            usize::try_from(u32::from_le_bytes(*field)).ok()
        };
        let (count, dimensions, token_bytes) = (number(0)?, number(4)?, number(8)?);
        let scales_at = (HEADER_BYTES + COUNTS_BYTES).checked_add(token_bytes)?;
        let rows_at = scales_at.checked_add(count.checked_mul(SCALE_BYTES)?)?;
        let rows_end = rows_at.checked_add(count.checked_mul(dimensions)?)?;
        let is_whole = rows_end.checked_add(CHECKSUM_BYTES)? == bytes.len();
        is_whole.then_some(Some(Self { count, dimensions, scales_at, rows_at, rows_end }))
    }
}

/// Returns the upper halves of all pairs of bytes, then the lower halves. A last byte without a partner stays last.
fn split_halves(bytes: &[u8]) -> Vec<u8> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let upper = pairs.iter().map(|[one, other]| (one & 0xf0) | (other >> 4));
    let lower = pairs.iter().map(|[one, other]| (one << 4) | (other & 0x0f));
    upper.chain(lower).chain(rest.iter().copied()).collect()
}

/// Reverses [`split_halves`].
fn join_halves(halves: &[u8]) -> Vec<u8> {
    let pairs = halves.len() / 2;
    let (upper, lower) = halves[..pairs * 2].split_at(pairs);
    let join = |(upper, lower): (&u8, &u8)| [(upper & 0xf0) | (lower >> 4), (upper << 4) | (lower & 0x0f)];
    let joined = upper.iter().zip(lower).flat_map(join);
    joined.chain(halves[pairs * 2..].iter().copied()).collect()
}

/// Returns the transpose of a row-major table.
fn transpose(table: &[u8], rows: usize, columns: usize) -> Vec<u8> {
    let mut transposed = Vec::with_capacity(table.len());
    for column in 0..columns {
        transposed.extend((0..rows).map(|row| table[row * columns + column]));
    }
    transposed
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a file with three tokens of three dimensions.
    fn tiny() -> Vec<u8> {
        let mut bytes = vec![7; HEADER_BYTES];
        bytes.extend([3_u32, 3, 5, 1].map(u32::to_le_bytes).concat());
        bytes.extend(b"a\nb\nc");
        bytes.extend([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        bytes.extend([0x1a, 0x2b, 0x3c, 0x4d, 0x5e, 0x6f, 0x70, 0x81, 0x92]);
        bytes.extend([9; CHECKSUM_BYTES]);
        bytes
    }

    #[test]
    fn both_tables_are_reordered_and_restored() {
        let packed = pack_artifact(&tiny()).expect("the file is consistent");
        let (head, tables) = packed.split_at(HEADER_BYTES + COUNTS_BYTES + 5);
        assert_eq!(head, &tiny()[..head.len()]);
        assert_eq!(tables[..12], [1, 5, 9, 2, 6, 10, 3, 7, 11, 4, 8, 12]);
        // The columns are 1a 4d 70, 2b 5e 81 and 3c 6f 92.
        assert_eq!(tables[12..16], [0x14, 0x72, 0x58, 0x36]);
        assert_eq!(tables[16..20], [0xad, 0x0b, 0xe1, 0xcf]);
        assert_eq!(tables[20..], [&[0x92][..], &[9; CHECKSUM_BYTES]].concat());
        assert_eq!(unpack_artifact(&packed), Some(tiny()));
        assert_eq!((pack_artifact(&[]), unpack_artifact(&[])), (Some(vec![]), Some(vec![])));
    }

    #[test]
    fn a_length_that_contradicts_the_header_is_refused() {
        for end in 1..tiny().len() {
            assert_eq!(pack_artifact(&tiny()[..end]), None, "cut at {end}");
        }
        assert_eq!(unpack_artifact(&[tiny(), vec![0]].concat()), None);
        let mut huge = tiny();
        huge[HEADER_BYTES..HEADER_BYTES + COUNTS_BYTES].fill(0xff);
        assert_eq!(pack_artifact(&huge), None);
    }
}
