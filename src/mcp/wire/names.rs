//! Arguments and answers of `find_symbol`, `find_references` and `read_code`.

use schemars::JsonSchema;
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{CoverageOutput, Names, SymbolOutput, flag, number};

/// Arguments of `find_symbol`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FindSymbolArguments {
    /// A name, like `parseConfig`, `Config::load`, `Config.load` or `parse*`.
    pub name: String,
    /// Only these kinds, like `function`, `type`, `class`, `struct`, `trait`, `constant`, `macro`. `function`
    /// takes methods too, `type` whatever is one.
    #[serde(default)]
    #[schemars(with = "Names")]
    pub kind: Option<Names>,
    /// Only inside of this class, module or other container, like `Config`.
    #[serde(default)]
    #[schemars(with = "String")]
    pub container: Option<String>,
    /// Only these languages, like `rust` or `["typescript", "tsx"]`.
    #[serde(default)]
    #[schemars(with = "Names")]
    pub language: Option<Names>,
    /// Only below this: a folder, a file or a glob inside the root, like `src/**/*.rs`.
    #[serde(default)]
    #[schemars(with = "String")]
    pub path: Option<String>,
    /// Only this project of the root: its name or its folder, as `index_status` lists them.
    #[serde(default)]
    #[schemars(with = "String")]
    pub project: Option<String>,
    /// Most definitions to return; 20 if not given.
    #[serde(default, deserialize_with = "number")]
    #[schemars(with = "u32", range(min = 1, max = 100))]
    pub limit: Option<u32>,
    /// `next_cursor` of the answer before, for more of it.
    #[serde(default)]
    #[schemars(with = "String")]
    pub cursor: Option<String>,
    /// Most tokens of the answer; 8000 if not given.
    #[serde(default, deserialize_with = "number")]
    #[schemars(with = "u32", range(min = 500, max = 20_000))]
    pub max_tokens: Option<u32>,
    /// Which root to ask, when several are served.
    #[serde(default)]
    #[schemars(with = "String")]
    pub root: Option<String>,
}

/// Arguments of `find_references`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FindReferencesArguments {
    /// An identifier, like `parseConfig`; of `Config::load` only `load` is looked at.
    pub name: String,
    /// Only these uses: `call`, `import`, `type`, `write`, `definition`, `other`, `text`.
    #[serde(default)]
    #[schemars(with = "Names")]
    pub kind: Option<Names>,
    /// Whether definitions of the name are listed too; false if not given.
    #[serde(default, deserialize_with = "flag")]
    #[schemars(with = "bool")]
    pub include_definition: Option<bool>,
    /// Only these languages, like `rust` or `["typescript", "tsx"]`.
    #[serde(default)]
    #[schemars(with = "Names")]
    pub language: Option<Names>,
    /// Only below this: a folder, a file or a glob inside the root, like `src/**/*.rs`.
    #[serde(default)]
    #[schemars(with = "String")]
    pub path: Option<String>,
    /// Only this project of the root: its name or its folder, as `index_status` lists them.
    #[serde(default)]
    #[schemars(with = "String")]
    pub project: Option<String>,
    /// Most uses to return; 50 if not given.
    #[serde(default, deserialize_with = "number")]
    #[schemars(with = "u32", range(min = 1, max = 500))]
    pub limit: Option<u32>,
    /// `next_cursor` of the answer before, for more of it.
    #[serde(default)]
    #[schemars(with = "String")]
    pub cursor: Option<String>,
    /// Most tokens of the answer; 8000 if not given.
    #[serde(default, deserialize_with = "number")]
    #[schemars(with = "u32", range(min = 500, max = 20_000))]
    pub max_tokens: Option<u32>,
    /// Which root to ask, when several are served.
    #[serde(default)]
    #[schemars(with = "String")]
    pub root: Option<String>,
}

/// Arguments of `read_code`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadArguments {
    /// A file, relative to the root, like `src/config.rs` or `src/config.rs:10-40`.
    #[serde(default)]
    #[schemars(with = "String")]
    pub path: Option<String>,
    /// First and last line of `path`, like `10-40`; the whole file if neither this nor `symbol` is given.
    #[serde(default, deserialize_with = "lines")]
    #[schemars(with = "String")]
    pub lines: Option<(u32, u32)>,
    /// A definition to read whole, like `Config::load`; with `path`, the one in that file.
    #[serde(default)]
    #[schemars(with = "String")]
    pub symbol: Option<String>,
    /// So many lines before and after, too; 0 if not given.
    #[serde(default, deserialize_with = "number")]
    #[schemars(with = "u32", range(min = 0, max = 100))]
    pub context: Option<u32>,
    /// Most tokens of the answer; 8000 if not given.
    #[serde(default, deserialize_with = "number")]
    #[schemars(with = "u32", range(min = 500, max = 20_000))]
    pub max_tokens: Option<u32>,
    /// Which root the file is in, when several are served.
    #[serde(default)]
    #[schemars(with = "String")]
    pub root: Option<String>,
}

/// `10-40`, `L10-L40`, `10`, or the number 10.
fn lines<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<(u32, u32)>, D::Error> {
    let read = match Option::<Value>::deserialize(deserializer)? {
        None => return Ok(None),
        Some(Value::String(text)) => parse_lines(&text),
        Some(Value::Number(number)) => number.as_u64().and_then(|line| parse_lines(&line.to_string())),
        Some(_) => None,
    };
    read.map(Some).ok_or_else(|| D::Error::custom("expected lines from 1 on, like \"10-40\""))
}

/// First and last line of `10-40`, `L10-L40` or `10`.
pub fn parse_lines(text: &str) -> Option<(u32, u32)> {
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
    pub symbols: Vec<FoundSymbolOutput>,
    /// How the names match: `exact`, `other case`, `words` or `typo`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub matched: String,
    /// Give it as `cursor` for more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// Absent when the whole folder is indexed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage: Option<CoverageOutput>,
    /// What to know about this answer, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// One definition.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct FoundSymbolOutput {
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
    /// Real code first, then tests and examples, each by path.
    pub files: Vec<ReferencedFileOutput>,
    /// Definitions of the name in these files that are not listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub definitions_left_out: Option<usize>,
    /// Files whose text has the name; absent once all of them have been looked through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files_with_name: Option<usize>,
    /// How many of them have been looked through, by the answers before and this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files_read: Option<usize>,
    /// No further file was looked into for want of time: the cursor goes on.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub out_of_time: bool,
    /// Give it as `cursor` for more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// Absent when the whole folder is indexed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage: Option<CoverageOutput>,
    /// What to know about this answer, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The uses in one file.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ReferencedFileOutput {
    /// Relative to the root.
    pub path: String,
    pub uses: Vec<UseOutput>,
    /// What the parser could not do, if anything.
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
    /// The definition it stands in, with its containers.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub within: String,
    /// The line.
    pub code: String,
}

/// Answer of `read_code`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ReadOutput {
    /// Relative to the root.
    pub path: String,
    pub start_line: u32,
    pub end_line: u32,
    pub language: String,
    /// Number of lines of the file.
    pub lines: u32,
    /// The definition that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symbol: Option<SymbolOutput>,
    /// The definitions around these lines, outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inside: Vec<SymbolOutput>,
    /// As it is on disk now.
    pub code: String,
    /// Lines that were asked for and not shown, as `first-last`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out_lines: Option<String>,
    /// The file is not what was indexed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub changed: bool,
    /// The file is not in the index.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub not_indexed: bool,
    /// Other definitions of the name, as `path:first-last name`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// What to know about this answer, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}
