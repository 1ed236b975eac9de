//! Index runs of an engine.

use std::fs;
use std::sync::Arc;

use super::embedders;
use super::embedding::Model;
use super::tuned;
use super::{
    BenchKind, CancelToken, DryRun, Engine, EngineError, IndexError, IndexReport, IndexRequest, Progress, SkipReason,
};
use crate::index::{self, Indexer, RunFile};
use crate::store::Recipe;
use crate::walk::{self, Disk, WalkOptions, Walked};

impl Engine {
    /// Brings the index up to date with the folder. `observe` is called a few times a second from
    /// one thread, and once at the end.
    ///
    /// # Errors
    /// See [`IndexError`]; what was committed before stays.
    pub fn index(
        &self,
        request: &IndexRequest,
        cancel: &CancelToken,
        observe: &(dyn Fn(&Progress) + Sync),
    ) -> Result<IndexReport, EngineError> {
        self.models.check()?;
        let view = if request.rebuild { None } else { self.view()? }; // refuses the index of another folder
        let model = self.models.current();
        let recipe = index::recipe(&self.settings, model.embedder.as_ref());
        if view.is_none_or(|view| index::redo_all(&view.manifest().recipe, &recipe).is_some()) {
            // All will be embedded: say now what will not do.
            model.embedder.ready()?;
        }
        let file = RunFile::new(&self.settings.index_dir);
        let ended = self.indexer(&model).run(request, cancel, &|progress| {
            file.show(progress);
            observe(progress);
        });
        file.end(&ended);
        if ended.is_ok() {
            embedders::remember(&self.settings);
            tuned::tidy(&self.settings.index_dir, model.embedder.model_id());
        }
        Ok(ended?)
    }

    /// Indexes everything anew in one of the ways that benchmarks compare.
    ///
    /// # Errors
    /// As [`Engine::index`].
    pub fn bench(&self, kind: BenchKind, cancel: &CancelToken) -> Result<IndexReport, EngineError> {
        self.models.check()?;
        Ok(self.indexer(&self.models.current()).bench(kind, cancel, &|_| ())?)
    }

    /// What the embedder is given for the folder: for measuring it beside other programs.
    ///
    /// # Errors
    /// When the root cannot be walked.
    pub fn passages(&self) -> Result<Vec<String>, EngineError> {
        Ok(self.indexer(&self.models.current()).passages()?)
    }

    /// The model that rows of this recipe were made with.
    pub(super) fn model_for(&self, stored: &Recipe) -> Result<Arc<Model>, EngineError> {
        let model = match self.models.of(&self.settings, stored) {
            Some(model) => model,
            None => self.models.check().map(|()| self.models.current())?,
        };
        match index::redo_all(stored, &index::recipe(&self.settings, model.embedder.as_ref())) {
            Some(reason) => Err(EngineError::Outdated { root: self.root().to_owned(), reason }),
            None => Ok(model),
        }
    }

    fn indexer<'s>(&'s self, model: &'s Model) -> Indexer<'s> {
        Indexer {
            settings: &self.settings,
            store: self.store.as_ref(),
            embedder: model.embedder.as_ref(),
            cache: model.cache.as_deref(),
            files: &Disk,
            renew_parsers: false,
        }
    }

    /// What an index run would take and leave, and why. Reads the files, writes nothing.
    ///
    /// # Errors
    /// When the root cannot be walked.
    pub fn dry_run(&self) -> Result<DryRun, EngineError> {
        let options =
            WalkOptions { max_file_bytes: self.settings.max_file_bytes, files: &Disk, stop: &walk::to_the_end };
        let mut found = DryRun::default();
        let walked = walk::walk(&self.settings.root, &options, &mut |walked| {
            match walked {
                Walked::Skipped(skipped) => found.excluded.push((skipped.path, skipped.is_dir, skipped.reason)),
                Walked::File(entry) => match fs::read(&entry.abs) {
                    Err(error) => {
                        found.excluded.push((entry.path, false, SkipReason::Unreadable { message: error.to_string() }))
                    }
                    Ok(bytes) => match walk::inspect(&entry.path, &bytes) {
                        Some(reason) => found.excluded.push((entry.path, false, reason)),
                        None => {
                            let language = index::source(&entry.path, bytes).language;
                            found.included.push((entry.path, language));
                        }
                    },
                },
            }
            std::ops::ControlFlow::Continue(())
        });
        walked.map_err(IndexError::from)?;
        found.included.sort();
        found.excluded.sort();
        Ok(found)
    }
}
