//! Turns a query into ranked hits.
//!
//! Covers query parsing, retrieval from vectors and the inverted index, ranking, explanations and lookup by
//! name.
//! Equal input gives equal order.

mod best;
mod block;
mod candidates;
mod dense;
mod exact;
mod features;
mod filter;
mod forms;
pub mod judge;
mod keys;
pub mod learn;
mod lookup;
mod marks;
mod names;
mod parts;
mod places;
mod projects;
mod query;
mod ranking;
mod references;
mod resident;
mod searcher;
mod snapshot;
mod symbols;
mod tallies;
mod typos;
mod vectors;
mod within;
mod words;

#[cfg(test)]
mod tests;

pub use block::ChunkMeta;
pub use features::{FEATURE_COUNT, Feature, Features, WeightSign};
pub use projects::resolve_project_folders;
pub use query::{FilterValues, InvalidFilter, QueryFilters, QueryKind};
pub use ranking::{FeatureWeights, RankingWeights};
pub use references::find_files_with_identifier;
pub use searcher::{QueryError, QueryFeatures, SearchResults, Searcher, check_query};
pub use snapshot::Snapshot;
pub use symbols::{NameMatch, NameQuery, NamedDefinition, definition_span, find_definitions};

use std::sync::LazyLock;

use rayon::{ThreadPool, ThreadPoolBuilder};

use platform::process::lower_thread_priority;
use types::{Language, RepoPath, Span, SymbolKind, is_below, qualified_name};

/// The retrievers that answer a query.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RetrievalMode {
    /// Dense and lexical retrieval, ranked together by learned weights.
    #[default]
    Hybrid,
    /// Dense retrieval only: chunks with the nearest vectors.
    Dense,
    /// Lexical retrieval only: chunks with the highest BM25F scores.
    Lexical,
}

/// The kinds of files that are searched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ContentFilter {
    /// Code and documentation, without configuration.
    #[default]
    CodeAndDocs,
    Code,
    Docs,
    Config,
    All,
}

/// Restricts a search to some of the indexed files and chunks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Language names; empty for all languages. An unknown name is an error.
    pub languages: Vec<String>,
    /// A glob matched against the path below the root, such as `src/**/*.rs`. A folder or a file name also
    /// works.
    pub path: Option<String>,
    /// A project's name or folder, in any letter case. Nested projects are included.
    /// [`resolve_project_folders`] maps it to folders.
    pub project: Option<String>,
    pub content: ContentFilter,
    /// Filters taken from the query text by [`SearchQuery::with_parsed_filters`].
    pub query_filters: QueryFilters,
}

/// Folders to which a search is restricted.
///
/// The engine resolves project names to these folders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FolderScope {
    /// Lists of folders; a file must be below at least one folder of every list.
    pub inside: Vec<Vec<String>>,
    /// Folders that are left out.
    pub outside: Vec<String>,
}

impl FolderScope {
    /// Returns whether the scope contains every folder.
    pub fn is_unrestricted(&self) -> bool {
        self.inside.is_empty() && self.outside.is_empty()
    }

    /// Returns whether files in `folder` pass the restriction.
    pub fn contains_folder(&self, folder: &str) -> bool {
        let below = |folders: &Vec<String>| folders.iter().any(|above| is_below(folder, above));
        self.inside.iter().all(below) && !below(&self.outside)
    }
}

/// A search request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchQuery {
    /// The query: words, a name, a sentence, a path, a stack trace or code, possibly with filters. Not blank.
    pub text: String,
    /// Maximum number of hits, from 1 to [`MAX_LIMIT`].
    pub limit: usize,
    pub mode: RetrievalMode,
    pub filter: Filter,
    /// Whether hits carry an [`Explanation`].
    pub explain: bool,
    /// Whether chunks are ranked instead of files. When files are ranked, each file shows its best chunk.
    pub per_chunk: bool,
}

impl SearchQuery {
    /// Moves the filters written in the query text into the filter.
    ///
    /// A query whose filter already has parsed filters is returned unchanged.
    pub fn with_parsed_filters(&self) -> Self {
        if self.filter.query_filters != QueryFilters::default() {
            return self.clone();
        }
        let (query_filters, text) = QueryFilters::parse(&self.text);
        Self { text, filter: Filter { query_filters, ..self.filter.clone() }, ..self.clone() }
    }
}

/// The largest allowed [`SearchQuery::limit`].
pub const MAX_LIMIT: usize = 200;

/// One summand of a hit's score.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreTerm {
    /// The label shown to users, such as `query in the path`.
    pub name: &'static str,
    /// The measured value.
    pub value: f32,
    /// The value times its weight: the amount added to the score.
    pub share: f32,
}

/// The terms of a hit's score. Their shares add up to the score.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Explanation {
    pub terms: Vec<ScoreTerm>,
    /// The terms by which the shown chunk was chosen within its file; they are not part of the score. Empty if
    /// the file has one candidate chunk, or if chunks are ranked.
    pub chunk: Vec<ScoreTerm>,
}

/// Another relevant chunk in a hit's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelatedChunk {
    pub span: Span,
    pub kind: SymbolKind,
    /// The qualified name `container.symbol`; empty for code outside of any definition.
    pub name: String,
}

/// A ranked chunk that answers a query.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    pub path: RepoPath,
    pub language: Language,
    pub span: Span,
    pub kind: SymbolKind,
    /// The defined name; empty for code outside of any definition.
    pub symbol: String,
    pub container: String,
    pub signature: String,
    /// The indexed text of the chunk, which may differ from the file on disk.
    pub text: String,
    /// The score; comparable only within one answer.
    pub score: f32,
    /// Other relevant chunks of the same file, best first.
    pub also: Vec<RelatedChunk>,
    /// The name of the innermost project that contains the file. Set by the engine.
    pub project: Option<String>,
    /// Whether the file on disk has changed or is gone since it was indexed. Set by the engine.
    pub stale: bool,
    pub explanation: Option<Explanation>,
}

impl Hit {
    /// Returns the container and the symbol as one name; see [`qualified_name`].
    pub fn qualified_name(&self) -> String {
        qualified_name(&self.container, &self.symbol)
    }
}

/// Starts the thread pool that searches share, at the priority of the calling thread.
///
/// Without this call, the first search starts the pool, which may happen on a low-priority indexing thread.
pub fn start_search_threads() {
    let builder = ThreadPoolBuilder::new().thread_name(|number| format!("search {number}"));
    // An error means that the pool already exists.
    _ = builder.build_global();
}

/// Runs `work` on a thread pool that searches do not use, at low priority.
///
/// A search thread that waits for part of its work runs other jobs of its pool meanwhile, so long jobs must not
/// be in that pool.
pub fn run_on_refresh_pool<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    static REFRESH_POOL: LazyLock<Option<ThreadPool>> = LazyLock::new(|| {
        let builder = ThreadPoolBuilder::new().thread_name(|number| format!("refresh {number}"));
        builder.start_handler(|_| lower_thread_priority()).build().ok()
    });
    match REFRESH_POOL.as_ref() {
        Some(pool) => pool.install(work),
        None => work(),
    }
}
