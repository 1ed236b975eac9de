//! Open, index, search, status: the boundary that `cli` and `mcp` call, and nothing below it.
//!
//! An [`Engine`] belongs to one root. It may be shared between threads: searches run side by side,
//! and while an index run is under way they answer from the last commit.

pub use crate::config::machine::yield_to_others;
pub use crate::config::{Options, Settings};
pub use crate::index::{
    BenchKind, Bottleneck, CancelToken, DryRun, IndexError, IndexReport, IndexRequest, Phase, Progress, RunRecord,
    RunState, Scope, StageRecord, StageReport, bottleneck,
};
pub use crate::search::judge::{DEPTH as JUDGED_HITS, Judgement, Target, bootstrap_interval, judge, mean};
pub use crate::search::{
    ContentFilter, Explanation, Features, Filter, Hit, Kind, MAX_LIMIT, Measured, Mode, NameMatch, Place, SearchQuery,
    Term, Weights,
};
pub use crate::train::tune::{Step as TuneStep, Tuned};
pub use crate::types::{Language, Project, RepoPath, SkipReason, Span, Symbol, SymbolKind};

mod embedders;
mod embedding;
mod files;
mod folders;
mod follow;
mod held;
mod indexing;
mod learning;
pub mod models;
mod projects;
mod reading;
mod references;
mod symbols;

pub use files::{FilePage, IndexedFile};
pub use folders::{FolderEntry, FolderOutline, FolderQuery};
pub use follow::Left;
pub use reading::{CodeRead, Freshness, ReadRequest};
pub use references::{Position, Reference, ReferenceAnswer, ReferenceQuery, ReferencedFile};
pub use symbols::{FoundSymbol, SymbolAnswer, SymbolQuery};
mod tuned;
mod tuning;

pub use tuned::{TunedError, TunedModel};
pub use tuning::TuningError;

pub use learning::Defined;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};

pub use crate::embed::DeviceReport;
use crate::embed::EmbedError;
use crate::embed::models::ModelError;
use crate::index;
use crate::language;
use crate::parse;
pub use crate::parse::{TokenClass, UseKind, highlight};
use crate::search::{self, Answered, QueryError, Searcher, Snapshot, check_query};
use crate::store::{ChunkStore, SCHEMA_VERSION, StoreError, StoreView};
use crate::types::{ContentHash, FileRecord, Outcome};
use crate::walk;
use embedding::{Model, Models};

/// Answers for one root.
pub struct Engine {
    settings: Settings,
    store: Box<dyn ChunkStore>,
    models: Models,
    /// The generation last searched; replaced when the store has moved on. Locked to look and to
    /// swap only.
    snapshot: Mutex<Option<Arc<Snapshot>>>,
    /// Held by the one search that reads the store for a newer snapshot.
    loading: Mutex<()>,
    /// How many look after the snapshot now, see [`Engine::while_kept_up`].
    keepers: AtomicUsize,
    /// Of the generation last asked about.
    projects: Mutex<Option<projects::Found>>,
}

/// How much of the folder an answer is drawn from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Files in the index.
    pub files_indexed: u64,
    /// Files the last walk found; 0 while the first one is still under way.
    pub files_found: u64,
    /// Chunks in the index.
    pub chunks: u64,
    /// Whether the last index run went through to its end.
    pub complete: bool,
}

/// Hits, best first, and what they are drawn from.
#[derive(Clone, Debug, Default)]
pub struct SearchAnswer {
    pub hits: Vec<Hit>,
    pub coverage: Coverage,
    /// Tells the commit that answered from every other one, so that who asks for the rest of an answer
    /// sees that the index has moved on.
    pub edition: u64,
    /// What to know about the answer: a name that was taken for another one.
    pub notes: Vec<String>,
    /// What the question was taken for, filters included; empty for a likeness.
    pub understood: String,
}

/// What to find the like of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Similar {
    /// The chunk at this line (1-based) of an indexed file; it is not among the hits.
    Place { path: String, line: u32 },
    /// This text.
    Snippet(String),
}

/// A file's definitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    pub path: RepoPath,
    pub language: String,
    /// Number of lines in the file.
    pub lines: u32,
    /// By first line.
    pub symbols: Vec<Symbol>,
    /// What the parser could not do, if anything.
    pub problem: Option<String>,
}

