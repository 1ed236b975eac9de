//! The errors of all calls. Messages name the remedy where there is one.

mod defined_names;

use std::path::PathBuf;
use std::sync::Arc;

use config::ConfigError;
use embed::EmbedError;
use embed::static_model::StaticModelError;
use hub::ModelError;
use index::IndexError;
use platform::cancel::CancelToken;
use search::{QueryError, SearchThreadsError};
use source::walk::WalkError;
use store::StoreError;
use text::display::escape_name;
use train::tune::TuneError;
use types::{RepoPath, SkipReason};

pub use self::defined_names::DefinedNames;

/// The reason why a call of an [`crate::Engine`] failed.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Tuning(#[from] TuningError),
    #[error(transparent)]
    Threads(#[from] SearchThreadsError),
    /// The process's address space limit is too low for its threads; allocations would abort it in the middle of its
    /// work.
    #[error(
        "the limit of address space is {limit_mib} MiB (ulimit -v), and indexing and searching need {least_mib} MiB; raise it, \
         such as with `ulimit -v unlimited`, and limit the memory with --max-memory instead"
    )]
    AddressSpace { limit_mib: u64, least_mib: u64 },
    /// The request is invalid; the message says how to change it.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The path is missing or outside of the root, or cannot or may not be read.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The model named with `--embedder` is not available.
    #[error("--embedder: {0}")]
    Model(#[from] ModelError),
    /// The model that made the index is not available.
    #[error(
        "the model that made the index is not available: {0}; or give --embedder builtin to rebuild the index with the built-in model"
    )]
    IndexModel(Arc<ModelError>),
    /// The model or its device failed.
    #[error(transparent)]
    Embed(#[from] EmbedError),
    /// The index was made by an incompatible version of the program, with another model or with other settings.
    #[error("the index of {root} is out of date ({reason}); run `codescry index` or call index_project first")]
    Outdated { root: PathBuf, reason: String },
    /// `--index-dir` names the index of another folder.
    #[error(
        "the index in {index_dir} belongs to {indexed}, not to {root}; give another --index-dir, or replace it with `codescry index --rebuild`"
    )]
    OtherRoot { index_dir: PathBuf, indexed: PathBuf, root: PathBuf },
    /// A location cannot be read or written.
    #[cfg(feature = "locations")]
    #[error(transparent)]
    Location(#[from] locations::LocationError),
    /// The program cannot read locations.
    #[error(
        "this program was built without the feature `locations`; build it with that feature, or leave out {option}"
    )]
    NoLocations { option: &'static str },
    /// The collection has no combined index.
    #[cfg(feature = "locations")]
    #[error("the collection at {location} is not compacted yet; run `codescry collection compact {location}` first")]
    NotCompacted { location: String },
    /// The published index of a repository has a damaged row.
    #[cfg(feature = "locations")]
    #[error(
        "the published index of {name} is damaged in {path}; publish it again from a rebuilt index: `codescry index \
         --rebuild`, then `codescry publish`"
    )]
    DamagedMember { name: String, path: RepoPath },
    /// An index that is not complete is not published.
    #[error("the index of {root} is not complete, so it is not published; run `codescry index` until it is")]
    Unpublishable { root: PathBuf },
    /// The root has no index yet.
    #[error("nothing is indexed yet for {root}; run `codescry index` or call index_project first")]
    NotIndexed { root: PathBuf },
    /// A filter names a repository that the group leaves out of its searches.
    #[error("{name} is not searched: {reason}")]
    LeftOut { name: String, reason: String },
    /// No folder of the group can be opened.
    #[error("no folder of the group can be searched; give folders that exist")]
    EmptyGroup,
    /// The caller cancelled the call.
    #[error("the call was cancelled; send it again for an answer")]
    Cancelled,
}

impl EngineError {
    /// Returns the process that is writing the same index, such as `process 7 since 2 s`, if the call failed because of
    /// it.
    pub fn lock_holder(&self) -> Option<&str> {
        match self {
            Self::Store(StoreError::Locked { holder, .. })
            | Self::Index(IndexError::Store(StoreError::Locked { holder, .. })) => Some(holder),
            _ => None,
        }
    }

    /// Returns whether the call failed only because another process is writing the same index.
    pub fn is_busy(&self) -> bool {
        match self {
            Self::Index(error) => error.is_busy(),
            other => matches!(other, Self::Store(StoreError::Locked { .. })),
        }
    }
}

impl EngineError {
    /// Returns whether the call failed because the stored index is damaged; the next index run repairs it.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Store(error) | Self::Index(IndexError::Store(error)) => error.is_damage(),
            _ => false,
        }
    }
}

