//! The model that an engine's rows are made with: what the settings name, or what `tune` keeps beside
//! the index instead of the built-in one.
//!
//! Invariants: what `tune` keeps or takes away, in whichever process, holds from the next index run on;
//! rows of the model before are searched with that until then.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::tuned::{self, Stamp};
use crate::config::Settings;
use crate::embed::Embedder;
use crate::embed::cache::VectorCache;
use crate::embed::static_model::StaticModel;

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
    /// What the settings name.
    given: Arc<Model>,
    /// What was last found beside the index.
    found: Mutex<Found>,
}

#[derive(Default)]
struct Found {
    stamp: Option<Stamp>,
    tuned: Option<Arc<Model>>,
}

impl Models {
    pub fn new(settings: &Settings, given: Arc<dyn Embedder>) -> Self {
        let keeper = Keeper { cache_dir: settings.cache_dir.clone(), max_bytes: settings.max_cache_bytes };
        let given = Model::open(given, &keeper);
        Self { index_dir: settings.index_dir.clone(), keeper, given, found: Mutex::default() }
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

    /// The model of this name, if it is at hand: the current one, the given one, or one whose artifact is
    /// still there because no index run has gone by since it was replaced.
    pub fn of(&self, model_id: &str) -> Option<Arc<Model>> {
        let at_hand = [self.current(), Arc::clone(&self.given)];
        let named = at_hand.into_iter().find(|model| model.embedder.model_id() == model_id);
        let retired = || tuned::retired(&self.index_dir, model_id).filter(|_| self.is_builtin());
        named.or_else(|| Some(Model::open(Arc::new(retired()?), &self.keeper)))
    }
}
