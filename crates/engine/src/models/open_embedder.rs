//! Opens the embedder that the settings or an index name.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::transformers;
use crate::error::EngineError;
use config::{EmbedderChoice, ModelSettings, Provider, Settings};
use embed::Embedder;
use embed::embedders::{Model2Vec, SyntheticEmbedder};
use embed::static_model::StaticModel;
use hub::{ModelKind, ModelReference, Precision};
use store::IndexFingerprint;

/// Name of the file in the index folder that holds the path of the model's folder, for models that cannot be found by
/// name alone.
const MODEL_FOLDER_FILE: &str = "model-folder.txt";

/// Opens the chosen embedder. The sessions of a transformer are created on first use.
pub(super) fn open_embedder(settings: &Settings, choice: &EmbedderChoice) -> Result<Arc<dyn Embedder>, EngineError> {
    Ok(match choice {
        EmbedderChoice::BuiltIn => StaticModel::builtin(),
        EmbedderChoice::Synthetic { chunks_per_second, call } => {
            Arc::new(SyntheticEmbedder::new(*chunks_per_second, *call))
        }
        EmbedderChoice::Model(word) => {
            let model = hub::find_model(&settings.models, word, &preferred_precisions(&settings.models))?;
            match model.description.kind {
                ModelKind::Model2vec => Arc::new(Model2Vec::load(model)?),
                ModelKind::Onnx => transformers::open_transformer(settings, model)?,
            }
        }
    })
}

/// Opens the model that made the stored rows: the built-in one if their model id contains no model reference; `None`
/// for the synthetic embedder of the benchmarks.
pub(super) fn open_stored_embedder(
    settings: &Settings,
    stored: &IndexFingerprint,
) -> Result<Option<Arc<dyn Embedder>>, EngineError> {
    let Some(name) = hub::reference_from_id(&stored.model_id) else {
        return Ok(Some(StaticModel::builtin() as Arc<dyn Embedder>)
            .filter(|_| stored.model_id != SyntheticEmbedder::MODEL_ID));
    };
    let is_stored_model = |opened: &Result<Arc<dyn Embedder>, EngineError>| {
        opened.as_ref().is_ok_and(|embedder| embedder.model_id() == stored.model_id)
    };
    let by_name = open_embedder(settings, &EmbedderChoice::Model(name.to_owned()));
    if is_stored_model(&by_name) {
        return by_name.map(Some);
    }
    let Some(word) = folder_reference(settings, name) else { return by_name.map(Some) };
    let by_folder = open_embedder(settings, &EmbedderChoice::Model(word));
    // The problem with the recorded folder is reported, because the user can fix it.
    by_folder.or_else(|problem| by_name.map_err(|_| problem)).map(Some)
}

/// Returns the word for `--embedder` that names the model of an index: its reference, or its recorded folder if the
/// reference does not find it. A model tuned to a folder counts as the built-in one, which it was made from.
pub(crate) fn embedder_word(settings: &Settings, model_id: &str) -> String {
    let Some(name) = hub::reference_from_id(model_id) else { return EmbedderChoice::BuiltIn.to_string() };
    let is_found = hub::find_model(&settings.models, name, &[]).is_ok_and(|model| model.id() == model_id);
    folder_reference(settings, name).filter(|_| !is_found).unwrap_or_else(|| name.to_owned())
}

/// Returns the recorded folder of the index's model with the precision and the dimensions of the reference `name`;
/// `None` if no folder is recorded.
fn folder_reference(settings: &Settings, name: &str) -> Option<String> {
    let folder = fs::read_to_string(settings.index_dir.join(MODEL_FOLDER_FILE)).ok()?;
    let suffix = &name[ModelReference::parse(name).name.len()..];
    Some(format!("{folder}{suffix}"))
}

/// Records the folder of the index's model, if the settings name the model by a path that exists.
///
/// # Errors
/// When the file cannot be written; the user then has to name the model again.
pub(crate) fn save_model_folder(settings: &Settings) -> io::Result<()> {
    if let Some(EmbedderChoice::Model(word)) = &settings.pipeline.embedder
        && let Ok(folder) =
            Path::new(word).canonicalize().or_else(|_| Path::new(ModelReference::parse(word).name).canonicalize())
    {
        fs::write(settings.index_dir.join(MODEL_FOLDER_FILE), folder.to_string_lossy().as_bytes())?;
    }
    Ok(())
}

/// Returns the precisions in order of preference: int8 first on a CPU, fp16 first on all other devices.
pub(super) fn preferred_precisions(models: &ModelSettings) -> Vec<Precision> {
    match transformers::predict_provider(models) {
        Provider::Cpu => vec![Precision::Int8, Precision::Fp32, Precision::Fp16],
        _ => vec![Precision::Fp16, Precision::Fp32, Precision::Int8],
    }
}
