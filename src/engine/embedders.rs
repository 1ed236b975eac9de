//! Opening what turns texts into vectors.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::EngineError;
use crate::config::{EmbedBatch, EmbedderChoice, ModelSettings, Provider, Settings};
use crate::embed::Embedder;
use crate::embed::model2vec::Model2Vec;
use crate::embed::models::{self, Kind, Precision, Reference};
use crate::embed::onnx::gauge::Visible;
use crate::embed::onnx::{OnnxEmbedder, OnnxOptions, device};
use crate::embed::static_model::StaticModel;
use crate::embed::synthetic::Synthetic;
use crate::store::Recipe;

/// In the index folder: the folder of a model that its name may not find, or of which it finds another.
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
    let is_it = |opened: &Result<Arc<dyn Embedder>, EngineError>| {
        opened.as_ref().is_ok_and(|embedder| embedder.model_id() == stored.model_id)
    };
    let by_name = open(settings, &EmbedderChoice::Model(name.to_owned()));
    if is_it(&by_name) {
        return by_name.map(Some);
    }
    let Ok(folder) = fs::read_to_string(settings.index_dir.join(FOLDER)) else { return by_name.map(Some) };
    // With the precision and the width of the index.
    let beside = &name[Reference::read(name).name.len()..];
    let by_folder = open(settings, &EmbedderChoice::Model(format!("{folder}{beside}")));
    // What went wrong with the folder is what there is to mend.
    by_folder.or_else(|problem| by_name.map_err(|_| problem)).map(Some)
}

/// Keeps which folder the index's model came from: its name alone does not find it again. What cannot
/// be written has to be said again.
pub(super) fn remember(settings: &Settings) {
    if let Some(EmbedderChoice::Model(word)) = &settings.pipeline.embedder
        && let Ok(folder) =
            Path::new(word).canonicalize().or_else(|_| Path::new(Reference::read(word).name).canonicalize())
    {
        _ = fs::write(settings.index_dir.join(FOLDER), folder.to_string_lossy().as_bytes());
    }
}

fn onnx_options(settings: &Settings) -> OnnxOptions {
    OnnxOptions {
        device: settings.models.device.clone(),
        library: settings.models.library.clone(),
        visible: visible(&settings.models),
        probes_dir: settings.models.probes_dir.clone(),
        max_memory_bytes: settings.pipeline.max_memory_bytes,
        batch_tokens: match settings.pipeline.embed_batch {
            EmbedBatch::Auto => None,
            EmbedBatch::Chunks(chunks) => Some(chunks.saturating_mul(CHUNK_TOKENS)),
        },
    }
}

/// The precisions in the order that suits what will most likely run the model: small numbers on a CPU,
/// halves on everything else.
pub(super) fn preferred(models: &ModelSettings) -> Vec<Precision> {
    match device::expected(&models.device, &models.library, &visible(models)) {
        Provider::Cpu => vec![Precision::Int8, Precision::Fp32, Precision::Fp16],
        _ => vec![Precision::Fp16, Precision::Fp32, Precision::Int8],
    }
}

/// The GPUs that CUDA shows.
pub(super) fn visible(models: &ModelSettings) -> Visible {
    Visible::read(models.visible_gpus.as_deref())
}
