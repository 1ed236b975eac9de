//! Errors of searches.

use super::request::MAX_LIMIT;
use embed::EmbedError;
use platform::cancel::CancelToken;
use source::language;
use store::StoreError;
use types::SymbolKind;

/// An invalid query, or a failure to answer it.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    #[error("the query is empty; give words, a name or a question")]
    EmptyQuery,
    #[error("the limit is {0}; give 1 to {MAX_LIMIT}")]
    InvalidLimit(usize),
    #[error("unknown language {name}; known: {known}")]
    UnknownLanguage { name: String, known: String },
    #[error("the query has filters only; add words, a name or a question")]
    OnlyFilters,
    #[error("unknown kind {name}; known: {known}")]
    UnknownKind { name: String, known: String },
    #[error("the query filters by language {query}, but the search is limited to {flag}; drop one of the two")]
    LanguageConflict { flag: String, query: String },
    #[error("cannot read the glob {pattern}: {message}; write it like `src/**/*.rs`")]
    InvalidGlob { pattern: String, message: String },
    #[error("unknown project {name}; known: {known}")]
    UnknownProject { name: String, known: String },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Embed(#[from] EmbedError),
    #[error("the model gives vectors of {found} values, but the index has {expected}; run `codescry index --rebuild`")]
    VectorWidth { found: usize, expected: usize },
    #[error("the search was cancelled")]
    Cancelled,
}

impl QueryError {
    /// Returns the error for an unknown language. Its message lists the known languages.
    pub(crate) fn unknown_language(name: &str) -> Self {
        let known: Vec<_> = language::all_languages().map(|row| row.name).collect();
        Self::UnknownLanguage { name: name.to_owned(), known: known.join(", ") }
    }

    /// Returns the error for an unknown kind. Its message lists the known kinds.
    pub(crate) fn unknown_kind(name: &str) -> Self {
        let known: Vec<&str> = SymbolKind::ALL.iter().map(|kind| kind.as_str()).collect();
        Self::UnknownKind { name: name.to_owned(), known: known.join(", ") }
    }

    /// Returns [`QueryError::Cancelled`] if a stop was requested.
    pub(crate) fn check_cancelled(cancel: &CancelToken) -> Result<(), Self> {
        if cancel.is_cancelled() { Err(Self::Cancelled) } else { Ok(()) }
    }
}
