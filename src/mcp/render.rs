//! Hits and outlines as text for a model, and as the same in structured form, within a budget.
//!
//! Invariant: the text, and the structured form as JSON, each have at most `max_tokens` tokens,
//! whatever is in the hits. What does not fit is named: a shortened place says which lines to
//! read, a place left out is listed. Must never import: anything of this crate but `engine`.

use serde::Serialize;

use super::answer::{Answer, clean, clip};
use super::cursor::Cursor;
use super::tokens;
use super::wire::{CoverageOutput, HitOutput, SearchOutput};
use crate::engine::{Coverage, Hit, Place, SearchAnswer};

/// Kept free for the list of what is left out, and for the frame of the structured form.
const FRAME_TOKENS: usize = 120;

/// A place gets at least this much; when there is not enough for all, the last ones are left out.
const LEAST_BLOCK_TOKENS: usize = 120;

/// Longest name shown, in characters.
const MAX_NAME_CHARS: usize = 200;

/// Most other places of a file named below its hit, and the longest name of one, in characters.
const MAX_ALSO: usize = 4;
const MAX_ALSO_CHARS: usize = 60;

/// What an answer tells besides its hits.
#[derive(Clone, Debug, Default)]
pub struct Around {
    /// What the hits are of, for the first line: `hits`, `similar places`.
    pub what: &'static str,
    /// What to know about this answer; written by this server, shorter than 100 tokens.
    pub note: Option<String>,
    /// Where the hits stand in all there are; `None` for an answer without further parts.
    pub page: Option<Page>,
}

/// A part of a longer answer.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Where it begins.
    pub cursor: Cursor,
    /// Of the index it is from.
    pub edition: u64,
    /// Whether there is more behind its last hit.
    pub more: bool,
}

impl Around {
    /// How many hits are before the first one.
    fn before(&self) -> usize {
        self.page.map_or(0, |page| page.cursor.at[0])
    }

    /// What to ask with for what comes behind the first `shown` of `all`.
    fn next(&self, shown: usize, all: usize) -> Option<String> {
        let page = self.page.filter(|page| shown > 0 && (page.more || shown < all))?;
        Some(page.cursor.next(page.edition, [page.cursor.at[0] + shown, 0]))
    }
}

/// A hit as it will be shown.
struct Block {
    text: String,
    hit: HitOutput,
}

impl Block {
    /// The larger of its two forms, in tokens, or `limit + 1`.
    fn cost(&self, limit: usize) -> usize {
        // Between two blocks stand an empty line, or a comma.
        2 + tokens::count_capped(&self.text, limit).max(tokens::count_capped(&json(&self.hit), limit))
    }
}

/// Renders hits within `max_tokens`.
pub fn search(found: &SearchAnswer, around: &Around, max_tokens: usize) -> Answer<SearchOutput> {
    let head = head(found, around);
    let fits = |answer: &Answer<SearchOutput>| {
        tokens::fits(&answer.text, max_tokens) && tokens::fits(&json(&answer.structured), max_tokens)
    };
    // Mostly everything fits: then it is counted once.
    let all = attempt(found, around, &head, max_tokens, |rank, hit| Some((block(rank, hit, usize::MAX, true), 0)));
    if fits(&all) {
        return all;
    }
    let mut room = max_tokens.saturating_sub(FRAME_TOKENS + tokens::count_capped(&head, max_tokens));
    let whole = |(rank, hit)| block(around.before() + rank, hit, usize::MAX, true).cost(room);
    let costs: Vec<_> = found.hits.iter().enumerate().map(whole).collect();
    loop {
        let (shown, cap) = share(&costs, room);
        let within = |rank, hit| if rank < around.before() + shown { block_within(rank, hit, cap) } else { None };
        let answer = attempt(found, around, &head, room, within);
        // Tokens of the whole are not always the sum of its parts'; rarely, the parts must shrink.
        if fits(&answer) || room == 0 {
            return answer;
        }
        room = room * 7 / 8;
    }
}

