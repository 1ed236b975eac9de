//! The built-in embedding model: one vector per word, read from the file in the crate `builtin-model`.
//!
//! This module defines the format of the model file (the *artifact*), the table that finds a word's vector, and
//! the rule that combines the vectors of words into the vector of a text. Any byte sequence either opens or
//! gives a [`StaticModelError`]; an opened model never fails or panics. Equal texts give bit-equal vectors.
//! Vectors have unit length, or are all zero if no word is known.
//!
//! # Artifact
//!
//! Little-endian, without padding; [`encode_model`] writes it. A row's length is the weight of its word. The
//! weight starts as smooth inverse frequency, a / (a + p(word)) (Arora, Liang, Ma: "A Simple but Tough-to-Beat
//! Baseline for Sentence Embeddings", ICLR 2017), and training adjusts it.
//!
//! | bytes | content |
//! |---|---|
//! | 16 | header, see [`platform::file_format`] |
//! | 4 | u32 count of tokens, 1 to 2²⁴ |
//! | 4 | u32 dimensions, 1 to 4096 |
//! | 4 | u32 length of the token block in bytes |
//! | 4 | u32 version of the model, 1 or more |
//! | token block | UTF-8 tokens in ascending byte order, distinct, separated by `\n`, without one at the end |
//! | 4 × count | f32 scale of each row, finite and not negative |
//! | count × dimensions | int8 rows; vector = scale × row |
//! | 8 | u64 checksum of everything before it |
//!
//! The checksum of the built-in model is not verified when the program starts; a test does it. Artifacts of version 1,
//! which began with `CSCRYSM1` and had no checksum, are still opened. The model id contains the hash that the artifact
//! has in version 1, so that it does not depend on the format.
//!
//! # The vector of a text
//!
//! The sum over the text's distinct words of (1 + ln count) × vector, scaled to unit length. A word that is not
//! a token is replaced by its pieces: each run of letters or of digits that is a token of at least 2 bytes, and
//! otherwise the longest tokens of at least 3 bytes, from left to right. Each of n pieces has the weight (share
//! of the word's bytes that the pieces cover) / √n. Since the pieces' vectors are nearly orthogonal, together
//! they are about as long as one word's vector, and shorter if a large part of the word is not covered.

mod artifact;
mod counter;
mod format;
mod model;
mod token_table;

#[cfg(test)]
mod tests;

pub use artifact::encode_model;
pub use counter::{TokenBag, WordCounter};
pub use format::{ARTIFACT_FORMAT, StaticModelError};
pub use model::{StaticModel, is_common_word};
