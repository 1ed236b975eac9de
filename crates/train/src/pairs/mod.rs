//! Pairs of a query and the passage that answers it, found in repositories.

pub mod commits;
mod definitions;
mod doc_comments;
mod pairing;
mod paraphrases;
mod text_pair;

pub use definitions::{CodeDefinition, read_definitions};
pub use pairing::{read_pairs, read_pairs_observed};
pub use paraphrases::{InvalidParaphrase, read_paraphrases};
pub use text_pair::{PairKind, TextPair, TrainingRepository, hash_text};
