//! `find_similar`: a place or a snippet becomes places like it.
//!
//! Must never import: anything of this crate but `engine`.

use std::sync::{Arc, LazyLock};

use rmcp::model::{CallToolResult, JsonObject};

use super::answer::{Refusal, arguments, within};
use super::cursor::{Cursor, fingerprint};
use super::roots::Roots;
use super::schema;
use super::search_code::{DEFAULT_LIMIT, DEFAULT_MAX_TOKENS, LIMITS, MAX_TOKENS, below, has_room, project, search};
use super::wire::{Names, SearchOutput, SimilarArguments};
use crate::engine::{Filter, MAX_LIMIT, Similar};

/// For the list of tools.
pub const NAME: &str = "find_similar";
pub const TITLE: &str = "Find similar code";
pub const DESCRIPTION: &str = "Find code like a given place or snippet: duplicates, sibling implementations, other uses \
of a pattern. Give path and line of indexed code (path \"src/auth.rs\", line 42) or a snippet of code. Use it before \
changing something that may exist several times; grep misses it when names differ. Narrow it with below, project or \
language.";

pub static INPUT: LazyLock<Arc<JsonObject>> = LazyLock::new(|| Arc::new(schema::of_input::<SimilarArguments>()));
pub static OUTPUT: LazyLock<Arc<JsonObject>> = LazyLock::new(|| Arc::new(schema::of_output::<SearchOutput>()));

/// Longest snippet, in bytes.
const MAX_SNIPPET_BYTES: usize = 50_000;

/// Answers a call.
pub async fn call(roots: &Roots, given: JsonObject) -> Result<CallToolResult, Refusal> {
    let question = fingerprint(&given);
    let given: SimilarArguments = arguments(given, &INPUT)?;
    let cursor = Cursor::read(question, given.cursor.as_deref())?;
    let root = roots.pick(given.root.as_deref(), given.path.as_deref().or(given.below.as_deref()))?;
    let limit = within("limit", given.limit, DEFAULT_LIMIT, LIMITS)?;
    let max_tokens = within("max_tokens", given.max_tokens, DEFAULT_MAX_TOKENS, MAX_TOKENS)?;
    let path = below(roots, root, given.below.as_deref())?;
    let languages = given.language.map(Names::into_vec).unwrap_or_default();
    let filter = Filter { languages, path, project: project(given.project), ..Filter::default() };
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
    let before = has_room(&cursor)?;
    // One more than is shown tells whether there is more.
    let most = (before + limit + 1).min(MAX_LIMIT);
    let mut found = search(root, move |engine| engine.find_similar(&similar, most, &filter)).await?;
    let page = found.page(cursor, limit);
    found.into_result("similar places", max_tokens, page).await
}
