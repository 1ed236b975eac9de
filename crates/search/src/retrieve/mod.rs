//! Retrieves candidates: the files and chunks that may answer a query.

pub(crate) mod candidate_filter;
pub(crate) mod candidates;
pub(crate) mod dense;
pub(crate) mod lexical;
pub(crate) mod named_files;
pub(crate) mod pasted_text;
pub(crate) mod phrases;
pub(crate) mod retrieval;
pub(crate) mod snippet_match;
pub(crate) mod top_k;
