//! Turning texts into vectors.
//!
//! Contains the [`Embedder`] trait and its implementations: the built-in static model ([`static_model`]),
//! transformers run by ONNX Runtime ([`onnx`]) and tables of word vectors ([`model2vec`]). Also contains the
//! list of known models ([`models`]), the vector cache ([`cache`]) and the rule for splitting identifiers into
//! words ([`words`]). Vectors have unit length, or are all zero for a text without a known word, so a dot
//! product is a cosine.

pub mod cache;
mod error;
mod hashed;
pub mod model2vec;
mod report;
pub mod static_model;
pub mod synthetic;
pub mod vector;

pub use error::EmbedError;
pub use report::DeviceReport;

use cache::{KeyHasher, VectorKey};
use static_model::StaticModel;
use types::{Chunk, RepoPath};

/// A model that turns texts into vectors of one fixed width.
pub trait Embedder: Send + Sync {
    /// Returns an identifier of the model and its version. Vectors stored under another identifier cannot be
    /// compared with new ones.
    fn model_id(&self) -> &str;

    /// Returns the number of values in every vector.
    fn dimensions(&self) -> usize;

    /// Embeds passages. Returns one unit vector per text, in order; the vector of a text without a known word
    /// is all zeros.
    fn embed_passages(&self, texts: &[&str]) -> Vec<Vec<f32>>;

    /// Embeds path texts, a few words each (see [`build_path_passage`]). The result has the form of
    /// [`Embedder::embed_passages`].
    fn embed_paths(&self, texts: &[&str]) -> Vec<Vec<f32>> {
        self.embed_passages(texts)
    }

    /// Returns the static model if the embedder is one. The pipeline then embeds a passage from the words that
    /// were counted while splitting it for lexical search, without reading its text again.
    fn as_static_model(&self) -> Option<&StaticModel> {
        None
    }

    /// Embeds a query. Models that distinguish queries from passages add their query prefix.
    fn embed_query(&self, text: &str) -> Vec<f32>;

    /// Loads the model, which otherwise happens with the first text. A built-in model is always ready.
    ///
    /// # Errors
    ///
    /// Fails if the model cannot be used; the message names the remedy.
    fn prepare(&self) -> Result<(), EmbedError> {
        Ok(())
    }

    /// Embeds a query like [`Embedder::embed_query`], and reports failures.
    ///
    /// # Errors
    ///
    /// Fails if the model or its device fails.
    fn try_embed_query(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        Ok(self.embed_query(text))
    }

    /// Returns whether the model forms batches itself. [`Embedder::embed_each`] then takes a whole window of
    /// texts.
    fn batches_internally(&self) -> bool {
        false
    }

    /// Embeds passages like [`Embedder::embed_passages`], and passes each vector to `each` as soon as it is
    /// computed, with the index of its text. The order is arbitrary. Stops early when `each` returns false.
    ///
    /// # Errors
    ///
    /// Fails if the model fails.
    fn embed_each(&self, texts: &[&str], each: &mut dyn FnMut(usize, Vec<f32>) -> bool) -> Result<(), EmbedError> {
        _ = self.embed_passages(texts).into_iter().enumerate().all(|(index, vector)| each(index, vector));
        Ok(())
    }

    /// Returns the number of threads that keep the model busy, if it is known.
    fn worker_count(&self) -> Option<usize> {
        None
    }

    /// Returns the number of chunks in a window, if the model needs more than the default.
    fn window_chunks(&self) -> Option<usize> {
        None
    }

    /// Returns the memory that the model takes from the memory limit of a run.
    fn memory_bytes(&self) -> u64 {
        0
    }

    /// Resets the device report at the beginning of an index run.
    fn reset_report(&self) {}

    /// Samples the utilization of the device. Called a few times per second during a run.
    fn sample_device(&self) {}

    /// Returns which device ran and how its time was spent since the beginning of the run; `None` if the model
    /// uses no device.
    fn device_report(&self) -> Option<DeviceReport> {
        None
    }
}

/// Returns the text that is embedded for a chunk: its lines, below a header with its container and the names it
/// defines. The path is not included, so the vectors of a moved file stay valid; [`add_path_vector`] adds it.
pub fn build_passage(chunk: &Chunk) -> String {
    let mut passage = String::with_capacity(chunk.text.len() + chunk.container.len() + 32);
    for_passage_parts(chunk, |part| passage.push_str(part));
    passage
}

/// Returns the cache key of a chunk's passage without building the passage.
pub fn compute_passage_key(chunk: &Chunk) -> VectorKey {
    let mut hasher = KeyHasher::default();
    for_passage_parts(chunk, |part| hasher.add(part));
    hasher.key()
}

/// Passes the parts of a passage to `each`, in order.
fn for_passage_parts<'c>(chunk: &'c Chunk, mut each: impl FnMut(&'c str)) {
    each(&chunk.container);
    each(" ");
    for (index, name) in chunk.defines.iter().enumerate() {
        if index > 0 {
            each(" ");
        }
        each(name);
    }
    each("\n");
    each(&chunk.text);
}

/// Returns whether a lower-case word is in common use, which means that it is a token of the built-in model.
pub fn is_common_word(word: &str) -> bool {
    StaticModel::builtin().has_token(word)
}

/// Returns the text that is embedded for a path: its words, separated by spaces.
pub fn build_path_passage(path: &RepoPath) -> String {
    path.as_str().replace(['/', '.', '-'], " ")
}

/// Turns the vector of a passage into the vector that is stored for the chunk: adds the weighted path vector
/// and scales the sum to unit length. So the words of the path find a chunk however long its text is.
pub fn add_path_vector(vector: &mut [f32], path: &[f32]) {
    let mut square = 0.0;
    for (value, path_value) in vector.iter_mut().zip(path) {
        *value += PATH_SHARE * path_value;
        square += *value * *value;
    }
    if square > 0.0 {
        let scale = square.sqrt().recip();
        vector.iter_mut().for_each(|value| *value *= scale);
    }
}

/// The weight of a path's vector relative to a passage's.
pub const PATH_SHARE: f32 = 0.7;
