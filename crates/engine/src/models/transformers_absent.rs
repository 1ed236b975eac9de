//! Replaces `transformers` in a program built without the feature `onnx`.

use std::sync::Arc;

use config::{ModelSettings, Provider, Settings};
use embed::{EmbedError, Embedder};
use hub::InstalledModel;

/// Always fails, because a transformer needs ONNX Runtime.
pub(crate) fn open_transformer(_settings: &Settings, model: InstalledModel) -> Result<Arc<dyn Embedder>, EmbedError> {
    Err(EmbedError::NotBuilt { model: model.description.name })
}

/// Returns the CPU, which runs all models of this program.
pub(crate) fn predict_provider(_settings: &ModelSettings) -> Provider {
    Provider::Cpu
}
