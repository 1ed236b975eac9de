//! The wire types of `find_symbol`, `find_references` and `read_code`.

use schemars::JsonSchema;
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{CoverageOutput, NameList, SymbolOutput, deserialize_flag, deserialize_whole_number};

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

/// Deserializes a range of lines: `10-40`, `L10-L40`, `10`, or the number 10.
fn deserialize_line_range<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<(u32, u32)>, D::Error> {
    let read = match Option::<Value>::deserialize(deserializer)? {
        None => return Ok(None),
        Some(Value::String(text)) => parse_line_range(&text),
        Some(Value::Number(number)) => number.as_u64().and_then(|line| parse_line_range(&line.to_string())),
        Some(_) => None,
    };
    read.map(Some).ok_or_else(|| D::Error::custom("expected lines, counted from 1, like \"10-40\""))
}

/// Parses the first and last line of `10-40`, `L10-L40` or `10`; `None` when the text has another form or a line is 0.
pub fn parse_line_range(text: &str) -> Option<(u32, u32)> {
    let number = |text: &str| text.trim().trim_start_matches(['L', 'l']).parse::<u32>().ok().filter(|line| *line > 0);
    match text.split_once(['-', ',', ':']) {
        Some((from, to)) => Some((number(from)?, number(to)?)),
        None => number(text).map(|line| (line, line)),
    }
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
    /// Absent when the whole folder is indexed.
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
    /// Absent when the whole folder is indexed.
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
