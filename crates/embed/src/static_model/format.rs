//! The header of an artifact, and the reasons why bytes are not an artifact.

use platform::file_format::{self, FileFormat, FormatError};

/// The format of an artifact.
pub const ARTIFACT_FORMAT: FileFormat = FileFormat { magic: *b"CSCRYSTM", version: 2 };

/// The first bytes of an artifact of version 1.
pub(super) const VERSION_1_MAGIC: &[u8; 8] = b"CSCRYSM1";

/// Size in bytes of the count, dimensions, token block length and version.
pub(super) const COUNTS_BYTES: usize = 16;

/// Size in bytes of the checksum at the end.
const CHECKSUM_BYTES: usize = 8;

/// Maximum number of tokens in an artifact.
pub(super) const MAX_TOKENS: usize = 1 << 24;
/// Maximum number of dimensions in an artifact.
pub(super) const MAX_DIMENSIONS: usize = 4096;

/// The reason why bytes cannot be opened as a model, or rows not be written as one.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum StaticModelError {
    #[error("cannot read the embedding model: {0}")]
    Format(#[from] FormatError),
    #[error("cannot read the embedding model: it has {actual_bytes} bytes, its header says {expected_bytes}")]
    Length { expected_bytes: u64, actual_bytes: u64 },
    #[error("cannot read the embedding model: {what} {value} is out of range")]
    Range { what: &'static str, value: u64 },
    #[error("cannot read the embedding model: its tokens are not {expected} ascending lines of UTF-8")]
    Tokens { expected: u32 },
    #[error("cannot read the embedding model: the scale of token {token} is negative or not finite")]
    Scale { token: usize },
    #[error("cannot write the embedding model: the row of token {token} has a value that is not finite")]
    Value { token: usize },
}

/// The numbers in an artifact's header, checked against each other and the artifact's length.
pub(super) struct ArtifactHeader {
    /// The offset of the header's numbers, of which the count is the first.
    pub counts_at: usize,
    pub count: usize,
    pub dimensions: usize,
    pub token_bytes: usize,
    pub version: usize,
}

impl ArtifactHeader {
    pub fn parse(bytes: &[u8]) -> Result<Self, StaticModelError> {
        let (counts_at, checksum_bytes, rest) = match bytes.strip_prefix(VERSION_1_MAGIC) {
            Some(rest) => (VERSION_1_MAGIC.len(), 0, rest),
            None => (file_format::HEADER_BYTES, CHECKSUM_BYTES, ARTIFACT_FORMAT.check_header(bytes)?),
        };
        let length = |expected_bytes| StaticModelError::Length { expected_bytes, actual_bytes: bytes.len() as u64 };
        let fields = rest.get(..COUNTS_BYTES).unwrap_or_default().as_chunks::<4>().0;
        let &[count, dimensions, token_bytes, version] = fields else {
            return Err(length((counts_at + COUNTS_BYTES) as u64));
        };
        let header = Self {
            counts_at,
            count: check_header_range("count", count, MAX_TOKENS)?,
            dimensions: check_header_range("dimensions", dimensions, MAX_DIMENSIONS)?,
            token_bytes: check_header_range("length of the token block", token_bytes, usize::MAX)?,
            version: check_header_range("version", version, usize::MAX)?,
        };
        let [count, dimensions, token_bytes] =
            [header.count, header.dimensions, header.token_bytes].map(|size| size as u64);
        let expected = (counts_at + COUNTS_BYTES + checksum_bytes) as u64 + token_bytes + count * (4 + dimensions);
        if expected == bytes.len() as u64 { Ok(header) } else { Err(length(expected)) }
    }
}

fn check_header_range(what: &'static str, field: [u8; 4], most: usize) -> Result<usize, StaticModelError> {
    let size = u32::from_le_bytes(field) as usize;
    let is_in_range = (1..=most).contains(&size);
    if is_in_range { Ok(size) } else { Err(StaticModelError::Range { what, value: size as u64 }) }
}
