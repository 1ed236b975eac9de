//! What turns texts into vectors: as asked for, and as an index was made with.
//!
//! Invariant: a search uses the model that its snapshot's vectors are of, whatever the next index
//! run will use.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Engine, EngineError};
use crate::config::{DeviceChoice, EmbedBatch, EmbedderChoice, Provider, Settings};
use crate::embed::Embedder;
use crate::embed::model2vec::Model2Vec;
use crate::embed::models::{self, Kind, Precision};
use crate::embed::onnx::{OnnxEmbedder, OnnxOptions, library};
use crate::embed::static_model::StaticModel;
use crate::embed::synthetic::Synthetic;
use crate::index;
use crate::search::Snapshot;
use crate::store::StoreView;

/// Tokens of an average chunk: what `--embed-batch N` means to a model that counts tokens.
const CHUNK_TOKENS: usize = 128;

/// The embedder of index runs, and that of a snapshot of another model.
pub(super) struct Embedders {
    /// What was asked for, or what the index was made with.
    pub current: Arc<dyn Embedder>,
    /// Of the model that an older index still has.
    before: Mutex<Option<Arc<dyn Embedder>>>,
}

impl Embedders {
    /// Opens what was asked for; where nothing was, what the index of `view` was made with.
    pub fn open(settings: &Settings, view: Option<&dyn StoreView>) -> Result<Self, EngineError> {
        let of_index = view.and_then(|view| models::name_of_id(&view.manifest().recipe.model_id));
        let choice = match (&settings.pipeline.embedder, of_index) {
            (Some(choice), _) => choice.clone(),
            (None, Some(name)) => EmbedderChoice::Model(name.to_owned()),
            (None, None) => EmbedderChoice::BuiltIn,
        };
        let was_said = settings.pipeline.embedder.is_some();
        let current = open(settings, &choice).map_err(|error| match (error, was_said) {
            (EngineError::Model(error), false) => EngineError::IndexModel(error),
            (error, _) => error,
        })?;
        Ok(Self { current, before: Mutex::default() })
    }

    /// The embedder of the vectors in `view`, if it can be had.
    pub fn of(&self, settings: &Settings, view: &dyn StoreView) -> Option<Arc<dyn Embedder>> {
        let recipe = &view.manifest().recipe;
        let fits = |embedder: &Arc<dyn Embedder>| {
            embedder.model_id() == recipe.model_id && u32::try_from(embedder.dimensions()) == Ok(recipe.dimensions)
        };
        if fits(&self.current) {
            return Some(Arc::clone(&self.current));
        }
        let mut before = self.before.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = before.as_ref().filter(|found| fits(found)) {
            return Some(Arc::clone(found));
        }
        let choice = match models::name_of_id(&recipe.model_id) {
            Some(name) => EmbedderChoice::Model(name.to_owned()),
            None if recipe.model_id.starts_with("synthetic") => return None,
            None => EmbedderChoice::BuiltIn,
        };
        let found = open(settings, &choice).ok().filter(fits)?;
        Some(Arc::clone(before.insert(found)))
    }
}

fn open(settings: &Settings, choice: &EmbedderChoice) -> Result<Arc<dyn Embedder>, EngineError> {
    Ok(match choice {
        EmbedderChoice::BuiltIn => StaticModel::builtin(),
        EmbedderChoice::Synthetic { chunks_per_second, call } => Arc::new(Synthetic::new(*chunks_per_second, *call)),
        EmbedderChoice::Model(word) => {
            let model = models::find(&settings.models, word, &precisions(settings))?;
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
pub(super) fn precisions(settings: &Settings) -> Vec<Precision> {
    preferred(&settings.models)
}

/// As [`precisions`], without a folder.
pub(crate) fn preferred(models: &crate::config::ModelSettings) -> Vec<Precision> {
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

impl Engine {
    /// The embedder of a snapshot's vectors.
    pub(super) fn embedder_of(&self, snapshot: &Snapshot) -> Result<Arc<dyn Embedder>, EngineError> {
        self.embedders.of(&self.settings, snapshot.view.as_ref()).ok_or_else(|| self.outdated(snapshot.view.as_ref()))
    }

    /// Whether what is stored can be searched: made as it would be made now, or with another model
    /// that is still to be had. That one answers until an index run with the new one is complete.
    pub(super) fn check_usable(&self, view: &dyn StoreView) -> Result<(), EngineError> {
        let now = index::recipe(&self.settings, self.embedders.current.as_ref());
        let stored = &view.manifest().recipe;
        let is_of_recipe = index::redo_all(stored, &now).is_none() || index::differs_by_model_alone(stored, &now);
        let is_usable = is_of_recipe && self.embedders.of(&self.settings, view).is_some();
        if is_usable { Ok(()) } else { Err(self.outdated(view)) }
    }

    fn outdated(&self, view: &dyn StoreView) -> EngineError {
        let now = index::recipe(&self.settings, self.embedders.current.as_ref());
        let reason = index::redo_all(&view.manifest().recipe, &now);
        EngineError::Outdated {
            root: self.root().to_owned(),
            reason: reason.unwrap_or_else(|| "its model is gone".to_owned()),
        }
    }
}
