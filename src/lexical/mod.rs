//! The inverted index: which chunks have which words, how often, and in which part of them.
//!
//! Owns what is counted as a word of a chunk ([`Terms`]), the format of a segment on disk
//! ([`Segment`]) and BM25F over several of them ([`Index`]). A segment holds the chunks of one
//! commit under their document numbers, which the store gives out, rising, and never twice. It never
//! changes; chunks that are gone stay in it until it is merged, so who asks says which are alive.
//!
//! Words are kept as 64-bit hashes: nothing here needs their letters, and two words of a million
//! share a hash once in thirty million indexes.
//! Must never import: the store, the index, the search.

mod counts;
mod score;
mod segment;
mod terms;
mod writer;

#[cfg(test)]
mod tests;

pub use counts::Counts;
pub use score::{Bm25f, Index, Matched};
pub use segment::{Segment, SegmentError};
pub use terms::{Counter, Terms, hash};
pub use writer::{SegmentWriter, merge};

/// Names a chunk for as long as it is stored.
pub type DocNumber = u32;

/// A part of a chunk in which a word counts for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Field {
    /// Every line but those of [`Field::Comment`].
    Body,
    /// Lines that are comments, and the text of doc strings.
    Comment,
    /// The names it defines.
    Name,
    /// The first line or lines of its definition; they are in the body, too.
    Signature,
    /// What the definition stands in.
    Container,
    /// Folders and name of the file.
    Path,
}

/// Number of [`Field`]s.
pub const FIELDS: usize = 6;

impl Field {
    /// Every field, in the order of their numbers.
    pub const ALL: [Self; FIELDS] =
        [Self::Body, Self::Comment, Self::Name, Self::Signature, Self::Container, Self::Path];
}
