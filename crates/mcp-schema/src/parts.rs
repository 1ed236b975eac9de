//! Parts of the answers of several tools.

use schemars::JsonSchema;
use serde::Serialize;

/// How much of the folder is indexed.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct CoverageOutput {
    /// Whether the whole folder is indexed.
    pub complete: bool,
    pub files_indexed: u64,
    /// 0 while the first walk of the folder has not ended.
    pub files_found: u64,
    pub chunks: u64,
}

/// One definition.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SymbolOutput {
    pub name: String,
    pub kind: String,
    /// Names of its containers, joined with `.`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub container: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub signature: String,
    pub start_line: u32,
    pub end_line: u32,
}
