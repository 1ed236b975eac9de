//! The models of an index: the model for new vectors, and the model of the vectors that are stored.
//!
//! New vectors are made with the model that the settings name, or with the tuned model beside the index if the
//! settings name the built-in one. Adding or removing a tuned model, in any process, takes effect with the
//! next index run; until then, searches use the model that made the stored vectors.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::open_embedder;
use super::tuned_store::{self, RecordVersion};
use crate::error::EngineError;
use config::Settings;
use embed::Embedder;
use embed::cache::VectorCache;
use embed::static_model::StaticModel;
use hub::ModelError;
use store::{IndexFingerprint, StoreView};

/// A model with its vector cache, which all projects share.
pub(crate) struct EmbeddingModel {
    pub embedder: Arc<dyn Embedder>,
    /// `None` if caching is turned off.
    pub cache: Option<Arc<VectorCache>>,
}

impl EmbeddingModel {
    fn open(embedder: Arc<dyn Embedder>, cache_options: &VectorCacheOptions) -> Arc<Self> {
        let cache = || {
            VectorCache::shared(
                &cache_options.cache_dir,
                embedder.model_id(),
                embedder.dimensions(),
                cache_options.max_bytes,
            )
        };
        let cache = (cache_options.max_bytes > 0).then(cache);
        Arc::new(Self { embedder, cache })
    }
}

/// The folder and the maximum size of the vector cache.
struct VectorCacheOptions {
    cache_dir: PathBuf,
    max_bytes: u64,
}

/// The models of one index.
pub(crate) struct IndexModels {
    index_dir: PathBuf,
    cache_options: VectorCacheOptions,
    /// The model named by the settings; by default the model that made the index, or the built-in one without an index.
    configured: Arc<EmbeddingModel>,
    /// The reason why the model that made the index is not available; `configured` is then the built-in model.
    unavailable: Option<Arc<ModelError>>,
    /// The tuned model beside the index, as last loaded.
    loaded_tuned: Mutex<LoadedTunedModel>,
    /// The model that made the stored rows, if it differs from the configured model.
    previous: Mutex<Option<Arc<EmbeddingModel>>>,
}

#[derive(Default)]
struct LoadedTunedModel {
    version: Option<RecordVersion>,
    tuned: Option<Arc<EmbeddingModel>>,
}

impl IndexModels {
    /// Opens the model named by the settings, or by default the model that made the index of `view`. If the model of
    /// the index is not available, opens the built-in one, and [`IndexModels::check_available`] returns the reason.
    ///
    /// # Errors
    /// When the model named by the settings is not available, or the model of the index is there but cannot be opened.
    pub fn open(settings: &Settings, view: Option<&dyn StoreView>) -> Result<Self, EngineError> {
        if let Some(choice) = &settings.pipeline.embedder {
            return Ok(Self::new(settings, open_embedder::open_embedder(settings, choice)?));
        }
        let of_index = view.map(|view| open_embedder::open_stored_embedder(settings, &view.manifest().fingerprint));
        match of_index {
            Some(Err(EngineError::Model(error))) => {
                Ok(Self { unavailable: Some(Arc::new(error)), ..Self::new(settings, StaticModel::builtin()) })
            }
            Some(Err(error)) => Err(error),
            Some(Ok(Some(embedder))) => Ok(Self::new(settings, embedder)),
            Some(Ok(None)) | None => Ok(Self::new(settings, StaticModel::builtin())),
        }
    }

    pub fn new(settings: &Settings, configured: Arc<dyn Embedder>) -> Self {
        let cache_options =
            VectorCacheOptions { cache_dir: settings.cache_dir.clone(), max_bytes: settings.max_cache_bytes };
        let configured = EmbeddingModel::open(configured, &cache_options);
        let (loaded_tuned, previous) = (Mutex::default(), Mutex::default());
        Self {
            index_dir: settings.index_dir.clone(),
            cache_options,
            configured,
            unavailable: None,
            loaded_tuned,
            previous,
        }
    }

