//! Arguments and answers of `outline`, and a definition as every answer has it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::number;

/// Arguments of `outline`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutlineArguments {
    /// A file or a folder, relative to the root; `.` for the root itself.
    pub path: String,
    /// Of a folder: how many folders deep files are listed one by one; as deep as there is room if not given.
    #[serde(default, deserialize_with = "number")]
    #[schemars(with = "u32", range(min = 1, max = 50))]
    pub depth: Option<u32>,
    /// `next_cursor` of the answer before, for more of it.
    #[serde(default)]
    #[schemars(with = "String")]
    pub cursor: Option<String>,
    /// Most tokens of the answer; 8000 if not given.
    #[serde(default, deserialize_with = "number")]
    #[schemars(with = "u32", range(min = 500, max = 20_000))]
    pub max_tokens: Option<u32>,
    /// Which root the path is in, when several are served.
    #[serde(default)]
    #[schemars(with = "String")]
    pub root: Option<String>,
}

/// Answer of `outline`: of a file its `symbols`, of a folder its `folders`.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct OutlineOutput {
    /// Relative to the root, `.` for the root itself.
    pub path: String,
    /// Of a file.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub language: String,
    /// Number of lines of a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<u32>,
    /// The definitions of a file, by first line.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub symbols: Vec<SymbolOutput>,
    /// Definitions there was no room for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out_symbols: Option<usize>,
    /// What the parser could not do, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Number of indexed files below a folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<usize>,
    /// A folder and those below it, by path.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub folders: Vec<FolderOutput>,
    /// Give it as `cursor` for more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// What to know about this answer, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A folder of a map.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct FolderOutput {
    /// Relative to the root.
    pub folder: String,
    /// What lies in it, without what lies in folders below it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<OutlinedFileOutput>,
    /// Number of files below it that are not listed: `outline` of the folder lists them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_listed: Option<usize>,
}

/// A file of a map.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct OutlinedFileOutput {
    /// In its folder.
    pub name: String,
    /// Names of the definitions at the top of it, in its order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub defines: Vec<String>,
    /// Others there was no room for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more: Option<usize>,
}

/// One definition.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SymbolOutput {
    pub name: String,
    pub kind: String,
    /// Names of what contains it, joined with `.`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub container: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub signature: String,
    pub start_line: u32,
    pub end_line: u32,
}
