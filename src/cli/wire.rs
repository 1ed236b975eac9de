//! The JSON that scripts read. A field, once there, stays.
//!
//! Apart from the engine's types, so that they can change without it. Must never import: anything
//! of this crate but `engine`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::text;
use crate::engine::{self, DryRun, Hit, IndexReport, SearchAnswer, StageRecord};

/// `search --json`; a line of `search --batch`.
#[derive(Serialize)]
pub struct Answer<'a> {
    query: &'a str,
    /// What the question was taken for; with `--explain`.
    #[serde(skip_serializing_if = "Option::is_none")]
    understood: Option<&'a str>,
    /// What to know about the answer, if anything: a name that was taken for another one.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    notes: &'a [String],
    /// Best first.
    results: Vec<Found<'a>>,
    coverage: Coverage,
}

/// A line of `search --batch` that could not be answered.
#[derive(Serialize)]
pub struct Refused {
    /// What failed, and what to do.
    pub error: String,
}

#[derive(Serialize)]
struct Found<'a> {
    path: &'a str,
    start_line: u32,
    end_line: u32,
    /// `null` for a file that is in none.
    project: Option<&'a str>,
    language: &'a str,
    kind: &'a str,
    symbol: &'a str,
    container: &'a str,
    signature: &'a str,
    score: f32,
    stale: bool,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    explain: Option<Vec<Term>>,
    /// Why this chunk of the file is shown; the score does not count it.
    #[serde(skip_serializing_if = "Option::is_none")]
    explain_chunk: Option<Vec<Term>>,
}

#[derive(Serialize)]
struct Term {
    name: &'static str,
    value: f32,
    share: f32,
}

#[derive(Serialize)]
struct Coverage {
    files_indexed: u64,
    files_found: u64,
    chunks: u64,
    complete: bool,
}

impl<'a> Answer<'a> {
    /// The answer to `query`.
    pub fn new(query: &'a str, answer: &'a SearchAnswer) -> Self {
        let explained = answer.hits.iter().any(|hit| hit.explanation.is_some());
        Self {
            query,
            understood: explained.then_some(answer.understood.as_str()),
            notes: &answer.notes,
            results: answer.hits.iter().map(Found::new).collect(),
            coverage: Coverage::new(&answer.coverage),
        }
    }
}

impl<'a> Found<'a> {
    fn new(hit: &'a Hit) -> Self {
        let term = |term: &engine::Term| Term { name: term.name, value: term.value, share: term.share };
        Self {
            path: hit.path.as_str(),
            start_line: hit.span.start_line,
            end_line: hit.span.end_line,
            project: hit.project.as_deref(),
            language: hit.language.0,
            kind: hit.kind.as_str(),
            symbol: &hit.symbol,
            container: &hit.container,
            signature: &hit.signature,
            score: hit.score,
            stale: hit.stale,
            text: &hit.text,
            explain: hit.explanation.as_ref().map(|explanation| explanation.terms.iter().map(term).collect()),
            explain_chunk: hit
                .explanation
                .as_ref()
                .filter(|explanation| !explanation.chunk.is_empty())
                .map(|explanation| explanation.chunk.iter().map(term).collect()),
        }
    }
}

impl Coverage {
    fn new(coverage: &engine::Coverage) -> Self {
        let engine::Coverage { files_indexed, files_found, chunks, complete } = *coverage;
        Self { files_indexed, files_found, chunks, complete }
    }
}

/// `index --json`.
#[derive(Serialize)]
pub struct Report<'a> {
    root: String,
    files_found: u64,
    files_indexed: u64,
    files_unchanged: u64,
    files_removed: u64,
    files_vanished: u64,
    chunks: u64,
    bytes: u64,
    seconds: f64,
    files_per_second: f64,
    skipped: &'a BTreeMap<String, u64>,
    problems: Vec<Problem<'a>>,
    /// What to change, if anything, a sentence each.
    notes: &'a [String],
    redone_because: Option<&'a str>,
    vectors_computed: u64,
    vectors_reused: u64,
    /// Chunks in a call of the embedder.
    embed_batch: usize,
    in_flight_peak_bytes: u64,
    peak_memory_bytes: u64,
    /// In one sentence; null after a run too short to tell.
    bottleneck: Option<String>,
    stages: Vec<StageRecord>,
    /// What the embedder's device did; null where it has none.
    device: Option<&'a engine::DeviceReport>,
}

#[derive(Serialize)]
struct Problem<'a> {
    path: &'a str,
    problem: &'a str,
}

