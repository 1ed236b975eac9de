//! Renders search hits as text for a model and as structured data, within a token budget.
//!
//! The text and the JSON of the structured data each have at most `max_tokens` tokens, for any hits. A shortened hit says which lines to read, and omitted hits are listed.

use serde::Serialize;

use super::answer::{ToolAnswer, sanitize_line, truncate_chars};
use super::cursor::PageCursor;
use super::tokens;
use super::wire::{CoverageOutput, HitOutput, SearchOutput};
use engine::{Hit, IndexCoverage, RelatedChunk, SearchAnswer};

/// Tokens reserved for the list of omitted hits and for the JSON around the hits.
const RESERVED_TOKENS: usize = 120;

/// Smallest budget of a hit, in tokens; when the budget is too small for all hits, the last ones are omitted.
const MIN_HIT_TOKENS: usize = 120;

/// Longest name in an answer, in characters.
const MAX_NAME_CHARS: usize = 200;

/// Most other places of the file listed below a hit, and the longest name of one, in characters.
const MAX_ALSO: usize = 4;
const MAX_ALSO_CHARS: usize = 60;

/// The parts of an answer other than its hits.
#[derive(Clone, Debug, Default)]
pub struct AnswerFrame {
    /// Plural noun for the hits in the first line: `hits` or `similar places`.
    pub noun: &'static str,
    /// Note on the answer, written by this server; shorter than 100 tokens.
    pub note: Option<String>,
    /// The page that the hits are; `None` for an answer without pages.
    pub page: Option<ResultPage>,
}

/// A page of a longer answer.
#[derive(Clone, Copy, Debug)]
pub struct ResultPage {
    /// Start of the page.
    pub cursor: PageCursor,
    /// Generation of the index that gave the page.
    pub generation: u64,
    /// Whether more hits follow the page.
    pub more: bool,
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
    /// Returns the tokens of the text or of the JSON, whichever is larger, plus 2 for a separator; above `limit`, an
    /// arbitrary number above `limit`.
    fn cost(&self, limit: usize) -> usize {
        // Hits are separated by an empty line, or by a comma.
        2 + tokens::count_tokens_capped(&self.text, limit).max(tokens::count_tokens_capped(&to_json(&self.hit), limit))
    }
}

