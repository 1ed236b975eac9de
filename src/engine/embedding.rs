//! The model that an engine's rows are made with: what the settings name, or what `tune` keeps beside
//! the index instead of the built-in one.
//!
//! Invariants: what `tune` keeps or takes away, in whichever process, holds from the next index run on;
//! a search uses the model that its snapshot's vectors are of, whatever the next index run will use.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::tuned::{self, Stamp};
use super::{EngineError, embedders};
use crate::config::Settings;
use crate::embed::Embedder;
use crate::embed::cache::VectorCache;
use crate::embed::models::ModelError;
use crate::embed::static_model::StaticModel;
use crate::store::{Recipe, StoreView};

/// A model, and the vectors of it that all projects share.
pub(super) struct Model {
    pub embedder: Arc<dyn Embedder>,
    /// `None` where none are to be kept.
    pub cache: Option<Arc<VectorCache>>,
}

impl Model {
    fn open(embedder: Arc<dyn Embedder>, keeper: &Keeper) -> Arc<Self> {
        let cache =
            || VectorCache::shared(&keeper.cache_dir, embedder.model_id(), embedder.dimensions(), keeper.max_bytes);
        let cache = (keeper.max_bytes > 0).then(cache);
        Arc::new(Self { embedder, cache })
    }
}

/// Where vectors are kept.
struct Keeper {
    cache_dir: PathBuf,
    max_bytes: u64,
}

/// The models of one index.
pub(super) struct Models {
    index_dir: PathBuf,
    keeper: Keeper,
    /// What the settings name, or what the index was made with.
    given: Arc<Model>,
    /// Why what the index was made with cannot be had; `given` is the built-in one then.
    missing: Option<Arc<ModelError>>,
    /// What was last found beside the index.
    found: Mutex<Found>,
    /// The model of rows that another one was chosen for since.
    before: Mutex<Option<Arc<Model>>>,
}

#[derive(Default)]
struct Found {
    stamp: Option<Stamp>,
    tuned: Option<Arc<Model>>,
}

impl Models {
    /// Opens what the settings name; where they name nothing, what the index of `view` was made with. That
    /// this cannot be had is told by who needs it: see [`Models::check`].
    pub fn open(settings: &Settings, view: Option<&dyn StoreView>) -> Result<Self, EngineError> {
        if let Some(choice) = &settings.pipeline.embedder {
            return Ok(Self::new(settings, embedders::open(settings, choice)?));
        }
        let of_index = view.map(|view| embedders::open_stored(settings, &view.manifest().recipe));
        match of_index {
            Some(Err(EngineError::Model(error))) => {
                Ok(Self { missing: Some(Arc::new(error)), ..Self::new(settings, StaticModel::builtin()) })
            }
            Some(Err(error)) => Err(error),
            Some(Ok(Some(embedder))) => Ok(Self::new(settings, embedder)),
            Some(Ok(None)) | None => Ok(Self::new(settings, StaticModel::builtin())),
        }
    }

    pub fn new(settings: &Settings, given: Arc<dyn Embedder>) -> Self {
        let keeper = Keeper { cache_dir: settings.cache_dir.clone(), max_bytes: settings.max_cache_bytes };
        let given = Model::open(given, &keeper);
        let (found, before) = (Mutex::default(), Mutex::default());
        Self { index_dir: settings.index_dir.clone(), keeper, given, missing: None, found, before }
    }

    /// That the model of the index is at hand, for whoever would take another one for it.
    pub fn check(&self) -> Result<(), EngineError> {
        self.missing.as_ref().map_or(Ok(()), |error| Err(EngineError::IndexModel(Arc::clone(error))))
    }

    /// Whether the settings name the built-in model, which is the one that can be tuned.
    pub fn is_builtin(&self) -> bool {
        self.missing.is_none() && self.given.embedder.model_id() == StaticModel::builtin().model_id()
    }

    /// The model that rows are made with from now on.
    pub fn current(&self) -> Arc<Model> {
        if !self.is_builtin() {
            return Arc::clone(&self.given);
        }
        let stamp = tuned::stamp(&self.index_dir);
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if found.stamp != stamp {
            let tuned = stamp.is_some().then(|| self.load(&self.index_dir)).flatten();
            *found = Found { stamp, tuned };
        }
        Arc::clone(found.tuned.as_ref().unwrap_or(&self.given))
    }

    /// A tuned model that cannot be used is as good as none.
    fn load(&self, index_dir: &Path) -> Option<Arc<Model>> {
        match tuned::load(index_dir) {
            Ok(model) => Some(Model::open(Arc::new(model), &self.keeper)),
            Err(error) => {
                tracing::warn!("{error}");
                None
            }
        }
    }

    /// The model of these rows, if it can be had: the current one, the given one, one that `tune` kept
    /// and whose artifact is still there because no index run has gone by since, or one that was chosen
    /// before.
    pub fn of(&self, settings: &Settings, stored: &Recipe) -> Option<Arc<Model>> {
        let fits = |embedder: &dyn Embedder| {
            embedder.model_id() == stored.model_id && u32::try_from(embedder.dimensions()) == Ok(stored.dimensions)
        };
        let mut before = self.before.lock().unwrap_or_else(PoisonError::into_inner);
        let at_hand = [Some(self.current()), Some(Arc::clone(&self.given)), before.clone()];
        if let Some(model) = at_hand.into_iter().flatten().find(|model| fits(model.embedder.as_ref())) {
            return Some(model);
        }
        let retired =
            tuned::retired(&self.index_dir, &stored.model_id).map(|model| Arc::new(model) as Arc<dyn Embedder>);
        let opened = retired.or_else(|| embedders::open_stored(settings, stored).ok()?);
        let model = Model::open(opened.filter(|embedder| fits(embedder.as_ref()))?, &self.keeper);
        Some(Arc::clone(before.insert(model)))
    }
}
