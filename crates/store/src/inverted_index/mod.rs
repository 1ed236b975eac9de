//! The inverted index: which chunks contain a term, how often, and in which field.
//!
//! [`Terms`] are the terms of a chunk, [`IndexSegment`] is the segment format on disk, and
//! [`InvertedIndex`] scores several segments by BM25F. A segment holds the chunks of one commit, or of several after a
//! merge, under their document numbers, which the store assigns in ascending order and never reuses. A segment never
//! changes; deleted chunks stay in it until it is merged, so the caller filters them out.
//!
//! Terms are stored as 64-bit hashes whose lowest three bits are 0. About one in five million indexes with a million
//! terms contains a collision.

mod counts;
mod dictionary;
mod field;
mod packed_terms;
mod score;
mod segment;
mod terms;
mod word_column;
mod writer;

#[cfg(test)]
pub(crate) mod tests;

pub use counts::TermCounts;
pub use dictionary::SegmentDictionary;
pub use field::{ChunkField, DocNumber, FIELDS};
pub use score::{Bm25f, CorpusStatistics, FEW_DOCUMENTS, InvertedIndex, ScoredPosting};
pub use segment::{IndexSegment, SEGMENT_VERSION, SegmentError};
pub use terms::{TermCounter, Terms, hash_term};
pub use word_column::{definition_key, file_key, write_word_column};
pub use writer::{SegmentWriter, merge_segments};
