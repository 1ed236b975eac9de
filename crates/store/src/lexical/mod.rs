//! The inverted index: which chunks contain a term, how often, and in which field.
//!
//! [`Terms`] are the terms of a chunk, [`IndexSegment`] is the segment format on disk, and
//! [`InvertedIndex`] scores several segments by BM25F. A segment holds the chunks of one commit under
//! their document numbers, which the store assigns in ascending order and never reuses. A segment never
//! changes; deleted chunks stay in it until it is merged, so the caller filters them out.
//!
//! Terms are stored as 64-bit hashes. Among a million terms, a collision occurs once in thirty million
//! indexes.

mod counts;
mod score;
mod segment;
mod terms;
mod writer;

#[cfg(test)]
mod tests;

pub use counts::TermCounts;
pub use score::{Bm25f, InvertedIndex, ScoredPosting};
pub use segment::{IndexSegment, SegmentError};
pub use terms::{TermCounter, Terms, hash_term};
pub use writer::{SegmentWriter, merge_segments};

/// Document number: identifies a stored chunk in the inverted index.
pub type DocNumber = u32;

/// A part of a chunk whose terms are counted and weighted separately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ChunkField {
    /// Every line outside of [`ChunkField::Comment`].
    Body,
    /// Comment lines and doc strings.
    Comment,
    /// The names that the chunk defines.
    Name,
    /// The signature of the chunk's definition, which is also part of the body.
    Signature,
    /// The names of the definitions around the chunk's definition.
    Container,
    /// The path of the file.
    Path,
}

/// Number of [`ChunkField`]s.
pub const FIELDS: usize = 6;

impl ChunkField {
    /// Every field, in the order of its number.
    pub const ALL: [Self; FIELDS] =
        [Self::Body, Self::Comment, Self::Name, Self::Signature, Self::Container, Self::Path];
}
