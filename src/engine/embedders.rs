//! Opening what turns texts into vectors.

use std::sync::Arc;

use super::EngineError;
use crate::config::{DeviceChoice, EmbedBatch, EmbedderChoice, ModelSettings, Provider, Settings};
use crate::embed::Embedder;
use crate::embed::model2vec::Model2Vec;
use crate::embed::models::{self, Kind, Precision};
use crate::embed::onnx::{OnnxEmbedder, OnnxOptions, library};
use crate::embed::static_model::StaticModel;
use crate::embed::synthetic::Synthetic;

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
