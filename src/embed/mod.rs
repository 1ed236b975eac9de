//! Texts become vectors.
//!
//! Owns the [`Embedder`] trait, the built-in static model, transformers ([`onnx`]), tables of word
//! vectors ([`model2vec`]), which models there are ([`models`]) and the rule for splitting
//! identifiers into words ([`words`]). Vectors are unit length (or all zero for a text without a word), so a
//! dot product is a cosine. Must never import: the store, the index, the search.

pub mod cache;
mod error;
mod hashed;
pub mod model2vec;
pub mod models;
pub mod onnx;
mod report;
pub mod static_model;
pub mod synthetic;
pub mod words;

pub use error::EmbedError;
pub use report::DeviceReport;

use crate::types::{Chunk, RepoPath};
use cache::{KeyHasher, VectorKey};
use static_model::StaticModel;

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

    /// The table of words it is, where it is nothing else: a passage's words, counted while it is split for
    /// lexical search, then stand for the passage.
    fn word_table(&self) -> Option<&StaticModel> {
        None
    }

    /// As [`Embedder::embed_passages`] for a question, where a model tells the two apart.
    fn embed_query(&self, text: &str) -> Vec<f32>;

    /// Opens what the first text would. A model that is built in is always ready.
    ///
    /// # Errors
    /// When it cannot be used; the message says what to do.
    fn ready(&self) -> Result<(), EmbedError> {
        Ok(())
    }

    /// As [`Embedder::embed_query`], for a model that may fail.
    ///
    /// # Errors
    /// When it does.
    fn try_query(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        Ok(self.embed_query(text))
    }

    /// Whether it makes batches of its own: [`Embedder::embed_each`] then takes a whole window.
    fn makes_batches(&self) -> bool {
        false
    }

    /// As [`Embedder::embed_passages`], in any order, each vector as soon as it is there: with the
    /// place of its text. Ends early when `each` says false.
    ///
    /// # Errors
    /// When the model fails.
    fn embed_each(&self, texts: &[&str], each: &mut dyn FnMut(usize, Vec<f32>) -> bool) -> Result<(), EmbedError> {
        _ = self.embed_passages(texts).into_iter().enumerate().all(|(at, vector)| each(at, vector));
        Ok(())
    }

    /// Threads that keep it busy, where that is known.
    fn workers(&self) -> Option<usize> {
        None
    }

    /// Chunks in a window, where it wants more than usual.
    fn window_chunks(&self) -> Option<usize> {
        None
    }

    /// Memory that it takes, of what a run may.
    fn memory_bytes(&self) -> u64 {
        0
    }

    /// A run begins: what is reported begins with it.
    fn begin(&self) {}

    /// Called a few times a second while a run goes on.
    fn sample(&self) {}

    /// What really ran since the run began; `None` where there is no device to tell of.
    fn report(&self) -> Option<DeviceReport> {
        None
    }
}

/// What is embedded for a chunk: its text under a header of container and defined names. Its path
/// is not in it, so that a moved file's vectors stay good: see [`with_path`].
pub fn passage(chunk: &Chunk) -> String {
    let mut passage = String::with_capacity(chunk.text.len() + chunk.container.len() + 32);
    for_parts(chunk, |part| passage.push_str(part));
    passage
}

/// The key of a chunk's passage, which is not made for it.
pub fn passage_key(chunk: &Chunk) -> VectorKey {
    let mut hasher = KeyHasher::default();
    for_parts(chunk, |part| hasher.add(part));
    hasher.key()
}

/// The parts of a passage, in order.
fn for_parts<'c>(chunk: &'c Chunk, mut each: impl FnMut(&'c str)) {
    each(&chunk.container);
    each(" ");
    for (place, name) in chunk.defines.iter().enumerate() {
        if place > 0 {
            each(" ");
        }
        each(name);
    }
    each("\n");
    each(&chunk.text);
}

/// Whether a word, in small letters, is in common use: the built-in model has it as a whole.
pub fn is_common_word(word: &str) -> bool {
    static_model::StaticModel::builtin().knows(word)
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
