//! The wire types of `find_references`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::parts::CoverageOutput;
use super::values::{NameList, deserialize_flag, deserialize_whole_number};

/// Arguments of `find_references`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FindReferencesArguments {
    /// An identifier, like `parseConfig`; a qualified name is reduced to its last part, `Config::load` to `load`.
    pub name: String,
    /// List only these kinds of uses: `call`, `import`, `type`, `write`, `definition`, `other`, `text`.
    #[serde(default)]
    #[schemars(with = "NameList")]
    pub kind: Option<NameList>,
    /// Whether to list the definitions of the name too; default false.
    #[serde(default, deserialize_with = "deserialize_flag")]
    #[schemars(with = "bool")]
    pub include_definition: Option<bool>,
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
    /// Maximum number of uses; default 50.
    #[serde(default, deserialize_with = "deserialize_whole_number")]
    #[schemars(with = "u32", range(min = 1, max = 500))]
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

/// Answer of `find_references`.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct FindReferencesOutput {
    /// Code first, then tests and examples, each sorted by path.
    pub files: Vec<ReferencedFileOutput>,
    /// Number of definitions of the name in these files that are not listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub definitions_left_out: Option<usize>,
    /// Number of files that contain the name; absent once all of them have been searched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files_with_name: Option<usize>,
    /// Number of these files searched so far, on this page and the previous ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files_read: Option<usize>,
    /// The time limit was reached; use the cursor to continue.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub out_of_time: bool,
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

/// The uses in one file.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ReferencedFileOutput {
    /// Relative to the root.
    pub path: String,
    pub uses: Vec<UseOutput>,
    /// Problem reported by the parser.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// One use.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct UseOutput {
    pub line: u32,
    pub column: u32,
    /// `call`, `import`, `type`, `write`, `definition`, `other`, or `text` where the language is not parsed.
    pub kind: String,
    /// The enclosing definition, with its containers.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub within: String,
    /// Text of the line.
    pub code: String,
}
