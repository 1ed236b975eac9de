//! The tool `find_similar`: finds code like a given place or snippet.

use engine::{MAX_LIMIT, SimilarTarget};
use rmcp::model::JsonObject;

use super::entry::ToolEntry;
use crate::call::arguments::{check_hit_limit, check_max_tokens};
use crate::call::context::CallContext;
use crate::call::cursor::parse_paged_arguments;
use crate::call::result::{ToolError, ToolResult};
use crate::render::hits::answer_with_hits;
use crate::roots::query::query_engine;
use crate::roots::served::ServedRoots;
use crate::wire::schema::{generate_input_schema, generate_output_schema};
use crate::wire::search::{FindSimilarArguments, SearchOutput};

/// The tool.
pub const TOOL: ToolEntry = ToolEntry {
    name: "find_similar",
    title: "Find similar code",
    description: "Find code like a given place or snippet: duplicates, sibling implementations, other uses \
        of a pattern. Give path and line of indexed code (path \"src/auth.rs\", line 42) or a snippet of code. Use it before \
        changing code that may have copies; grep misses copies with other names. Narrow it with below, project or \
        language.",
    input_schema: generate_input_schema::<FindSimilarArguments>,
    output_schema: generate_output_schema::<SearchOutput>,
    is_read_only: true,
    needs_root: true,
    call: |roots, given, context| Box::pin(call_find_similar(roots, given, context)),
};

/// Maximum length of a snippet, in bytes.
const MAX_SNIPPET_BYTES: usize = 50_000;

/// Answers a call of `find_similar`.
async fn call_find_similar(roots: &ServedRoots, given: JsonObject, context: &CallContext) -> ToolResult {
    let (given, cursor) =
        parse_paged_arguments(given, TOOL.input_schema, |given: &FindSimilarArguments| given.cursor.as_deref())?;
    let root = roots.select_root(given.root.as_deref(), given.path.as_deref().or(given.below.as_deref()))?;
    let limit = check_hit_limit(given.limit)?;
    let max_tokens = check_max_tokens(given.max_tokens)?;
    let filter = roots.build_filter(root, given.language, given.below.as_deref(), given.project)?;
    let similar = match (given.path, given.line, given.snippet) {
        (Some(path), Some(line), None) if line > 0 => {
            SimilarTarget::Location { path: roots.relative_file(root, path.trim())?, line }
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
    let offset = cursor.hits_before()?;
    // One hit beyond the page is requested, to find out whether there is another page.
    let max_hits = (offset + limit + 1).min(MAX_LIMIT);
    let outcome =
        query_engine(root, context, move |engine, cancel| engine.find_similar(&similar, max_hits, &filter, cancel))
            .await?;
    answer_with_hits(outcome, "similar places", cursor, limit, max_tokens).await
}
