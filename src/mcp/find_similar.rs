//! `find_similar`: a place or a snippet becomes places like it.
//!
//! Must never import: anything of this crate but `engine`.

use std::sync::{Arc, LazyLock};

use rmcp::model::{CallToolResult, JsonObject};

use super::answer::{Refusal, arguments, within};
use super::roots::Roots;
use super::schema;
use super::search_code::{DEFAULT_LIMIT, DEFAULT_MAX_TOKENS, LIMITS, MAX_TOKENS, project, search};
use super::wire::{SearchOutput, SimilarArguments};
use crate::engine::{Filter, Similar};

/// For the list of tools.
pub const NAME: &str = "find_similar";
pub const TITLE: &str = "Find similar code";
pub const DESCRIPTION: &str = "Find code like a given place or snippet: duplicates, sibling implementations, other uses \
of a pattern. Give path and line of indexed code (path \"src/auth.rs\", line 42) or a snippet of code. Use it before \
changing something that may exist several times; grep misses it when names differ.";

pub static INPUT: LazyLock<Arc<JsonObject>> = LazyLock::new(|| Arc::new(schema::of_input::<SimilarArguments>()));
pub static OUTPUT: LazyLock<Arc<JsonObject>> = LazyLock::new(|| Arc::new(schema::of_output::<SearchOutput>()));

/// Longest snippet, in bytes.
const MAX_SNIPPET_BYTES: usize = 50_000;

/// Answers a call.
pub async fn call(roots: &Roots, given: JsonObject) -> Result<CallToolResult, Refusal> {
    let given: SimilarArguments = arguments(given, &INPUT)?;
    let root = roots.pick(given.root.as_deref(), given.path.as_deref())?;
    let limit = within("limit", given.limit, DEFAULT_LIMIT, LIMITS)?;
    let max_tokens = within("max_tokens", given.max_tokens, DEFAULT_MAX_TOKENS, MAX_TOKENS)?;
    let filter = Filter { project: project(given.project), ..Filter::default() };
    let similar = match (given.path, given.line, given.snippet) {
        (Some(path), Some(line), None) if line > 0 => {
            let inside = roots.relative(root, path.trim())?;
            let path = inside.ok_or_else(|| Refusal("path is the root; give a file inside of it".to_owned()))?;
            Similar::Place { path, line }
        }
        (None, None, Some(snippet)) if snippet.len() > MAX_SNIPPET_BYTES => {
            let bytes = snippet.len();
            let message = format!("snippet has {bytes} bytes; give at most {MAX_SNIPPET_BYTES}");
            return Err(Refusal(message));
        }
        (None, None, Some(snippet)) if !snippet.trim().is_empty() => Similar::Snippet(snippet),
        _ => {
            let usage = "give either path and line (from 1) of indexed code, or a snippet of code";
            return Err(Refusal(usage.to_owned()));
        }
    };
    let found = search(root, move |engine| engine.find_similar(&similar, limit, &filter));
    found.await?.into_result("similar places", max_tokens, None).await
}
