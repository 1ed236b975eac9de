//! The tool `find_similar`: finds code like a given place or snippet.

use std::sync::{Arc, LazyLock};

use rmcp::model::{CallToolResult, JsonObject};

use super::answer::{ToolError, check_range, parse_arguments};
use super::cursor::{PageCursor, fingerprint_arguments};
use super::roots::ServedRoots;
use super::schema;
use super::search_code::{
    DEFAULT_LIMIT, DEFAULT_MAX_TOKENS, LIMIT_RANGE, MAX_TOKENS_RANGE, check_offset, parse_path_filter,
    parse_project_filter, query_engine,
};
use super::wire::{FindSimilarArguments, NameList, SearchOutput};
use engine::{Filter, MAX_LIMIT, SimilarTarget};

/// Name of the tool.
pub const NAME: &str = "find_similar";
pub const TITLE: &str = "Find similar code";
pub const DESCRIPTION: &str = "Find code like a given place or snippet: duplicates, sibling implementations, other uses \
of a pattern. Give path and line of indexed code (path \"src/auth.rs\", line 42) or a snippet of code. Use it before \
changing code that may have copies; grep misses copies with other names. Narrow it with below, project or \
language.";

pub static INPUT_SCHEMA: LazyLock<Arc<JsonObject>> =
    LazyLock::new(|| Arc::new(schema::input_schema::<FindSimilarArguments>()));
pub static OUTPUT_SCHEMA: LazyLock<Arc<JsonObject>> =
    LazyLock::new(|| Arc::new(schema::output_schema::<SearchOutput>()));

/// Longest snippet, in bytes.
const MAX_SNIPPET_BYTES: usize = 50_000;

/// Answers a call of `find_similar`.
pub async fn call_find_similar(roots: &ServedRoots, given: JsonObject) -> Result<CallToolResult, ToolError> {
    let arguments_hash = fingerprint_arguments(&given);
    let given: FindSimilarArguments = parse_arguments(given, &INPUT_SCHEMA)?;
    let cursor = PageCursor::parse(arguments_hash, given.cursor.as_deref())?;
    let root = roots.select_root(given.root.as_deref(), given.path.as_deref().or(given.below.as_deref()))?;
    let limit = check_range("limit", given.limit, DEFAULT_LIMIT, LIMIT_RANGE)?;
    let max_tokens = check_range("max_tokens", given.max_tokens, DEFAULT_MAX_TOKENS, MAX_TOKENS_RANGE)?;
    let path = parse_path_filter(roots, root, given.below.as_deref())?;
    let languages = given.language.map(NameList::into_vec).unwrap_or_default();
    let filter = Filter { languages, path, project: parse_project_filter(given.project), ..Filter::default() };
    let similar = match (given.path, given.line, given.snippet) {
        (Some(path), Some(line), None) if line > 0 => {
            let inside = roots.relative_path(root, path.trim())?;
            let path = inside.ok_or_else(|| ToolError("path is the root; give a file inside it".to_owned()))?;
            SimilarTarget::Location { path, line }
        }
        (None, None, Some(snippet)) if snippet.len() > MAX_SNIPPET_BYTES => {
            let bytes = snippet.len();
            let message = format!("snippet has {bytes} bytes; give at most {MAX_SNIPPET_BYTES}");
            return Err(ToolError(message));
        }
        (None, None, Some(snippet)) if !snippet.trim().is_empty() => SimilarTarget::Snippet(snippet),
        _ => {
            let usage = "give either path and line (from 1) of indexed code, or a snippet of code";
            return Err(ToolError(usage.to_owned()));
        }
    };
    let offset = check_offset(&cursor)?;
    // One hit more than a page shows whether there is another page.
    let max_hits = (offset + limit + 1).min(MAX_LIMIT);
    let mut outcome = query_engine(root, move |engine| engine.find_similar(&similar, max_hits, &filter)).await?;
    let page = outcome.take_page(cursor, limit);
    outcome.into_result("similar places", max_tokens, page).await
}
