//! The tool `search_code`: finds code by meaning.

use answer::{Detail, QueryWords};
use engine::{CancelToken, ContentFilter, Filter, MAX_LIMIT, QueryCalls, RetrievalMode, SearchQuery};
use mcp_schema::argument::{
    BELOW_PATH, CONTENT, CURSOR, DETAIL, HIT_LIMIT, HIT_TOKENS, LANGUAGE, MODE, PROJECT, QUERY, ROOT,
};
use mcp_schema::schema::generate_output_schema;
use mcp_schema::search::SearchOutput;

use super::entry::{ToolEntry, ToolListing};
use crate::call::arguments::{GivenArguments, KnownArguments};
use crate::call::context::CallContext;
use crate::call::cursor::PageCursor;
use crate::call::result::{ToolError, ToolResult};
use crate::render::hits::{FoundHits, HitPage, answer_with_hits, default_hit_tokens};
use crate::roots::query::query_engine;
use crate::roots::served::{CallTarget, ServedRoots};

/// The `search_code` tool.
pub const TOOL: ToolEntry = ToolEntry {
    name: "search_code",
    title: "Search code by meaning",
    description: "Find code by meaning: ask \"where are failed uploads retried\", or paste an error, a stack trace or \
        code. Returns places, best first: the first with its code and what names it, the others with the line that \
        decides.",
    search_hint: "semantic code search: where is, how does, which code handles",
    arguments: KnownArguments {
        required: &[&QUERY],
        optional: &[&BELOW_PATH, &LANGUAGE, &CONTENT, &DETAIL, &HIT_LIMIT, &HIT_TOKENS, &CURSOR],
        unlisted: &[&PROJECT, &MODE, &ROOT],
    },
    output_schema: generate_output_schema::<SearchOutput>,
    is_read_only: true,
    listing: ToolListing::Always,
    call: |roots, given, context| Box::pin(call_search_code(roots, given, context)),
};

/// Maximum number of lines that name the first place's definition.
const MAX_MENTIONS: usize = 3;

/// Maximum length of a query, in bytes; longer texts belong in `find_similar`.
const MAX_QUERY_BYTES: usize = 10_000;

/// Answers a call of `search_code`.
async fn call_search_code(roots: &ServedRoots, given: GivenArguments, context: &CallContext) -> ToolResult {
    let cursor = PageCursor::of_call(&given)?;
    let target = roots.select_target(given.text(&ROOT))?;
    let detail = given.detail();
    let budget = given.token_budget(default_hit_tokens(detail, context.form, given.required_text(&QUERY)), context);
    let mut query = build_query(roots, target, &given)?;
    let words = QueryWords::parse(&query.text);
    let (offset, limit) = (cursor.hits_before()?, query.limit);
    // One hit more than a page shows whether there is another page.
    query.limit = (offset + limit + 1).min(MAX_LIMIT);
    let is_first_page = detail == Detail::Brief && offset == 0;
    let search = move |engine: &dyn QueryCalls, cancel: &CancelToken| {
        let answer = engine.search(&query, cancel)?;
        let first = answer.hits.first().filter(|_| is_first_page);
        let mentions = first.map(|hit| engine.find_mentions(hit, MAX_MENTIONS)).transpose()?.flatten();
        Ok(FoundHits { answer, mentions })
    };
    let outcome = query_engine(roots, target, context, search).await?;
    answer_with_hits(outcome, HitPage { noun: "hits", words, detail, cursor, limit, budget }).await
}

/// Builds the engine's query from the arguments of a call.
fn build_query(roots: &ServedRoots, target: CallTarget<'_>, given: &GivenArguments) -> Result<SearchQuery, ToolError> {
    let text = given.required_text(&QUERY);
    if text.trim().is_empty() {
        return Err(ToolError(
            "query is empty; describe the code you are looking for, or name an identifier".to_owned(),
        ));
    }
    if text.len() > MAX_QUERY_BYTES {
        let usage = "ask in a sentence, or pass a snippet to find_similar";
        let bytes = text.len();
        return Err(ToolError(format!("query has {bytes} bytes, more than {MAX_QUERY_BYTES}; {usage}")));
    }
    let mode = match given.text(&MODE) {
        Some("dense") => RetrievalMode::Dense,
        Some("lexical") => RetrievalMode::Lexical,
        _ => RetrievalMode::Hybrid,
    };
    let content = match given.text(&CONTENT) {
        Some("code") => ContentFilter::Code,
        Some("docs") => ContentFilter::Docs,
        Some("config") => ContentFilter::Config,
        Some("all") => ContentFilter::All,
        _ => ContentFilter::CodeAndDocs,
    };
    let filter = roots.build_filter(target, given, &BELOW_PATH)?;
    Ok(SearchQuery {
        text: text.to_owned(),
        limit: given.hit_limit()?,
        mode,
        filter: Filter { content, ..filter },
        explain: false,
    })
}
