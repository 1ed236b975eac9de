//! The wire types of `read_code`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::parts::SymbolOutput;
use super::values::{deserialize_line_range, deserialize_whole_number};

/// Arguments of `read_code`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadCodeArguments {
    /// A file, relative to the root, like `src/config.rs` or `src/config.rs:10-40`.
    #[serde(default)]
    #[schemars(with = "String")]
    pub path: Option<String>,
    /// First and last line of `path`, like `10-40`; the whole file if neither this nor `symbol` is given.
    #[serde(default, deserialize_with = "deserialize_line_range")]
    #[schemars(with = "String")]
    pub lines: Option<(u32, u32)>,
    /// A definition to read, like `Config::load`; with `path`, only in that file.
    #[serde(default)]
    #[schemars(with = "String")]
    pub symbol: Option<String>,
    /// Number of lines to add before and after; default 0.
    #[serde(default, deserialize_with = "deserialize_whole_number")]
    #[schemars(with = "u32", range(min = 0, max = 100))]
    pub context: Option<u32>,
    /// Maximum tokens of the answer; default 8000.
    #[serde(default, deserialize_with = "deserialize_whole_number")]
    #[schemars(with = "u32", range(min = 500, max = 20_000))]
    pub max_tokens: Option<u32>,
    /// Root that contains the file, when several are served.
    #[serde(default)]
    #[schemars(with = "String")]
    pub root: Option<String>,
}

/// Answer of `read_code`.
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
    /// Other definitions of the name, as `path:first-last name`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// Note on this answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}
