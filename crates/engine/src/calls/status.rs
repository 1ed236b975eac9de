//! The state of an index.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::answer::{IndexCoverage, known_files_found};
use crate::error::EngineError;
use crate::models::TunedModel;
use crate::state::Engine;
use embed::DeviceReport;
use index::RunRecord;
use source::walk;
use types::{FileOutcome, Project, RepoPath};

/// The state of an index.
#[derive(Clone, Debug, Default)]
pub struct IndexStatus {
    pub root: PathBuf,
    pub index_dir: PathBuf,
    /// Whether the index has a commit that can be opened. If not, the fields that describe its content are empty.
    pub exists: bool,
    pub coverage: IndexCoverage,
    pub size_bytes: u64,
    pub model_id: String,
    pub dimensions: u32,
    /// Time of the last commit, in milliseconds since 1970.
    pub committed_at_ms: u64,
    /// Number of indexed files by language.
    pub languages: BTreeMap<String, u64>,
    /// The projects in the folder; see [`Engine::projects`].
    pub projects: Vec<Project>,
    /// Number of skipped files and folders by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Indexed files that had a problem, and ignore files that cannot be used, each with a description.
    pub problems: Vec<(RepoPath, String)>,
    /// The running or last index run of any process; `None` if no run was recorded or its record cannot be used.
    pub run: Option<RunRecord>,
    /// The reason why the record of the last index run cannot be used; `None` if it can be used or does not exist.
    pub run_problem: Option<String>,
    /// The device that computes embeddings in this process, or else the one of the last run; `None` if there is
    /// neither.
    pub device: Option<DeviceReport>,
    /// The reason why the next index run fails or rebuilds the index: its model is not available, or it is out of date.
    /// `None` if neither is the case.
    pub redo_because: Option<String>,
    /// The damage of the index, in a few words; `None` if it is intact, or was not checked because an index run is
    /// under way. The next index run repairs it.
    pub damage: Option<String>,
    /// The folder whose index this one began as a copy of, or the URL that it was fetched from; `None` if it was made
    /// from the files alone.
    pub started_from: Option<PathBuf>,
    /// The tuned model in use; see [`Engine::tuned_model`].
    pub tuned: Option<TunedModel>,
}

impl Engine {
    /// Returns the state of the index; a missing index is not an error.
    ///
    /// # Errors
    /// When the store cannot be read, or the index belongs to another folder; damage is not an error.
    pub fn status(&self) -> Result<IndexStatus, EngineError> {
        let mut status = IndexStatus {
            root: self.root().to_owned(),
            index_dir: self.settings.index_dir.clone(),
            ..IndexStatus::default()
        };
        match index::read_run_record(&self.settings.index_dir) {
            Ok(run) => status.run = run,
            Err(error) => status.run_problem = Some(error.to_string()),
        }
        status.redo_because = self.models.check_available().err().map(|error| error.to_string());
        let own_device = self.models.current().embedder.device_report().filter(|report| !report.devices.is_empty());
        status.device = own_device.or_else(|| status.run.as_ref()?.device.clone());
        status.tuned = self.tuned_model();
        let view = match self.open_view() {
            Err(EngineError::Store(error)) if error.is_damage() => {
                self.request_repair();
                status.damage = error.damage_reason();
                return Ok(status);
            }
            opened => opened?,
        };
        let Some(view) = view else {
            return Ok(status);
        };
        let manifest = view.manifest();
        status.exists = true;
        status.size_bytes = self.store.size_bytes();
        status.model_id.clone_from(&manifest.fingerprint.model_id);
        status.dimensions = manifest.fingerprint.dimensions;
        status.committed_at_ms = manifest.committed_at_ms;
        status.skipped.clone_from(&manifest.skipped);
        status.started_from = manifest.origin.as_ref().map(|origin| origin.root.clone());
        status.coverage = IndexCoverage {
            files_found: known_files_found(manifest),
            complete: manifest.complete,
            ..IndexCoverage::default()
        };
        // A run that writes the index reads much of it, and its commits would be checked again and again.
        let is_running = status.run.as_ref().is_some_and(|run| run.state.is_running());
        if !is_running {
            status.damage = self.describe_damage(view.as_ref())?;
        }
        let records = match view.files() {
            Err(error) if error.is_damage() => {
                self.request_repair();
                status.damage = error.damage_reason();
                Vec::new()
            }
            read => read?,
        };
        let folders = records.iter().map(|record| record.path.folder());
        let mut ignore_faults = walk::find_nested_ignore_faults(&self.settings.root, folders);
        status.projects = self.projects_of(view.generation(), records.iter()).to_vec();
        for record in records {
            if let FileOutcome::Indexed { chunks, problem } = record.content.outcome {
                status.coverage.files_indexed += 1;
                status.coverage.chunks += u64::from(chunks);
                *status.languages.entry(record.content.language.to_string()).or_default() += 1;
                status.problems.extend(problem.map(|problem| (record.path, problem)));
            }
        }
        ignore_faults.extend(walk::find_ignore_faults(&self.settings.root));
        status.problems.extend(ignore_faults.into_iter().map(|fault| (fault.path, fault.problem)));
        status.problems.sort();
        let fingerprint = index::index_fingerprint(&self.settings, self.models.current().embedder.as_ref());
        status.redo_because =
            status.redo_because.or_else(|| index::rebuild_reason(&manifest.fingerprint, &fingerprint));
        Ok(status)
    }

    /// Returns whether the last commit completed an index run, so that the index covered the whole folder; false
    /// without an index.
    ///
    /// # Errors
    /// When the store cannot be read, or the index belongs to another folder.
    pub fn is_complete(&self) -> Result<bool, EngineError> {
        Ok(self.open_view()?.is_some_and(|view| view.manifest().complete))
    }
}
