//! The texts that are embedded for a chunk and its path, and the combination of their vectors.

use crate::cache::{KeyHasher, VectorKey};
use crate::vector::normalize;
use types::{Chunk, RepoPath};

/// The weight of a path's vector relative to a passage's.
pub const PATH_SHARE: f32 = 0.7;

/// Returns the text that is embedded for a chunk: its lines, below a header with its container and the names it
/// defines. The text does not include the path, so the vectors of a moved file stay valid; [`add_path_vector`] adds the
/// vector of the path.
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
    for (index, name) in chunk.defined_names().enumerate() {
        if index > 0 {
            each(" ");
        }
        each(name);
    }
    each("\n");
    each(&chunk.text);
}

/// Returns the text that is embedded for a path: the path with `/`, `.` and `-` replaced by spaces.
pub fn build_path_passage(path: &RepoPath) -> String {
    path.as_str().replace(['/', '.', '-'], " ")
}

/// Turns the vector of a passage into the vector that is stored for the chunk: adds the weighted path vector
/// and scales the sum to unit length. So the words of the path find a chunk however long its text is.
pub fn add_path_vector(vector: &mut [f32], path: &[f32]) {
    for (value, path_value) in vector.iter_mut().zip(path) {
        *value += PATH_SHARE * path_value;
    }
    normalize(vector);
}
