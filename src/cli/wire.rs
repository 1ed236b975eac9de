//! The JSON output for scripts. Fields are never removed or renamed.
//!
//! These types are separate from the engine's, which may change without changing the output.

use std::collections::BTreeMap;

use serde::Serialize;

use super::text;
use engine::{self, DryRun, Hit, IndexReport, SearchAnswer, StageRecord};

/// The output of `codescry search --json`, and of each line of `codescry search --batch`.
#[derive(Serialize)]
pub struct SearchJson<'a> {
    query: &'a str,
    /// The interpretation of the query; only with `--explain`.
    #[serde(skip_serializing_if = "Option::is_none")]
    understood: Option<&'a str>,
    /// Notes about the answer, such as a corrected name.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    notes: &'a [String],
    /// The hits, best first.
    results: Vec<HitJson<'a>>,
    coverage: CoverageJson,
}

/// The answer to a failed line of `codescry search --batch`.
#[derive(Serialize)]
pub struct BatchErrorJson {
    /// The reason and the remedy.
    pub error: String,
}

/// One hit.
#[derive(Serialize)]
struct HitJson<'a> {
    path: &'a str,
    start_line: u32,
    end_line: u32,
    /// The project of the file; `null` if it belongs to none.
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
    explain: Option<Vec<TermJson>>,
    /// The terms that chose this chunk of the file; not part of the score.
    #[serde(skip_serializing_if = "Option::is_none")]
    explain_chunk: Option<Vec<TermJson>>,
}

/// One term of a score.
#[derive(Serialize)]
struct TermJson {
    name: &'static str,
    value: f32,
    share: f32,
}

/// The indexed part of the folder.
#[derive(Serialize)]
struct CoverageJson {
    files_indexed: u64,
    files_found: u64,
    chunks: u64,
    complete: bool,
}

impl<'a> SearchJson<'a> {
    /// Converts the answer to `query`.
    pub fn new(query: &'a str, answer: &'a SearchAnswer) -> Self {
        let explained = answer.hits.iter().any(|hit| hit.explanation.is_some());
        Self {
            query,
            understood: explained.then_some(answer.understood.as_str()),
            notes: &answer.notes,
            results: answer.hits.iter().map(HitJson::new).collect(),
            coverage: CoverageJson::new(&answer.coverage),
        }
    }
}

impl<'a> HitJson<'a> {
    fn new(hit: &'a Hit) -> Self {
        let term = |term: &engine::ScoreTerm| TermJson { name: term.name, value: term.value, share: term.share };
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

impl CoverageJson {
    fn new(coverage: &engine::IndexCoverage) -> Self {
        let engine::IndexCoverage { files_indexed, files_found, chunks, complete } = *coverage;
        Self { files_indexed, files_found, chunks, complete }
    }
}

/// The output of `codescry index --json`.
#[derive(Serialize)]
pub struct IndexReportJson<'a> {
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
    problems: Vec<ProblemJson<'a>>,
    /// Recommendations, one sentence each.
    notes: &'a [String],
    redone_because: Option<&'a str>,
    vectors_computed: u64,
    vectors_reused: u64,
    /// Chunks per call of the embedder.
    embed_batch: usize,
    in_flight_peak_bytes: u64,
    /// 0 if the system does not report it.
    peak_memory_bytes: u64,
    /// The bottleneck in one sentence; `null` if the run was too short to determine it.
    bottleneck: Option<String>,
    stages: Vec<StageRecord>,
    /// The report of the embedder's device; `null` if it has none.
    device: Option<&'a engine::DeviceReport>,
}

/// A problem with one file.
#[derive(Serialize)]
struct ProblemJson<'a> {
    path: &'a str,
    problem: &'a str,
}

impl<'a> IndexReportJson<'a> {
    /// Converts the report of a run over `root`.
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
            files_per_second: text::count_per_second(report.files_indexed, report.elapsed),
            skipped: &report.skipped,
            problems: to_problems(&report.problems),
            notes: &report.notes,
            redone_because: report.redone_because.as_deref(),
            vectors_computed: report.vectors_computed,
            vectors_reused: report.vectors_reused,
            embed_batch: report.embed_batch,
            in_flight_peak_bytes: report.in_flight_peak_bytes,
            peak_memory_bytes: report.peak_memory_bytes.unwrap_or(0),
            bottleneck: engine::find_bottleneck(&report.stages, report.elapsed).map(|found| found.to_string()),
            stages: report.stages.iter().map(StageRecord::from).collect(),
            device: report.device.as_ref(),
        }
    }
}

fn to_problems(problems: &[(engine::RepoPath, String)]) -> Vec<ProblemJson<'_>> {
    problems.iter().map(|(path, problem)| ProblemJson { path: path.as_str(), problem }).collect()
}

/// The output of `codescry index --dry-run --json`.
#[derive(Serialize)]
pub struct DryRunJson<'a> {
    included: Vec<IncludedFileJson<'a>>,
    excluded: Vec<ExcludedPathJson<'a>>,
    /// The number of excluded files and folders per reason.
    totals: BTreeMap<&'static str, u64>,
}

/// A file that would be indexed.
#[derive(Serialize)]
struct IncludedFileJson<'a> {
    path: &'a str,
    language: &'a str,
}

/// A file or folder that is excluded.
#[derive(Serialize)]
struct ExcludedPathJson<'a> {
    path: &'a str,
    is_folder: bool,
    /// The reason as one word.
    reason: &'static str,
    /// The reason with its rule or limit.
    detail: String,
}

impl<'a> DryRunJson<'a> {
    /// Converts the listing.
    pub fn new(found: &'a DryRun) -> Self {
        let mut totals = BTreeMap::new();
        for (_, _, reason) in &found.excluded {
            *totals.entry(reason.label()).or_default() += 1;
        }
        let included = found
            .included
            .iter()
            .map(|(path, language)| IncludedFileJson { path: path.as_str(), language: language.0 });
        let excluded = found.excluded.iter().map(|(path, is_folder, reason)| ExcludedPathJson {
            path: path.as_str(),
            is_folder: *is_folder,
            reason: reason.label(),
            detail: reason.to_string(),
        });
        Self { included: included.collect(), excluded: excluded.collect(), totals }
    }
}

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
    /// The device that runs the model, or ran it in the last run; `null` if the model needs none.
    device: Option<&'a engine::DeviceReport>,
    redo_because: Option<&'a str>,
    /// The tuned model of the folder, from `codescry tune`.
    tuned: Option<&'a engine::TunedModel>,
    /// The current or last index run, by any process.
    run: Option<&'a engine::RunRecord>,
}

/// A project inside the folder.
#[derive(Serialize)]
struct ProjectJson<'a> {
    name: &'a str,
    kind: &'a str,
    /// The folder of the project; `.` for the root.
    folder: &'a str,
    /// The number of files, without those of nested projects.
    files: u64,
}

impl<'a> ProjectJson<'a> {
    fn new(project: &'a engine::Project) -> Self {
        Self { name: &project.name, kind: project.kind, folder: project.display_folder(), files: project.files }
    }
}

impl<'a> StatusJson<'a> {
    /// Converts the state of an index.
    pub fn new(status: &'a engine::IndexStatus) -> Self {
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
            problems: to_problems(&status.problems),
            device: status.device.as_ref(),
            redo_because: status.redo_because.as_deref(),
            tuned: status.tuned.as_ref(),
            run: status.run.as_ref(),
        }
    }
}
