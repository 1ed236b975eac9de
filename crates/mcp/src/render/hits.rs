//! Renders search hits as text for a model and as structured data, within a token budget.
//!
//! The text and the JSON of the structured data each have at most `max_tokens` tokens, for any hits. A shortened hit
//! says which lines to read, and omitted hits are listed.

use answer::budget::count_json_tokens;
use answer::caveats::format_caveats;
use answer::excerpt::{Excerpt, fit_part_of_first_line, fit_whole_lines};
use answer::fence::format_code_block;
use answer::location::format_location;
use answer::{AnswerError, RenderedAnswer};
use engine::{Hit, RelatedChunk, SearchAnswer, Span};
use text::display::{escape_code, escape_name, escape_name_to_length};
use text::tokens;

use super::coverage::{render_not_indexed, to_incomplete_coverage};
use crate::call::blocking::run_blocking;
use crate::call::cursor::PageCursor;
use crate::call::result::{ToolResult, to_tool_result};
use crate::roots::query::QueryOutcome;
use crate::wire::search::{HitOutput, SearchOutput};

/// Tokens reserved for the list of omitted hits and for the JSON around the hits.
const RESERVED_TOKENS: usize = 120;

/// Minimum budget of a hit, in tokens; when the budget is too small for all hits, the last ones are omitted.
const MIN_HIT_TOKENS: usize = 120;

/// Maximum length of a name in an answer, in characters.
const MAX_NAME_CHARS: usize = 200;

/// Maximum number of other places in the same file listed below a hit.
const MAX_ALSO: usize = 4;

/// Maximum length of the name of such a place, in characters.
const MAX_ALSO_CHARS: usize = 60;

/// The parts of an answer other than its hits.
#[derive(Clone, Debug, Default)]
struct AnswerFrame {
    /// Plural noun for the hits in the first line: `hits` or `similar places`.
    noun: &'static str,
    /// Note on the answer, written by this server; shorter than 100 tokens.
    note: Option<String>,
    /// The page that the answer shows; `None` for an answer without pages.
    page: Option<ResultPage>,
}

/// A page of a longer answer.
#[derive(Clone, Copy, Debug)]
struct ResultPage {
    /// Start of the page.
    cursor: PageCursor,
    /// Generation of the index that gave the page.
    generation: u64,
    /// Whether more hits follow the page.
    more: bool,
}

impl AnswerFrame {
    /// Returns the number of hits on the previous pages.
    fn offset(&self) -> usize {
        self.page.map_or(0, |page| page.cursor.start[0])
    }

    /// Returns the cursor of the hits after the first `shown` of the page's `total`; `None` when there are no more or
    /// none are shown.
    fn next_cursor(&self, shown: usize, total: usize) -> Option<String> {
        let page = self.page.filter(|page| shown > 0 && (page.more || shown < total))?;
        Some(page.cursor.format_next(page.generation, [page.cursor.start[0] + shown, 0]))
    }
}

/// A hit as text and as data.
struct RenderedHit {
    text: String,
    hit: HitOutput,
}

impl RenderedHit {
    /// Returns the number of tokens of the text or the JSON, whichever is larger, plus 2 for a separator. Above
    /// `limit`, returns an arbitrary number above `limit`.
    fn cost(&self, limit: usize) -> Result<usize, AnswerError> {
        // Hits are separated by an empty line, or by a comma.
        Ok(2 + tokens::count_tokens_capped(&self.text, limit).max(count_json_tokens(&self.hit, limit)?))
    }
}

/// Answers a call with a page of at most `limit` hits from `cursor` on. The hits of `outcome` are ranked from the
/// beginning; `noun` is the plural noun for them.
pub async fn answer_with_hits(
    outcome: QueryOutcome<SearchAnswer>,
    noun: &'static str,
    cursor: PageCursor,
    limit: usize,
    max_tokens: usize,
) -> ToolResult {
    match outcome {
        QueryOutcome::Answer(mut answer, mut note) => {
            let page = take_page(&mut answer, cursor, limit);
            cursor.note_index_change(answer.generation, &mut note);
            let frame = AnswerFrame { noun, note, page: Some(page) };
            to_tool_result(run_blocking(move || render_hits(&answer, &frame, max_tokens)).await??)
        }
        QueryOutcome::NotIndexedYet(text) => to_tool_result(render_not_indexed(text, |note, coverage| SearchOutput {
            note,
            coverage,
            ..SearchOutput::default()
        })),
    }
}

