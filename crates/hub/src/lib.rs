//! Embedding models: the known models, the models on this machine, and their download.
//!
//! Contains their descriptions (`description`, `known_models`), the files they consist of (`installed_model`,
//! `onnx_files`), the syntax of their names (`reference`), finding them in the models folder and in the hub's
//! cache (`locate`), and downloading and installing them (`client`, `install`). Downloaded files are kept with
//! their checksums. Only [`install_model`] contacts a hub.

mod checksums;
mod client;
mod description;
mod error;
mod install;
mod installed_model;
mod known_models;
mod locate;
mod onnx_files;
mod reference;

pub use client::FetchProgress;
pub use description::{ModelDescription, ModelKind, Pooling, Precision};
pub use error::ModelError;
pub use install::{CheckedFile, add_model, install_model, remove_model, verify_model};
pub use installed_model::InstalledModel;
pub use locate::{ListedModel, ModelSource, find_model, list_models};
pub use reference::{ModelReference, reference_from_id};
