//! `search_code`: a question becomes places in the code.
//!
//! Also owns what it shares with `find_similar`: how a search waits for a young index.
//! Must never import: anything of this crate but `engine`.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rmcp::model::{CallToolResult, JsonObject};
use tokio::time::Instant;

use super::answer::{Answer, Refusal, arguments, aside, clean, clip, within};
use super::cursor::{Cursor, MOVED_ON, fingerprint};
use super::render::{self, Around, Page};
use super::roots::{Root, Roots};
use super::runs::{Outcome, State};
use super::schema;
use super::wire::{Content, Mode, Names, SearchArguments, SearchOutput};
use crate::engine::{
    self, ContentFilter, Coverage, Engine, EngineError, Filter, MAX_LIMIT, ReferenceAnswer, SearchAnswer, SearchQuery,
    SymbolAnswer,
};

/// For the list of tools.
pub const NAME: &str = "search_code";
pub const TITLE: &str = "Search code by meaning";
pub const DESCRIPTION: &str = "Find code by meaning. Ask in words (\"where are failed uploads retried\"), name a symbol or a \
file (\"pool.rs:120\"), or paste an error, a stack trace or a snippet. Filters go in the query: \"lang:go path:internal/** \
kind:function -test login\". Prefer it over grep unless you want an exact string; for a known name use find_symbol and \
find_references. Answers with path, lines, symbol and code, best first; next_cursor has more.";

pub static INPUT: LazyLock<Arc<JsonObject>> = LazyLock::new(|| Arc::new(schema::of_input::<SearchArguments>()));
pub static OUTPUT: LazyLock<Arc<JsonObject>> = LazyLock::new(|| Arc::new(schema::of_output::<SearchOutput>()));

/// Hits when a call does not say.
pub const DEFAULT_LIMIT: u32 = 10;
pub const LIMITS: std::ops::RangeInclusive<u32> = 1..=50;

/// Tokens of an answer when a call does not say.
pub const DEFAULT_MAX_TOKENS: u32 = 8_000;
pub const MAX_TOKENS: std::ops::RangeInclusive<u32> = 500..=20_000;

/// Longest query, in bytes; a longer one is a snippet rather than a question.
const MAX_QUERY_BYTES: usize = 10_000;

/// Longest note about a question, in characters.
const MAX_NOTE_CHARS: usize = 120;

/// What is said where nothing was found and not everything looked through.
const NO_CONFIGURATION: &str = "configuration files were not searched: content \"config\" or \"all\" does";

/// A search waits this long for the first commit of the first run.
const FIRST_COMMIT_WAIT: Duration = Duration::from_secs(10);

/// A search waits for a run to end until the run is this old.
const SETTLE: Duration = Duration::from_secs(2);

/// Answers a call.
pub async fn call(roots: &Roots, given: JsonObject) -> Result<CallToolResult, Refusal> {
    let question = fingerprint(&given);
    let given: SearchArguments = arguments(given, &INPUT)?;
    let cursor = Cursor::read(question, given.cursor.as_deref())?;
    let root = roots.pick(given.root.as_deref(), given.path.as_deref())?;
    let max_tokens = within("max_tokens", given.max_tokens, DEFAULT_MAX_TOKENS, MAX_TOKENS)?;
    let mut query = query(roots, root, given)?;
    let (before, limit) = (has_room(&cursor)?, query.limit);
    let is_narrowed = query.filter.content == ContentFilter::CodeAndDocs && query.filter.languages.is_empty();
    // One more than is shown tells whether there is more.
    query.limit = (before + limit + 1).min(MAX_LIMIT);
    let mut found = search(root, move |engine| engine.search(&query)).await?;
    if let Found::Answer(answer, note) = &mut found
        && answer.hits.is_empty()
        && is_narrowed
    {
        tell(note, NO_CONFIGURATION);
    }
    let page = found.page(cursor, limit);
    found.into_result("hits", max_tokens, page).await
}

