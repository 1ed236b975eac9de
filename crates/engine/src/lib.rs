//! The boundary that the command line and the MCP server call: open, index, search, read, status.
//!
//! An [`Engine`] belongs to one root and may be shared between threads. Searches run side by side, and during
//! an index run they answer from the last commit.

pub use config::{Options, Settings};
pub use index::{
    BenchKind, Bottleneck, DryRun, IndexError, IndexPhase, IndexProgress, IndexReport, IndexRequest, IndexScope,
    QueueReport, RunRecord, RunRecordError, RunStatus, Stage, StageRecord, StageReport, find_bottleneck,
};
pub use platform::cancel::CancelToken;
pub use platform::process::lower_thread_priority;
pub use search::metrics::{
    JUDGED_HITS, RelevanceTarget, RetrievalMetrics, bootstrap_interval, compute_metrics, mean_metrics,
};
pub use search::{
    CheckedQuery, ContentFilter, Explanation, Features, Filter, Hit, MAX_LIMIT, NameMatch, QueryFeatures, QueryKind,
    RankingWeights, RelatedChunk, RetrievalMode, ScoreTerm, SearchQuery,
};
pub use train::tune::{TuneResult, TuneStep};
pub use types::{Language, Project, RepoPath, SkipReason, Span, Symbol, SymbolKind};

mod current_snapshot;
mod embedders;
mod files;
mod folders;
mod index_models;
mod indexing;
mod learning;
pub mod models;
mod projects;
mod reading;
mod references;
mod symbols;
#[cfg(feature = "onnx")]
mod transformers;
#[cfg(not(feature = "onnx"))]
#[path = "transformers_absent.rs"]
mod transformers;
mod watching;

pub use files::{FilePage, IndexedFile};
pub use folders::{FolderEntry, FolderOutline, FolderQuery};
pub use reading::{CodeExcerpt, Freshness, ReadRequest};
pub use references::{CodeReference, ReferenceAnswer, ReferencePosition, ReferenceQuery, ReferencedFile};
pub use symbols::{SymbolAnswer, SymbolHit, SymbolQuery};
pub use watching::RemainingWork;
mod tuned;
mod tuning;

pub use tuned::{TunedError, TunedModel};
pub use tuning::TuningError;

pub use learning::DefinedName;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};

pub use embed::DeviceReport;
use embed::EmbedError;
use hub::ModelError;
use index_models::{EmbeddingModel, IndexModels};
use search::{self, QueryError, SearchResults, SearchThreadsError, Snapshot, check_query, find_nearest_chunks};
use source::language;
use source::parse;
pub use source::parse::{ReferenceKind, TokenClass, highlight_tokens};
use source::walk::FileContents;
use store::{ChunkStore, StoreError, StoreView};
use types::{ContentHash, FileOutcome, FileRecord, FileStat};

/// Indexes and searches one root.
pub struct Engine {
    settings: Settings,
    store: Box<dyn ChunkStore>,
    models: IndexModels,
    /// The snapshot that searches use; replaced when the store has a newer commit. Locked only to clone or to
    /// swap the pointer.
    snapshot: Mutex<Option<Arc<Snapshot>>>,
    /// Held by the search that is loading a newer snapshot from the store.
    loading: Mutex<()>,
    /// Number of index runs that refresh the snapshot now; see [`Engine::refresh_snapshot_during`].
    refreshing_runs: AtomicUsize,
    /// The projects of the last generation that was looked at.
    projects: Mutex<Option<projects::CachedProjects>>,
}

/// The part of the folder that an answer covers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexCoverage {
    /// Files in the index.
    pub files_indexed: u64,
    /// Files found by the last walk; 0 while the first walk is under way.
    pub files_found: u64,
    /// Chunks in the index.
    pub chunks: u64,
    /// Whether the last index run completed.
    pub complete: bool,
}

