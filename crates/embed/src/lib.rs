//! Turns texts into vectors.
//!
//! All models implement [`Embedder`]: the built-in [`static_model`], the tables of word vectors in [`embedders`], and
//! the transformers of the crate `onnx`. [`passage`] builds the text that is embedded for a chunk, and [`cache`] keeps
//! computed vectors on disk. Vectors have unit length, or are all zero for a text without a known word, so a dot
//! product is a cosine. Only the description of a model can turn this off. A model that fails returns an error, never a
//! zero vector.

pub mod cache;
mod device_report;
mod embedder;
pub mod embedders;
mod error;
mod identity_hasher;
mod model_files;
pub mod passage;
pub mod static_model;
pub mod vector;

pub use device_report::DeviceReport;
pub use embedder::Embedder;
pub use error::EmbedError;
pub use model_files::check_model_files;
pub use passage::{PATH_SHARE, add_path_vector, build_passage, build_path_passage, compute_passage_key};
pub use static_model::is_common_word;
