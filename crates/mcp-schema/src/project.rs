//! The wire types of the answers of `index_project` and `index_status`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::parts::CoverageOutput;

/// Answer of `index_project`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct IndexProjectOutput {
    pub root: String,
    /// Whether the run has ended; if not, call `index_project` again later.
    pub ended: bool,
    /// Whether the run was already in progress.
    pub joined: bool,
    pub coverage: CoverageOutput,
    /// Progress of the run, while it is in progress.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running: Option<ActiveRunOutput>,
    /// Report of the run, once it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<RunReportOutput>,
    /// State of the index, once the run has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<RootStatusOutput>,
    /// The other roots, if all are indexed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<OtherRunOutput>,
}

/// The run of another root.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct OtherRunOutput {
    pub root: String,
    /// Whether the run has ended.
    pub ended: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage: Option<CoverageOutput>,
    /// Why the run failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Answer of `index_status`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct IndexStatusOutput {
    pub roots: Vec<RootStatusOutput>,
}

/// The state of one root's index.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct RootStatusOutput {
    pub root: String,
    /// Why the index cannot be read, with the fields about it empty; or how it is damaged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Whether anything can be searched.
    pub indexed: bool,
    pub coverage: CoverageOutput,
    pub size_bytes: u64,
    /// The embedding model of the vectors.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub model: String,
    /// Width of the vectors.
    pub dimensions: u32,
    /// Device that runs the model.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub runs_on: String,
    /// Details of the device; absent for the built-in model, which needs none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceOutput>,
    /// Whether file changes are indexed automatically; if not, each search checks for changes first.
    pub followed: bool,
    /// Seconds since this server last scanned the folder for changes; absent before the first scan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_look_s: Option<u64>,
    /// Time of the last commit, in milliseconds since 1970; 0 before the first one.
    pub committed_at_ms: u64,
    /// Indexed files by language.
    pub languages: BTreeMap<String, u64>,
    /// Parts of the root with their own manifest: packages, modules, nested repositories.
    pub projects: ProjectsOutput,
    /// Files and folders left out, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// The first files that were indexed with a problem.
    pub problems: Vec<ProblemOutput>,
    /// Number of files that were indexed with a problem.
    pub problem_files: u64,
    /// Why the next run will index everything again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redo_because: Option<String>,
    /// Progress of the run in progress.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running: Option<ActiveRunOutput>,
    /// Stages of the current or last run of any process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<PipelineOutput>,
    /// Report of the last run of this server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_run: Option<RunReportOutput>,
    /// Why the last run of this server failed, or `cancelled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<String>,
}

/// The device that runs a model.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DeviceOutput {
    /// Requested device, or `auto`.
    pub asked: String,
    /// Devices in use.
    pub running: Vec<String>,
    /// Why `auto` did not choose a faster device.
    pub passed_over: Vec<String>,
    /// The ONNX Runtime library and its version.
    pub library: String,
    /// Number of texts embedded in the run.
    pub texts: u64,
    /// Share of the time in which the model ran; the next three are shares of the same time.
    pub busy_percent: f64,
    pub waiting_for_chunks_percent: f64,
    pub waiting_for_tokenizer_percent: f64,
    pub waiting_for_output_percent: f64,
    /// Share of padding among the tokens sent to the device.
    pub padding_percent: f64,
    /// Tokens in a full batch, including padding.
    pub batch_tokens: u64,
    /// Number of batches halved because memory ran out.
    pub out_of_memory: u64,
    /// Utilization reported by the driver; absent without a GPU driver.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu_utilization_percent: Option<f64>,
    /// Peak memory in use on the GPU, by all processes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu_memory_bytes: Option<u64>,
}

/// The projects of a root.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct ProjectsOutput {
    /// Number of projects.
    pub total: usize,
    /// The first 20, by number of files.
    pub first: Vec<ProjectOutput>,
}

/// A project; its name or folder can be passed as `project` to a search.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ProjectOutput {
    pub name: String,
    /// Build tool, like `cargo` or `npm`.
    pub kind: String,
    /// Relative to the root, `.` for the root itself.
    pub folder: String,
    /// Number of indexed files, without those of nested projects.
    pub files: u64,
}

/// A file that was indexed with a problem.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ProblemOutput {
    pub path: String,
    pub problem: String,
}

/// Progress of an index run.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ActiveRunOutput {
    pub files_done: u64,
    pub files_found: u64,
    /// Whether `files_found` is final.
    pub walk_ended: bool,
    pub chunks: u64,
    pub elapsed_ms: u64,
}

/// How the stages of a run spent their time, and the bottleneck among them.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PipelineOutput {
    /// `indexing`, `finishing`, `done`, `cancelled`, `failed` or `died`.
    pub state: String,
    /// ID of the process of the run.
    pub process: u32,
    pub elapsed_ms: u64,
    pub files_per_second: f64,
    pub chunks_per_second: f64,
    /// Estimated time until the end, at the rate so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remaining_ms: Option<u64>,
    /// The slowest stage, in one sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bottleneck: Option<String>,
    /// Stages in pipeline order.
    pub stages: Vec<StageOutput>,
}

/// One stage; percentages are of the run's duration, averaged over the stage's threads.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct StageOutput {
    pub stage: String,
    pub threads: usize,
    pub busy_percent: f64,
    pub waiting_for_input_percent: f64,
    pub waiting_for_output_percent: f64,
    /// Number of files, or of chunks from `embed` on.
    pub items: u64,
    /// Number of batches in its input queue, at most `queue_capacity`.
    pub queue_depth: usize,
    pub queue_capacity: usize,
}

/// Report of an index run.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RunReportOutput {
    pub files_found: u64,
    pub files_indexed: u64,
    pub files_unchanged: u64,
    pub files_removed: u64,
    /// Number of chunks written.
    pub chunks: u64,
    pub elapsed_ms: u64,
    /// The slowest stage, in one sentence.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub bottleneck: String,
    /// Device that ran the model; absent for the built-in model, which needs none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceOutput>,
    /// Why unchanged files were indexed again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redone_because: Option<String>,
}
