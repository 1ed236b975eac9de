//! Open, index, search, status: the boundary that `cli` and `mcp` call, and nothing below it.
//!
//! An [`Engine`] belongs to one root. It may be shared between threads: searches run side by side,
//! and while an index run is under way they answer from the last commit.

pub use crate::config::{Options, Settings};
pub use crate::index::{CancelToken, DryRun, IndexError, IndexReport, IndexRequest, Phase, Progress};
pub use crate::search::{ContentFilter, Explanation, Filter, Hit, MAX_LIMIT, Mode, SearchQuery, Term};
pub use crate::types::{RepoPath, Span, Symbol, SymbolKind};

use std::collections::BTreeMap;
use std::path::Path;

/// Answers for one root.
pub struct Engine {
    settings: Settings,
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
    /// Left out, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Files indexed with a problem, and what it was.
    pub problems: Vec<(RepoPath, String)>,
    /// Why the next index run will do everything again; `None` when it will not.
    pub redo_because: Option<String>,
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
    /// The question cannot be answered as it stands; the message says what to change.
    #[error("{0}")]
    BadQuery(String),
    /// The path is outside of the root, or not there.
    #[error("{0}")]
    BadPath(String),
    /// Nothing was indexed yet.
    #[error("nothing is indexed yet for {root}; run `codescry index` or call index_project first")]
    NotIndexed { root: std::path::PathBuf },
}

impl Engine {
    /// Opens (without creating anything) the engine of a root.
    ///
    /// # Errors
    /// When the index is there but cannot be opened.
    pub fn open(settings: Settings) -> Result<Self, EngineError> {
        Ok(Self { settings })
    }

    /// The folder this engine answers for.
    pub fn root(&self) -> &Path {
        self.settings.root.as_path()
    }

    /// Brings the index up to date with the folder. `observe` is called a few times a second from
    /// one thread, and once at the end.
    ///
    /// # Errors
    /// See [`IndexError`]; what was committed before stays.
    pub fn index(&self, _request: &IndexRequest, _cancel: &CancelToken, _observe: &(dyn Fn(&Progress) + Sync)) -> Result<IndexReport, EngineError> {
        todo!()
    }

    /// What an index run would take and leave, and why. Reads the files, writes nothing.
    ///
    /// # Errors
    /// When the root cannot be walked.
    pub fn dry_run(&self) -> Result<DryRun, EngineError> {
        todo!()
    }

    /// Answers from the last commit of any process.
    ///
    /// # Errors
    /// [`EngineError::NotIndexed`], [`EngineError::BadQuery`], or a failing store.
    pub fn search(&self, _query: &SearchQuery) -> Result<SearchAnswer, EngineError> {
        todo!()
    }

    /// Chunks whose vectors are nearest.
    ///
    /// # Errors
    /// As [`Engine::search`]; [`EngineError::BadPath`] for a place that is not indexed.
    pub fn find_similar(&self, _similar: &Similar, _limit: usize, _filter: &Filter) -> Result<SearchAnswer, EngineError> {
        todo!()
    }

    /// The definitions of a file below the root, parsed from disk as it is now.
    ///
    /// # Errors
    /// [`EngineError::BadPath`] when the path is outside of the root, missing or not a text file.
    pub fn outline(&self, _path: &str) -> Result<Outline, EngineError> {
        todo!()
    }

    /// The state of the index; an index that is not there is a state too.
    ///
    /// # Errors
    /// When the store fails.
    pub fn status(&self) -> Result<Status, EngineError> {
        todo!()
    }

    /// Whether the whole folder is indexed (by an earlier, completed run).
    ///
    /// # Errors
    /// When the store fails.
    pub fn is_complete(&self) -> Result<bool, EngineError> {
        Ok(self.status()?.coverage.complete)
    }
}
