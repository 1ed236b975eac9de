//! The tool `find_similar`: finds code like a given place or snippet.

use answer::QueryWords;
use engine::{CancelToken, MAX_LIMIT, QueryCalls, SimilarQuery, SimilarTarget};
use mcp_schema::argument::{
    BELOW, CURSOR, DETAIL, FILE_OF_LINE, HIT_LIMIT, HIT_TOKENS, LANGUAGE, LINE, PROJECT, ROOT, SNIPPET,
};
use mcp_schema::schema::generate_output_schema;
use mcp_schema::search::SearchOutput;

use text::display::escape_name_to_length;

use super::entry::{ToolEntry, ToolListing};
use crate::call::arguments::{GivenArguments, KnownArguments};
use crate::call::context::CallContext;
use crate::call::cursor::PageCursor;
use crate::call::result::{ToolError, ToolResult};
use crate::call::values::split_line_suffix;
use crate::render::hits::{FoundHits, HitPage, answer_with_hits, default_hit_tokens};
use crate::roots::query::query_engine;
use crate::roots::served::ServedRoots;

/// The `find_similar` tool.
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
    call: |roots, given, context| Box::pin(call_find_similar(roots, given, context)),
};

/// Maximum length of a snippet, in bytes.
const MAX_SNIPPET_BYTES: usize = 50_000;

/// Maximum length of a path in a message, in characters.
const MAX_PATH_CHARS: usize = 200;

/// Splits a path, or a place as a tool prints it, such as `src/a.rs:10-40 method Store.open`, into the file and its
/// line. `line` takes precedence, if it is given.
fn split_place(place: &str, line: Option<u32>) -> (String, Option<u32>) {
    let first = place.split_whitespace().next().unwrap_or_default();
    let whole = [place, first].into_iter().map(split_line_suffix).find(|(_, lines)| lines.is_some());
    let (path, lines) = whole.unwrap_or_else(|| (place.trim().to_owned(), None));
    (path, line.or(lines.map(|(first, _)| first)))
}

/// Answers a call of `find_similar`.
async fn call_find_similar(roots: &ServedRoots, given: GivenArguments, context: &CallContext) -> ToolResult {
    let cursor = PageCursor::of_call(&given)?;
    let place = given.text(&FILE_OF_LINE).map(|path| split_place(path, given.number(&LINE)));
    let target = roots.select_target(given.text(&ROOT))?;
    let limit = given.hit_limit()?;
    let detail = given.detail();
    let budget = given.token_budget(default_hit_tokens(detail, context.form, ""), context);
    let filter = roots.build_filter(target, &given, &BELOW)?;
    let target_code = match (&place, given.text(&SNIPPET)) {
        (Some((path, Some(line))), None) if *line > 0 => {
            SimilarTarget::Location { path: roots.relative_file(target, path)?, line: *line }
        }
        (Some((path, None)), None) => {
            let path = escape_name_to_length(path, MAX_PATH_CHARS);
            return Err(ToolError(format!("give a line of {path} too, such as {path}:10")));
        }
        (None, Some(snippet)) if snippet.len() > MAX_SNIPPET_BYTES => {
            let bytes = snippet.len();
            let message = format!("snippet has {bytes} bytes; give at most {MAX_SNIPPET_BYTES}");
            return Err(ToolError(message));
        }
        (None, Some(snippet)) if given.number(&LINE).is_none() => SimilarTarget::Snippet(snippet.to_owned()),
        _ => {
            let usage = "give either path and line (from 1) of indexed code, or a snippet of code";
            return Err(ToolError(usage.to_owned()));
        }
    };
    let offset = cursor.hits_before()?;
    // One hit beyond the page is requested, to find out whether there is another page.
    let max_hits = (offset + limit + 1).min(MAX_LIMIT);
    let query = SimilarQuery { target: target_code, limit: max_hits, filter, written_filters: String::new() };
    let find = move |engine: &dyn QueryCalls, cancel: &CancelToken| {
        engine.find_similar(&query, cancel).map(|answer| FoundHits { answer, mentions: None })
    };
    let outcome = query_engine(roots, target, context, find);
    let page = HitPage { noun: "similar places", words: QueryWords::default(), detail, cursor, limit, budget };
    answer_with_hits(outcome.await?, page).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_taken_as_tools_print_it() {
        for (place, line, wanted) in [
            ("src/a.rs", Some(7), ("src/a.rs", Some(7))),
            ("src/a.rs:10", None, ("src/a.rs", Some(10))),
            ("src/a.rs:10-40", None, ("src/a.rs", Some(10))),
            ("src/a.rs:10-40 method Store.open", None, ("src/a.rs", Some(10))),
            ("src/a.rs:10-40", Some(12), ("src/a.rs", Some(12))),
            ("src/a b.rs:10", None, ("src/a b.rs", Some(10))),
            ("src/a b.rs", None, ("src/a b.rs", None)),
        ] {
            let (path, found) = split_place(place, line);
            assert_eq!((path.as_str(), found), wanted, "{place}");
        }
    }
}
