//! Tunes the built-in model on the code of an engine's folder.

use crate::error::{EngineError, TuningError};
use crate::models::{TunedModel, TuningEvaluation, read_tuned_model, remove_tuned_model, save_tuned_model};
use crate::state::Engine;
use config::{DeviceChoice, Provider};
use embed::static_model::StaticModel;
use platform::cancel::CancelToken;
use train::pairs;
use train::tune::{self, TuneError, TuneResult, TuneStep};

impl Engine {
    /// Trains the built-in model on the folder's code and evaluates the result. Does not save the model; use
    /// [`Engine::keep_tuned`] for that.
    ///
    /// # Errors
    /// When the index began as a copy of a published one or uses another model, the folder cannot be read or has too
    /// little code to learn from, or tuning is cancelled.
    pub fn tune(&self, cancel: &CancelToken, observe: &mut dyn FnMut(TuneStep)) -> Result<TuneResult, EngineError> {
        Ok(self.train_tuned_model(cancel, observe)?)
    }

    fn train_tuned_model(
        &self,
        cancel: &CancelToken,
        observe: &mut dyn FnMut(TuneStep),
    ) -> Result<TuneResult, TuningError> {
        if let Some(base) = self.base_origin() {
            return Err(TuningError::OverBase { base: base.describe() });
        }
        if !self.models.is_builtin() {
            return Err(TuningError::OtherModel);
        }
        let mut reading = |done, files| observe(TuneStep::Reading { done, files });
        let read = pairs::read_pairs_observed("folder", &self.settings.root, &self.parsers, cancel, &mut reading)?;
        let mut repository = read.ok_or(TuneError::Stopped)?;
        repository.pairs.retain(|pair| tune::TUNED_PAIR_KINDS.contains(&pair.kind));
        tracing::info!("learning from {} pairs", repository.pairs.len());
        let options = tune::tune_options(self.settings.pipeline.parse_workers);
        Ok(tune::tune_model(&StaticModel::builtin(), repository, &options, cancel, observe)?)
    }

    /// Saves a tuned model beside the index. The next index run makes all vectors with it; until then,
    /// searches use the previous model.
    ///
    /// # Errors
    /// When the model is invalid or cannot be written.
    pub fn keep_tuned(&self, tuned: &TuneResult) -> Result<TunedModel, EngineError> {
        let evaluation = TuningEvaluation {
            questions: tuned.after.questions,
            mrr_before: tuned.before.mrr,
            mrr_after: tuned.after.mrr,
        };
        let saved = save_tuned_model(&self.settings.index_dir, &tuned.artifact, &evaluation);
        Ok(saved.map_err(TuningError::from)?)
    }

    /// Makes the next index run return to the built-in model. Returns false if there was no tuned model.
    ///
    /// # Errors
    /// When the record cannot be removed.
    pub fn undo_tuning(&self) -> Result<bool, EngineError> {
        Ok(remove_tuned_model(&self.settings.index_dir).map_err(TuningError::from)?)
    }

    /// Returns the id of the model that makes new vectors.
    pub fn model_id(&self) -> String {
        self.models.current().embedder.model_id().to_owned()
    }

    /// Returns the device that the settings name, if the model cannot use it: only transformers run on devices other
    /// than the CPU.
    pub fn unused_device(&self) -> Option<String> {
        let device = &self.settings.models.device;
        let is_other = matches!(device, DeviceChoice::Named { provider, .. } if *provider != Provider::Cpu);
        (is_other && !self.models.current().embedder.runs_on_device()).then(|| device.to_string())
    }

    /// Returns the tuned model in use; `None` if there is none or it is damaged.
    pub fn tuned_model(&self) -> Option<TunedModel> {
        let record = read_tuned_model(&self.settings.index_dir).unwrap_or_else(|error| {
            tracing::debug!("{error}");
            None
        });
        record.filter(|record| self.models.current().embedder.model_id() == record.model_id)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{IndexRequest, Options, QueryCalls as _, SearchQuery, Settings};
    use embed::Embedder as _;
    use embed::static_model::encode_model;
    use train::evaluate::RetrievalScores;

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
        engine.search(&query, &CancelToken::default()).expect("an answer").hits.len() == 1
    }

    /// Returns a made-up result of a training run with a small model.
    fn other(factor: f32) -> TuneResult {
        let tokens = ["backoff", "retry", "with"];
        let rows: Vec<f32> = (0..3 * 256_u16).map(|at| (f32::from(at) * factor).sin()).collect();
        let artifact = encode_model(&tokens, &rows, 256, 2).expect("fits");
        let measure = RetrievalScores { mrr: 0.5, recall_at_10: 0.5, questions: 20 };
        TuneResult {
            artifact,
            pairs: 1,
            definitions: 1,
            words: 0,
            epoch: Some(1),
            before: measure,
            after: measure,
            error: 0.0,
        }
    }

    #[test]
    fn stored_rows_are_searched_with_their_model_until_rebuilt() {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = engine(&folder);
        assert!(index(&engine) > 0 && finds(&engine));
        let builtin = engine.model_id();
        for factor in [0.1, 0.7] {
            let kept = engine.keep_tuned(&other(factor)).expect("kept");
            assert_eq!(engine.model_id(), kept.model_id);
            assert_ne!(engine.status().expect("a status").model_id, kept.model_id, "the rows are not rebuilt yet");
            assert!(finds(&engine), "the model of the rows is still available");
            assert!(index(&engine) > 0, "every vector is computed again");
            assert_eq!(engine.status().expect("a status").model_id, kept.model_id);
            assert!(finds(&engine));
        }
        let left = fs::read_dir(folder.path().join("index/tuned")).expect("a folder").count();
        assert_eq!(left, 1, "the model file of the deleted rows is removed");
        assert!(engine.undo_tuning().expect("undone") && finds(&engine));
        assert_eq!(index(&engine), 0, "the old vectors come from the cache");
        assert_eq!(engine.status().expect("a status").model_id, builtin);
        assert!(finds(&engine) && engine.tuned_model().is_none());
        assert!(!engine.undo_tuning().expect("nothing to undo"));
    }

    #[test]
    fn another_engine_of_the_same_index_uses_the_tuned_model() {
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
