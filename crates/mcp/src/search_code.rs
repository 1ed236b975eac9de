//! The tool `search_code`: finds code by meaning.
//!
//! Also contains helpers that the other tools share: the filters, the token limits, and the wait for an
//! index that has just begun.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rmcp::model::{CallToolResult, JsonObject};
use tokio::time::Instant;

use super::answer::{ToolAnswer, ToolError, check_range, parse_arguments, run_blocking, sanitize_line, truncate_chars};
use super::cursor::{INDEX_CHANGED, PageCursor, fingerprint_arguments};
use super::render::{self, AnswerFrame, ResultPage};
use super::roots::{ServedRoot, ServedRoots};
use super::runs::{IndexRunState, RunOutcome};
use super::schema;
use super::wire::{ContentArgument, ModeArgument, NameList, SearchCodeArguments, SearchOutput};
use engine::{
    self, ContentFilter, Engine, EngineError, Filter, IndexCoverage, MAX_LIMIT, ReferenceAnswer, SearchAnswer,
    SearchQuery, SymbolAnswer,
};

/// Name of the tool.
pub const NAME: &str = "search_code";
pub const TITLE: &str = "Search code by meaning";
pub const DESCRIPTION: &str = "Find code by meaning. Ask a question (\"where are failed uploads retried\"), name a symbol or \
a file (\"pool.rs:120\"), or paste an error, a stack trace or a snippet. Filters go in the query: \"lang:go path:internal/** \
kind:function -test login\". Prefer it over grep unless you want an exact string; for a known name use find_symbol and \
find_references. Returns path, lines, symbol and code, best first; next_cursor gets more.";

pub static INPUT_SCHEMA: LazyLock<Arc<JsonObject>> =
    LazyLock::new(|| Arc::new(schema::input_schema::<SearchCodeArguments>()));
pub static OUTPUT_SCHEMA: LazyLock<Arc<JsonObject>> =
    LazyLock::new(|| Arc::new(schema::output_schema::<SearchOutput>()));

/// Default number of hits.
pub const DEFAULT_LIMIT: u32 = 10;
pub const LIMIT_RANGE: std::ops::RangeInclusive<u32> = 1..=50;

/// Default token limit of an answer.
pub const DEFAULT_MAX_TOKENS: u32 = 8_000;
pub const MAX_TOKENS_RANGE: std::ops::RangeInclusive<u32> = 500..=20_000;

/// Longest query, in bytes; longer texts belong in `find_similar`.
const MAX_QUERY_BYTES: usize = 10_000;

/// Longest note from the engine, in characters.
const MAX_NOTE_CHARS: usize = 120;

/// Note on an empty answer of a search that excluded configuration files.
const CONFIG_NOT_SEARCHED: &str =
    "configuration files were not searched; set content to \"config\" or \"all\" to include them";

/// Longest wait of a search for the first commit of the first index run.
const FIRST_COMMIT_WAIT: Duration = Duration::from_secs(10);

/// Age of an index run from which searches no longer wait for it to end.
const MAX_AWAITED_RUN_AGE: Duration = Duration::from_secs(2);

/// Answers a call of `search_code`.
pub async fn call_search_code(roots: &ServedRoots, given: JsonObject) -> Result<CallToolResult, ToolError> {
    let arguments_hash = fingerprint_arguments(&given);
    let given: SearchCodeArguments = parse_arguments(given, &INPUT_SCHEMA)?;
    let cursor = PageCursor::parse(arguments_hash, given.cursor.as_deref())?;
    let root = roots.select_root(given.root.as_deref(), given.path.as_deref())?;
    let max_tokens = check_range("max_tokens", given.max_tokens, DEFAULT_MAX_TOKENS, MAX_TOKENS_RANGE)?;
    let mut query = build_query(roots, root, given)?;
    let (offset, limit) = (check_offset(&cursor)?, query.limit);
    let excludes_config = query.filter.content == ContentFilter::CodeAndDocs && query.filter.languages.is_empty();
    // One hit more than a page shows whether there is another page.
    query.limit = (offset + limit + 1).min(MAX_LIMIT);
    let mut outcome = query_engine(root, move |engine| engine.search(&query)).await?;
    if let QueryOutcome::Answer(answer, note) = &mut outcome
        && answer.hits.is_empty()
        && excludes_config
    {
        append_note(note, CONFIG_NOT_SEARCHED);
    }
    let page = outcome.take_page(cursor, limit);
    outcome.into_result("hits", max_tokens, page).await
}