impl From<QueryError> for EngineError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Store(error) => Self::Store(error),
            QueryError::Embed(error) => Self::Embed(error),
            QueryError::Cancelled => Self::Cancelled,
            invalid => Self::Request(RequestError::Query(invalid)),
        }
    }
}

/// The reason why a request cannot be answered.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The query or one of its filters is invalid.
    #[error(transparent)]
    Query(QueryError),
    /// The text contains no name.
    #[error("there is no name in {text:?}; give {example}")]
    NoName { text: String, example: &'static str },
    /// No definition of the name is indexed.
    #[error("no definition of {name} is indexed; search for it, or give path and lines")]
    UnknownName { name: String },
    /// The file does not define the name. `problem` is the reason why definitions may be missing.
    #[error("{path} does not define {name}; {defined}{}", add_problem(problem.as_deref()))]
    NotDefined { path: RepoPath, name: String, defined: Box<DefinedNames>, problem: Option<String> },
    /// The container of a qualified name does not exist or has no such member. `similar` is a definition with a similar
    /// name in another container.
    #[error("there is no {}; {}", escape_name(name), advise_member(members, similar))]
    NoMember { name: String, members: Box<DefinedNames>, similar: String },
    /// Neither a path nor a symbol was given.
    #[error("no code to read was named; give a path or a symbol")]
    NothingToRead,
}

fn join_names(names: &[String]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

/// Describes the members of a container, and a similar name elsewhere unless a member has one.
fn advise_member(members: &DefinedNames, similar: &str) -> String {
    let similar = escape_name(similar);
    match (members.has_container(), members.has_near()) {
        (true, true) => members.to_string(),
        (true, false) => format!("{members}; {similar} has a similar name"),
        (false, _) => format!("{similar} has a similar name"),
    }
}

fn add_problem(problem: Option<&str>) -> String {
    problem.map_or_else(String::new, |problem| format!("; {problem}; give lines instead"))
}

/// The reason why a path cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PathError {
    #[error(
        "{shown} does not exist in {root}; {}",
        advise_nearest(nearest.as_deref()),
        shown = escape_name(.path.as_str())
    )]
    Missing { path: String, root: PathBuf, nearest: Option<String> },
    /// There is no such path, but a file of the path before `lines`, which follow a colon or `#`.
    #[error("{}", describe_bad_lines(.path, .file, .lines))]
    NotLines { path: String, file: String, lines: String },
    #[error("{shown} is outside of {root}; give a path inside of the root", shown = escape_name(.path.as_str()))]
    OutsideRoot { path: String, root: PathBuf },
    #[error(
        "{shown} leads into a loop of symbolic links; give the path of a file or folder",
        shown = escape_name(.path.as_str())
    )]
    LinkLoop { path: String },
    #[error("cannot read {shown}: {source}", shown = escape_name(.path.as_str()))]
    Unresolved { path: String, source: std::io::Error },
    /// No repository of a group has the path.
    #[error(
        "{shown} is in none of the repositories; begin the path with one of {}",
        join_names(names),
        shown = escape_name(.path.as_str())
    )]
    InNoRepository { path: String, names: Vec<String> },
    /// Several repositories of a group have the path.
    #[error("{shown} is in several repositories; give one of {}", join_names(paths), shown = escape_name(.path.as_str()))]
    InSeveralRepositories { path: String, paths: Vec<String> },
    /// `reason` says why the file is not indexed, if it is known.
    #[error("{}", describe_not_indexed(path, *line, reason.as_deref()))]
    NotIndexed { path: RepoPath, line: u32, reason: Option<String> },
    #[error(
        "no file in {shown} is indexed; index_project counts the files left out by reason",
        shown = escape_name(.path.as_str())
    )]
    NothingIndexed { path: String },
    /// The range begins at line 0 or after the last line, or is reversed.
    #[error(
        "{shown} has lines 1 to {last}, not {wanted}; {}",
        advise_lines(*from, *to),
        shown = escape_name(.path.as_str()),
        wanted = if from == to { from.to_string() } else { format!("{from} to {to}") }
    )]
    NoSuchLines { path: RepoPath, last: u32, from: u32, to: u32 },
    #[error(
        "cannot read {shown}: it may hold credentials (it matches {rule}); a sample without any is read if its name ends with .example",
        shown = escape_name(.path.as_str())
    )]
    Secret { path: RepoPath, rule: &'static str },
    #[error(
        "cannot read {shown}: it holds {found}; `codescry index --help` tells how its author says that it is none",
        shown = escape_name(.path.as_str())
    )]
    Credentials { path: RepoPath, found: String },
    #[error("cannot read {shown}: it is left out: {reason}", shown = escape_name(.path.as_str()))]
    LeftOut { path: RepoPath, reason: SkipReason },
    /// No walk reaches the path, and the reason is not known.
    #[error("cannot read {shown}: {}", describe_unreached(.path), shown = escape_name(.path.as_str()))]
    Unreachable { path: RepoPath },
    #[error(
        "cannot read {shown}: it is a folder; give a file in it, or list its files with outline",
        shown = escape_name(.path.as_str())
    )]
    Folder { path: RepoPath },
    #[error("cannot read {shown}: it is {reason}", shown = escape_name(.path.as_str()))]
    NotText { path: RepoPath, reason: SkipReason },
    #[error(
        "cannot read {shown}: it has {size_bytes} bytes, more than --max-file-bytes {max_bytes}",
        shown = escape_name(.path.as_str())
    )]
    TooLarge { path: RepoPath, size_bytes: u64, max_bytes: u64 },
    #[error("cannot read {shown}: {source}", shown = escape_name(.path.as_str()))]
    Io { path: RepoPath, source: std::io::Error },
    #[error("cannot read {shown}: {source}", shown = escape_name(.path.as_str()))]
    Walk { path: RepoPath, source: WalkError },
}

