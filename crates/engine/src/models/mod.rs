//! Models and the ONNX Runtime library: opening them for an index, and the commands that manage them.

mod index_models;
mod manage;
mod open_embedder;
#[cfg(feature = "onnx")]
mod transformers;
#[cfg(not(feature = "onnx"))]
#[path = "transformers_absent.rs"]
mod transformers;
mod tuned_store;

pub use hub::{
    CheckedFile, FetchProgress, InstalledModel, ListedModel, ModelDescription, ModelError, ModelSource, Precision,
    add_model, list_models, remove_model, verify_model,
};
pub use manage::install_preferred_model;
#[cfg(feature = "onnx")]
pub use transformers::{LibraryLocation, first_visible_gpu, library_locations, load_library, try_devices};
pub use tuned_store::TunedModel;

pub(crate) use index_models::{EmbeddingModel, IndexModels};
pub(crate) use open_embedder::{embedder_word, save_model_folder};
pub(crate) use tuned_store::{
    TuningEvaluation, read_tuned_model, remove_tuned_model, remove_unused_models, save_tuned_model,
};
