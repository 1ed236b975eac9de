//! The wire types of the answer of `find_references`.

use schemars::JsonSchema;
use serde::Serialize;

use super::parts::CoverageOutput;

/// Answer of `find_references`.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct FindReferencesOutput {
    /// Code first, then tests and examples, each sorted by path; then the uncertain uses of a qualified name.
    pub files: Vec<ReferencedFileOutput>,
    /// Definitions of the name, as `path:first-last kind name`; only on the first page.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub definitions: Vec<String>,
    /// Number of definitions of the name in the files of this page that are not listed.
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
    /// The used name, if the call gave several.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    pub uses: Vec<UseOutput>,
    /// The receivers are of unknown type, so the uses may be of another definition.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub uncertain: bool,
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
