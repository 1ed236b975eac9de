//! What goes over the wire: arguments and answers of the tools, apart from the model.
//!
//! Arguments are strict about names and lenient about spelling: `"10"` is a number, `null` is
//! absence. Answers leave out what is not there, never writing `null`.
//! Must never import: anything of this crate but `engine` types to convert from.

mod names;
mod outlines;

use std::collections::BTreeMap;

pub use names::{
    FindReferencesArguments, FindReferencesOutput, FindSymbolArguments, FindSymbolOutput, FoundSymbolOutput,
    ReadArguments, ReadOutput, ReferencedFileOutput, UseOutput, parse_lines,
};
pub use outlines::{FolderOutput, OutlineArguments, OutlineOutput, OutlinedFileOutput, SymbolOutput};
use schemars::JsonSchema;
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Arguments of `search_code`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchArguments {
    /// What to find: words, a symbol, a file, an error or a snippet. May hold filters: `lang:` `path:` `file:` `kind:`
    /// `project:`, each also with `-` before it, `-test`, and "exact words" in quotes.
    pub query: String,
    /// Most hits to return; 10 if not given.
    #[serde(default, deserialize_with = "number")]
    #[schemars(with = "u32", range(min = 1, max = 50))]
    pub limit: Option<u32>,
    /// Only below this: a folder, a file or a glob inside the root, like `src/**/*.rs`.
    #[serde(default)]
    #[schemars(with = "String")]
    pub path: Option<String>,
    /// Only this project of the root: its name or its folder, as `index_status` lists them.
    #[serde(default)]
    #[schemars(with = "String")]
    pub project: Option<String>,
    /// Only these languages, like `rust` or `["typescript", "tsx"]`.
    #[serde(default)]
    #[schemars(with = "Names")]
    pub language: Option<Names>,
    /// Which contents; code and docs if not given.
    #[serde(default)]
    #[schemars(with = "Content")]
    pub content: Option<Content>,
    /// How to search; hybrid (by meaning and by words) if not given.
    #[serde(default)]
    #[schemars(with = "Mode")]
    pub mode: Option<Mode>,
    /// `next_cursor` of the answer before, for more of it.
    #[serde(default)]
    #[schemars(with = "String")]
    pub cursor: Option<String>,
    /// Most tokens of the answer; 8000 if not given.
    #[serde(default, deserialize_with = "number")]
    #[schemars(with = "u32", range(min = 500, max = 20_000))]
    pub max_tokens: Option<u32>,
    /// Which root to ask, when several are served.
    #[serde(default)]
    #[schemars(with = "String")]
    pub root: Option<String>,
}

/// Arguments of `find_similar`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SimilarArguments {
    /// An indexed file, relative to the root; goes with `line`.
    #[serde(default)]
    #[schemars(with = "String")]
    pub path: Option<String>,
    /// A line of `path`, from 1.
    #[serde(default, deserialize_with = "number")]
    #[schemars(with = "u32", range(min = 1))]
    pub line: Option<u32>,
    /// Code to find the like of, instead of `path` and `line`.
    #[serde(default)]
    #[schemars(with = "String")]
    pub snippet: Option<String>,
    /// Only below this: a folder, a file or a glob inside the root, like `src/**/*.rs`.
    #[serde(default)]
    #[schemars(with = "String")]
    pub below: Option<String>,
    /// Only these languages, like `rust` or `["typescript", "tsx"]`.
    #[serde(default)]
    #[schemars(with = "Names")]
    pub language: Option<Names>,
    /// Only in this project of the root: its name or its folder, as `index_status` lists them.
    #[serde(default)]
    #[schemars(with = "String")]
    pub project: Option<String>,
    /// `next_cursor` of the answer before, for more of it.
    #[serde(default)]
    #[schemars(with = "String")]
    pub cursor: Option<String>,
    /// Most hits to return; 10 if not given.
    #[serde(default, deserialize_with = "number")]
    #[schemars(with = "u32", range(min = 1, max = 50))]
    pub limit: Option<u32>,
    /// Most tokens of the answer; 8000 if not given.
    #[serde(default, deserialize_with = "number")]
    #[schemars(with = "u32", range(min = 500, max = 20_000))]
    pub max_tokens: Option<u32>,
    /// Which root to ask, when several are served.
    #[serde(default)]
    #[schemars(with = "String")]
    pub root: Option<String>,
}