impl<'a> Report<'a> {
    /// What a run over `root` did.
    pub fn new(root: &std::path::Path, report: &'a IndexReport) -> Self {
        Self {
            root: root.display().to_string(),
            files_found: report.files_found,
            files_indexed: report.files_indexed,
            files_unchanged: report.files_unchanged,
            files_removed: report.files_removed,
            files_vanished: report.files_vanished,
            chunks: report.chunks,
            bytes: report.bytes,
            seconds: report.elapsed.as_secs_f64(),
            files_per_second: text::rate(report.files_indexed, report.elapsed),
            skipped: &report.skipped,
            problems: problems(&report.problems),
            notes: &report.notes,
            redone_because: report.redone_because.as_deref(),
            vectors_computed: report.vectors_computed,
            vectors_reused: report.vectors_reused,
            embed_batch: report.embed_batch,
            in_flight_peak_bytes: report.in_flight_peak_bytes,
            peak_memory_bytes: report.peak_memory_bytes,
            bottleneck: engine::bottleneck(&report.stages, report.elapsed).map(|found| found.to_string()),
            stages: report.stages.iter().map(StageRecord::from).collect(),
            device: report.device.as_ref(),
        }
    }
}

fn problems(problems: &[(engine::RepoPath, String)]) -> Vec<Problem<'_>> {
    problems.iter().map(|(path, problem)| Problem { path: path.as_str(), problem }).collect()
}

/// `index --dry-run --json`.
#[derive(Serialize)]
pub struct Listing<'a> {
    included: Vec<Included<'a>>,
    excluded: Vec<Excluded<'a>>,
    /// Files and folders left out, by reason.
    totals: BTreeMap<&'static str, u64>,
}

#[derive(Serialize)]
struct Included<'a> {
    path: &'a str,
    language: &'a str,
}

#[derive(Serialize)]
struct Excluded<'a> {
    path: &'a str,
    is_folder: bool,
    /// One word.
    reason: &'static str,
    /// The reason with the rule or the number behind it.
    detail: String,
}

impl<'a> Listing<'a> {
    /// What a run would take and leave.
    pub fn new(found: &'a DryRun) -> Self {
        let mut totals = BTreeMap::new();
        for (_, _, reason) in &found.excluded {
            *totals.entry(reason.label()).or_default() += 1;
        }
        let included =
            found.included.iter().map(|(path, language)| Included { path: path.as_str(), language: language.0 });
        let excluded = found.excluded.iter().map(|(path, is_folder, reason)| Excluded {
            path: path.as_str(),
            is_folder: *is_folder,
            reason: reason.label(),
            detail: reason.to_string(),
        });
        Self { included: included.collect(), excluded: excluded.collect(), totals }
    }
}

/// `status --json`.
#[derive(Serialize)]
pub struct Status<'a> {
    root: String,
    index_dir: String,
    exists: bool,
    coverage: Coverage,
    size_bytes: u64,
    model_id: &'a str,
    dimensions: u32,
    committed_at_ms: u64,
    languages: &'a BTreeMap<String, u64>,
    /// The one with the most files first.
    projects: Vec<Project<'a>>,
    skipped: &'a BTreeMap<String, u64>,
    problems: Vec<Problem<'a>>,
    /// What runs the model, or ran it in the last run; null for one that needs no device.
    device: Option<&'a engine::DeviceReport>,
    redo_because: Option<&'a str>,
    /// What `codescry tune` keeps for the folder.
    tuned: Option<&'a engine::TunedModel>,
    /// The running or last index run of any process.
    run: Option<&'a engine::RunRecord>,
}

#[derive(Serialize)]
struct Project<'a> {
    name: &'a str,
    kind: &'a str,
    /// `.` for the root.
    folder: &'a str,
    /// Those of projects inside of it are not counted.
    files: u64,
}

impl<'a> Project<'a> {
    fn new(project: &'a engine::Project) -> Self {
        Self { name: &project.name, kind: project.kind, folder: project.place(), files: project.files }
    }
}

impl<'a> Status<'a> {
    /// The state of an index.
    pub fn new(status: &'a engine::Status) -> Self {
        Self {
            root: status.root.display().to_string(),
            index_dir: status.index_dir.display().to_string(),
            exists: status.exists,
            coverage: Coverage::new(&status.coverage),
            size_bytes: status.size_bytes,
            model_id: &status.model_id,
            dimensions: status.dimensions,
            committed_at_ms: status.committed_at_ms,
            languages: &status.languages,
            projects: status.projects.iter().map(Project::new).collect(),
            skipped: &status.skipped,
            problems: problems(&status.problems),
            device: status.device.as_ref(),
            redo_because: status.redo_because.as_deref(),
            tuned: status.tuned.as_ref(),
            run: status.run.as_ref(),
        }
    }
}