/// Reduces the hits, ranked from the beginning, to the page at `cursor` of at most `limit` hits, and escapes the
/// invisible characters of their texts.
fn take_page(answer: &mut SearchAnswer, cursor: PageCursor, limit: usize) -> ResultPage {
    answer.hits.drain(..cursor.start[0].min(answer.hits.len()));
    let page = ResultPage { cursor, generation: answer.generation, more: answer.hits.len() > limit };
    answer.hits.truncate(limit);
    answer.hits.iter_mut().for_each(|hit| hit.text = escape_code(&hit.text).into_owned());
    page
}

/// Renders hits within `max_tokens`.
fn render_hits(
    found: &SearchAnswer,
    frame: &AnswerFrame,
    max_tokens: usize,
) -> Result<RenderedAnswer<SearchOutput>, AnswerError> {
    let head = format_head(found, frame);
    // Usually everything fits, and the tokens are counted only once.
    let whole = |rank, hit| Ok(Some((render_hit(rank, hit, usize::MAX, true), 0)));
    let all = assemble_answer(found, frame, &head, max_tokens, whole)?;
    if all.fits(max_tokens)? {
        return Ok(all);
    }
    let mut room = max_tokens.saturating_sub(RESERVED_TOKENS + tokens::count_tokens_capped(&head, max_tokens));
    let cost = |(rank, hit)| render_hit(frame.offset() + rank, hit, usize::MAX, true).cost(room);
    let costs = found.hits.iter().enumerate().map(cost).collect::<Result<Vec<_>, _>>()?;
    loop {
        let (shown, cap) = share_budget(&costs, room);
        let fit = |rank, hit| if rank < frame.offset() + shown { fit_hit(rank, hit, cap) } else { Ok(None) };
        let answer = assemble_answer(found, frame, &head, room, fit)?;
        // Rarely, the answer has more tokens than the sum of its parts; then the budget is reduced.
        if room == 0 || answer.fits(max_tokens)? {
            return Ok(answer);
        }
        room = room * 7 / 8;
    }
}

/// Assembles an answer. `fit` renders the hit at a rank and returns it with its cost in tokens, or `None` to omit it;
/// omitted hits are listed as far as `room` allows.
fn assemble_answer<'f>(
    found: &'f SearchAnswer,
    frame: &AnswerFrame,
    head: &str,
    room: usize,
    fit: impl Fn(usize, &'f Hit) -> Result<Option<(RenderedHit, usize)>, AnswerError>,
) -> Result<RenderedAnswer<SearchOutput>, AnswerError> {
    let mut text = head.to_owned();
    let coverage = to_incomplete_coverage(&found.coverage);
    let mut structured = SearchOutput { coverage, note: frame.note.clone(), ..SearchOutput::default() };
    let mut left_out = Vec::new();
    let mut first_left_out = found.hits.len();
    let mut free = room;
    for (rank, hit) in found.hits.iter().enumerate() {
        let Some((rendered, cost)) = fit(frame.offset() + rank, hit)? else {
            first_left_out = first_left_out.min(rank);
            left_out.push(hit);
            continue;
        };
        free = free.saturating_sub(cost);
        text.push_str("\n\n");
        text.push_str(&rendered.text);
        structured.hits.push(rendered.hit);
    }
    if !left_out.is_empty() {
        // Without any room, omitted hits are only counted.
        let free = if room == 0 { 0 } else { free + RESERVED_TOKENS / 3 };
        structured.left_out = list_omitted_hits(&left_out, free);
        structured.left_out_hits = Some(left_out.len());
        let more = format_omitted_hits(left_out.len(), &structured.left_out);
        text.push_str(&format!("\n\nleft out for max_tokens: {more}"));
    }
    structured.next_cursor = frame.next_cursor(first_left_out, found.hits.len());
    if let Some(cursor) = &structured.next_cursor {
        text.push_str(&format!("\n\nmore: cursor {cursor}"));
    }
    Ok(RenderedAnswer { text, structured })
}

/// Formats the omitted hits, such as `3 more hits: a.rs:1-20, …`.
fn format_omitted_hits(count: usize, names: &[String]) -> String {
    let hits = if count == 1 { "1 more hit".to_owned() } else { format!("{count} more hits") };
    let rest = match count - names.len() {
        0 => String::new(),
        rest if rest == count => "; raise max_tokens or narrow path".to_owned(),
        rest => format!(" and {rest} others"),
    };
    let colon = if names.is_empty() { "" } else { ": " };
    format!("{hits}{colon}{}{rest}", names.join(", "))
}

/// Lists the hits as `path:first-last`, as many as fit into `free` tokens.
fn list_omitted_hits(left_out: &[&Hit], mut free: usize) -> Vec<String> {
    let mut names = Vec::new();
    for hit in left_out {
        let name = format_location(hit.path.as_str(), hit.span);
        let cost = 4 + tokens::count_tokens_capped(&name, free);
        if cost > free {
            break;
        }
        free -= cost;
        names.push(name);
    }
    names
}