/// The hits of a search, best first, with the state of the index they come from.
#[derive(Clone, Debug, Default)]
pub struct SearchAnswer {
    pub hits: Vec<Hit>,
    pub coverage: IndexCoverage,
    /// A hash that identifies the commit this answer comes from. A client that asks for the next page compares
    /// it to notice that the index has changed.
    pub generation: u64,
    /// Remarks on the answer, such as a corrected misspelling.
    pub notes: Vec<String>,
    /// How the query was parsed, filters included; empty for a similarity search.
    pub understood: String,
}

/// The code that a similarity search starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SimilarTarget {
    /// The chunk at this line (1-based) of an indexed file; the chunk itself is not among the hits.
    Location { path: String, line: u32 },
    /// The text of a code snippet.
    Snippet(String),
}

/// The definitions of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileOutline {
    pub path: RepoPath,
    pub language: String,
    /// Number of lines in the file.
    pub lines: u32,
    /// Sorted by first line.
    pub symbols: Vec<Symbol>,
    /// Why the file was parsed only in part; `None` if it was parsed completely.
    pub problem: Option<String>,
}

/// The state of an index.
#[derive(Clone, Debug, Default)]
pub struct IndexStatus {
    pub root: std::path::PathBuf,
    pub index_dir: std::path::PathBuf,
    /// Whether anything is indexed. If false, all fields that describe the index are empty.
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
    /// Indexed files that had a problem, each with its description.
    pub problems: Vec<(RepoPath, String)>,
    /// The running or last index run of any process; `None` if no run was recorded.
    pub run: Option<RunRecord>,
    /// Why the record of the last index run cannot be used; `None` if it can, or if there is none.
    pub run_problem: Option<String>,
    /// The device that computes embeddings in this process, or that did so in the last run; `None` for a model
    /// that needs no device.
    pub device: Option<DeviceReport>,
    /// Why the next index run rebuilds the index; `None` if it does not.
    pub redo_because: Option<String>,
    /// The tuned model that `codescry tune` made for this folder.
    pub tuned: Option<TunedModel>,
}

/// A failed call of an [`Engine`]. Each message names the remedy.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error(transparent)]
    Config(#[from] config::ConfigError),
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error(transparent)]
    Store(#[from] store::StoreError),
    #[error(transparent)]
    Tuning(#[from] TuningError),
    #[error(transparent)]
    Threads(#[from] SearchThreadsError),
    /// The query is invalid; the message says how to change it.
    #[error("{0}")]
    BadQuery(String),
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
    /// The path is missing, outside of the root, or may not be read.
    #[error("{0}")]
    BadPath(String),
    /// The index was made by another version of the program or with another model.
    #[error("the index of {root} is out of date ({reason}); run `codescry index` or call index_project first")]
    Outdated { root: std::path::PathBuf, reason: String },
    /// `--index-dir` names the index of another folder.
    #[error(
        "the index in {index_dir} belongs to {indexed}, not to {root}; give another --index-dir, or replace it with `codescry index --rebuild`"
    )]
    OtherRoot { index_dir: std::path::PathBuf, indexed: std::path::PathBuf, root: std::path::PathBuf },
    /// The root has no index yet.
    #[error("nothing is indexed yet for {root}; run `codescry index` or call index_project first")]
    NotIndexed { root: std::path::PathBuf },
}

impl EngineError {
    /// Returns whether the call failed only because another process is writing the same index.
    pub fn is_busy(&self) -> bool {
        match self {
            Self::Index(error) => error.is_busy(),
            other => matches!(other, Self::Store(StoreError::Locked { .. })),
        }
    }
}

impl Engine {
    /// Opens the engine of a root. Creates no files.
    ///
    /// # Errors
    /// When the index exists but cannot be opened, or the chosen model is not available.
    pub fn open(settings: Settings) -> Result<Self, EngineError> {
        search::start_search_threads()?;
        let store = open_store(&settings)?;
        // An unreadable index is reported by the first call that needs it.
        let view = store.view().ok().flatten();
        let models = IndexModels::open(&settings, view.as_deref())?;
        let (snapshot, loading, projects) = (Mutex::default(), Mutex::default(), Mutex::default());
        Ok(Self { settings, store, models, snapshot, loading, refreshing_runs: AtomicUsize::new(0), projects })
    }

