//! The models that run without ONNX Runtime, one file each.

mod builtin;
mod model2vec;
mod synthetic;

pub use model2vec::Model2Vec;
pub use synthetic::SyntheticEmbedder;
