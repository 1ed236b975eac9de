//! The output of `codescry status --json`.

use std::collections::BTreeMap;

use serde::Serialize;

use engine::{DeviceReport, IndexCoverage, IndexStatus, Project, RunRecord, TunedModel};

use super::index::ProblemJson;

/// The output of `codescry status --json`.
#[derive(Serialize)]
pub struct StatusJson<'a> {
    root: String,
    index_dir: String,
    exists: bool,
    coverage: CoverageJson,
    size_bytes: u64,
    model_id: &'a str,
    dimensions: u32,
    committed_at_ms: u64,
    languages: &'a BTreeMap<String, u64>,
    /// The projects, the one with the most files first.
    projects: Vec<ProjectJson<'a>>,
    skipped: &'a BTreeMap<String, u64>,
    problems: Vec<ProblemJson<'a>>,
    /// The device that computes embeddings in this process, or else the one of the last run; `null` if there is
    /// neither.
    device: Option<&'a DeviceReport>,
    redo_because: Option<&'a str>,
    /// The damage of the index; `null` if it is intact, or was not checked because an index run is under way.
    damage: Option<&'a str>,
    /// The folder whose index this one began as a copy of, or the URL that it was fetched from; `null` if it was made
    /// from the files alone.
    started_from: Option<String>,
    /// The tuned model of the folder, from `codescry tune`; `null` if there is none.
    tuned: Option<&'a TunedModel>,
    /// The current or last index run, by any process; `null` if there is no usable record of one.
    run: Option<&'a RunRecord>,
}

/// A project inside the folder.
#[derive(Serialize)]
struct ProjectJson<'a> {
    name: &'a str,
    kind: &'a str,
    /// The folder of the project; `.` for the root.
    folder: &'a str,
    /// The number of files, without the files of nested projects.
    files: u64,
}

impl<'a> ProjectJson<'a> {
    fn new(project: &'a Project) -> Self {
        Self { name: &project.name, kind: project.kind, folder: project.display_folder(), files: project.files }
    }
}

impl<'a> StatusJson<'a> {
    /// Converts the state of an index.
    pub fn new(status: &'a IndexStatus) -> Self {
        Self {
            root: status.root.display().to_string(),
            index_dir: status.index_dir.display().to_string(),
            exists: status.exists,
            coverage: CoverageJson::new(&status.coverage),
            size_bytes: status.size_bytes,
            model_id: &status.model_id,
            dimensions: status.dimensions,
            committed_at_ms: status.committed_at_ms,
            languages: &status.languages,
            projects: status.projects.iter().map(ProjectJson::new).collect(),
            skipped: &status.skipped,
            problems: ProblemJson::from_pairs(&status.problems),
            device: status.device.as_ref(),
            redo_because: status.redo_because.as_deref(),
            damage: status.damage.as_deref(),
            started_from: status.started_from.as_ref().map(|root| root.display().to_string()),
            tuned: status.tuned.as_ref(),
            run: status.run.as_ref(),
        }
    }
}

/// The indexed part of the folder; `files_found` is 0 if it is unknown.
#[derive(Serialize)]
pub struct CoverageJson {
    files_indexed: u64,
    files_found: u64,
    chunks: u64,
    complete: bool,
}

impl CoverageJson {
    /// Converts the coverage of an index.
    pub fn new(coverage: &IndexCoverage) -> Self {
        let IndexCoverage { files_indexed, files_found, chunks, complete } = *coverage;
        Self { files_indexed, files_found: files_found.unwrap_or(0), chunks, complete }
    }
}
