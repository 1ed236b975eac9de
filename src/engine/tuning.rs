//! Training the built-in model further on an engine's own folder.

use super::tuned::{self, Measured, TunedError};
use super::{CancelToken, Engine, EngineError, TuneStep, TunedModel};
use crate::embed::static_model::StaticModel;
use crate::train::pairs;
use crate::train::tune::{self, TuneError, Tuned};
use crate::walk::WalkError;

/// Why a folder was not tuned for.
#[derive(Debug, thiserror::Error)]
pub enum TuningError {
    #[error(transparent)]
    Tune(#[from] TuneError),
    #[error(transparent)]
    Walk(#[from] WalkError),
    #[error(transparent)]
    Kept(#[from] TunedError),
    #[error("tuning trains the built-in model, and this index is made with another one; leave --embedder out")]
    OtherModel,
}

impl TuningError {
    /// Whether it only failed because it was told to stop.
    pub fn is_stopped(&self) -> bool {
        matches!(self, Self::Tune(TuneError::Stopped))
    }
}

impl Engine {
    /// Trains the built-in model on the folder's own code and measures what that was worth. Changes
    /// nothing: see [`Engine::keep_tuned`].
    ///
    /// # Errors
    /// When the folder has too little to learn from or cannot be read, or when it was cancelled.
    pub fn tune(&self, cancel: &CancelToken, observe: &mut dyn FnMut(TuneStep)) -> Result<Tuned, EngineError> {
        Ok(self.tuned(cancel, observe)?)
    }

    fn tuned(&self, cancel: &CancelToken, observe: &mut dyn FnMut(TuneStep)) -> Result<Tuned, TuningError> {
        if !self.models.is_builtin() {
            return Err(TuningError::OtherModel);
        }
        let mut reading = |done, files| {
            observe(TuneStep::Reading { done, files });
            !cancel.is_cancelled()
        };
        let read = pairs::of_folder_watched("folder", &self.settings.root, &mut reading)?;
        let mut repository = read.ok_or(TuneError::Stopped)?;
        repository.pairs.retain(|pair| tune::KINDS.contains(&pair.kind));
        tracing::info!("learning from {} pairs", repository.pairs.len());
        let options = tune::options(self.settings.pipeline.parse_workers);
        let mut training = |step| {
            observe(step);
            !cancel.is_cancelled()
        };
        Ok(tune::tune(&StaticModel::builtin(), repository, &options, &mut training)?)
    }

    /// Keeps a tuned model beside the index. The next index run makes all vectors anew with it; until
    /// then searches answer with the model before.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep_tuned(&self, tuned: &Tuned) -> Result<TunedModel, EngineError> {
        let measured =
            Measured { questions: tuned.after.questions, mrr_before: tuned.before.mrr, mrr_after: tuned.after.mrr };
        let kept = tuned::keep(&self.settings.index_dir, &tuned.artifact, &measured).map_err(TuningError::from)?;
        Ok(kept.map_err(|error| TuningError::Tune(error.into()))?)
    }

    /// Goes back to the built-in model, from the next index run on; false when it was in use anyway.
    ///
    /// # Errors
    /// When the record cannot be removed.
    pub fn undo_tuning(&self) -> Result<bool, EngineError> {
        Ok(tuned::undo(&self.settings.index_dir).map_err(TuningError::from)?)
    }

    /// Names the model that the next index run makes vectors with.
    pub fn model_id(&self) -> String {
        self.models.current().embedder.model_id().to_owned()
    }

    /// The tuned model that holds; `None` without one, or when it is damaged.
    pub fn tuned_model(&self) -> Option<TunedModel> {
        let record = tuned::record(&self.settings.index_dir)?.ok()?;
        Some(record).filter(|record| self.models.current().embedder.model_id() == record.model_id)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::embed::Embedder as _;
    use crate::embed::static_model::encode;
    use crate::engine::{IndexRequest, Options, SearchQuery, Settings};
    use crate::train::measure::Measure;

    fn engine(folder: &tempfile::TempDir) -> Engine {
        fs::create_dir_all(folder.path().join("code")).expect("a folder");
        fs::write(folder.path().join("code/retry.rs"), "/// Calls again.\nfn retry_with_backoff() { sleep(1) }\n")
            .expect("a file");
        let options = Options {
            path: Some(folder.path().join("code")),
            index_dir: Some(folder.path().join("index")),
            cache_dir: Some(folder.path().join("cache")),
            ..Options::default()
        };
        Engine::open(Settings::resolve(&options).expect("settings")).expect("an engine")
    }

    fn index(engine: &Engine) -> u64 {
        let ran = engine.index(&IndexRequest::default(), &CancelToken::default(), &|_| ());
        ran.expect("indexed").vectors_computed
    }

    fn finds(engine: &Engine) -> bool {
        let query = SearchQuery { text: "retry with backoff".to_owned(), limit: 3, ..SearchQuery::default() };
        engine.search(&query).expect("an answer").hits.len() == 1
    }

    /// Another small model, as if trained.
    fn other(factor: f32) -> Tuned {
        let tokens = ["backoff", "retry", "with"];
        let rows: Vec<f32> = (0..3 * 256_u16).map(|at| (f32::from(at) * factor).sin()).collect();
        let artifact = encode(&tokens, &rows, 256, 2).expect("fits");
        let measure = Measure { mrr: 0.5, recall_at_10: 0.5, questions: 20 };
        Tuned { artifact, pairs: 1, definitions: 1, words: 0, epoch: 1, before: measure, after: measure, error: 0.0 }
    }

    #[test]
    fn rows_are_searched_with_their_own_model_until_they_are_made_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = engine(&folder);
        assert!(index(&engine) > 0 && finds(&engine));
        let builtin = engine.model_id();
        for factor in [0.1, 0.7] {
            let kept = engine.keep_tuned(&other(factor)).expect("kept");
            assert_eq!(engine.model_id(), kept.model_id);
            assert_ne!(engine.status().expect("a status").model_id, kept.model_id, "the rows are not made yet");
            assert!(finds(&engine), "the rows' own model is still at hand");
            assert!(index(&engine) > 0, "every vector is made anew");
            assert_eq!(engine.status().expect("a status").model_id, kept.model_id);
            assert!(finds(&engine));
        }
        let left = fs::read_dir(folder.path().join("index/tuned")).expect("a folder").count();
        assert_eq!(left, 1, "the model before the last went with its rows");
        assert!(engine.undo_tuning().expect("undone") && finds(&engine));
        assert_eq!(index(&engine), 0, "the old vectors come from the cache");
        assert_eq!(engine.status().expect("a status").model_id, builtin);
        assert!(finds(&engine) && engine.tuned_model().is_none());
        assert!(!engine.undo_tuning().expect("nothing to undo"));
    }

    #[test]
    fn another_engine_of_the_same_index_follows() {
        let folder = tempfile::tempdir().expect("a folder");
        let (one, other_engine) = (engine(&folder), engine(&folder));
        let kept = one.keep_tuned(&other(0.3)).expect("kept");
        assert_eq!(other_engine.model_id(), kept.model_id);
        assert_eq!(other_engine.status().expect("a status").tuned, Some(kept));
        fs::write(folder.path().join("index/tuned.json"), "{").expect("it can be written");
        assert_eq!(other_engine.model_id(), StaticModel::builtin().model_id());
        assert_eq!(other_engine.tuned_model(), None);
    }
}
