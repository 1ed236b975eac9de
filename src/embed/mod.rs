//! Texts become vectors.
//!
//! Owns the [`Embedder`] trait, the built-in static model and the rule for splitting identifiers
//! into words ([`words`]). Vectors are unit length (or all zero for a text without a word), so a
//! dot product is a cosine. Must never import: the store, the index, the search.

pub mod cache;
pub mod static_model;
pub mod synthetic;
pub mod words;

use crate::types::{Chunk, RepoPath};

/// Turns texts into vectors of one fixed width.
pub trait Embedder: Send + Sync {
    /// Names the model and its version; a change of it makes stored vectors worthless.
    fn model_id(&self) -> &str;

    /// Width of every vector.
    fn dimensions(&self) -> usize;

    /// One unit vector a text, in order. All zeros for a text in which nothing is known.
    fn embed_passages(&self, texts: &[&str]) -> Vec<Vec<f32>>;

    /// As [`Embedder::embed_passages`] for paths (see [`path_passage`]): a few words each.
    fn embed_paths(&self, texts: &[&str]) -> Vec<Vec<f32>> {
        self.embed_passages(texts)
    }

    /// As [`Embedder::embed_passages`] for a question, where a model tells the two apart.
    fn embed_query(&self, text: &str) -> Vec<f32>;
}

/// What is embedded for a chunk: its text under a header of container and defined names. Its path
/// is not in it, so that a moved file's vectors stay good: see [`with_path`].
pub fn passage(chunk: &Chunk) -> String {
    format!("{} {}\n{}", chunk.container, chunk.defines.join(" "), chunk.text)
}

/// What is embedded for a path: its words.
pub fn path_passage(path: &RepoPath) -> String {
    path.as_str().replace(['/', '.', '-'], " ")
}

/// The vector a chunk is stored with: its passage's and its path's, added and brought to unit length,
/// so that a method is found by the words of its file, however long it is. `vector` is replaced.
pub fn with_path(vector: &mut [f32], path: &[f32]) {
    let mut square = 0.0;
    for (value, of_path) in vector.iter_mut().zip(path) {
        *value += PATH_SHARE * of_path;
        square += *value * *value;
    }
    if square > 0.0 {
        let scale = square.sqrt().recip();
        vector.iter_mut().for_each(|value| *value *= scale);
    }
}

/// How much a path's vector counts beside a passage's.
pub const PATH_SHARE: f32 = 0.7;
