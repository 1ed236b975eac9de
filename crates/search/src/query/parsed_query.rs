//! The parsed query of a search.
//!
//! Parsing has two steps: [`check_query`] parses and checks the filters, which needs no index;
//! [`ParsedQuery::parse`] looks up the words, names and files in a snapshot.

pub(crate) mod plan;
mod report;

use super::corrections::{Correction, find_corrections, find_missing_containers, find_missing_names};
use super::error::QueryError;
use super::file_filter::FileFilter;
use super::filters::{InvalidFilter, QueryFilters};
use super::request::{Filter, FolderScope, MAX_LIMIT, RetrievalMode, SearchQuery};
use super::terms::{IndexLookup, QueryTerms};
use crate::snapshot::Snapshot;
use platform::cancel::CancelToken;
use report::parse_report;
use store::inverted_index;
use text::code::written_names::WrittenName;
use text::unicode::compose;
use text::words;

/// What the note on a name that no indexed file has says of it.
pub const NAME_IS_NOWHERE: &str = "is nowhere in the index";

/// A valid query whose filters are parsed.
pub struct CheckedQuery {
    /// The query text without its filters.
    pub text: String,
    /// The filters of the request.
    pub filter: Filter,
    /// The filters written in the query text.
    pub query_filters: QueryFilters,
    /// Maximum number of results.
    pub limit: usize,
    mode: RetrievalMode,
    explain: bool,
    file_filter: FileFilter,
}

/// Parses the filters of a query and checks that the query is valid, without an index.
///
/// # Errors
/// If the query is blank or has filters only, its limit is out of range, or a filter is invalid.
pub fn check_query(query: &SearchQuery) -> Result<CheckedQuery, QueryError> {
    let SearchQuery { limit, mode, explain, .. } = *query;
    let (query_filters, text) = QueryFilters::parse(&compose(&query.text));
    if text.trim().is_empty() {
        let has_filters = query_filters != QueryFilters::default();
        return Err(if has_filters { QueryError::OnlyFilters } else { QueryError::EmptyQuery });
    }
    check_limit(limit)?;
    let file_filter = FileFilter::with_query_filters(&query.filter, &query_filters)?;
    Ok(CheckedQuery { text, filter: query.filter.clone(), query_filters, limit, mode, explain, file_filter })
}

/// A parsed query, together with the names, files and corrections looked up in a snapshot.
pub(crate) struct ParsedQuery {
    /// The query text without its filters, before corrections.
    pub text: String,
    /// The words, names and locations of the text, or of the title of a report, after corrections.
    pub terms: QueryTerms,
    /// Further parts of a report, which are searched for beside `terms`.
    pub further_terms: Vec<QueryTerms>,
    /// Texts that may stand in the code word for word, such as error messages.
    pub pasted_texts: Vec<String>,
    /// Phrases that every hit must contain; ignored if no chunk contains all of them.
    pub phrases: Vec<String>,
    pub limit: usize,
    pub mode: RetrievalMode,
    pub explain: bool,
    pub filter: FileFilter,
    /// For each file of the snapshot, whether it passes the filter.
    pub allowed_files: Vec<bool>,
    /// Notes on invalid filters, which remain in the query as words, on missing names and containers, and on corrections.
    pub notes: Vec<String>,
    /// A description of how the query was interpreted.
    pub understood: String,
}

