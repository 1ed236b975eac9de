//! Errors of searches.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::request::MAX_LIMIT;
use crate::snapshot::Snapshot;
use embed::EmbedError;
use platform::cancel::CancelToken;
use source::language;
use store::StoreError;
use text::edit_distance::count_edits_within;
use types::SymbolKind;

/// An invalid query, or a failure to answer it.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    #[error("the query is empty; give words, a name or a question")]
    EmptyQuery,
    #[error("the limit is {0}; give 1 to {MAX_LIMIT}")]
    InvalidLimit(usize),
    #[error("unknown language {name}; {known}")]
    UnknownLanguage { name: String, known: String },
    #[error("the query has filters only; add words, a name or a question")]
    OnlyFilters,
    #[error("unknown kind {name}; {known}")]
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
const MAX_LISTED: usize = 15;

/// Maximum length of the beginning of a name that is compared with the names of languages, in bytes.
const MAX_COMPARED_BYTES: usize = 64;

/// Maximum number of errors in the name of a kind for which a nearest one is suggested.
const MAX_KIND_EDITS: usize = 2;

impl QueryError {
    /// Returns the error for an unknown language. Its message has the language with the nearest name, if one is near,
    /// and those with the most files of the index.
    pub fn unknown_language(name: &str, snapshot: Option<&Snapshot>) -> Self {
        let mut files: BTreeMap<&str, usize> = BTreeMap::new();
        let languages = snapshot.iter().flat_map(|snapshot| snapshot.languages.iter());
        languages.for_each(|language| *files.entry(language.0).or_default() += 1);
        let mut listed: Vec<(&str, usize)> = files.into_iter().collect();
        listed.sort_by_key(|(_, files)| Reverse(*files));
        let more = listed.len().saturating_sub(MAX_LISTED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let listed: Vec<&str> = listed.into_iter().take(MAX_LISTED).map(|(name, _)| name).collect();
        let near = find_nearest_language(name).map(|near| format!("did you mean {near}? ")).unwrap_or_default();
        let known = match listed.is_empty() {
            true => format!("{near}`codescry status` lists those of the folder"),
            false => format!("{near}the index has {}{more}", listed.join(", ")),
        };
        Self::UnknownLanguage { name: name.to_owned(), known }
    }

    /// Lists the languages of an index in the error for an unknown one; returns other errors unchanged.
    pub fn with_languages_of(self, snapshot: &Snapshot) -> Self {
        match self {
            Self::UnknownLanguage { name, .. } => Self::unknown_language(&name, Some(snapshot)),
            other => other,
        }
    }

    /// Returns the error for an unknown kind. Its message has the nearest kind, if one is near, and the known ones.
    pub fn unknown_kind(name: &str) -> Self {
        let known: Vec<&str> = SymbolKind::ALL.iter().map(|kind| kind.as_str()).collect();
        let lowercase = name.trim().to_lowercase();
        let edits = |known: &&str| count_edits_within(&lowercase, known, MAX_KIND_EDITS.min(lowercase.len() / 3));
        let near = known.iter().filter_map(|known| Some((edits(known)?, *known))).min();
        let near = near.map(|(_, near)| format!("did you mean {near}? ")).unwrap_or_default();
        Self::UnknownKind { name: name.to_owned(), known: format!("{near}known: {}", known.join(", ")) }
    }

    /// Fails with [`QueryError::Cancelled`] if a stop was requested.
    pub(crate) fn check_cancelled(cancel: &CancelToken) -> Result<(), Self> {
        if cancel.is_cancelled() { Err(Self::Cancelled) } else { Ok(()) }
    }
}

/// Returns the language one of whose names begins with `name`, or else has the most similar spelling; `None` if none is
/// near.
fn find_nearest_language(name: &str) -> Option<&'static str> {
    let names = language::all_languages().map(|row| (row.name, row.name)).chain(language::language_aliases());
    let lowercase = name.trim().to_lowercase();
    // A longer name is far from every language's.
    let compared = &lowercase[..lowercase.floor_char_boundary(MAX_COMPARED_BYTES)];
    let fit = |(alias, name): (&'static str, &'static str)| {
        let begins = compared.len() > 1 && alias.starts_with(compared);
        let edits = if begins { Some(0) } else { count_edits_within(compared, alias, compared.len() / 3) };
        Some((!begins, edits?, name))
    };
    names.filter_map(fit).min_by_key(|(is_other, edits, _)| (*is_other, *edits)).map(|(.., name)| name)
}
