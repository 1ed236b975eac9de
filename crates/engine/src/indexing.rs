//! Index runs and dry runs of an engine.

use std::sync::Arc;

use super::embedders;
use super::index_models::EmbeddingModel;
use super::tuned;
use super::{
    BenchKind, CancelToken, DryRun, Engine, EngineError, IndexError, IndexProgress, IndexReport, IndexRequest,
    SkipReason,
};
use index::{self, Indexer, RunRecorder};
use source::walk::{self, Disk, FileContents, FileSystem as _, WalkFinding, WalkOptions};
use store::IndexFingerprint;

impl Engine {
    /// Updates the index to match the folder. One thread calls `observe` several times a second and once at
    /// the end.
    ///
    /// # Errors
    /// See [`IndexError`]; earlier commits are kept.
    pub fn index(
        &self,
        request: &IndexRequest,
        cancel: &CancelToken,
        observe: &(dyn Fn(&IndexProgress) + Sync),
    ) -> Result<IndexReport, EngineError> {
        self.models.check_available()?;
        let view = if request.rebuild { None } else { self.open_view()? }; // fails for the index of another folder
        let model = self.models.current();
        let fingerprint = index::index_fingerprint(&self.settings, model.embedder.as_ref());
        if view.is_none_or(|view| index::rebuild_reason(&view.manifest().fingerprint, &fingerprint).is_some()) {
            // Every chunk will be embedded, so an unusable model is reported before the run starts.
            model.embedder.prepare()?;
        }
        let recorder = RunRecorder::new(&self.settings.index_dir);
        let ended = self.new_indexer(&model).run(request, cancel, &|progress| {
            recorder.record_progress(progress);
            observe(progress);
        });
        recorder.record_end(&ended);
        if ended.is_ok() {
            embedders::save_model_folder(&self.settings);
            tuned::remove_unused_models(&self.settings.index_dir, model.embedder.model_id());
        }
        Ok(ended?)
    }

    /// Rebuilds the index in one of the ways that the benchmarks compare.
    ///
    /// # Errors
    /// As [`Engine::index`].
    pub fn bench(&self, kind: BenchKind, cancel: &CancelToken) -> Result<IndexReport, EngineError> {
        self.models.check_available()?;
        Ok(index::run_benchmark(&self.new_indexer(&self.models.current()), kind, cancel, &|_| ())?)
    }

    /// Returns the texts that the embedder would get for the folder, to benchmark other programs with.
    ///
    /// # Errors
    /// When the root cannot be walked.
    pub fn passages(&self) -> Result<Vec<String>, EngineError> {
        Ok(index::collect_passages(&self.new_indexer(&self.models.current()))?)
    }

    /// Returns the model that made rows with this index fingerprint.
    ///
    /// # Errors
    /// [`EngineError::Outdated`] if the rows have to be rebuilt; [`EngineError::IndexModel`] if their model is
    /// not available.
    pub(super) fn model_for_fingerprint(&self, stored: &IndexFingerprint) -> Result<Arc<EmbeddingModel>, EngineError> {
        let model = match self.models.find_stored(&self.settings, stored) {
            Some(model) => model,
            None => self.models.check_available().map(|()| self.models.current())?,
        };
        match index::rebuild_reason(stored, &index::index_fingerprint(&self.settings, model.embedder.as_ref())) {
            Some(reason) => Err(EngineError::Outdated { root: self.root().to_owned(), reason }),
            None => Ok(model),
        }
    }

    fn new_indexer<'s>(&'s self, model: &'s EmbeddingModel) -> Indexer<'s> {
        Indexer {
            settings: &self.settings,
            store: self.store.as_ref(),
            embedder: model.embedder.as_ref(),
            cache: model.cache.as_deref(),
            files: &Disk,
            renew_parsers: false,
        }
    }

    /// Lists the files that an index run would include and exclude, with reasons. Reads the files, writes
    /// nothing.
    ///
    /// # Errors
    /// When the root cannot be walked.
    pub fn dry_run(&self) -> Result<DryRun, EngineError> {
        let max_file_bytes = self.settings.max_file_bytes;
        let options = WalkOptions { max_file_bytes, files: &Disk, cancel: &CancelToken::default() };
        let mut listing = DryRun::default();
        let walked = walk::walk_tree(&self.settings.root, &options, &mut |walked| {
            match walked {
                WalkFinding::Skipped(skipped) => listing.excluded.push((skipped.path, skipped.is_dir, skipped.reason)),
                WalkFinding::File(entry) => match Disk.read(&entry.abs, max_file_bytes) {
                    Err(error) => listing.excluded.push((
                        entry.path,
                        false,
                        SkipReason::Unreadable { message: error.to_string() },
                    )),
                    Ok(FileContents { bytes, .. }) => match walk::inspect_content(&entry.path, &bytes) {
                        Some(reason) => listing.excluded.push((entry.path, false, reason)),
                        None => {
                            let language = index::decode_source(&entry.path, bytes).language;
                            listing.included.push((entry.path, language));
                        }
                    },
                },
            }
            std::ops::ControlFlow::Continue(())
        });
        walked.map_err(IndexError::from)?;
        listing.included.sort();
        listing.excluded.sort();
        Ok(listing)
    }
}