impl ParsedQuery {
    /// Parses the text of a query. Unless the mode is dense, corrects names and words that do not occur in the
    /// snapshot. `folders` restricts the search to projects and to a folder.
    ///
    /// # Errors
    /// If the inverted index cannot be read, or a stop was requested.
    pub fn parse(
        snapshot: &Snapshot,
        query: CheckedQuery,
        folders: &FolderScope,
        cancel: &CancelToken,
    ) -> Result<Self, QueryError> {
        let CheckedQuery { text, query_filters, limit, mode, explain, file_filter, .. } = query;
        let filter = file_filter.in_folders(folders).for_snapshot(snapshot);
        let allowed_files = filter.allowed_files(snapshot);
        let mut notes: Vec<String> =
            query_filters.invalid.iter().map(|filter| invalid_filter_note(filter, snapshot)).collect();
        let report = if mode == RetrievalMode::Hybrid { parse_report(&text) } else { None };
        let (mut further_terms, mut pasted_texts) = (Vec::new(), Vec::new());
        let mut terms = match report {
            None => QueryTerms::parse(&text, snapshot),
            Some(report) => {
                let [title, prose, names] = report.to_terms(snapshot);
                further_terms.extend([prose, names]);
                pasted_texts = report.messages;
                title
            }
        };
        if mode != RetrievalMode::Dense {
            let corrections = find_corrections(snapshot, &terms, &allowed_files, cancel)?;
            for name in find_missing_names(snapshot, &terms, &corrections)? {
                notes.push(format!("`{name}` {NAME_IS_NOWHERE}; showing what is near it"));
            }
            notes.extend(find_missing_containers(snapshot, &terms, &corrections)?.into_iter().map(|name| {
                let WrittenName { text, container } = name;
                format!("there is no `{container}.{text}`; these match the name alone")
            }));
            let mut corrected = text.clone();
            for correction in &corrections {
                let Correction { from, to } = correction;
                notes.push(format!("no exact match for `{from}`; showing `{to}`"));
                corrected = correction.apply_to(&corrected);
            }
            if !corrections.is_empty() {
                terms = QueryTerms::parse(&corrected, snapshot);
            }
        }
        if pasted_texts.is_empty() {
            pasted_texts.extend(terms.pasted_texts(&text));
        }
        let mut understood = terms.describe();
        let written_filters = query_filters.to_query_syntax();
        if !written_filters.is_empty() {
            understood.push_str("; filters: ");
            understood.push_str(&written_filters);
        }
        let phrases = query_filters.phrases;
        Ok(Self {
            text,
            terms,
            further_terms,
            pasted_texts,
            phrases,
            limit,
            mode,
            explain,
            filter,
            allowed_files,
            notes,
            understood,
        })
    }

    /// Returns the parts of the query that are searched for: one, or several for a report.
    pub fn parts(&self) -> impl Iterator<Item = &QueryTerms> {
        std::iter::once(&self.terms).chain(&self.further_terms)
    }

    /// Returns the query of a search for the chunks nearest to a vector.
    ///
    /// # Errors
    /// If the limit is out of range.
    pub fn for_vector(snapshot: &Snapshot, filter: FileFilter, limit: usize) -> Result<Self, QueryError> {
        check_limit(limit)?;
        Ok(Self {
            text: String::new(),
            terms: QueryTerms::default(),
            further_terms: Vec::new(),
            pasted_texts: Vec::new(),
            phrases: Vec::new(),
            limit,
            mode: RetrievalMode::Dense,
            explain: false,
            allowed_files: filter.allowed_files(snapshot),
            filter,
            notes: Vec::new(),
            understood: String::new(),
        })
    }
}

impl IndexLookup for Snapshot {
    fn has_file(&self, name: &str, is_exact: bool) -> bool {
        if let Some(whole) = self.whole_index() {
            return whole.has_file(name, is_exact);
        }
        let same = |file: usize| !is_exact || self.files[file].path.file_name() == name;
        self.files_named(name).any(same)
    }

    fn defines(&self, name: &str) -> bool {
        if let Some(whole) = self.whole_index() {
            return whole.has_definition(name);
        }
        self.chunks_defining(name).next().is_some()
    }

    fn mentions(&self, name: &str) -> bool {
        let mut whole = None;
        words::for_each_search_word(name, |word| whole = Some(inverted_index::hash_term(word)));
        // A damaged index is reported by the search that follows.
        whole.is_some_and(|hash| self.has_word(hash).unwrap_or(false))
    }
}

fn check_limit(limit: usize) -> Result<(), QueryError> {
    if (1..=MAX_LIMIT).contains(&limit) { Ok(()) } else { Err(QueryError::InvalidLimit(limit)) }
}

/// Returns the note for a word with the form of a filter, and an invalid value or none.
fn invalid_filter_note(filter: &InvalidFilter, snapshot: &Snapshot) -> String {
    format!("`{}:` is searched as a word: {}", filter.name(), filter.describe(snapshot))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_checked_without_an_index() {
        let check =
            |text: &str, limit| check_query(&SearchQuery { text: text.to_owned(), limit, ..Default::default() });
        let checked = check("lang:go -test retry", 5).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(checked.text, "retry");
        assert!(matches!(check(" ", 5), Err(QueryError::EmptyQuery)));
        assert!(matches!(check("lang:go", 5), Err(QueryError::OnlyFilters)));
        assert!(matches!(check("retry", 0), Err(QueryError::InvalidLimit(0))));
        assert!(matches!(check("retry", MAX_LIMIT + 1), Err(QueryError::InvalidLimit(_))));
        let words = check("path:src/{a retry", 5).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(words.text, "path:src/{a retry");
    }
}
