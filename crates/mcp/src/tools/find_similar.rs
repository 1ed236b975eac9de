//! The tool `find_similar`: finds code like a given place or snippet.

use answer::QueryWords;
use engine::{MAX_LIMIT, SimilarTarget};

use super::entry::{ToolEntry, ToolListing};
use crate::call::arguments::{GivenArguments, KnownArguments};
use crate::call::context::CallContext;
use crate::call::cursor::PageCursor;
use crate::call::result::{ToolError, ToolResult};
use crate::render::hits::{HitPage, answer_with_hits, default_hit_tokens};
use crate::roots::query::query_engine;
use crate::roots::served::ServedRoots;
use crate::wire::argument::{
    BELOW, CURSOR, DETAIL, FILE_OF_LINE, HIT_LIMIT, HIT_TOKENS, LANGUAGE, LINE, PROJECT, ROOT, SNIPPET,
};
use crate::wire::schema::generate_output_schema;
use crate::wire::search::SearchOutput;

/// The tool.
pub const TOOL: ToolEntry = ToolEntry {
    name: "find_similar",
    title: "Find similar code",
    description: "Find code like a place or a snippet: duplicates, sibling implementations, other uses of a pattern, \
        also where every name differs.",
    search_hint: "duplicate code, copies, similar implementations",
    arguments: KnownArguments {
        required: &[],
        optional: &[&FILE_OF_LINE, &LINE, &SNIPPET, &BELOW, &LANGUAGE, &HIT_LIMIT, &HIT_TOKENS, &CURSOR],
        unlisted: &[&DETAIL, &PROJECT, &ROOT],
    },
    output_schema: generate_output_schema::<SearchOutput>,
    is_read_only: true,
    listing: ToolListing::OnDemand,
    needs_root: true,
    call: |roots, given, context| Box::pin(call_find_similar(roots, given, context)),
};

/// Maximum length of a snippet, in bytes.
const MAX_SNIPPET_BYTES: usize = 50_000;

/// Answers a call of `find_similar`.
async fn call_find_similar(roots: &ServedRoots, given: GivenArguments, context: &CallContext) -> ToolResult {
    let cursor = PageCursor::of_call(&given)?;
    let below = given.list(&BELOW);
    let root = roots.select_root(given.text(&ROOT), given.text(&FILE_OF_LINE).or(below.first().map(String::as_str)))?;
    let limit = given.hit_limit()?;
    let detail = given.detail();
    let budget = given.token_budget(default_hit_tokens(detail, context.form), context);
    let filter = roots.build_filter(root, &given, &BELOW)?;
    let similar = match (given.text(&FILE_OF_LINE), given.number(&LINE), given.text(&SNIPPET)) {
        (Some(path), Some(line), None) if line > 0 => {
            SimilarTarget::Location { path: roots.relative_file(root, path.trim())?, line }
        }
        (None, None, Some(snippet)) if snippet.len() > MAX_SNIPPET_BYTES => {
            let bytes = snippet.len();
            let message = format!("snippet has {bytes} bytes; give at most {MAX_SNIPPET_BYTES}");
            return Err(ToolError(message));
        }
        (None, None, Some(snippet)) => SimilarTarget::Snippet(snippet.to_owned()),
        _ => {
            let usage = "give either path and line (from 1) of indexed code, or a snippet of code";
            return Err(ToolError(usage.to_owned()));
        }
    };
    let offset = cursor.hits_before()?;
    // One hit beyond the page is requested, to find out whether there is another page.
    let max_hits = (offset + limit + 1).min(MAX_LIMIT);
    let outcome = query_engine(roots, root, context, move |engine, cancel| {
        engine.find_similar(&similar, max_hits, &filter, cancel)
    });
    let page = HitPage { noun: "similar places", words: QueryWords::default(), detail, cursor, limit, budget };
    answer_with_hits(outcome.await?, page).await
}