    /// Checks that the model of the index was available when these models were opened; succeeds if the settings name
    /// one.
    ///
    /// # Errors
    /// [`EngineError::IndexModel`] if the model is not available.
    pub fn check_available(&self) -> Result<(), EngineError> {
        self.unavailable.as_ref().map_or(Ok(()), |error| Err(EngineError::IndexModel(Arc::clone(error))))
    }

    /// Returns whether the configured model is the built-in one; only that model can be tuned.
    pub fn is_builtin(&self) -> bool {
        self.unavailable.is_none() && self.configured.embedder.model_id() == StaticModel::builtin().model_id()
    }

    /// Returns the model that makes new vectors.
    pub fn current(&self) -> Arc<EmbeddingModel> {
        if !self.is_builtin() {
            return Arc::clone(&self.configured);
        }
        let version = tuned_store::read_record_version(&self.index_dir).unwrap_or_else(|error| {
            tracing::warn!("{error}");
            None
        });
        let mut loaded_tuned = self.loaded_tuned.lock().unwrap_or_else(PoisonError::into_inner);
        if loaded_tuned.version != version {
            let tuned = version.is_some().then(|| self.load_tuned(&self.index_dir)).flatten();
            *loaded_tuned = LoadedTunedModel { version, tuned };
        }
        Arc::clone(loaded_tuned.tuned.as_ref().unwrap_or(&self.configured))
    }

    /// Loads the tuned model. If it cannot be loaded, logs a warning and returns `None`.
    fn load_tuned(&self, index_dir: &Path) -> Option<Arc<EmbeddingModel>> {
        match tuned_store::load_tuned_model(index_dir) {
            Ok(model) => Some(EmbeddingModel::open(Arc::new(model), &self.cache_options)),
            Err(error) => {
                tracing::warn!("{error}");
                None
            }
        }
    }

    /// Returns the model that made rows with this index fingerprint.
    ///
    /// # Errors
    /// [`EngineError::Outdated`] if the rows have to be rebuilt; [`EngineError::IndexModel`] if their model is
    /// not available.
    pub fn require_stored(
        &self,
        settings: &Settings,
        stored: &IndexFingerprint,
    ) -> Result<Arc<EmbeddingModel>, EngineError> {
        let model = match self.find_stored(settings, stored) {
            Some(model) => model,
            None => self.check_available().map(|()| self.current())?,
        };
        let mut wanted = index::index_fingerprint(settings, model.embedder.as_ref());
        if stored.is_readable() {
            // An index of an earlier layout or with chunks of an earlier version answers until the next run rebuilds
            // it.
            wanted.schema_version = stored.schema_version;
            wanted.chunker_version = wanted.chunker_version.min(stored.chunker_version);
        }
        match index::rebuild_reason(stored, &wanted) {
            Some(reason) => Err(EngineError::Outdated { root: settings.root.as_path().to_owned(), reason }),
            None => Ok(model),
        }
    }

    /// Returns the model that made stored rows, if it is available. Tries the current and the configured model, the
    /// model found last time, a replaced tuned model whose file still exists, and finally the model registry.
    fn find_stored(&self, settings: &Settings, stored: &IndexFingerprint) -> Option<Arc<EmbeddingModel>> {
        let fits = |embedder: &dyn Embedder| {
            embedder.model_id() == stored.model_id && u32::try_from(embedder.dimensions()) == Ok(stored.dimensions)
        };
        let mut previous = self.previous.lock().unwrap_or_else(PoisonError::into_inner);
        let at_hand = [Some(self.current()), Some(Arc::clone(&self.configured)), previous.clone()];
        if let Some(model) = at_hand.into_iter().flatten().find(|model| fits(model.embedder.as_ref())) {
            return Some(model);
        }
        let retired = tuned_store::load_retired_model(&self.index_dir, &stored.model_id)
            .map(|model| Arc::new(model) as Arc<dyn Embedder>);
        let open_stored = || {
            open_embedder::open_stored_embedder(settings, stored).unwrap_or_else(|error| {
                tracing::debug!("the model {} of the index is not available: {error}", stored.model_id);
                None
            })
        };
        let opened = retired.or_else(open_stored);
        let model = EmbeddingModel::open(opened.filter(|embedder| fits(embedder.as_ref()))?, &self.cache_options);
        Some(Arc::clone(previous.insert(model)))
    }
}