/// Returns the number of hits before a page.
///
/// # Errors
/// When the page starts beyond the last ranked hit.
pub fn check_offset(cursor: &PageCursor) -> Result<usize, ToolError> {
    if cursor.start[0] >= MAX_LIMIT {
        return Err(ToolError(format!("only the first {MAX_LIMIT} hits are ranked; narrow the query")));
    }
    Ok(cursor.start[0])
}

/// Adds a note to a page whose index differs from that of the previous page.
pub fn note_index_change(cursor: &PageCursor, generation: u64, note: &mut Option<String>) {
    if cursor.index_has_changed(generation) {
        append_note(note, INDEX_CHANGED);
    }
}

/// Appends to a note, after a semicolon.
fn append_note(note: &mut Option<String>, more: &str) {
    let before = note.take().map(|note| format!("{note}; ")).unwrap_or_default();
    *note = Some(format!("{before}{more}"));
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
    let path = parse_path_filter(roots, root, given.path.as_deref())?;
    let mode = match given.mode {
        None | Some(ModeArgument::Hybrid) => engine::RetrievalMode::Hybrid,
        Some(ModeArgument::Dense) => engine::RetrievalMode::Dense,
        Some(ModeArgument::Lexical) => engine::RetrievalMode::Lexical,
    };
    let content = match given.content {
        None => ContentFilter::CodeAndDocs,
        Some(ContentArgument::Code) => ContentFilter::Code,
        Some(ContentArgument::Docs) => ContentFilter::Docs,
        Some(ContentArgument::Config) => ContentFilter::Config,
        Some(ContentArgument::All) => ContentFilter::All,
    };
    let languages = given.language.map(NameList::into_vec).unwrap_or_default();
    Ok(SearchQuery {
        text: given.query,
        limit: check_range("limit", given.limit, DEFAULT_LIMIT, LIMIT_RANGE)?,
        mode,
        filter: Filter { languages, path, project: parse_project_filter(given.project), content },
        explain: false,
        per_chunk: false,
    })
}

/// Returns the path filter of a call, relative to the root; `None` when it is blank or the root itself.
///
/// # Errors
/// When the path leads out of the root.
pub fn parse_path_filter(
    roots: &ServedRoots,
    root: &ServedRoot,
    path: Option<&str>,
) -> Result<Option<String>, ToolError> {
    match path.map(str::trim).filter(|path| !path.is_empty()) {
        Some(path) => roots.relative_path(root, path),
        None => Ok(None),
    }
}

/// Returns the project filter of a call; `None` when it is blank.
pub fn parse_project_filter(given: Option<String>) -> Option<String> {
    given.filter(|name| !name.trim().is_empty())
}

/// An answer of the engine from an index that may be incomplete.
pub trait IndexAnswer {
    /// Returns the coverage of the index; `None` for an answer that does not depend on it.
    fn coverage(&self) -> Option<&IndexCoverage>;

    /// Returns the engine's notes on the answer.
    fn notes(&self) -> &[String] {
        &[]
    }
}

impl IndexAnswer for SearchAnswer {
    fn coverage(&self) -> Option<&IndexCoverage> {
        Some(&self.coverage)
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }
}

impl IndexAnswer for SymbolAnswer {
    fn coverage(&self) -> Option<&IndexCoverage> {
        Some(&self.coverage)
    }
}

impl IndexAnswer for ReferenceAnswer {
    fn coverage(&self) -> Option<&IndexCoverage> {
        Some(&self.coverage)
    }
}

impl IndexAnswer for engine::FolderOutline {
    fn coverage(&self) -> Option<&IndexCoverage> {
        Some(&self.coverage)
    }
}

impl IndexAnswer for engine::CodeExcerpt {
    fn coverage(&self) -> Option<&IndexCoverage> {
        None
    }
}

/// The outcome of a query to the engine.
pub enum QueryOutcome<T> {
    /// An answer and a note for it.
    Answer(T, Option<String>),
    /// Nothing is indexed yet; holds a message with the progress of the first run.
    NotIndexedYet(String),
}

impl QueryOutcome<SearchAnswer> {
    /// Reduces the hits, ranked from the beginning, to the page at `cursor` of at most `limit` hits. Returns `None`
    /// when there is no answer.
    pub fn take_page(&mut self, cursor: PageCursor, limit: usize) -> Option<ResultPage> {
        let Self::Answer(answer, note) = self else { return None };
        answer.hits.drain(..cursor.start[0].min(answer.hits.len()));
        let page = ResultPage { cursor, generation: answer.generation, more: answer.hits.len() > limit };
        answer.hits.truncate(limit);
        note_index_change(&cursor, answer.generation, note);
        Some(page)
    }