/// The state of an index.
#[derive(Clone, Debug, Default)]
pub struct Status {
    pub root: std::path::PathBuf,
    pub index_dir: std::path::PathBuf,
    /// False before the first index run: everything below is empty then.
    pub exists: bool,
    pub coverage: Coverage,
    pub size_bytes: u64,
    pub model_id: String,
    pub dimensions: u32,
    /// Milliseconds since 1970.
    pub committed_at_ms: u64,
    /// Indexed files by language.
    pub languages: BTreeMap<String, u64>,
    /// The projects in the folder, see [`Engine::projects`].
    pub projects: Vec<Project>,
    /// Left out, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Files indexed with a problem, and what it was.
    pub problems: Vec<(RepoPath, String)>,
    /// The running or last index run of any process; `None` where none has told of itself.
    pub run: Option<RunRecord>,
    /// What runs the model in this process, or ran it in that index run; `None` for a model that needs no device.
    pub device: Option<DeviceReport>,
    /// Why the next index run will do everything again; `None` when it will not.
    pub redo_because: Option<String>,
    /// What `codescry tune` keeps for this folder.
    pub tuned: Option<TunedModel>,
}

/// A failed call. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    #[error(transparent)]
    Tuning(#[from] TuningError),
    /// The question cannot be answered as it stands; the message says what to change.
    #[error("{0}")]
    BadQuery(String),
    /// The model that was asked for is not to be had.
    #[error("--embedder: {0}")]
    Model(#[from] ModelError),
    /// The model that the index was made with is not to be had.
    #[error(
        "the index was made with a model that cannot be used now: {0}; or give --embedder builtin to index anew with the built-in model"
    )]
    IndexModel(Arc<ModelError>),
    /// The model or its device failed.
    #[error(transparent)]
    Embed(#[from] EmbedError),
    /// The path is outside of the root, or not there.
    #[error("{0}")]
    BadPath(String),
    /// What is indexed was made by another version of the program.
    #[error("the index of {root} is out of date ({reason}); run `codescry index` or call index_project first")]
    Outdated { root: std::path::PathBuf, reason: String },
    /// `--index-dir` names the index of another folder.
    #[error(
        "the index at {index_dir} is of {indexed}, not of {root}; give another --index-dir, or replace it with `codescry index --rebuild`"
    )]
    OtherRoot { index_dir: std::path::PathBuf, indexed: std::path::PathBuf, root: std::path::PathBuf },
    /// Nothing was indexed yet.
    #[error("nothing is indexed yet for {root}; run `codescry index` or call index_project first")]
    NotIndexed { root: std::path::PathBuf },
}

impl EngineError {
    /// Whether the call failed only because another process is writing the same index.
    pub fn is_busy(&self) -> bool {
        match self {
            Self::Index(error) => error.is_busy(),
            other => matches!(other, Self::Store(StoreError::Locked { .. })),
        }
    }
}

impl Engine {
    /// Opens (without creating anything) the engine of a root, with the built-in model.
    ///
    /// # Errors
    /// When the index is there but cannot be opened.
    pub fn open(settings: Settings) -> Result<Self, EngineError> {
        search::begin_threads();
        let store = open_store(&settings)?;
        // A view that cannot be read is told by the first call that needs it.
        let view = store.view().ok().flatten();
        let models = Models::open(&settings, view.as_deref())?;
        let (snapshot, loading, projects) = (Mutex::default(), Mutex::default(), Mutex::default());
        Ok(Self { settings, store, models, snapshot, loading, keepers: AtomicUsize::new(0), projects })
    }

    /// The folder this engine answers for.
    pub fn root(&self) -> &Path {
        self.settings.root.as_path()
    }

    /// Whether a question can be asked at all, whatever is indexed.
    ///
    /// # Errors
    /// [`EngineError::BadQuery`].
    pub fn check(&self, query: &SearchQuery) -> Result<(), EngineError> {
        Ok(check_query(query)?)
    }

