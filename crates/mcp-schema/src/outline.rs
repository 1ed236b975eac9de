//! The wire types of the answer of `outline`.

use schemars::JsonSchema;
use serde::Serialize;

use super::parts::SymbolOutput;

/// Answer of `outline`: `symbols` for a file, `folders` for a folder.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct OutlineOutput {
    /// Relative to the root, `.` for the root itself.
    pub path: String,
    /// Language of a file.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub language: String,
    /// Number of lines of a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<u32>,
    /// Definitions of a file, sorted by first line.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub symbols: Vec<SymbolOutput>,
    /// Number of definitions omitted for lack of tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out_symbols: Option<usize>,
    /// Problem reported by the parser.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Number of indexed files below a folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<usize>,
    /// The roots, in the outline of all of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub repositories: Vec<RepositoryOutput>,
    /// The folder and its subfolders, sorted by path.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub folders: Vec<FolderOutput>,
    /// Pass it as `cursor` for the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// Note on this answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A root of several that are searched as one.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RepositoryOutput {
    /// The first part of its paths.
    pub name: String,
    pub folder: String,
    /// Number of indexed files.
    pub files: u64,
    /// Why it is not searched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
}

/// A folder of an outline.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct FolderOutput {
    /// Relative to the root.
    pub folder: String,
    /// Files directly in the folder.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<OutlinedFileOutput>,
    /// Number of files below it that are not listed; call `outline` for this folder to list them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_listed: Option<usize>,
}

/// A file of an outline.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct OutlinedFileOutput {
    /// File name without its folder.
    pub name: String,
    /// Names of its top-level definitions, in file order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub defines: Vec<String>,
    /// Number of further definitions, not listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more: Option<usize>,
}