    /// Renders the result of the call within `max_tokens`; `noun` is the plural noun for the hits.
    pub async fn into_result(
        self,
        noun: &'static str,
        max_tokens: usize,
        page: Option<ResultPage>,
    ) -> Result<CallToolResult, ToolError> {
        match self {
            Self::Answer(answer, note) => {
                let frame = AnswerFrame { noun, note, page };
                run_blocking(move || render::render_hits(&answer, &frame, max_tokens)).await?.into_result()
            }
            Self::NotIndexedYet(text) => {
                let (note, coverage) =
                    (Some(text.clone()), render::incomplete_coverage_output(&IndexCoverage::default()));
                let structured = SearchOutput { note, coverage, ..SearchOutput::default() };
                ToolAnswer { text, structured }.into_result()
            }
        }
    }
}

/// Queries the engine. Waits for a young index run to end, and for the first commit of the first run.
///
/// # Errors
/// When the query fails, or there is no index and no run in progress.
pub async fn query_engine<T, F>(root: &ServedRoot, query: F) -> Result<QueryOutcome<T>, ToolError>
where
    T: IndexAnswer + Send + 'static,
    F: Fn(&Engine) -> Result<T, EngineError> + Send + Sync + 'static,
{
    root.runs.start_if_stale();
    root.runs.wait_for_young_run(MAX_AWAITED_RUN_AGE).await;
    let query = Arc::new(query);
    let deadline = Instant::now() + FIRST_COMMIT_WAIT;
    let mut states = root.runs.subscribe();
    loop {
        let state = states.borrow_and_update().clone();
        let (engine, query) = (Arc::clone(&root.engine), Arc::clone(&query));
        let error = match run_blocking(move || query(&engine)).await? {
            Ok(answer) => {
                let own_note = answer.coverage().and_then(|coverage| coverage_note(coverage, &state));
                let notes = own_note.into_iter().chain(answer.notes().iter().map(|note| shorten_note(note)));
                let note = notes.collect::<Vec<_>>().join("; ");
                return Ok(QueryOutcome::Answer(answer, Some(note).filter(|note| !note.is_empty())));
            }
            Err(error @ (EngineError::NotIndexed { .. } | EngineError::Outdated { .. })) => ToolError::from(error),
            Err(error) => return Err(error.into()),
        };
        if state.running.is_none() && !states.has_changed().unwrap_or(false) {
            return Err(match &state.last_outcome {
                Some(RunOutcome::Failed(message)) => ToolError(format!("{}; the last run failed: {message}", error.0)),
                _ => error,
            });
        }
        // Tries again after every progress report of the run, because a commit may have come with it.
        if tokio::time::timeout_at(deadline, states.changed()).await.is_err() {
            let progress = format_progress(&state);
            return Ok(QueryOutcome::NotIndexedYet(format!(
                "indexing has just started: {progress}; try again in a few seconds"
            )));
        }
    }
}

/// Sanitizes and truncates a note of the engine, which may quote the query.
fn shorten_note(note: &str) -> String {
    truncate_chars(&sanitize_line(note), MAX_NOTE_CHARS)
}

/// Returns a note for an answer from an incomplete index, or after a failed run.
fn coverage_note(coverage: &IndexCoverage, state: &IndexRunState) -> Option<String> {
    match (&state.running, &state.last_outcome) {
        (Some(_), _) if !coverage.complete => Some(format!("indexing is in progress ({})", format_progress(state))),
        (None, Some(RunOutcome::Failed(_))) => {
            Some("the last index run failed: call index_status for the reason".to_owned())
        }
        (None, _) if !coverage.complete => Some("call index_project to complete the index".to_owned()),
        _ => None,
    }
}

/// Formats the progress of the run, such as `12 of 4000 files`.
pub fn format_progress(state: &IndexRunState) -> String {
    let progress = state.running.as_ref().and_then(|running| running.progress.as_ref());
    match progress {
        None => "looking for files".to_owned(),
        Some(progress) if progress.walk_ended => {
            format!("{} of {} files", progress.files_done, progress.files_found)
        }
        Some(progress) => format!("{} of at least {} files", progress.files_done, progress.files_found),
    }
}
