//! A query becomes ranked hits.
//!
//! Owns retrieval over the resident vectors, fusion, file-first ranking and explanations. Sees
//! only the traits of `store` and `embed`. Equal input gives equal order. Must never import:
//! `index`, `walk`, `parse`, `mcp`, `cli`.

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
pub use features::{Evidence, FEATURES, Feature, Features};
pub use projects::project_folders;
pub use query::{Asked, Kind, Unread, Values};
pub use ranking::{Vector, Weights};
pub use references::files_with;
pub use searcher::{Answered, Measured, QueryError, Searcher, check_query};
pub use snapshot::Snapshot;
pub use symbols::{NameMatch, NameQuery, Named, extent, find_named};

use std::sync::LazyLock;

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::config::machine::yield_to_others;
use crate::types::{Language, RepoPath, Span, SymbolKind, is_below, qualified_name};

/// Which retrieval answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Dense and lexical, fused and ranked by files.
    #[default]
    Hybrid,
    /// Nearest vectors alone.
    Dense,
    /// BM25 alone.
    Lexical,
}

/// Which contents are searched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ContentFilter {
    /// Code and docs.
    #[default]
    CodeAndDocs,
    Code,
    Docs,
    Config,
    All,
}

/// What narrows a search down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Names of languages; empty for all. Unknown names are an error.
    pub languages: Vec<String>,
    /// A glob over the path inside the root (`src/**/*.rs`); a folder or a file name does as well.
    pub path: Option<String>,
    /// A project's name or folder, whatever its case; what lies below it is searched, nested projects too.
    /// See [`project_folders`] for what it stands for.
    pub project: Option<String>,
    pub content: ContentFilter,
    /// What the question's own filters ask, see [`SearchQuery::understood`].
    pub asked: Asked,
}

/// Where the answer may lie, which is known above: what projects stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folders {
    /// A file lies below one folder of each of these lists.
    pub inside: Vec<Vec<String>>,
    /// And below none of these.
    pub outside: Vec<String>,
}

impl Folders {
    /// Whether all files may be in the answer.
    pub fn are_all(&self) -> bool {
        self.inside.is_empty() && self.outside.is_empty()
    }

    /// Whether a file in `folder` may be in the answer.
    pub fn hold(&self, folder: &str) -> bool {
        let below = |folders: &Vec<String>| folders.iter().any(|above| is_below(folder, above));
        self.inside.iter().all(below) && !below(&self.outside)
    }
}

/// A question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchQuery {
    /// Words, a name, a sentence, a path, a stack trace, code; filters among them. Not blank.
    pub text: String,
    /// At most this many hits; 1 to [`MAX_LIMIT`].
    pub limit: usize,
    pub mode: Mode,
    pub filter: Filter,
    /// Whether hits carry their [`Explanation`].
    pub explain: bool,
    /// Whether each chunk is a hit of its own, by its own score alone. Otherwise files are ranked, and
    /// each shows its best chunk.
    pub per_chunk: bool,
}

impl SearchQuery {
    /// The question without the filters in its text, which the filter then has. A question from which
    /// they were taken stays as it is.
    pub fn understood(&self) -> Self {
        if self.filter.asked != Asked::default() {
            return self.clone();
        }
        let (asked, text) = Asked::take(&self.text);
        Self { text, filter: Filter { asked, ..self.filter.clone() }, ..self.clone() }
    }
}

/// Most hits a query can ask for.
pub const MAX_LIMIT: usize = 200;

/// One term of a hit's score.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    /// What was measured, in words (`words of the query in the file name`).
    pub name: &'static str,
    /// What was measured, as a number.
    pub value: f32,
    /// What it added to the score.
    pub share: f32,
}

/// How a hit came to its score: the shares of the terms add up to it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Explanation {
    pub terms: Vec<Term>,
    /// How its chunk came to be shown of the file's, which the score does not count; empty where there was
    /// no choice, or where the terms are those of the chunk.
    pub chunk: Vec<Term>,
}

/// Another part of a hit's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub span: Span,
    pub kind: SymbolKind,
    /// `container.symbol`; empty for a block outside of any definition.
    pub name: String,
}

/// A place that answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    pub path: RepoPath,
    pub language: Language,
    pub span: Span,
    pub kind: SymbolKind,
    /// Empty for a block.
    pub symbol: String,
    pub container: String,
    pub signature: String,
    /// The chunk as it was indexed.
    pub text: String,
    /// Comparable within one answer only.
    pub score: f32,
    /// Other good places in the same file, best first.
    pub also: Vec<Place>,
    /// Name of the deepest project that holds the file, if one does; left to the engine.
    pub project: Option<String>,
    /// Whether the file on disk is no longer the one that was indexed (or is gone).
    pub stale: bool,
    pub explanation: Option<Explanation>,
}

impl Hit {
    /// See [`qualified_name`].
    pub fn qualified_name(&self) -> String {
        qualified_name(&self.container, &self.symbol)
    }
}

/// Begins the threads that searches share, with the priority of this thread. Left out, the first search
/// does it, and that may be an index run's.
pub fn begin_threads() {
    let named = ThreadPoolBuilder::new().thread_name(|number| format!("search {number}"));
    // They are there already.
    _ = named.build_global();
}

/// Does `work` on threads apart from those that searches share: a search that waits for a part of its own
/// work takes up what lies around there, and must not end up with a piece of something long.
pub fn beside_searches<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    static APART: LazyLock<Option<ThreadPool>> = LazyLock::new(|| {
        let named = ThreadPoolBuilder::new().thread_name(|number| format!("refresh {number}"));
        named.start_handler(|_| yield_to_others()).build().ok()
    });
    match APART.as_ref() {
        Some(apart) => apart.install(work),
        None => work(),
    }
}
