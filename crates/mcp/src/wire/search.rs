//! The wire types of `search_code` and `find_similar`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::parts::CoverageOutput;
use super::values::{ContentArgument, ModeArgument, NameList, deserialize_whole_number};

/// Arguments of `search_code`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchCodeArguments {
    /// A question, a symbol, a file, an error or a snippet. May contain the filters `lang:` `path:` `file:` `kind:`
    /// `project:`, each negated by a `-` before it, `-test`, and "exact words" in quotes.
    pub query: String,
    /// Maximum number of hits; default 10.
    #[serde(default, deserialize_with = "deserialize_whole_number")]
    #[schemars(with = "u32", range(min = 1, max = 50))]
    pub limit: Option<u32>,
    /// Search only below this folder, file or glob inside the root, like `src/**/*.rs`.
    #[serde(default)]
    #[schemars(with = "String")]
    pub path: Option<String>,
    /// Search only this project of the root: its name or folder, as listed by `index_status`.
    #[serde(default)]
    #[schemars(with = "String")]
    pub project: Option<String>,
    /// Search only these languages, like `rust` or `["typescript", "tsx"]`.
    #[serde(default)]
    #[schemars(with = "NameList")]
    pub language: Option<NameList>,
    /// Contents to search; default code and docs.
    #[serde(default)]
    #[schemars(with = "ContentArgument")]
    pub content: Option<ContentArgument>,
    /// Search mode; default hybrid: by meaning and by words.
    #[serde(default)]
    #[schemars(with = "ModeArgument")]
    pub mode: Option<ModeArgument>,
    /// `next_cursor` of the previous page, for the next one.
    #[serde(default)]
    #[schemars(with = "String")]
    pub cursor: Option<String>,
    /// Maximum tokens of the answer; default 8000.
    #[serde(default, deserialize_with = "deserialize_whole_number")]
    #[schemars(with = "u32", range(min = 500, max = 20_000))]
    pub max_tokens: Option<u32>,
    /// Root to search, when several are served.
    #[serde(default)]
    #[schemars(with = "String")]
    pub root: Option<String>,
}

/// Arguments of `find_similar`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FindSimilarArguments {
    /// An indexed file, relative to the root; requires `line`.
    #[serde(default)]
    #[schemars(with = "String")]
    pub path: Option<String>,
    /// A line of `path`, from 1.
    #[serde(default, deserialize_with = "deserialize_whole_number")]
    #[schemars(with = "u32", range(min = 1))]
    pub line: Option<u32>,
    /// Code to compare with, instead of `path` and `line`.
    #[serde(default)]
    #[schemars(with = "String")]
    pub snippet: Option<String>,
    /// Search only below this folder, file or glob inside the root, like `src/**/*.rs`.
    #[serde(default)]
    #[schemars(with = "String")]
    pub below: Option<String>,
    /// Search only these languages, like `rust` or `["typescript", "tsx"]`.
    #[serde(default)]
    #[schemars(with = "NameList")]
    pub language: Option<NameList>,
    /// Search only this project of the root: its name or folder, as listed by `index_status`.
    #[serde(default)]
    #[schemars(with = "String")]
    pub project: Option<String>,
    /// `next_cursor` of the previous page, for the next one.
    #[serde(default)]
    #[schemars(with = "String")]
    pub cursor: Option<String>,
    /// Maximum number of hits; default 10.
    #[serde(default, deserialize_with = "deserialize_whole_number")]
    #[schemars(with = "u32", range(min = 1, max = 50))]
    pub limit: Option<u32>,
    /// Maximum tokens of the answer; default 8000.
    #[serde(default, deserialize_with = "deserialize_whole_number")]
    #[schemars(with = "u32", range(min = 500, max = 20_000))]
    pub max_tokens: Option<u32>,
    /// Root to search, when several are served.
    #[serde(default)]
    #[schemars(with = "String")]
    pub root: Option<String>,
}

/// Answer of `search_code` and `find_similar`.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct SearchOutput {
    /// Best first.
    pub hits: Vec<HitOutput>,
    /// Hits omitted for lack of tokens, as `path:first-last`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
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
    /// Relative to the root.
    pub path: String,
    pub start_line: u32,
    pub end_line: u32,
    /// Kind of definition: function, class, section, block and so on.
    pub kind: String,
    /// The defined name with its containers, like `Store.open`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub symbol: String,
    /// The file has changed since it was indexed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stale: bool,
    /// Lines that `code` omits or truncates, as `first-last`; use read_code to read them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more_lines: Option<String>,
    /// The indexed code, from `start_line` on.
    pub code: String,
    /// Other matches in the same file, as `name first-last`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
}
