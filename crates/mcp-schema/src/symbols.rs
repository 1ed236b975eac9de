//! The wire types of the answer of `find_symbol`.

use schemars::JsonSchema;
use serde::Serialize;

use super::parts::{CoverageOutput, SymbolOutput};

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
