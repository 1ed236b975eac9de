//! The wire types of the answers of `search_code` and `find_similar`.

use schemars::JsonSchema;
use serde::Serialize;

use super::parts::CoverageOutput;

/// Answer of `search_code` and `find_similar`.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct SearchOutput {
    /// Best first.
    pub hits: Vec<HitOutput>,
    /// Number of hits omitted for lack of tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out_hits: Option<usize>,
    /// Pass it as `cursor` for the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// Indexed part of the folder; absent when all of it is indexed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage: Option<CoverageOutput>,
    /// Note on this answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A place that matches the query.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct HitOutput {
    /// Relative to the root; it begins with the name of a root if all are searched.
    pub path: String,
    /// The root, if all are searched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    pub start_line: u32,
    pub end_line: u32,
    /// Kind of definition: function, class, section, block and so on.
    pub kind: String,
    /// The defined name with its containers, like `Store.open`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub symbol: String,
    /// Signature of a hit that is shown briefly.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub signature: String,
    /// The file has changed since it was indexed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stale: bool,
    /// Lines that `code` omits, as `first-last`; use read_code to read them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub more_lines: Vec<String>,
    /// The deciding lines of the indexed code, each after its number; `…` stands for omitted lines.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub code: String,
    /// Other matches in the same file, as `first-last kind name`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// Code outside of tests that names the definition of the first hit, as `path:line name`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub named_in: Vec<String>,
}
