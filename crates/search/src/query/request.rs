//! The request of a search, as the caller gives it.

use types::is_below;

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
    /// Code and configuration, without documentation.
    CodeAndConfig,
    All,
}

/// Restricts a search to some of the indexed files and chunks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Language names; empty for all languages. An unknown name is an error.
    pub languages: Vec<String>,
    /// Patterns separated by commas: globs matched against the path below the root, such as `src/**/*.rs`, or names of
    /// folders or files: those at the top, or else those at any depth.
    pub path: Option<String>,
    /// A project's name or folder, in any letter case. Nested projects are included. The engine maps it to the folders
    /// of a [`FolderScope`].
    pub project: Option<String>,
    pub content: ContentFilter,
}

/// Folders to which a search is restricted.
///
/// The engine resolves project names to these folders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FolderScope {
    /// The folder that a search is narrowed to; empty for the whole root. Path patterns may be relative to the folder
    /// or to the root. One of the lists in `inside` consists of this folder.
    pub base: String,
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

    /// Returns `path` relative to [`FolderScope::base`]; `None` if it is not below the base, or the base is the whole
    /// root.
    pub(crate) fn path_below_base<'p>(&self, path: &'p str) -> Option<&'p str> {
        if self.base.is_empty() {
            return None;
        }
        path.strip_prefix(self.base.as_str())?.strip_prefix('/')
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
    /// Whether hits contain an [`Explanation`](crate::Explanation).
    pub explain: bool,
}

/// The largest allowed [`SearchQuery::limit`].
pub const MAX_LIMIT: usize = 200;