    /// Answers from the last commit of any process; from the one before while another search is
    /// reading that one.
    ///
    /// # Errors
    /// [`EngineError::NotIndexed`], [`EngineError::BadQuery`], or a failing store.
    pub fn search(&self, query: &SearchQuery) -> Result<SearchAnswer, EngineError> {
        self.search_weighted(query, Weights::default())
    }

    /// Chunks whose vectors are nearest.
    ///
    /// # Errors
    /// As [`Engine::search`]; [`EngineError::BadPath`] for a place that is not indexed.
    pub fn find_similar(&self, similar: &Similar, limit: usize, filter: &Filter) -> Result<SearchAnswer, EngineError> {
        let snapshot = self.snapshot()?;
        let model = self.model_of(&snapshot)?;
        let searcher = self.searcher(&snapshot, &model, filter)?;
        let (vector, except) = match similar {
            Similar::Snippet(text) if text.trim().is_empty() => return Err(QueryError::Empty.into()),
            Similar::Snippet(text) => (model.embedder.try_query(text)?, None),
            Similar::Place { path, line } => {
                let path = self.inside(path)?;
                let chunk = searcher.chunk_at(path.as_str(), *line).ok_or_else(|| {
                    EngineError::BadPath(format!(
                        "{path}:{line} is not in the index; search for the file, or index it first"
                    ))
                })?;
                (snapshot.vector(chunk), Some(chunk))
            }
        };
        let hits = searcher.nearest(&vector, limit, filter, except)?;
        Ok(self.answer(&snapshot, Answered { hits, ..Answered::default() }))
    }

    /// The definitions of a file below the root, parsed from disk as it is now.
    ///
    /// # Errors
    /// [`EngineError::BadPath`] when the path is outside of the root, missing or not a text file.
    pub fn outline(&self, path: &str) -> Result<Outline, EngineError> {
        let (path, read) = self.open_file(path)?;
        let file = index::source(&path, read.bytes);
        let lines = u32::try_from(file.text.lines().count()).unwrap_or(u32::MAX);
        let (symbols, problem) = parse::outline(&file, self.settings.parse_time_limit);
        Ok(Outline { path, language: file.language.to_string(), lines, symbols, problem })
    }

    /// The state of the index; an index that is not there is a state too.
    ///
    /// # Errors
    /// When the store fails.
    pub fn status(&self) -> Result<Status, EngineError> {
        let mut status =
            Status { root: self.root().to_owned(), index_dir: self.settings.index_dir.clone(), ..Status::default() };
        status.run = index::read_run(&self.settings.index_dir);
        status.redo_because = self.models.check().err().map(|error| error.to_string());
        let here = self.models.current().embedder.report().filter(|report| !report.devices.is_empty());
        status.device = here.or_else(|| status.run.as_ref()?.device.clone());
        status.tuned = self.tuned_model();
        let Some(view) = self.view()? else {
            return Ok(status);
        };
        let manifest = view.manifest();
        status.exists = true;
        status.size_bytes = self.store.size_bytes();
        status.model_id.clone_from(&manifest.recipe.model_id);
        status.dimensions = manifest.recipe.dimensions;
        status.committed_at_ms = manifest.committed_at_ms;
        status.skipped.clone_from(&manifest.skipped);
        status.coverage =
            Coverage { files_found: manifest.files_found, complete: manifest.complete, ..Coverage::default() };
        let records = view.files()?;
        status.projects = self.projects_of(manifest.generation, records.iter()).to_vec();
        for record in records {
            if let Outcome::Indexed { chunks, problem } = record.outcome {
                status.coverage.files_indexed += 1;
                status.coverage.chunks += u64::from(chunks);
                *status.languages.entry(record.language.to_string()).or_default() += 1;
                status.problems.extend(problem.map(|problem| (record.path, problem)));
            }
        }
        status.problems.sort();
        let recipe = index::recipe(&self.settings, self.models.current().embedder.as_ref());
        status.redo_because = status.redo_because.or_else(|| index::redo_all(&manifest.recipe, &recipe));
        Ok(status)
    }

    /// Whether the whole folder is indexed (by an earlier, completed run).
    ///
    /// # Errors
    /// When the store fails.
    pub fn is_complete(&self) -> Result<bool, EngineError> {
        Ok(self.view()?.is_some_and(|view| view.manifest().complete))
    }