/// Arguments of `index_project`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IndexArguments {
    /// Do everything again from nothing; false if not given.
    #[serde(default, deserialize_with = "flag")]
    #[schemars(with = "bool")]
    pub rebuild: Option<bool>,
    /// Which root to index, when several are served.
    #[serde(default)]
    #[schemars(with = "String")]
    pub root: Option<String>,
}

/// Arguments of `index_status`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusArguments {
    /// Which root to ask, when several are served; all of them if not given.
    #[serde(default)]
    #[schemars(with = "String")]
    pub root: Option<String>,
}

/// One name or several.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a name or a list of names")]
pub enum Names {
    One(String),
    Several(Vec<String>),
}

impl Names {
    /// The names, also those written with commas between them.
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
pub enum Content {
    Code,
    Docs,
    Config,
    All,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    Hybrid,
    Dense,
    Lexical,
}

/// A whole number, also when it is written as a string or with a fraction of zero.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let whole = match Option::<Value>::deserialize(deserializer)? {
        None => return Ok(None),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(Value::Number(number)) => {
            let unfractioned = || number.as_f64().filter(|number| number.fract() == 0.0);
            number.to_string().parse().ok().or_else(|| format!("{}", unfractioned()?).parse().ok())
        }
        Some(_) => None,
    };
    whole.map(Some).ok_or_else(|| D::Error::custom("expected a whole number, zero or above"))
}

/// Yes or no, also as a string.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
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
    /// Hits there was no room for, as `path:first-last`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// Number of hits there was no room for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out_hits: Option<usize>,
    /// Give it as `cursor` for more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// Absent when the whole folder is indexed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage: Option<CoverageOutput>,
    /// What to know about this answer, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A place that answers.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct HitOutput {
    /// Relative to the root.
    pub path: String,
    pub start_line: u32,
    pub end_line: u32,
    /// What the place defines: function, class, section, block and so on.
    pub kind: String,
    /// The defined name with its containers, like `Store.open`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub symbol: String,
    /// The file has changed since it was indexed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stale: bool,
    /// Lines of the place that `code` does not show, or not in full, as `first-last`: read_code has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more_lines: Option<String>,
    /// The code as it was indexed, from `start_line` on.
    pub code: String,
    /// Other good places in the same file, as `name first-last`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
}

/// How much of the folder an answer is drawn from.
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
pub struct IndexOutput {
    pub root: String,
    /// Whether the run has ended; if not, ask `index_status`.
    pub ended: bool,
    /// Whether the run was already under way when it was asked for.
    pub joined: bool,
    pub coverage: CoverageOutput,
    /// How far the run is, while it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running: Option<RunningOutput>,
    /// What the run did, once it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<ReportOutput>,
}

/// Answer of `index_status`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct StatusOutput {
    pub roots: Vec<RootOutput>,
}

/// The state of one root's index.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct RootOutput {
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
    /// What really runs the model.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub runs_on: String,
    /// More of that; absent for the built-in model, which needs no device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceOutput>,
    /// Whether changes of the folder are indexed by themselves; if not, a search looks for them first.
    pub followed: bool,
    /// Seconds since this server has last looked through what had changed; absent before it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_look_s: Option<u64>,
    /// Time of the last commit, milliseconds since 1970; 0 before the first one.
    pub committed_at_ms: u64,
    /// Indexed files by language.
    pub languages: BTreeMap<String, u64>,
    /// Parts of the root with a manifest of their own: packages, modules, nested repositories.
    pub projects: ProjectsOutput,
    /// Files and folders left out, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// The first files that were indexed with a problem.
    pub problems: Vec<ProblemOutput>,
    /// Number of files that were indexed with a problem.
    pub problem_files: u64,
    /// Why the next run will do everything again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redo_because: Option<String>,
    /// How far the run is, while one goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running: Option<RunningOutput>,
    /// The stages of the running or last run of any process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<PipelineOutput>,
    /// What the last run of this server did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_run: Option<ReportOutput>,
    /// Why the last run of this server failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<String>,
}