/// The answer with what `fitting` makes of each hit, by its rank, and what that costs.
fn attempt<'f>(
    found: &'f SearchAnswer,
    around: &Around,
    head: &str,
    room: usize,
    fitting: impl Fn(usize, &'f Hit) -> Option<(Block, usize)>,
) -> Answer<SearchOutput> {
    let mut text = head.to_owned();
    let mut structured =
        SearchOutput { coverage: partial(&found.coverage), note: around.note.clone(), ..SearchOutput::default() };
    let mut left_out = Vec::new();
    let mut first_left_out = found.hits.len();
    let mut free = room;
    for (rank, hit) in found.hits.iter().enumerate() {
        let Some((block, cost)) = fitting(around.before() + rank, hit) else {
            first_left_out = first_left_out.min(rank);
            left_out.push(hit);
            continue;
        };
        free = free.saturating_sub(cost);
        text.push_str("\n\n");
        text.push_str(&block.text);
        structured.hits.push(block.hit);
    }
    if !left_out.is_empty() {
        // Nothing is named any more once not even the frame has room.
        let free = if room == 0 { 0 } else { free + FRAME_TOKENS / 3 };
        structured.left_out = named(&left_out, free);
        structured.left_out_hits = Some(left_out.len());
        let more = more(left_out.len(), &structured.left_out);
        text.push_str(&format!("\n\nleft out for max_tokens: {more}"));
    }
    structured.next_cursor = around.next(first_left_out, found.hits.len());
    if let Some(cursor) = &structured.next_cursor {
        text.push_str(&format!("\n\nmore: cursor {cursor}"));
    }
    Answer { text, structured }
}

/// `3 more hits: a.rs:1-20, …`
fn more(count: usize, names: &[String]) -> String {
    let hits = if count == 1 { "1 more hit".to_owned() } else { format!("{count} more hits") };
    let rest = match count - names.len() {
        0 => String::new(),
        rest if rest == count => "; ask with a larger max_tokens or a narrower path".to_owned(),
        rest => format!(" and {rest} others"),
    };
    let colon = if names.is_empty() { "" } else { ": " };
    format!("{hits}{colon}{}{rest}", names.join(", "))
}

/// The places as `path:first-last`, as many as fit.
fn named(left_out: &[&Hit], mut free: usize) -> Vec<String> {
    let mut names = Vec::new();
    for hit in left_out {
        let name = place(hit);
        let cost = 4 + tokens::count_capped(&name, free);
        if cost > free {
            break;
        }
        free -= cost;
        names.push(name);
    }
    names
}

/// How many hits to show, and the most tokens one of them may take: small ones leave their share
/// to the large ones.
fn share(costs: &[usize], room: usize) -> (usize, usize) {
    let mut shown = costs.len();
    loop {
        let mut sorted = costs[..shown].to_vec();
        sorted.sort_unstable();
        let mut left = room;
        let mut cap = room;
        for (place, cost) in sorted.iter().enumerate() {
            let fair = left / (shown - place);
            if *cost > fair {
                cap = fair;
                break;
            }
            left -= cost;
        }
        if shown <= 1 || cap >= LEAST_BLOCK_TOKENS {
            return (shown, cap);
        }
        shown -= 1;
    }
}

/// The hit with as many of its lines as fit into `cap` tokens, and what it costs. `None` when not
/// even a part of its first line fits.
fn block_within(rank: usize, hit: &Hit, cap: usize) -> Option<(Block, usize)> {
    let fitting = |block: Block| {
        let cost = block.cost(cap);
        (cost <= cap).then_some((block, cost))
    };
    if let Some(whole) = fitting(block(rank, hit, usize::MAX, true)) {
        return Some(whole);
    }
    // By lines first, then by bytes of the first line: neither is ever more than there is room for.
    let ends: Vec<usize> = hit.text.match_indices('\n').map(|(at, _)| at).collect();
    let by_lines = |also| largest(ends.len(), |lines| fitting(block(rank, hit, ends[lines - 1], also)));
    by_lines(true).or_else(|| by_lines(false)).or_else(|| {
        let first = ends.first().copied().unwrap_or(hit.text.len());
        let cut = |bytes| block(rank, hit, hit.text.floor_char_boundary(bytes), false);
        largest(first.min(cap * 128), |bytes| fitting(cut(bytes)))
    })
}

/// What `fit` makes of the largest number from 1 to `most` that it does not refuse.
pub fn largest<T>(most: usize, fit: impl Fn(usize) -> Option<T>) -> Option<T> {
    let (mut low, mut high, mut best) = (1, most, None);
    while low <= high {
        let middle = usize::midpoint(low, high);
        match fit(middle) {
            Some(found) => (low, best) = (middle + 1, Some(found)),
            None => high = middle - 1,
        }
    }
    best
}

/// The beginning of a hit's text, and what comes after it.
struct Cut<'h> {
    code: &'h str,
    /// Lines not shown, or not in full.
    more_lines: u32,
    /// The first of them.
    next_line: u32,
    /// Whether the text was cut inside of a line.
    inside: bool,
}

impl<'h> Cut<'h> {
    fn new(hit: &'h Hit, bytes: usize) -> Self {
        let (code, rest) = hit.text.split_at(bytes.min(hit.text.len()));
        let inside = !rest.is_empty() && !rest.starts_with('\n');
        let shown = code.matches('\n').count() + usize::from(!inside);
        let shown = u32::try_from(shown).unwrap_or(u32::MAX);
        let next_line = hit.span.start_line.saturating_add(shown).min(hit.span.end_line);
        let more_lines = hit.span.end_line - next_line + 1;
        let nothing_left = rest.trim().is_empty();
        Self { code, more_lines: if nothing_left { 0 } else { more_lines }, next_line, inside }
    }
}

