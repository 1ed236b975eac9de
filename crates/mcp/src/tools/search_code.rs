//! The tool `search_code`: finds code by meaning.

use answer::caveats::append_note;
use engine::{ContentFilter, Filter, MAX_LIMIT, RetrievalMode, SearchQuery};
use rmcp::model::JsonObject;

use super::entry::ToolEntry;
use crate::call::arguments::{check_hit_limit, check_max_tokens};
use crate::call::context::CallContext;
use crate::call::cursor::parse_paged_arguments;
use crate::call::result::{ToolError, ToolResult};
use crate::render::hits::answer_with_hits;
use crate::roots::query::{QueryOutcome, query_engine};
use crate::roots::served::{ServedRoot, ServedRoots};
use crate::wire::schema::{generate_input_schema, generate_output_schema};
use crate::wire::search::{SearchCodeArguments, SearchOutput};
use crate::wire::values::{ContentArgument, ModeArgument};

/// The tool.
pub const TOOL: ToolEntry = ToolEntry {
    name: "search_code",
    title: "Search code by meaning",
    description: "Find code by meaning. Ask a question (\"where are failed uploads retried\"), name a symbol or \
        a file (\"pool.rs:120\"), or paste an error, a stack trace or a snippet. Filters go in the query: \"lang:go path:internal/** \
        kind:function -test login\". Prefer it over grep unless you want an exact string; for a known name use find_symbol and \
        find_references. Returns path, lines, symbol and code, best first; next_cursor gets more.",
    input_schema: generate_input_schema::<SearchCodeArguments>,
    output_schema: generate_output_schema::<SearchOutput>,
    is_read_only: true,
    needs_root: true,
    call: |roots, given, context| Box::pin(call_search_code(roots, given, context)),
};

/// Maximum length of a query, in bytes; longer texts belong in `find_similar`.
const MAX_QUERY_BYTES: usize = 10_000;

/// Note on an empty answer of a search that excluded configuration files.
const CONFIG_NOT_SEARCHED: &str =
    "configuration files were not searched; set content to \"config\" or \"all\" to include them";

/// Answers a call of `search_code`.
async fn call_search_code(roots: &ServedRoots, given: JsonObject, context: &CallContext) -> ToolResult {
    let (given, cursor) =
        parse_paged_arguments(given, TOOL.input_schema, |given: &SearchCodeArguments| given.cursor.as_deref())?;
    let root = roots.select_root(given.root.as_deref(), given.path.as_deref())?;
    let max_tokens = check_max_tokens(given.max_tokens)?;
    let mut query = build_query(roots, root, given)?;
    let (offset, limit) = (cursor.hits_before()?, query.limit);
    let excludes_config = query.filter.content == ContentFilter::CodeAndDocs && query.filter.languages.is_empty();
    // One hit more than a page shows whether there is another page.
    query.limit = (offset + limit + 1).min(MAX_LIMIT);
    let mut outcome = query_engine(root, context, move |engine, cancel| engine.search(&query, cancel)).await?;
    if let QueryOutcome::Answer(answer, note) = &mut outcome
        && answer.hits.is_empty()
        && excludes_config
    {
        append_note(note, CONFIG_NOT_SEARCHED);
    }
    answer_with_hits(outcome, "hits", cursor, limit, max_tokens).await
}

/// Builds the engine's query from the arguments of a call.
fn build_query(roots: &ServedRoots, root: &ServedRoot, given: SearchCodeArguments) -> Result<SearchQuery, ToolError> {
    if given.query.trim().is_empty() {
        return Err(ToolError(
            "query is empty; describe the code you are looking for, or name an identifier".to_owned(),
        ));
    }
    if given.query.len() > MAX_QUERY_BYTES {
        let usage = "ask in a sentence, or pass a snippet to find_similar";
        let bytes = given.query.len();
        return Err(ToolError(format!("query has {bytes} bytes, more than {MAX_QUERY_BYTES}; {usage}")));
    }
    let mode = match given.mode {
        None | Some(ModeArgument::Hybrid) => RetrievalMode::Hybrid,
        Some(ModeArgument::Dense) => RetrievalMode::Dense,
        Some(ModeArgument::Lexical) => RetrievalMode::Lexical,
    };
    let content = match given.content {
        None => ContentFilter::CodeAndDocs,
        Some(ContentArgument::Code) => ContentFilter::Code,
        Some(ContentArgument::Docs) => ContentFilter::Docs,
        Some(ContentArgument::Config) => ContentFilter::Config,
        Some(ContentArgument::All) => ContentFilter::All,
    };
    let filter = roots.build_filter(root, given.language, given.path.as_deref(), given.project)?;
    Ok(SearchQuery {
        text: given.query,
        limit: check_hit_limit(given.limit)?,
        mode,
        filter: Filter { content, ..filter },
        explain: false,
        per_chunk: false,
    })
}