/// What runs a model.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DeviceOutput {
    /// What was asked for: `auto`, or a device.
    pub asked: String,
    /// What really runs.
    pub running: Vec<String>,
    /// Why `auto` did not take something better.
    pub passed_over: Vec<String>,
    /// The ONNX Runtime library and its version.
    pub library: String,
    /// Embedded in the run.
    pub texts: u64,
    /// Of the run's time while there were texts; so are the next three.
    pub busy_percent: f64,
    pub waiting_for_chunks_percent: f64,
    pub waiting_for_tokenizer_percent: f64,
    pub waiting_for_output_percent: f64,
    /// Of the tokens that the device was given.
    pub padding_percent: f64,
    /// Tokens with padding in a full batch.
    pub batch_tokens: u64,
    /// Batches halved for want of memory.
    pub out_of_memory: u64,
    /// What the driver says, where there is one to ask.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu_utilization_percent: Option<f64>,
    /// The most seen in use, by everyone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu_memory_bytes: Option<u64>,
}

/// The projects of a root.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct ProjectsOutput {
    /// Number of projects.
    pub total: usize,
    /// The first 20, the one with the most files first.
    pub first: Vec<ProjectOutput>,
}

/// A project; its name or its folder can be given as `project` of a search.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ProjectOutput {
    pub name: String,
    /// What builds it, like `cargo` or `npm`.
    pub kind: String,
    /// Relative to the root, `.` for the root itself.
    pub folder: String,
    /// Indexed files, without those of projects inside of it.
    pub files: u64,
}

/// A file that was indexed with a problem.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ProblemOutput {
    pub path: String,
    pub problem: String,
}

/// A look at a running index.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RunningOutput {
    pub files_done: u64,
    pub files_found: u64,
    /// Whether `files_found` is final.
    pub walk_ended: bool,
    pub chunks: u64,
    pub elapsed_ms: u64,
}

/// How the stages of a run spent their time, and which one the others wait for.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PipelineOutput {
    /// `indexing`, `finishing`, `done`, `cancelled`, `failed` or `died`.
    pub state: String,
    /// Of the process that runs or ran it.
    pub process: u32,
    pub elapsed_ms: u64,
    pub files_per_second: f64,
    pub chunks_per_second: f64,
    /// Until the end, at the rate so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remaining_ms: Option<u64>,
    /// In one sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bottleneck: Option<String>,
    /// In the order of the pipeline.
    pub stages: Vec<StageOutput>,
}

/// One stage; shares are percent of the run, of each of its threads.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct StageOutput {
    pub stage: String,
    pub threads: usize,
    pub busy_percent: f64,
    pub waiting_for_input_percent: f64,
    pub waiting_for_output_percent: f64,
    /// Files, or chunks from `embed` on.
    pub items: u64,
    /// Batches waiting in front of it, of at most `queue_capacity`.
    pub queue_depth: usize,
    pub queue_capacity: usize,
}

/// What a run did.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ReportOutput {
    pub files_found: u64,
    pub files_indexed: u64,
    pub files_unchanged: u64,
    pub files_removed: u64,
    /// Chunks written.
    pub chunks: u64,
    pub elapsed_ms: u64,
    /// Which stage the others waited for, in one sentence.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub bottleneck: String,
    /// What really ran the model; absent for the built-in one, which needs no device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceOutput>,
    /// Why files that had not changed were done again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redone_because: Option<String>,
}
