//! Errors of searches.

use super::request::MAX_LIMIT;
use embed::EmbedError;
use platform::cancel::CancelToken;
use source::language;
use store::StoreError;
use text::edit_distance::count_edits;
use types::SymbolKind;

/// An invalid query, or a failure to answer it.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    #[error("the query is empty; give words, a name or a question")]
    EmptyQuery,
    #[error("the limit is {0}; give 1 to {MAX_LIMIT}")]
    InvalidLimit(usize),
    #[error("unknown language {name}; known: {known}; `codescry status` lists those of the folder")]
    UnknownLanguage { name: String, known: String },
    #[error("the query has filters only; add words, a name or a question")]
    OnlyFilters,
    #[error("unknown kind {name}; known: {known}")]
    UnknownKind { name: String, known: String },
    #[error("the query filters by language {query}, but the search is limited to {flag}; drop one of the two")]
    LanguageConflict { flag: String, query: String },
    #[error("cannot read the glob {pattern}: {message}; write it like `src/**/*.rs`")]
    InvalidGlob { pattern: String, message: String },
    #[error("unknown project {name}; {known}")]
    UnknownProject { name: String, known: String },
    #[error("unknown repository {name}; {known}")]
    UnknownRepository { name: String, known: String },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Embed(#[from] EmbedError),
    #[error("the model gives vectors of {found} values, but the index has {expected}; run `codescry index --rebuild`")]
    VectorWidth { found: usize, expected: usize },
    #[error("the search was cancelled")]
    Cancelled,
}

/// Maximum number of languages listed in the error for an unknown one.
const MAX_LISTED: usize = 5;

/// Maximum length of the beginning of a name that is compared with the names of languages, in bytes.
const MAX_COMPARED_BYTES: usize = 64;

impl QueryError {
    /// Returns the error for an unknown language. Its message lists the languages with the most similar names.
    pub(crate) fn unknown_language(name: &str) -> Self {
        let names = language::all_languages().map(|row| row.name);
        let count = names.clone().count();
        // Each language under its own name and under each of its other names.
        let mut known: Vec<_> = names.map(|name| (name, name)).chain(language::language_aliases()).collect();
        let lowercase = name.to_lowercase();
        // A longer name is far from every language's.
        let compared = &lowercase[..lowercase.floor_char_boundary(MAX_COMPARED_BYTES)];
        known.sort_by_key(|(alias, _)| (!alias.starts_with(compared), count_edits(compared, alias)));
        let mut listed: Vec<&str> = Vec::new();
        for (_, name) in known {
            if listed.len() < MAX_LISTED && !listed.contains(&name) {
                listed.push(name);
            }
        }
        let known = format!("{} and {} more", listed.join(", "), count - listed.len());
        Self::UnknownLanguage { name: name.to_owned(), known }
    }

    /// Returns the error for an unknown kind. Its message lists the known kinds.
    pub(crate) fn unknown_kind(name: &str) -> Self {
        let known: Vec<&str> = SymbolKind::ALL.iter().map(|kind| kind.as_str()).collect();
        Self::UnknownKind { name: name.to_owned(), known: known.join(", ") }
    }

    /// Fails with [`QueryError::Cancelled`] if a stop was requested.
    pub(crate) fn check_cancelled(cancel: &CancelToken) -> Result<(), Self> {
        if cancel.is_cancelled() { Err(Self::Cancelled) } else { Ok(()) }
    }
}
