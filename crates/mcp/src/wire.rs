//! The wire types: arguments and answers of the tools. Their documentation becomes the tools' schemas.
//!
//! Unknown arguments are rejected; values may be spelled differently: `"10"` is a number, and `null` means
//! absent. Answers omit absent values and never contain `null`.

mod names;
mod outlines;

use std::collections::BTreeMap;

pub use names::{
    FindReferencesArguments, FindReferencesOutput, FindSymbolArguments, FindSymbolOutput, ReadCodeArguments,
    ReadCodeOutput, ReferencedFileOutput, SymbolHitOutput, UseOutput, parse_line_range,
};
pub use outlines::{FolderOutput, OutlineArguments, OutlineOutput, OutlinedFileOutput, SymbolOutput};
use schemars::JsonSchema;
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Arguments of `search_code`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchCodeArguments {
    /// A question, a symbol, a file, an error or a snippet. May contain the filters `lang:` `path:` `file:` `kind:`
    /// `project:`, each negated by a `-` before it, `-test`, and "exact words" in quotes.
    pub query: String,
    /// Maximum number of hits; default 10.
    #[serde(default, deserialize_with = "deserialize_whole_number")]
    #[schemars(with = "u32", range(min = 1, max = 50))]
    pub limit: Option<u32>,
    /// Search only below this folder, file or glob inside the root, like `src/**/*.rs`.
    #[serde(default)]
    #[schemars(with = "String")]
    pub path: Option<String>,
    /// Search only this project of the root: its name or folder, as listed by `index_status`.
    #[serde(default)]
    #[schemars(with = "String")]
    pub project: Option<String>,
    /// Search only these languages, like `rust` or `["typescript", "tsx"]`.
    #[serde(default)]
    #[schemars(with = "NameList")]
    pub language: Option<NameList>,
    /// Contents to search; default code and docs.
    #[serde(default)]
    #[schemars(with = "ContentArgument")]
    pub content: Option<ContentArgument>,
    /// Search mode; default hybrid: by meaning and by words.
    #[serde(default)]
    #[schemars(with = "ModeArgument")]
    pub mode: Option<ModeArgument>,
    /// `next_cursor` of the previous page, for the next one.
    #[serde(default)]
    #[schemars(with = "String")]
    pub cursor: Option<String>,
    /// Maximum tokens of the answer; default 8000.
    #[serde(default, deserialize_with = "deserialize_whole_number")]
    #[schemars(with = "u32", range(min = 500, max = 20_000))]
    pub max_tokens: Option<u32>,
    /// Root to search, when several are served.
    #[serde(default)]
    #[schemars(with = "String")]
    pub root: Option<String>,
}

/// Arguments of `find_similar`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FindSimilarArguments {
    /// An indexed file, relative to the root; requires `line`.
    #[serde(default)]
    #[schemars(with = "String")]
    pub path: Option<String>,
    /// A line of `path`, from 1.
    #[serde(default, deserialize_with = "deserialize_whole_number")]
    #[schemars(with = "u32", range(min = 1))]
    pub line: Option<u32>,
    /// Code to compare with, instead of `path` and `line`.
    #[serde(default)]
    #[schemars(with = "String")]
    pub snippet: Option<String>,
    /// Search only below this folder, file or glob inside the root, like `src/**/*.rs`.
    #[serde(default)]
    #[schemars(with = "String")]
    pub below: Option<String>,
    /// Search only these languages, like `rust` or `["typescript", "tsx"]`.
    #[serde(default)]
    #[schemars(with = "NameList")]
    pub language: Option<NameList>,
    /// Search only this project of the root: its name or folder, as listed by `index_status`.
    #[serde(default)]
    #[schemars(with = "String")]
    pub project: Option<String>,
    /// `next_cursor` of the previous page, for the next one.
    #[serde(default)]
    #[schemars(with = "String")]
    pub cursor: Option<String>,
    /// Maximum number of hits; default 10.
    #[serde(default, deserialize_with = "deserialize_whole_number")]
    #[schemars(with = "u32", range(min = 1, max = 50))]
    pub limit: Option<u32>,
    /// Maximum tokens of the answer; default 8000.
    #[serde(default, deserialize_with = "deserialize_whole_number")]
    #[schemars(with = "u32", range(min = 500, max = 20_000))]
    pub max_tokens: Option<u32>,
    /// Root to search, when several are served.
    #[serde(default)]
    #[schemars(with = "String")]
    pub root: Option<String>,
}

