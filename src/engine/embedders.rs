//! Opening what turns texts into vectors.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::EngineError;
use crate::config::{DeviceChoice, EmbedBatch, EmbedderChoice, ModelSettings, Provider, Settings};
use crate::embed::Embedder;
use crate::embed::model2vec::Model2Vec;
use crate::embed::models::{self, Kind, ModelError, Precision};
use crate::embed::onnx::{OnnxEmbedder, OnnxOptions, library};
use crate::embed::static_model::StaticModel;
use crate::embed::synthetic::Synthetic;
use crate::store::Recipe;

/// In the index folder: the folder of a model that is found by no name.
const FOLDER: &str = "model-folder.txt";

/// Tokens of an average chunk: what `--embed-batch N` means to a model that counts tokens.
const CHUNK_TOKENS: usize = 128;

/// Opens the chosen embedder. A transformer's session is made when it is first needed.
pub(super) fn open(settings: &Settings, choice: &EmbedderChoice) -> Result<Arc<dyn Embedder>, EngineError> {
    Ok(match choice {
        EmbedderChoice::BuiltIn => StaticModel::builtin(),
        EmbedderChoice::Synthetic { chunks_per_second, call } => Arc::new(Synthetic::new(*chunks_per_second, *call)),
        EmbedderChoice::Model(word) => {
            let model = models::find(&settings.models, word, &preferred(&settings.models))?;
            match model.description.kind {
                Kind::Model2vec => Arc::new(Model2Vec::open(model)?),
                Kind::Onnx => Arc::new(OnnxEmbedder::new(model, onnx_options(settings))),
            }
        }
    })
}

/// Opens the model of stored rows; `None` for the synthetic one, whose rows nobody searches.
pub(super) fn open_stored(settings: &Settings, stored: &Recipe) -> Result<Option<Arc<dyn Embedder>>, EngineError> {
    let Some(name) = models::name_of_id(&stored.model_id) else {
        return Ok(
            Some(StaticModel::builtin() as Arc<dyn Embedder>).filter(|_| !stored.model_id.starts_with("synthetic"))
        );
    };
    let opened = match open(settings, &EmbedderChoice::Model(name.to_owned())) {
        Err(error @ EngineError::Model(ModelError::Unknown { .. })) => {
            let folder = fs::read_to_string(settings.index_dir.join(FOLDER)).map_err(|_| error)?;
            open(settings, &EmbedderChoice::Model(folder))
        }
        opened => opened,
    };
    opened.map(Some)
}

/// Keeps which folder the index's model came from: its name alone does not find it again. What cannot
/// be written has to be said again.
pub(super) fn remember(settings: &Settings) {
    if let Some(EmbedderChoice::Model(word)) = &settings.pipeline.embedder
        && let Ok(folder) = Path::new(word).canonicalize()
    {
        _ = fs::write(settings.index_dir.join(FOLDER), folder.to_string_lossy().as_bytes());
    }
}

fn onnx_options(settings: &Settings) -> OnnxOptions {
    OnnxOptions {
        device: settings.models.device.clone(),
        library: settings.models.library.clone(),
        probes_dir: settings.models.probes_dir.clone(),
        max_memory_bytes: settings.pipeline.max_memory_bytes,
        batch_tokens: match settings.pipeline.embed_batch {
            EmbedBatch::Auto => None,
            EmbedBatch::Chunks(chunks) => Some(chunks.saturating_mul(CHUNK_TOKENS)),
        },
    }
}

/// The precisions in the order that suits the device: small numbers on a CPU, halves on a GPU.
pub(super) fn preferred(models: &ModelSettings) -> Vec<Precision> {
    let on_cpu = match &models.device {
        DeviceChoice::Named { provider, .. } => *provider == Provider::Cpu,
        DeviceChoice::Auto => {
            let looked = library::look(&models.library);
            let first = looked.iter().find(|place| place.found.is_some());
            first.is_none_or(|place| place.providers == [Provider::Cpu])
        }
    };
    if on_cpu {
        vec![Precision::Int8, Precision::Fp32, Precision::Fp16]
    } else {
        vec![Precision::Fp16, Precision::Fp32, Precision::Int8]
    }
}
