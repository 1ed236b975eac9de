//! The checksums of the blocks of an index's parts, by which a range is verified without the rest of its part.

use std::collections::HashMap;

use platform::file_format::{FileFormat, FormatError, checksum64};

/// Path of the part with the checksums of all other parts of an index.
pub const BLOCK_SUMS: &str = "block-sums";

/// Size of a block, in bytes. The last one of a part may be shorter.
const BLOCK_BYTES: u32 = 256 << 10;

const FORMAT: FileFormat = FileFormat { magic: *b"CSCRYBLK", version: 1 };

/// The checksums of the blocks of parts.
///
/// ```text
/// size of a block u32 · for each part: SHA-256, 32 bytes · number of blocks u32 · XXH3-64 of each block u64
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockSums {
    pub block_bytes: u64,
    /// The checksums of a part's blocks, by the part's SHA-256 in hexadecimal.
    sums: HashMap<String, Vec<u64>>,
}

impl Default for BlockSums {
    fn default() -> Self {
        Self { block_bytes: u64::from(BLOCK_BYTES), sums: HashMap::new() }
    }
}

impl BlockSums {
    /// Returns the checksums of the blocks of a part with this content.
    pub fn sum_blocks(content: &[u8]) -> Vec<u64> {
        content.chunks(BLOCK_BYTES as usize).map(checksum64).collect()
    }

    /// Adds the part with this SHA-256.
    pub fn add(&mut self, sha256: &str, sums: Vec<u64>) {
        self.sums.insert(sha256.to_owned(), sums);
    }

    /// Takes the checksums of the part with this SHA-256 and this size in bytes; `None` if they are not there.
    pub fn take(&mut self, sha256: &str, bytes: u64) -> Option<Vec<u64>> {
        self.sums.remove(sha256).filter(|sums| sums.len() as u64 == bytes.div_ceil(self.block_bytes))
    }

    /// Returns the content of the part [`BLOCK_SUMS`].
    pub fn encode(&self) -> Vec<u8> {
        let mut parts: Vec<_> = self.sums.iter().collect();
        parts.sort();
        let mut body = BLOCK_BYTES.to_le_bytes().to_vec();
        for (sha256, sums) in parts {
            let digit = |at: usize| u8::from_str_radix(sha256.get(at..at + 2).unwrap_or_default(), 16).unwrap_or(0);
            body.extend((0..64).step_by(2).map(digit));
            body.extend(u32::try_from(sums.len()).unwrap_or(u32::MAX).to_le_bytes());
            sums.iter().for_each(|sum| body.extend(sum.to_le_bytes()));
        }
        FORMAT.seal(&body)
    }

    /// Decodes the content of the part [`BLOCK_SUMS`].
    ///
    /// # Errors
    /// When it is of another format or damaged.
    pub fn decode_sums(bytes: &[u8]) -> Result<Self, FormatError> {
        let body = FORMAT.unseal(bytes)?;
        let (block_bytes, mut rest) = body.split_first_chunk().ok_or(FormatError::Truncated)?;
        let block_bytes = u64::from(u32::from_le_bytes(*block_bytes));
        if block_bytes == 0 {
            return Err(FormatError::Truncated);
        }
        let mut sums = HashMap::new();
        while !rest.is_empty() {
            let (sha256, after) = rest.split_first_chunk::<32>().ok_or(FormatError::Truncated)?;
            let (count, after) = after.split_first_chunk().ok_or(FormatError::Truncated)?;
            let length = 8 * u32::from_le_bytes(*count) as usize;
            let (own, after) = after.split_at_checked(length).ok_or(FormatError::Truncated)?;
            let own = own.as_chunks().0.iter().map(|sum| u64::from_le_bytes(*sum)).collect();
            sums.insert(sha256.iter().map(|byte| format!("{byte:02x}")).collect(), own);
            rest = after;
        }
        Ok(Self { block_bytes, sums })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_blocks_after_decoding() {
        let content = vec![7; BLOCK_BYTES as usize + 1];
        let sha256 = super::super::hash(&content);
        let mut sums = BlockSums::default();
        sums.add(&sha256, BlockSums::sum_blocks(&content));
        sums.add(&"0".repeat(64), Vec::new());
        let bytes = sums.encode();
        let mut decoded = BlockSums::decode_sums(&bytes).expect("decoded");
        assert_eq!(decoded, sums);
        assert_eq!(decoded.take(&sha256, 5), None, "another size");
        let mut decoded = BlockSums::decode_sums(&bytes).expect("decoded");
        let found = decoded.take(&sha256, content.len() as u64).expect("there");
        assert_eq!(found, [checksum64(&content[1..]), checksum64(&[7])]);
        for at in [0, 20, bytes.len() - 9] {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            BlockSums::decode_sums(&damaged).expect_err("damaged");
        }
        BlockSums::decode_sums(&bytes[..bytes.len() - 1]).expect_err("cut short");
    }
}
