//! The wire types of the answer of `read_code`.

use schemars::JsonSchema;
use serde::Serialize;

use super::parts::SymbolOutput;

/// Answer of `read_code`: the first place, and the others if several were requested.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct ReadCodesOutput {
    #[serde(flatten)]
    pub first: Option<ReadCodeOutput>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<ReadCodeOutput>,
    /// Requested places that were not read, each with the reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
}

/// Code at one place.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ReadCodeOutput {
    /// Relative to the root.
    pub path: String,
    pub start_line: u32,
    pub end_line: u32,
    pub language: String,
    /// Number of lines of the file.
    pub lines: u32,
    /// The requested definition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symbol: Option<SymbolOutput>,
    /// Definitions that enclose these lines, outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inside: Vec<SymbolOutput>,
    /// The text on disk.
    pub code: String,
    /// Requested lines omitted for lack of tokens, as `first-last`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out_lines: Option<String>,
    /// The file has changed since it was indexed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub changed: bool,
    /// The file is not in the index.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub not_indexed: bool,
    /// Other definitions of the name, as `path:first-last kind name`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// Note on this answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}