    /// The last commit, which must be of this engine's root. `None` also for one of an earlier
    /// layout, which can be replaced but not read.
    fn view(&self) -> Result<Option<Arc<dyn StoreView>>, EngineError> {
        let view = self.store.view()?;
        match view.as_ref().map(|view| &view.manifest().root) {
            Some(indexed) if indexed != self.root() => Err(EngineError::OtherRoot {
                index_dir: self.settings.index_dir.clone(),
                indexed: indexed.clone(),
                root: self.root().to_owned(),
            }),
            _ => Ok(view.filter(|view| view.manifest().recipe.schema_version == SCHEMA_VERSION)),
        }
    }

    fn searcher<'s>(
        &'s self,
        snapshot: &'s Arc<Snapshot>,
        model: &'s Model,
        filter: &Filter,
    ) -> Result<Searcher<'s>, EngineError> {
        let folders = self.folders(snapshot, filter)?;
        Ok(Searcher { snapshot, embedder: model.embedder.as_ref(), weights: Weights::default(), folders })
    }

    /// The model that a snapshot's rows were made with.
    fn model_of(&self, snapshot: &Snapshot) -> Result<Arc<Model>, EngineError> {
        self.model_for(&snapshot.view.manifest().recipe)
    }

    fn answer(&self, snapshot: &Snapshot, answered: Answered) -> SearchAnswer {
        let Answered { mut hits, notes, understood } = answered;
        let mut stale: BTreeMap<RepoPath, bool> = BTreeMap::new();
        for hit in &mut hits {
            let known = stale.entry(hit.path.clone()).or_insert_with(|| self.is_stale(snapshot.record(&hit.path)));
            hit.stale = *known;
        }
        self.name_projects(&mut hits);
        SearchAnswer { hits, coverage: coverage(snapshot), edition: edition(snapshot), notes, understood }
    }

    /// Whether the file of a record is no longer what was indexed.
    fn is_stale(&self, record: Option<&FileRecord>) -> bool {
        let Some(record) = record else { return true };
        let Ok(metadata) = fs::symlink_metadata(record.path.under(self.root())) else { return true };
        if metadata.len() == record.size_bytes && walk::mtime_ns(&metadata) == record.mtime_ns {
            return false;
        }
        let read = walk::read_beneath(self.root(), &record.path, self.settings.max_file_bytes);
        read.map_or(true, |read| ContentHash::of(&read.bytes) != record.hash)
    }
}

/// See [`SearchAnswer::edition`].
fn edition(snapshot: &Snapshot) -> u64 {
    let stamp = snapshot.view.stamp();
    let mix = |seed: u64, part: u64| (seed ^ part).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    [stamp.generation, stamp.rows_epoch, stamp.committed_at_ms].into_iter().fold(1, mix)
}

fn coverage(snapshot: &Snapshot) -> Coverage {
    let manifest = snapshot.view.manifest();
    Coverage {
        files_indexed: snapshot.files_indexed(),
        files_found: manifest.files_found,
        chunks: snapshot.chunk_count() as u64,
        complete: manifest.complete,
    }
}

#[cfg(feature = "lance")]
fn open_store(settings: &Settings) -> Result<Box<dyn ChunkStore>, EngineError> {
    let store = crate::store::lance::LanceStore::open(&settings.index_dir, settings.root.as_path())?;
    Ok(Box::new(store))
}

/// Without LanceDB an index lives as long as its process.
#[cfg(not(feature = "lance"))]
#[expect(clippy::unnecessary_wraps, reason = "the signature of the store on disk")]
fn open_store(settings: &Settings) -> Result<Box<dyn ChunkStore>, EngineError> {
    Ok(Box::new(crate::store::memory::MemoryStore::new(settings.root.as_path().to_owned())))
}

impl From<QueryError> for EngineError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Store(error) => Self::Store(error),
            QueryError::Embed(error) => Self::Embed(error),
            other => Self::BadQuery(other.to_string()),
        }
    }
}

/// Names of the languages that files are recognized as.
pub fn languages() -> Vec<&'static str> {
    language::all().map(|row| row.name).collect()
}

#[cfg(test)]
mod tests;
