//! Runs of the index pipeline.

use crate::error::EngineError;
use crate::models::{EmbeddingModel, remove_unused_models, save_model_folder};
use crate::state::Engine;
use crate::state::published::BaseOrigin;
use index::{BenchKind, IndexProgress, IndexReport, IndexRequest, Indexer, RunRecorder};
use platform::cancel::CancelToken;
use source::walk::Disk;
use store::IndexFingerprint;

impl Engine {
    /// Updates the index to match the folder. One thread calls `observe` several times a second and once at the end. If
    /// answers come from a published index alone, fetches the newest combined index of a collection instead, and does
    /// nothing for any other base.
    ///
    /// # Errors
    /// When the index belongs to another folder or cannot be opened, when its model is not available or unusable, and
    /// like [`Indexer::run`]. Published commits are kept.
    pub fn index(
        &self,
        request: &IndexRequest,
        cancel: &CancelToken,
        observe: &(dyn Fn(&IndexProgress) + Sync),
    ) -> Result<IndexReport, EngineError> {
        if self.trusts_base() {
            return self.refresh_base(cancel);
        }
        self.models.check_available()?;
        let model = self.models.current();
        let fingerprint = index::index_fingerprint(&self.settings, model.embedder.as_ref());
        let view = match self.open_view() {
            _ if request.rebuild => None,
            Err(error) if error.is_damage() => None,
            Ok(None) if self.start_from_related_index(&fingerprint) => self.open_view()?,
            opened => opened?, // fails for an index of another folder
        };
        let origin = view.as_ref().map(|view| view.manifest()).filter(|manifest| manifest.is_unconfirmed_copy());
        let started_from = origin.and_then(|manifest| Some(manifest.origin.as_ref()?.root.clone()));
        if view.is_none_or(|view| index::rebuild_reason(&view.manifest().fingerprint, &fingerprint).is_some()) {
            // Every chunk will be embedded, so an unusable model is reported before the run starts.
            model.embedder.prepare()?;
        }
        let recorder = RunRecorder::new(&self.settings.index_dir);
        let is_suspect = self.damage.take_suspicion();
        let request = IndexRequest { verify: request.verify || is_suspect, ..request.clone() };
        let run = || {
            self.new_indexer(&model).run(&request, cancel, &|progress| {
                recorder.record_progress(progress);
                observe(progress);
            })
        };
        let mut ended = if started_from.is_some() { self.load_awaited_during(run) } else { run() };
        recorder.record_end(&ended);
        if let (Ok(report), Some(root)) = (&mut ended, &started_from) {
            report.notes.insert(0, format!("started from the index of {}", root.display()));
        }
        match &ended {
            Ok(report) => {
                self.tidy_models(model.embedder.model_id());
                if self.open_view()?.is_some_and(|view| view.manifest().origin.is_none()) {
                    BaseOrigin::forget(&self.settings.index_dir);
                }
                if started_from.is_some() || report.files_indexed > 0 {
                    self.record_git_project(report.files_indexed);
                }
            }
            Err(_) if request.verify => self.request_repair(),
            Err(_) => {}
        }
        if request.verify && ended.is_ok() {
            self.record_repair();
        }
        Ok(ended?)
    }

    /// Fetches the newest combined index of a collection, and all of it again if a read has met damage.
    fn refresh_base(&self, cancel: &CancelToken) -> Result<IndexReport, EngineError> {
        let begun = std::time::Instant::now();
        let mut report = IndexReport::default();
        #[cfg(feature = "locations")]
        if self.is_collection() {
            let is_suspect = self.damage.take_suspicion();
            let fetched = super::published_base::fetch_collection(&self.settings, is_suspect, cancel, &|_| ())?;
            report.notes.extend(fetched.offline.is_some().then(|| fetched.describe()));
        }
        #[cfg(not(feature = "locations"))]
        let _ = cancel;
        if let Some(view) = self.open_view()? {
            report.files_found = view.manifest().files_found;
            report.files_unchanged = report.files_found;
        }
        report.elapsed = begun.elapsed();
        Ok(report)
    }

    /// Runs a benchmark of this kind; see [`index::run_benchmark`].
    ///
    /// # Errors
    /// Fails like [`Engine::index`].
    pub fn bench(&self, kind: BenchKind, cancel: &CancelToken) -> Result<IndexReport, EngineError> {
        self.models.check_available()?;
        Ok(index::run_benchmark(&self.new_indexer(&self.models.current()), kind, cancel, &|_| ())?)
    }

    /// Returns the embedder's input texts for the folder, for benchmarks of other programs.
    ///
    /// # Errors
    /// When the root cannot be walked.
    pub fn passages(&self) -> Result<Vec<String>, EngineError> {
        Ok(index::collect_passages(&self.new_indexer(&self.models.current()))?)
    }

    /// Makes the index a copy of that of another working tree of the same project; returns whether it was copied.
    #[cfg(feature = "lance")]
    fn start_from_related_index(&self, fingerprint: &IndexFingerprint) -> bool {
        let languages = self.language_choices().to_setting();
        let settings = format!("{}{languages}", fingerprint.settings);
        self.copy_related_index(&IndexFingerprint { settings, ..fingerprint.clone() })
    }

    /// Returns that there is no index of another working tree: without LanceDB, no index is on disk.
    #[cfg(not(feature = "lance"))]
    fn start_from_related_index(&self, _: &IndexFingerprint) -> bool {
        false
    }

    #[cfg(not(feature = "lance"))]
    fn record_git_project(&self, _: u64) {}

    /// Records the folder of the model, and removes tuned models that are no longer needed. The index is complete
    /// without these steps, so a failure is only logged.
    fn tidy_models(&self, in_use: &str) {
        if let Err(error) = save_model_folder(&self.settings) {
            tracing::warn!("cannot record the folder of the model in {}: {error}", self.settings.index_dir.display());
        }
        if let Err(error) = remove_unused_models(&self.settings.index_dir, in_use) {
            tracing::warn!("cannot remove unused models: {error}");
        }
    }

    fn new_indexer<'s>(&'s self, model: &'s EmbeddingModel) -> Indexer<'s> {
        Indexer {
            settings: &self.settings,
            store: self.store.as_ref(),
            embedder: model.embedder.as_ref(),
            cache: model.cache.as_deref(),
            files: &Disk,
            fault_log: &self.fault_log,
            parsers: &self.parsers,
            renew_parsers: false,
        }
    }
}
