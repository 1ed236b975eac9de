//! Parses queries: filters, words, names, locations, and corrections of misspelled names.

pub(crate) mod corrections;
pub(crate) mod error;
pub(crate) mod file_filter;
pub(crate) mod filters;
pub(crate) mod parsed_query;
pub(crate) mod path_pattern;
pub(crate) mod request;
pub(crate) mod scope;
pub(crate) mod terms;