/// Renders hits within `max_tokens`.
pub fn render_hits(found: &SearchAnswer, frame: &AnswerFrame, max_tokens: usize) -> ToolAnswer<SearchOutput> {
    let head = format_head(found, frame);
    let fits = |answer: &ToolAnswer<SearchOutput>| {
        tokens::fits_token_limit(&answer.text, max_tokens)
            && tokens::fits_token_limit(&to_json(&answer.structured), max_tokens)
    };
    // Usually everything fits, and the tokens are counted only once.
    let all = assemble_answer(found, frame, &head, max_tokens, |rank, hit| {
        Some((render_hit(rank, hit, usize::MAX, true), 0))
    });
    if fits(&all) {
        return all;
    }
    let mut room = max_tokens.saturating_sub(RESERVED_TOKENS + tokens::count_tokens_capped(&head, max_tokens));
    let cost = |(rank, hit)| render_hit(frame.offset() + rank, hit, usize::MAX, true).cost(room);
    let costs: Vec<_> = found.hits.iter().enumerate().map(cost).collect();
    loop {
        let (shown, cap) = share_budget(&costs, room);
        let fit = |rank, hit| if rank < frame.offset() + shown { fit_hit(rank, hit, cap) } else { None };
        let answer = assemble_answer(found, frame, &head, room, fit);
        // The whole can have more tokens than the sum of its parts, though rarely; then the budget is reduced.
        if fits(&answer) || room == 0 {
            return answer;
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
    fit: impl Fn(usize, &'f Hit) -> Option<(RenderedHit, usize)>,
) -> ToolAnswer<SearchOutput> {
    let mut text = head.to_owned();
    let mut structured = SearchOutput {
        coverage: incomplete_coverage_output(&found.coverage),
        note: frame.note.clone(),
        ..SearchOutput::default()
    };
    let mut left_out = Vec::new();
    let mut first_left_out = found.hits.len();
    let mut free = room;
    for (rank, hit) in found.hits.iter().enumerate() {
        let Some((rendered, cost)) = fit(frame.offset() + rank, hit) else {
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
    ToolAnswer { text, structured }
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
        let name = format_location(hit);
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
fn fit_hit(rank: usize, hit: &Hit, cap: usize) -> Option<(RenderedHit, usize)> {
    let check_cost = |rendered: RenderedHit| {
        let cost = rendered.cost(cap);
        (cost <= cap).then_some((rendered, cost))
    };
    if let Some(whole) = check_cost(render_hit(rank, hit, usize::MAX, true)) {
        return Some(whole);
    }
    // By whole lines first, then by bytes of the first line.
    let ends: Vec<usize> = hit.text.match_indices('\n').map(|(at, _)| at).collect();
    let by_lines = |also| find_largest(ends.len(), |lines| check_cost(render_hit(rank, hit, ends[lines - 1], also)));
    by_lines(true).or_else(|| by_lines(false)).or_else(|| {
        let first = ends.first().copied().unwrap_or(hit.text.len());
        let cut = |bytes| render_hit(rank, hit, hit.text.floor_char_boundary(bytes), false);
        find_largest(first.min(cap * 128), |bytes| check_cost(cut(bytes)))
    })
}

/// Returns `fit(n)` for the largest `n` from 1 to `max` for which it is `Some`, by binary search: where `fit(n)` is
/// `None`, it must be `None` for every larger number.
pub fn find_largest<T>(max: usize, fit: impl Fn(usize) -> Option<T>) -> Option<T> {
    let (mut low, mut high, mut best) = (1, max, None);
    while low <= high {
        let middle = usize::midpoint(low, high);
        match fit(middle) {
            Some(fitting) => (low, best) = (middle + 1, Some(fitting)),
            None => high = middle - 1,
        }
    }
    best
}

/// The beginning of a hit's text, and the lines after it.
struct HitExcerpt<'h> {
    code: &'h str,
    /// Number of lines not shown, or not in full.
    more_lines: u32,
    /// The first of these lines.
    next_line: u32,
    /// Whether the text was cut inside a line.
    ends_inside_line: bool,
}

impl<'h> HitExcerpt<'h> {
    fn new(hit: &'h Hit, bytes: usize) -> Self {
        let (code, rest) = hit.text.split_at(bytes.min(hit.text.len()));
        let ends_inside_line = !rest.is_empty() && !rest.starts_with('\n');
        let shown = code.matches('\n').count() + usize::from(!ends_inside_line);
        let shown = u32::try_from(shown).unwrap_or(u32::MAX);
        let next_line = hit.span.start_line.saturating_add(shown).min(hit.span.end_line);
        let more_lines = hit.span.end_line - next_line + 1;
        let is_rest_blank = rest.trim().is_empty();
        Self { code, more_lines: if is_rest_blank { 0 } else { more_lines }, next_line, ends_inside_line }
    }
}

/// Renders a hit with the first `bytes` of its text, and with other places of its file if `with_also`.
fn render_hit(rank: usize, hit: &Hit, bytes: usize, with_also: bool) -> RenderedHit {
    let excerpt = HitExcerpt::new(hit, bytes);
    let name = truncate_chars(&sanitize_line(&hit.qualified_name()), MAX_NAME_CHARS);
    let fence = choose_fence(excerpt.code);
    let mut text = format!("{}. {}  [{}] {name}", rank + 1, format_location(hit), hit.kind);
    text.truncate(text.trim_end().len());
    if hit.stale {
        text.push_str("  (stale: file changed since indexed)");
    }
    text.push_str(&format!("\n{fence}{}\n{}\n{fence}", hit.language, excerpt.code));
    if excerpt.more_lines > 0 {
        let what = if excerpt.ends_inside_line { "lines not shown in full" } else { "more lines" };
        let lines = format!("{}-{}", excerpt.next_line, hit.span.end_line);
        let path = sanitize_line(hit.path.as_str());
        text.push_str(&format!("\n… {} {what} (read {path}:{lines})", excerpt.more_lines));
    }
    let also: Vec<_> = hit.also.iter().filter(|_| with_also).take(MAX_ALSO).map(format_other_place).collect();
    if !also.is_empty() {
        text.push_str(&format!("\nalso: {}", also.join(", ")));
    }
    let hit = HitOutput {
        path: sanitize_line(hit.path.as_str()),
        start_line: hit.span.start_line,
        end_line: hit.span.end_line,
        kind: hit.kind.to_string(),
        symbol: name,
        stale: hit.stale,
        more_lines: (excerpt.more_lines > 0).then(|| format!("{}-{}", excerpt.next_line, hit.span.end_line)),
        code: excerpt.code.to_owned(),
        also,
    };
    RenderedHit { text, hit }
}

/// Formats another place in the same file, such as `reset 70-80`.
fn format_other_place(place: &RelatedChunk) -> String {
    let name = truncate_chars(&sanitize_line(&place.name), MAX_ALSO_CHARS);
    let (from, to) = (place.span.start_line, place.span.end_line);
    if name.is_empty() { format!("{from}-{to}") } else { format!("{name} {from}-{to}") }
}

/// Returns a Markdown fence for `code`: at least three backticks, and more than any line of it begins with.
pub fn choose_fence(code: &str) -> String {
    let run = |line: &str| line.trim_start().bytes().take_while(|byte| *byte == b'`').count();
    let longest = code.lines().map(run).max().unwrap_or(0);
    "`".repeat(3.max(longest + 1))
}

/// Formats the location of a hit as `path:first-last`.
fn format_location(hit: &Hit) -> String {
    format!("{}:{}-{}", sanitize_line(hit.path.as_str()), hit.span.start_line, hit.span.end_line)
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

/// Formats the caveats on an answer: an incomplete index, stale results, and a note. Empty when there are none.
pub fn format_caveats(coverage: &IndexCoverage, stale: usize, note: Option<&str>) -> String {
    let mut caveats = String::new();
    if !coverage.complete {
        caveats.push_str(&format!("; the index is incomplete: {}", format_coverage(coverage)));
    }
    if stale > 0 {
        caveats.push_str(&format!("; {stale} from files changed since they were indexed: call index_project"));
    }
    if let Some(note) = note {
        caveats.push_str("; ");
        caveats.push_str(note);
    }
    caveats
}

/// Formats a coverage, such as `12 of 4000 files, 130 chunks`.
pub fn format_coverage(coverage: &IndexCoverage) -> String {
    let of = match coverage.files_found {
        0 => String::new(),
        found => format!(" of {found}"),
    };
    format!("{}{of} files, {} chunks", coverage.files_indexed, coverage.chunks)
}

/// Returns the wire type of the coverage; `None` when the index is complete.
pub fn incomplete_coverage_output(known: &IndexCoverage) -> Option<CoverageOutput> {
    (!known.complete).then(|| to_coverage_output(known))
}

/// Converts a coverage to its wire type.
pub fn to_coverage_output(coverage: &IndexCoverage) -> CoverageOutput {
    CoverageOutput {
        complete: coverage.complete,
        files_indexed: coverage.files_indexed,
        files_found: coverage.files_found,
        chunks: coverage.chunks,
    }
}

/// Serializes a value to JSON, to count its tokens: some clients show the model only this form.
pub fn to_json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests;