/// Shares `room` tokens among hits with these costs in tokens. Returns the number of hits to show, and the
/// most tokens that one of them may take; small hits leave the rest of their share to large ones.
fn share_budget(costs: &[usize], room: usize) -> (usize, usize) {
    let mut shown = costs.len();
    loop {
        let mut sorted = costs[..shown].to_vec();
        sorted.sort_unstable();
        let mut left = room;
        let mut cap = room;
        for (index, cost) in sorted.iter().enumerate() {
            let fair = left / (shown - index);
            if *cost > fair {
                cap = fair;
                break;
            }
            left -= cost;
        }
        if shown <= 1 || cap >= MIN_HIT_TOKENS {
            return (shown, cap);
        }
        shown -= 1;
    }
}

/// Renders a hit with as many of its lines as fit into `cap` tokens, and returns it with its cost. `None` when not even
/// a part of its first line fits.
fn fit_hit(rank: usize, hit: &Hit, cap: usize) -> Result<Option<(RenderedHit, usize)>, AnswerError> {
    let fit = |bytes: usize, with_also: bool| -> Result<Option<(RenderedHit, usize)>, AnswerError> {
        let rendered = render_hit(rank, hit, bytes, with_also);
        let cost = rendered.cost(cap)?;
        Ok((cost <= cap).then_some((rendered, cost)))
    };
    if let Some(whole) = fit(usize::MAX, true)? {
        return Ok(Some(whole));
    }
    for with_also in [true, false] {
        if let Some(lines) = fit_whole_lines(&hit.text, |bytes| fit(bytes, with_also))? {
            return Ok(Some(lines));
        }
    }
    fit_part_of_first_line(&hit.text, cap, |bytes| fit(bytes, false))
}

/// Returns the lines of a hit that an excerpt does not show in full; `None` when only blank ones are left.
fn lines_left(excerpt: &Excerpt<'_>) -> Option<Span> {
    excerpt.lines_left().filter(|_| !excerpt.rest.trim().is_empty())
}

/// Renders a hit with the first `bytes` of its text, and with other places of its file if `with_also`.
fn render_hit(rank: usize, hit: &Hit, bytes: usize, with_also: bool) -> RenderedHit {
    let excerpt = Excerpt::new(&hit.text, hit.span, bytes);
    let left = lines_left(&excerpt);
    let name = escape_name_to_length(&hit.qualified_name(), MAX_NAME_CHARS);
    let mut text = format!("{}. {}  [{}] {name}", rank + 1, format_location(hit.path.as_str(), hit.span), hit.kind);
    text.truncate(text.trim_end().len());
    if hit.stale {
        text.push_str("  (stale: file changed since indexed)");
    }
    text.push_str(&format_code_block(hit.language.0, excerpt.code));
    if let Some(left) = left {
        let what = if excerpt.ends_inside_line() { "lines not shown in full" } else { "more lines" };
        let count = left.end_line - left.start_line + 1;
        text.push_str(&format!("\n… {count} {what} (read {})", format_location(hit.path.as_str(), left)));
    }
    let also: Vec<_> = hit.also.iter().filter(|_| with_also).take(MAX_ALSO).map(format_other_place).collect();
    if !also.is_empty() {
        text.push_str(&format!("\nalso: {}", also.join(", ")));
    }
    let hit = HitOutput {
        path: escape_name(hit.path.as_str()).into_owned(),
        start_line: hit.span.start_line,
        end_line: hit.span.end_line,
        kind: hit.kind.to_string(),
        symbol: name,
        stale: hit.stale,
        more_lines: left.map(|left| format!("{}-{}", left.start_line, left.end_line)),
        code: excerpt.code.to_owned(),
        also,
    };
    RenderedHit { text, hit }
}

/// Formats another place in the same file, such as `reset 70-80`.
fn format_other_place(place: &RelatedChunk) -> String {
    let name = escape_name_to_length(&place.name, MAX_ALSO_CHARS);
    let (from, to) = (place.span.start_line, place.span.end_line);
    if name.is_empty() { format!("{from}-{to}") } else { format!("{name} {from}-{to}") }
}

/// Formats the first line: the number of hits, and the caveats on the answer.
fn format_head(found: &SearchAnswer, frame: &AnswerFrame) -> String {
    let count = found.hits.len();
    let noun = if count == 1 { frame.noun.trim_end_matches('s') } else { frame.noun };
    let from = match frame.offset() {
        0 => String::new(),
        before => format!(" after the first {before}"),
    };
    let stale = found.hits.iter().filter(|hit| hit.stale).count();
    format!("{count} {noun}{from}{}", format_caveats(&found.coverage, stale, frame.note.as_deref()))
}

#[cfg(test)]
mod tests;