impl PathError {
    /// Returns whether there is no such path.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. } | Self::NotLines { .. } | Self::InNoRepository { .. })
    }
}

fn advise_lines(from: u32, to: u32) -> String {
    if from > to {
        format!("give the first line first, such as {to}-{from}")
    } else {
        "give lines in this range".to_owned()
    }
}

fn describe_not_indexed(path: &RepoPath, line: u32, reason: Option<&str>) -> String {
    let path = escape_name(path.as_str());
    match reason {
        Some(reason) => reason.to_owned(),
        None => format!("{path}:{line} is not in the index; search for the file, or index it first"),
    }
}

/// Returns why no walk reaches a file.
pub(crate) fn describe_unreached(path: &RepoPath) -> &'static str {
    let is_of_git = path.as_str().split('/').any(|part| part == ".git");
    if is_of_git { "it is one of git's own files, which are left out" } else { "it is left out" }
}

/// Describes a path that is a file and a text in place of lines.
fn describe_bad_lines(path: &str, file: &str, lines: &str) -> String {
    let (path, file, lines) = (escape_name(path), escape_name(file), escape_name(lines));
    let name = lines.trim_start_matches(':');
    let number = |text: &str| text.trim_start_matches('L').parse::<u32>().is_ok_and(|number| number > 0);
    if lines.split('-').count() <= 2 && lines.split('-').all(number) {
        format!("{path} is no path; give {file} without lines here")
    } else if name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        format!("{path} is no path; name the file and the definition apart: {file} {name}")
    } else {
        format!("{lines} is no line and no range of lines; give one as {file}:10 or {file}:10-40")
    }
}

fn advise_nearest(nearest: Option<&str>) -> String {
    nearest.map_or_else(
        || "check its name, or list the files with outline".to_owned(),
        |path| format!("the nearest path is {path}"),
    )
}

/// The reason why an attempt to tune the model failed.
#[derive(Debug, thiserror::Error)]
pub enum TuningError {
    #[error(transparent)]
    Tune(#[from] TuneError),
    #[error(transparent)]
    Walk(#[from] WalkError),
    #[error(transparent)]
    Stored(#[from] TunedError),
    #[error(
        "the index is made over {base}: with a tuned model, every vector of it would have to be made again here; tune where \
         that index is published, or remove this one (`codescry indexes remove`) and index without --base"
    )]
    OverBase { base: String },
    #[error("only the built-in model can be tuned, and this index uses another one; leave out --embedder")]
    OtherModel,
}

impl TuningError {
    /// Returns whether tuning was cancelled.
    pub fn is_stopped(&self) -> bool {
        matches!(self, Self::Tune(TuneError::Stopped))
    }
}

/// The reason why a tuned model cannot be used or written.
#[derive(Debug, thiserror::Error)]
pub enum TunedError {
    #[error(
        "cannot use the tuned model in {folder}: {problem}; the built-in one is used; run `codescry tune` again, or `codescry tune --undo`"
    )]
    Damaged { folder: PathBuf, problem: String },
    /// The bytes to save are not a model.
    #[error(transparent)]
    Invalid(#[from] StaticModelError),
    #[error("cannot write the tuned model to {path}: {source}; check the folder's permissions and the free space")]
    Write { path: PathBuf, source: std::io::Error },
}

/// Returns an error if the caller has cancelled the call.
///
/// # Errors
/// [`EngineError::Cancelled`] if `cancel` is cancelled.
pub(crate) fn fail_if_cancelled(cancel: &CancelToken) -> Result<(), EngineError> {
    if cancel.is_cancelled() { Err(EngineError::Cancelled) } else { Ok(()) }
}