/// How many hits are before a page, which must not be behind all that are ranked.
pub fn has_room(cursor: &Cursor) -> Result<usize, Refusal> {
    if cursor.at[0] >= MAX_LIMIT {
        return Err(Refusal(format!("no more than {MAX_LIMIT} hits are ranked; ask a narrower question")));
    }
    Ok(cursor.at[0])
}

/// Says in the note of a further page that the index is another one than that of the page before.
pub fn tell_moved_on(cursor: &Cursor, edition: u64, note: &mut Option<String>) {
    if cursor.has_moved_on(edition) {
        tell(note, MOVED_ON);
    }
}

/// Adds to a note.
fn tell(note: &mut Option<String>, more: &str) {
    let before = note.take().map(|note| format!("{note}; ")).unwrap_or_default();
    *note = Some(format!("{before}{more}"));
}

fn query(roots: &Roots, root: &Root, given: SearchArguments) -> Result<SearchQuery, Refusal> {
    if given.query.trim().is_empty() {
        return Err(Refusal("query is empty; say in words what the code should do, or name an identifier".to_owned()));
    }
    if given.query.len() > MAX_QUERY_BYTES {
        let usage = "ask in a sentence, or give find_similar a snippet";
        let bytes = given.query.len();
        return Err(Refusal(format!("query has {bytes} bytes, above {MAX_QUERY_BYTES}; {usage}")));
    }
    let path = below(roots, root, given.path.as_deref())?;
    let mode = match given.mode {
        None | Some(Mode::Hybrid) => engine::Mode::Hybrid,
        Some(Mode::Dense) => engine::Mode::Dense,
        Some(Mode::Lexical) => engine::Mode::Lexical,
    };
    let content = match given.content {
        None => ContentFilter::CodeAndDocs,
        Some(Content::Code) => ContentFilter::Code,
        Some(Content::Docs) => ContentFilter::Docs,
        Some(Content::Config) => ContentFilter::Config,
        Some(Content::All) => ContentFilter::All,
    };
    let languages = given.language.map(Names::into_vec).unwrap_or_default();
    Ok(SearchQuery {
        text: given.query,
        limit: within("limit", given.limit, DEFAULT_LIMIT, LIMITS)?,
        mode,
        filter: Filter { languages, path, project: project(given.project), content, ..Filter::default() },
        explain: false,
        per_chunk: false,
    })
}

/// What a call narrows an answer down to; blank is absence.
pub fn below(roots: &Roots, root: &Root, path: Option<&str>) -> Result<Option<String>, Refusal> {
    match path.map(str::trim).filter(|path| !path.is_empty()) {
        Some(path) => roots.relative(root, path),
        None => Ok(None),
    }
}

/// What a call names as its project; blank is absence.
pub fn project(given: Option<String>) -> Option<String> {
    given.filter(|name| !name.trim().is_empty())
}

/// What is answered from an index, which may be incomplete.
pub trait Drawn {
    /// How much of the folder it is drawn from; `None` where that does not matter.
    fn coverage(&self) -> Option<&Coverage>;

    /// What the engine says about it.
    fn notes(&self) -> &[String] {
        &[]
    }
}

impl Drawn for SearchAnswer {
    fn coverage(&self) -> Option<&Coverage> {
        Some(&self.coverage)
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }
}

impl Drawn for SymbolAnswer {
    fn coverage(&self) -> Option<&Coverage> {
        Some(&self.coverage)
    }
}

impl Drawn for ReferenceAnswer {
    fn coverage(&self) -> Option<&Coverage> {
        Some(&self.coverage)
    }
}

impl Drawn for engine::FolderOutline {
    fn coverage(&self) -> Option<&Coverage> {
        Some(&self.coverage)
    }
}

impl Drawn for engine::CodeRead {
    fn coverage(&self) -> Option<&Coverage> {
        None
    }
}

/// What a search came to.
pub enum Found<T> {
    Answer(T, Option<String>),
    /// Nothing is committed yet; how far the first run is, in words.
    Begun(String),
}