/// The hit with the first `bytes` of its text, and with other places of its file if `also`.
fn block(rank: usize, hit: &Hit, bytes: usize, also: bool) -> Block {
    let cut = Cut::new(hit, bytes);
    let name = clip(&clean(&hit.qualified_name()), MAX_NAME_CHARS);
    let fence = fence(cut.code);
    let mut text = format!("{}. {}  [{}] {name}", rank + 1, place(hit), hit.kind);
    text.truncate(text.trim_end().len());
    if hit.stale {
        text.push_str("  (stale: file changed since indexed)");
    }
    text.push_str(&format!("\n{fence}{}\n{}\n{fence}", hit.language, cut.code));
    if cut.more_lines > 0 {
        let what = if cut.inside { "lines not shown in full" } else { "more lines" };
        let lines = format!("{}-{}", cut.next_line, hit.span.end_line);
        let path = clean(hit.path.as_str());
        text.push_str(&format!("\n… {} {what} (read {path}:{lines})", cut.more_lines));
    }
    let also: Vec<_> = hit.also.iter().filter(|_| also).take(MAX_ALSO).map(other).collect();
    if !also.is_empty() {
        text.push_str(&format!("\nalso: {}", also.join(", ")));
    }
    let hit = HitOutput {
        path: clean(hit.path.as_str()),
        start_line: hit.span.start_line,
        end_line: hit.span.end_line,
        kind: hit.kind.to_string(),
        symbol: name,
        stale: hit.stale,
        more_lines: (cut.more_lines > 0).then(|| format!("{}-{}", cut.next_line, hit.span.end_line)),
        code: cut.code.to_owned(),
        also,
    };
    Block { text, hit }
}

/// `reset 70-80`: a place in the same file.
fn other(place: &Place) -> String {
    let name = clip(&clean(&place.name), MAX_ALSO_CHARS);
    let (from, to) = (place.span.start_line, place.span.end_line);
    if name.is_empty() { format!("{from}-{to}") } else { format!("{name} {from}-{to}") }
}

/// Enough backticks to stand around `code`: one more than any of its lines begins with.
pub fn fence(code: &str) -> String {
    let run = |line: &str| line.trim_start().bytes().take_while(|byte| *byte == b'`').count();
    let longest = code.lines().map(run).max().unwrap_or(0);
    "`".repeat(3.max(longest + 1))
}

fn place(hit: &Hit) -> String {
    format!("{}:{}-{}", clean(hit.path.as_str()), hit.span.start_line, hit.span.end_line)
}

/// How many hits there are, and what they are drawn from where that is not the whole folder.
fn head(found: &SearchAnswer, around: &Around) -> String {
    let count = found.hits.len();
    let what = if count == 1 { around.what.trim_end_matches('s') } else { around.what };
    let from = match around.before() {
        0 => String::new(),
        before => format!(" after the first {before}"),
    };
    let stale = found.hits.iter().filter(|hit| hit.stale).count();
    format!("{count} {what}{from}{}", about(&found.coverage, stale, around.note.as_deref()))
}

/// What an answer is drawn from where that is not the whole folder, and what else to know of it.
pub fn about(coverage: &Coverage, stale: usize, note: Option<&str>) -> String {
    let mut about = String::new();
    if !coverage.complete {
        about.push_str(&format!("; the index is incomplete: {}", files(coverage)));
    }
    if stale > 0 {
        about.push_str(&format!("; {stale} from files changed since they were indexed: call index_project"));
    }
    if let Some(note) = note {
        about.push_str("; ");
        about.push_str(note);
    }
    about
}

/// `12 of 4000 files, 130 chunks`
pub fn files(coverage: &Coverage) -> String {
    let of = match coverage.files_found {
        0 => String::new(),
        found => format!(" of {found}"),
    };
    format!("{}{of} files, {} chunks", coverage.files_indexed, coverage.chunks)
}

/// The coverage of an answer, where it has something to say.
pub fn partial(known: &Coverage) -> Option<CoverageOutput> {
    (!known.complete).then(|| coverage(known))
}

/// As it goes over the wire.
pub fn coverage(coverage: &Coverage) -> CoverageOutput {
    CoverageOutput {
        complete: coverage.complete,
        files_indexed: coverage.files_indexed,
        files_found: coverage.files_found,
        chunks: coverage.chunks,
    }
}

/// As a client may show it to a model.
pub fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests;
