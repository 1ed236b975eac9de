//! The model that an engine's rows are made with: what the settings name, or what `tune` keeps beside
//! the index instead of the built-in one.
//!
//! Invariants: what `tune` keeps or takes away, in whichever process, holds from the next index run on;
//! a search uses the model that its snapshot's vectors are of, whatever the next index run will use.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::tuned::{self, Stamp};
use super::{EngineError, embedders};
use crate::config::{EmbedderChoice, Settings};
use crate::embed::Embedder;
use crate::embed::cache::VectorCache;
use crate::embed::models;
use crate::embed::static_model::StaticModel;
use crate::store::{Recipe, StoreView};

/// A model, and the vectors of it that all projects share.
pub(super) struct Model {
    pub embedder: Arc<dyn Embedder>,
    /// `None` where none are to be kept.
    pub cache: Option<VectorCache>,
}

impl Model {
    fn open(embedder: Arc<dyn Embedder>, keeper: &Keeper) -> Arc<Self> {
        let cache =
            || VectorCache::open(&keeper.cache_dir, embedder.model_id(), embedder.dimensions(), keeper.max_bytes);
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
    /// Opens what the settings name; where they name nothing, what the index of `view` was made with.
    pub fn open(settings: &Settings, view: Option<&dyn StoreView>) -> Result<Self, EngineError> {
        let of_index = || choice_of(&view?.manifest().recipe).filter(|choice| *choice != EmbedderChoice::BuiltIn);
        let embedder = match (&settings.pipeline.embedder, of_index()) {
            (Some(choice), _) => embedders::open(settings, choice)?,
            (None, Some(choice)) => embedders::open(settings, &choice).map_err(|error| match error {
                EngineError::Model(error) => EngineError::IndexModel(error),
                error => error,
            })?,
            (None, None) => StaticModel::builtin(),
        };
        Ok(Self::new(settings, embedder))
    }

    pub fn new(settings: &Settings, given: Arc<dyn Embedder>) -> Self {
        let keeper = Keeper { cache_dir: settings.cache_dir.clone(), max_bytes: settings.max_cache_bytes };
        let given = Model::open(given, &keeper);
        let (found, before) = (Mutex::default(), Mutex::default());
        Self { index_dir: settings.index_dir.clone(), keeper, given, found, before }
    }

    /// Whether the settings name the built-in model, which is the one that can be tuned.
    pub fn is_builtin(&self) -> bool {
        self.given.embedder.model_id() == StaticModel::builtin().model_id()
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
        let opened = retired.or_else(|| embedders::open(settings, &choice_of(stored)?).ok());
        let model = Model::open(opened.filter(|embedder| fits(embedder.as_ref()))?, &self.keeper);
        Some(Arc::clone(before.insert(model)))
    }
}

/// What names the model of these rows; `None` for the synthetic one, whose rows nobody searches.
fn choice_of(stored: &Recipe) -> Option<EmbedderChoice> {
    match models::name_of_id(&stored.model_id) {
        Some(name) => Some(EmbedderChoice::Model(name.to_owned())),
        None if stored.model_id.starts_with("synthetic") => None,
        None => Some(EmbedderChoice::BuiltIn),
    }
}
