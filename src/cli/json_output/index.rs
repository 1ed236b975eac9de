//! The output of `codescry index --json` and `codescry index --dry-run --json`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use engine::{DeviceReport, DryRun, IndexReport, RepoPath, Stage, StageRecord, find_bottleneck};

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
    /// Notes for the user, one sentence each.
    notes: &'a [String],
    redone_because: Option<&'a str>,
    vectors_computed: u64,
    vectors_reused: u64,
    /// Chunks per call of the embedder.
    embed_batch: usize,
    in_flight_peak_bytes: u64,
    /// The peak memory of the process and its parsers in bytes; 0 if the system does not report it.
    peak_memory_bytes: u64,
    /// The bottleneck in one sentence; `null` if the run was too short to determine it.
    bottleneck: Option<String>,
    stages: Vec<StageRecord>,
    /// The report of the embedder's device; `null` if it was not used.
    device: Option<&'a DeviceReport>,
}

impl<'a> IndexReportJson<'a> {
    /// Converts the report of a run over `root`.
    pub fn new(root: &Path, report: &'a IndexReport) -> Self {
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
            files_per_second: terminal_text::count_per_second(report.files_indexed, report.elapsed),
            skipped: &report.skipped,
            problems: ProblemJson::from_pairs(report.problems.iter().chain(&report.ignore_faults)),
            notes: &report.notes,
            redone_because: report.redone_because.as_deref(),
            vectors_computed: report.vectors_computed,
            vectors_reused: report.vectors_reused,
            embed_batch: report.embed_batch,
            in_flight_peak_bytes: report.in_flight_peak_bytes,
            peak_memory_bytes: report.peak_memory_bytes.unwrap_or(0),
            bottleneck: find_bottleneck(&report.stages, report.elapsed).map(|found| found.to_string()),
            stages: report.stages.iter().map(StageRecord::from).collect(),
            device: report.device.as_ref(),
        }
    }
}

/// A problem with one file.
#[derive(Serialize)]
pub struct ProblemJson<'a> {
    path: &'a str,
    problem: &'a str,
}

impl<'a> ProblemJson<'a> {
    /// Converts pairs of a path and its problem.
    pub fn from_pairs(problems: impl IntoIterator<Item = &'a (RepoPath, String)>) -> Vec<Self> {
        problems.into_iter().map(|(path, problem)| Self { path: path.as_str(), problem }).collect()
    }
}

/// The output of `codescry index --dry-run --json`.
#[derive(Serialize)]
pub struct DryRunJson<'a> {
    included: Vec<IncludedFileJson<'a>>,
    excluded: Vec<ExcludedPathJson<'a>>,
    /// Credentials that are masked in the included files.
    masked: Vec<MaskedCredentialJson<'a>>,
    /// Included files that cannot be decoded without losses.
    problems: Vec<ProblemJson<'a>>,
    /// The number of excluded files and folders per reason.
    totals: BTreeMap<&'static str, u64>,
}

/// A credential that is masked in a file.
#[derive(Serialize)]
struct MaskedCredentialJson<'a> {
    path: &'a str,
    line: u32,
    /// The rule that found the credential.
    rule: &'static str,
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
        let included =
            found.included.iter().map(|file| IncludedFileJson { path: file.path.as_str(), language: file.language.0 });
        let excluded = found.excluded.iter().map(|(path, is_folder, reason)| ExcludedPathJson {
            path: path.as_str(),
            is_folder: *is_folder,
            reason: reason.label(),
            detail: reason.to_string(),
        });
        let masked = found.masked.iter();
        let masked = masked.map(|(path, line, rule)| MaskedCredentialJson { path: path.as_str(), line: *line, rule });
        Self {
            included: included.collect(),
            excluded: excluded.collect(),
            masked: masked.collect(),
            problems: ProblemJson::from_pairs(&found.problems),
            totals,
        }
    }
}

/// The fields of [`IndexReportJson`] that `codescry bench` reads back.
#[derive(Clone, Debug, Deserialize)]
pub struct MeasuredRunJson {
    pub seconds: f64,
    pub files_indexed: u64,
    pub chunks: u64,
    pub peak_memory_bytes: u64,
    pub stages: Vec<StageTimesJson>,
}

/// The times of one stage, summed over its threads.
#[derive(Clone, Debug, Deserialize)]
pub struct StageTimesJson {
    pub stage: Stage,
    pub threads: usize,
    pub busy_seconds: f64,
    pub waiting_for_input_seconds: f64,
    pub waiting_for_output_seconds: f64,
}