/// Arguments of `index_project`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IndexProjectArguments {
    /// Index everything again; default false.
    #[serde(default, deserialize_with = "deserialize_flag")]
    #[schemars(with = "bool")]
    pub rebuild: Option<bool>,
    /// Root to index, when several are served.
    #[serde(default)]
    #[schemars(with = "String")]
    pub root: Option<String>,
}

/// Arguments of `index_status`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IndexStatusArguments {
    /// Root to report, when several are served; default all.
    #[serde(default)]
    #[schemars(with = "String")]
    pub root: Option<String>,
}

/// One name or several names.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a name or a list of names")]
pub enum NameList {
    One(String),
    Several(Vec<String>),
}

impl NameList {
    /// Returns the names; a string of names separated by commas is split.
    pub fn into_vec(self) -> Vec<String> {
        let given = match self {
            Self::One(name) => vec![name],
            Self::Several(names) => names,
        };
        let names = given.iter().flat_map(|name| name.split(','));
        names.map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
    }
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ContentArgument {
    Code,
    Docs,
    Config,
    All,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ModeArgument {
    Hybrid,
    Dense,
    Lexical,
}

/// Deserializes a whole number, also from a string or from a number such as `10.0`.
fn deserialize_whole_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let whole = match Option::<Value>::deserialize(deserializer)? {
        None => return Ok(None),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(Value::Number(number)) => {
            let without_fraction = || number.as_f64().filter(|number| number.fract() == 0.0);
            number.to_string().parse().ok().or_else(|| format!("{}", without_fraction()?).parse().ok())
        }
        Some(_) => None,
    };
    whole.map(Some).ok_or_else(|| D::Error::custom("expected a whole number, zero or above"))
}

/// Deserializes a boolean, also from a string.
fn deserialize_flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    match Option::<Value>::deserialize(deserializer)? {
        None => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(flag)),
        Some(Value::String(text)) if text == "true" => Ok(Some(true)),
        Some(Value::String(text)) if text == "false" => Ok(Some(false)),
        Some(_) => Err(D::Error::custom("expected true or false")),
    }
}

/// Answer of `search_code` and `find_similar`.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct SearchOutput {
    /// Best first.
    pub hits: Vec<HitOutput>,
    /// Hits omitted for lack of tokens, as `path:first-last`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// Number of hits omitted for lack of tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out_hits: Option<usize>,
    /// Pass it as `cursor` for the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// Absent when the whole folder is indexed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage: Option<CoverageOutput>,
    /// Note on this answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A place that matches the query.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct HitOutput {
    /// Relative to the root.
    pub path: String,
    pub start_line: u32,
    pub end_line: u32,
    /// Kind of definition: function, class, section, block and so on.
    pub kind: String,
    /// The defined name with its containers, like `Store.open`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub symbol: String,
    /// The file has changed since it was indexed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stale: bool,
    /// Lines that `code` omits or truncates, as `first-last`; use read_code to read them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more_lines: Option<String>,
    /// The indexed code, from `start_line` on.
    pub code: String,
    /// Other matches in the same file, as `name first-last`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
}

/// How much of the folder is indexed.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct CoverageOutput {
    /// Whether the whole folder is indexed.
    pub complete: bool,
    pub files_indexed: u64,
    /// 0 while the first walk of the folder has not ended.
    pub files_found: u64,
    pub chunks: u64,
}

/// Answer of `index_project`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct IndexProjectOutput {
    pub root: String,
    /// Whether the run has ended; if not, call `index_status` later.
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
    /// Why the last run of this server failed.
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
    /// Share of the time in which there were texts to embed; the next three are shares of the same time.
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