    /// Returns the root folder.
    pub fn root(&self) -> &Path {
        self.settings.root.as_path()
    }

    /// Parses the filters of a query and checks that the query is valid, without searching.
    ///
    /// # Errors
    /// [`EngineError::BadQuery`] if it is not.
    pub fn check_query(&self, query: &SearchQuery) -> Result<CheckedQuery, EngineError> {
        Ok(check_query(query)?)
    }

    /// Searches the last commit of any process. While another search is loading that commit, the one before it
    /// is searched.
    ///
    /// # Errors
    /// [`EngineError::NotIndexed`], [`EngineError::BadQuery`], or an error of the store or the model.
    pub fn search(&self, query: &SearchQuery) -> Result<SearchAnswer, EngineError> {
        self.search_with_weights(query, RankingWeights::default())
    }

    /// Finds the chunks whose vectors are nearest to the vector of `target`.
    ///
    /// # Errors
    /// As [`Engine::search`]; [`EngineError::BadPath`] for a location that is not indexed.
    pub fn find_similar(
        &self,
        target: &SimilarTarget,
        limit: usize,
        filter: &Filter,
    ) -> Result<SearchAnswer, EngineError> {
        let snapshot = self.snapshot()?;
        let model = self.model_of_snapshot(&snapshot)?;
        let file_filter = self.compile_filter(&snapshot, filter)?;
        let (vector, except) = match target {
            SimilarTarget::Snippet(text) if text.trim().is_empty() => return Err(QueryError::EmptyQuery.into()),
            SimilarTarget::Snippet(text) => (model.embedder.try_embed_query(text)?, None),
            SimilarTarget::Location { path, line } => {
                let path = self.resolve_path(path)?;
                let chunk = snapshot.chunk_at_line(path.as_str(), *line).ok_or_else(|| {
                    EngineError::BadPath(format!(
                        "{path}:{line} is not in the index; search for the file, or index it first"
                    ))
                })?;
                (snapshot.vector(chunk), Some(chunk))
            }
        };
        let cancel = platform::cancel::CancelToken::default();
        let hits = find_nearest_chunks(&snapshot, &vector, file_filter, limit, except, &cancel)?;
        Ok(self.build_answer(&snapshot, SearchResults { hits, ..SearchResults::default() }))
    }

    /// Parses a file as it is on disk now and returns its definitions.
    ///
    /// # Errors
    /// [`EngineError::BadPath`] if the path is missing, outside of the root, or not a text file.
    pub fn outline(&self, path: &str) -> Result<FileOutline, EngineError> {
        let (path, read) = self.read_visible_file(path)?;
        let file = index::decode_source(&path, read.bytes);
        let lines = u32::try_from(file.text.lines().count()).unwrap_or(u32::MAX);
        let (symbols, problem) = parse::outline_file(&file, self.settings.parse_time_limit);
        Ok(FileOutline { path, language: file.language.to_string(), lines, symbols, problem })
    }