impl Found<SearchAnswer> {
    /// Cuts a page of at most `limit` hits out of what was found from the beginning on.
    pub fn page(&mut self, cursor: Cursor, limit: usize) -> Option<Page> {
        let Self::Answer(answer, note) = self else { return None };
        answer.hits.drain(..cursor.at[0].min(answer.hits.len()));
        let page = Page { cursor, edition: answer.edition, more: answer.hits.len() > limit };
        answer.hits.truncate(limit);
        tell_moved_on(&cursor, answer.edition, note);
        Some(page)
    }

    /// Both forms, within `max_tokens`.
    pub async fn into_result(
        self,
        what: &'static str,
        max_tokens: usize,
        page: Option<Page>,
    ) -> Result<CallToolResult, Refusal> {
        match self {
            Self::Answer(answer, note) => {
                let around = Around { what, note, page };
                aside(move || render::search(&answer, &around, max_tokens)).await?.into_result()
            }
            Self::Begun(text) => {
                let (note, coverage) = (Some(text.clone()), render::partial(&Coverage::default()));
                let structured = SearchOutput { note, coverage, ..SearchOutput::default() };
                Answer { text, structured }.into_result()
            }
        }
    }
}

/// Asks the engine, waiting where a run under way is about to give a better answer.
pub async fn search<T, F>(root: &Root, ask: F) -> Result<Found<T>, Refusal>
where
    T: Drawn + Send + 'static,
    F: Fn(&Engine) -> Result<T, EngineError> + Send + Sync + 'static,
{
    root.runs.look_for_changes();
    root.runs.settle(SETTLE).await;
    let ask = Arc::new(ask);
    let until = Instant::now() + FIRST_COMMIT_WAIT;
    let mut watch = root.runs.watch();
    loop {
        let state = watch.borrow_and_update().clone();
        let (engine, asked) = (Arc::clone(&root.engine), Arc::clone(&ask));
        let refusal = match aside(move || asked(&engine)).await? {
            Ok(answer) => {
                let about = answer.coverage().and_then(|coverage| note(coverage, &state));
                let told = about.into_iter().chain(answer.notes().iter().map(|note| said(note)));
                let note = told.collect::<Vec<_>>().join("; ");
                return Ok(Found::Answer(answer, Some(note).filter(|note| !note.is_empty())));
            }
            Err(error @ (EngineError::NotIndexed { .. } | EngineError::Outdated { .. })) => Refusal::from(error),
            Err(error) => return Err(error.into()),
        };
        if state.running.is_none() && !watch.has_changed().unwrap_or(false) {
            return Err(match &state.last {
                Some(Outcome::Failed(message)) => Refusal(format!("{}; the last run failed: {message}", refusal.0)),
                _ => refusal,
            });
        }
        // Every report of the run is a chance that something was committed.
        if tokio::time::timeout_at(until, watch.changed()).await.is_err() {
            let progress = progress(&state);
            return Ok(Found::Begun(format!("indexing has just begun: {progress}; ask again in a few seconds")));
        }
    }
}

/// A note of the engine's, which may quote the question.
fn said(note: &str) -> String {
    clip(&clean(note), MAX_NOTE_CHARS)
}

/// What to say about an answer that a run is about to change.
fn note(coverage: &Coverage, state: &State) -> Option<String> {
    match (&state.running, &state.last) {
        (Some(_), _) if !coverage.complete => Some(format!("indexing goes on ({})", progress(state))),
        (None, Some(Outcome::Failed(_))) => Some("the last index run failed: see index_status".to_owned()),
        (None, _) if !coverage.complete => Some("call index_project to complete it".to_owned()),
        _ => None,
    }
}

/// `12 of 4000 files`
pub fn progress(state: &State) -> String {
    let progress = state.running.as_ref().and_then(|running| running.progress.as_ref());
    match progress {
        None => "looking for files".to_owned(),
        Some(progress) if progress.walk_ended => {
            format!("{} of {} files", progress.files_done, progress.files_found)
        }
        Some(progress) => format!("{} of at least {} files", progress.files_done, progress.files_found),
    }
}
