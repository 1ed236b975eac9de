//! The arguments of the tools: their names, values and descriptions, once for all tools.
//!
//! The schemas that clients see and the parser of calls both come from these.

use answer::detail::DETAIL_WORDS;
use rmcp::model::JsonObject;
use serde_json::{Value, json};

/// An argument of a tool.
#[derive(Debug)]
pub struct Argument {
    pub name: &'static str,
    /// Other names that models give to the argument.
    pub aliases: &'static [&'static str],
    pub kind: ArgumentKind,
    pub description: &'static str,
}

/// The values that an argument takes. Each is also understood in other spellings, such as a number in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgumentKind {
    /// A text.
    Text,
    /// A path: a text with `/` between its parts.
    Path,
    /// Paths or globs, separated by commas.
    Paths,
    /// Names, separated by commas.
    Names,
    /// Names or places of code, separated by commas outside of brackets, by semicolons or by line breaks.
    Symbols,
    /// A whole number.
    Number,
    Flag,
    /// A first and a last line, such as `10-40`, or several of these.
    Lines,
    /// One of these words.
    Choice(&'static [&'static str]),
}

impl Argument {
    /// Returns the schema of the argument.
    pub fn schema(&self) -> Value {
        let mut schema = JsonObject::new();
        let type_name = match self.kind {
            ArgumentKind::Number => "integer",
            ArgumentKind::Flag => "boolean",
            _ => "string",
        };
        // Some clients refuse a property without a type, even if it lists its values.
        schema.insert("type".to_owned(), json!(type_name));
        if let ArgumentKind::Choice(words) = self.kind {
            schema.insert("enum".to_owned(), json!(words));
        }
        if !self.description.is_empty() {
            schema.insert("description".to_owned(), json!(self.description));
        }
        Value::Object(schema)
    }
}

/// The words of [`CONTENT`].
pub const CONTENT_WORDS: &[&str] = &["code", "docs", "config", "all"];

/// The words of [`MODE`].
pub const MODE_WORDS: &[&str] = &["hybrid", "dense", "lexical"];

const fn argument(
    name: &'static str,
    aliases: &'static [&'static str],
    kind: ArgumentKind,
    description: &'static str,
) -> Argument {
    Argument { name, aliases, kind, description }
}

const PATH_ALIASES: &[&str] = &["file", "file_path", "filename", "relative_path"];
const BELOW_ALIASES: &[&str] = &["folder", "directory", "dir", "paths", "glob"];

pub const QUERY: Argument = argument(
    "query",
    &["q", "question", "search"],
    ArgumentKind::Text,
    "A question, names, an error, a stack trace or code. May hold filters: lang:go path:src/** file:x.go kind:function \
     project:api -test \"exact words\"",
);
pub const BELOW_PATH: Argument = argument(
    "path",
    &["file", "folder", "directory", "dir", "paths", "glob"],
    ArgumentKind::Paths,
    "Only this folder, file or glob, like src/**/*.rs",
);
pub const BELOW: Argument =
    argument("below", BELOW_ALIASES, ArgumentKind::Paths, "Only this folder, file or glob, like src/**/*.rs");
pub const FILE: Argument =
    argument("path", PATH_ALIASES, ArgumentKind::Paths, "A file, or several, like src/config.rs:10-40,src/main.rs:5");
pub const FILE_OF_LINE: Argument =
    argument("path", PATH_ALIASES, ArgumentKind::Path, "An indexed file with line, or src/a.rs:10");
pub const FILE_OR_FOLDER: Argument = argument(
    "path",
    &["file", "folder", "directory", "dir", "file_path"],
    ArgumentKind::Path,
    "A file or a folder; . is the whole project",
);
pub const LINE: Argument = argument("line", &["line_number"], ArgumentKind::Number, "A line of path");
pub const LINES: Argument = argument(
    "lines",
    &["range", "line_range", "ranges"],
    ArgumentKind::Lines,
    "Lines of path, like 10-40 or 10-40,80-95",
);
pub const SNIPPET: Argument =
    argument("snippet", &["code", "text"], ArgumentKind::Text, "Code to compare with, instead of path and line");
pub const NAME: Argument = argument(
    "name",
    &["symbol", "query", "names", "symbols"],
    ArgumentKind::Symbols,
    "Like parseConfig, Config::load, parse*; several with commas",
);
pub const USED_NAME: Argument = argument(
    "name",
    &["symbol", "query", "names", "symbols"],
    ArgumentKind::Symbols,
    "Identifiers or Type.method, several with commas. May hold filters: load, save -test path:src",
);
pub const SYMBOL: Argument = argument(
    "symbol",
    &["name", "symbols", "names"],
    ArgumentKind::Symbols,
    "Definitions or places as other tools print them, like Config::load,src/a.rs:10-40; with path, in that file",
);
pub const SYMBOL_KIND: Argument = argument(
    "kind",
    &["kinds", "type"],
    ArgumentKind::Names,
    "function, type, class, struct, trait, constant, macro, …",
);
pub const USE_KIND: Argument =
    argument("kind", &["kinds", "type"], ArgumentKind::Names, "call, import, type, write, definition, other");
pub const CONTAINER: Argument = argument("container", &["class"], ArgumentKind::Text, "The class or module around it");
pub const LANGUAGE: Argument =
    argument("language", &["lang", "languages"], ArgumentKind::Names, "Like rust or typescript,go");
pub const PROJECT: Argument =
    argument("project", &["package"], ArgumentKind::Text, "A package of a monorepo, by name or folder");
pub const CONTENT: Argument = argument("content", &[], ArgumentKind::Choice(CONTENT_WORDS), "Default: code and docs");
pub const DETAIL: Argument =
    argument("detail", &["verbosity"], ArgumentKind::Choice(DETAIL_WORDS), "full shows the code of every place");
pub const MODE: Argument = argument("mode", &[], ArgumentKind::Choice(MODE_WORDS), "");
pub const HIT_LIMIT: Argument = argument("limit", LIMIT_ALIASES, ArgumentKind::Number, "Default 10, at most 50");
pub const SYMBOL_LIMIT: Argument = argument("limit", LIMIT_ALIASES, ArgumentKind::Number, "Default 20, at most 100");
pub const USE_LIMIT: Argument = argument("limit", LIMIT_ALIASES, ArgumentKind::Number, "Default 50, at most 500");
pub const MAX_TOKENS: Argument =
    argument("max_tokens", &["token_budget"], ArgumentKind::Number, "Size of the answer, up to 20000");
pub const HIT_TOKENS: Argument =
    argument("max_tokens", &["token_budget"], ArgumentKind::Number, "Size of the answer, up to 20000");
pub const CURSOR: Argument = argument("cursor", &["next_cursor"], ArgumentKind::Text, "From the page before");
pub const CONTEXT: Argument = argument("context", &["context_lines"], ArgumentKind::Number, "Lines to add around");
pub const DEPTH: Argument = argument("depth", &["max_depth"], ArgumentKind::Number, "Folder levels to list");
pub const INCLUDE_DEFINITION: Argument =
    argument("include_definition", &["include_declaration", "include_definitions"], ArgumentKind::Flag, "");
pub const REBUILD: Argument =
    argument("rebuild", &[], ArgumentKind::Flag, "Index everything again: only for a broken index");
pub const ROOT: Argument = argument("root", &["workspace"], ArgumentKind::Text, "The served folder, by name or path");

const LIMIT_ALIASES: &[&str] = &["max_results", "top_k", "k", "n", "count"];