    /// Returns the state of the index; a missing index is not an error.
    ///
    /// # Errors
    /// When the store cannot be read.
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
        let Some(view) = self.open_view()? else {
            return Ok(status);
        };
        let manifest = view.manifest();
        status.exists = true;
        status.size_bytes = self.store.size_bytes();
        status.model_id.clone_from(&manifest.fingerprint.model_id);
        status.dimensions = manifest.fingerprint.dimensions;
        status.committed_at_ms = manifest.committed_at_ms;
        status.skipped.clone_from(&manifest.skipped);
        status.coverage = IndexCoverage {
            files_found: manifest.files_found,
            complete: manifest.complete,
            ..IndexCoverage::default()
        };
        let records = view.files()?;
        status.projects = self.projects_of(manifest.generation, records.iter()).to_vec();
        for record in records {
            if let FileOutcome::Indexed { chunks, problem } = record.content.outcome {
                status.coverage.files_indexed += 1;
                status.coverage.chunks += u64::from(chunks);
                *status.languages.entry(record.content.language.to_string()).or_default() += 1;
                status.problems.extend(problem.map(|problem| (record.path, problem)));
            }
        }
        status.problems.sort();
        let fingerprint = index::index_fingerprint(&self.settings, self.models.current().embedder.as_ref());
        status.redo_because =
            status.redo_because.or_else(|| index::rebuild_reason(&manifest.fingerprint, &fingerprint));
        Ok(status)
    }

    /// Returns whether the last index run covered the whole folder and completed.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn is_complete(&self) -> Result<bool, EngineError> {
        Ok(self.open_view()?.is_some_and(|view| view.manifest().complete))
    }

    /// Opens the last commit. Returns `None` if there is none, or if its schema version is too old to be read.
    ///
    /// # Errors
    /// [`EngineError::OtherRoot`] if the index belongs to another folder.
    fn open_view(&self) -> Result<Option<Arc<dyn StoreView>>, EngineError> {
        let view = self.store.view()?;
        match view.as_ref().map(|view| &view.manifest().root) {
            Some(indexed) if indexed != self.root() => Err(EngineError::OtherRoot {
                index_dir: self.settings.index_dir.clone(),
                indexed: indexed.clone(),
                root: self.root().to_owned(),
            }),
            _ => Ok(view.filter(|view| view.manifest().fingerprint.is_readable())),
        }
    }

    /// Returns the model that made the vectors of a snapshot.
    fn model_of_snapshot(&self, snapshot: &Snapshot) -> Result<Arc<EmbeddingModel>, EngineError> {
        self.model_for_fingerprint(&snapshot.view.manifest().fingerprint)
    }

    fn build_answer(&self, snapshot: &Snapshot, results: SearchResults) -> SearchAnswer {
        let SearchResults { mut hits, notes, understood } = results;
        let mut stale: BTreeMap<RepoPath, bool> = BTreeMap::new();
        for hit in &mut hits {
            let is_stale = stale.entry(hit.path.clone()).or_insert_with(|| self.is_stale(snapshot.record(&hit.path)));
            hit.stale = *is_stale;
        }
        self.set_project_names(&mut hits);
        SearchAnswer {
            hits,
            coverage: snapshot_coverage(snapshot),
            generation: snapshot.view.generation().stable_hash(),
            notes,
            understood,
        }
    }

    /// Returns whether the file on disk differs from its indexed record.
    fn is_stale(&self, record: Option<&FileRecord>) -> bool {
        let Some(record) = record else { return true };
        let Ok(metadata) = fs::symlink_metadata(record.path.under(self.root())) else { return true };
        if FileStat::from_metadata(&metadata) == record.stat {
            return false;
        }
        let read = FileContents::read_beneath(self.root(), &record.path, self.settings.max_file_bytes);
        read.map_or(true, |read| ContentHash::of_bytes(&read.bytes) != record.content.hash)
    }
}

fn snapshot_coverage(snapshot: &Snapshot) -> IndexCoverage {
    let manifest = snapshot.view.manifest();
    IndexCoverage {
        files_indexed: snapshot.files_indexed(),
        files_found: manifest.files_found,
        chunks: snapshot.chunk_count() as u64,
        complete: manifest.complete,
    }
}

#[cfg(feature = "lance")]
fn open_store(settings: &Settings) -> Result<Box<dyn ChunkStore>, EngineError> {
    let store = store::lance::LanceStore::open(&settings.index_dir, settings.root.as_path())?;
    Ok(Box::new(store))
}

/// Opens a store in memory: without LanceDB, an index lives as long as its process.
#[cfg(not(feature = "lance"))]
#[expect(clippy::unnecessary_wraps, reason = "the signature of the store on disk")]
fn open_store(settings: &Settings) -> Result<Box<dyn ChunkStore>, EngineError> {
    Ok(Box::new(store::memory::MemoryStore::new(settings.root.as_path().to_owned())))
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

/// Returns the names of all languages in the language table.
pub fn languages() -> Vec<&'static str> {
    language::all_languages().map(|row| row.name).collect()
}

#[cfg(test)]
mod tests;
