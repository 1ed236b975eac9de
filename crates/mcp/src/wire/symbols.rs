//! The wire types of `find_symbol`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::parts::{CoverageOutput, SymbolOutput};
use super::values::{NameList, deserialize_whole_number};

/// Arguments of `find_symbol`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FindSymbolArguments {
    /// A name, like `parseConfig`, `Config::load`, `Config.load` or `parse*`.
    pub name: String,
    /// Find only these kinds, like `function`, `type`, `class`, `struct`, `trait`, `constant`, `macro`. `function`
    /// includes methods, `type` includes every kind of type.
    #[serde(default)]
    #[schemars(with = "NameList")]
    pub kind: Option<NameList>,
    /// Find only inside this class, module or other container, like `Config`.
    #[serde(default)]
    #[schemars(with = "String")]
    pub container: Option<String>,
    /// Search only these languages, like `rust` or `["typescript", "tsx"]`.
    #[serde(default)]
    #[schemars(with = "NameList")]
    pub language: Option<NameList>,
    /// Search only below this folder, file or glob inside the root, like `src/**/*.rs`.
    #[serde(default)]
    #[schemars(with = "String")]
    pub path: Option<String>,
    /// Search only this project of the root: its name or folder, as listed by `index_status`.
    #[serde(default)]
    #[schemars(with = "String")]
    pub project: Option<String>,
    /// Maximum number of definitions; default 20.
    #[serde(default, deserialize_with = "deserialize_whole_number")]
    #[schemars(with = "u32", range(min = 1, max = 100))]
    pub limit: Option<u32>,
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

/// Answer of `find_symbol`.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct FindSymbolOutput {
    /// Best first.
    pub symbols: Vec<SymbolHitOutput>,
    /// How the names match: `exact`, `other case`, `words` or `typo`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub matched: String,
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

/// One definition.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SymbolHitOutput {
    /// Relative to the root.
    pub path: String,
    #[serde(flatten)]
    pub symbol: SymbolOutput,
    /// The file has changed since it was indexed: lines may be off.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stale: bool,
}
