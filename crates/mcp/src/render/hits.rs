//! Renders search hits as text for a model and as structured data, within a token budget.
//!
//! A brief answer shows the deciding lines of the first two hits and one line of each other hit; a full answer shows
//! the code of every hit. The budget decides how many lines of each hit are shown: as many as fit, more for the first
//! hits than for the rest. The lines that are kept are the signature and those that match the query, so a hit stays
//! useful when it is cut. If not even one line of each hit fits, the last hits are left for the next page.

use answer::caveats::{append_note, format_caveats};
use answer::location::format_lines;
use answer::place::{BriefLengths, PlaceDetail};
use answer::{AnswerError, AnswerForm, Detail, Place, QueryWords, RenderedAnswer, TokenBudget, find_largest};
use engine::{Hit, IndexCoverage, Mention, Mentions, SearchAnswer};
use mcp_schema::search::{HitOutput, SearchOutput};
use text::display::{escape_code, escape_name, escape_name_to_length, sanitize_to_length};

use super::coverage::{render_not_indexed, to_incomplete_coverage};
use crate::call::blocking::run_blocking;
use crate::call::cursor::PageCursor;
use crate::call::result::{ToolResult, to_tool_result};
use crate::roots::query::{IndexAnswer, QueryOutcome};

/// Number of hits of a full answer that show more lines than the rest.
const FIRST_HITS: usize = 3;

/// Number of hits of a brief answer that are shown with a signature; the others have a name, and a deciding line if
/// there is room.
const SIGNED_HITS: usize = 5;

/// The limits on the text of the hits of an answer.
#[derive(Clone, Copy, Debug)]
struct DetailLevel {
    /// Maximum number of lines of each of the first [`FIRST_HITS`] hits of a full answer, and of the first hit of a
    /// brief answer.
    first_lines: usize,
    /// Maximum number of lines of each further hit of a full answer, and of the second hit of a brief answer; with 1, a
    /// hit takes one line in all, as each further hit of a brief answer does.
    other_lines: usize,
    max_line_chars: usize,
    /// Lengths of a hit on one line, among the first [`SIGNED_HITS`] hits.
    brief: BriefLengths,
    /// Lengths of a hit on one line, after the first [`SIGNED_HITS`] hits.
    tail: BriefLengths,
    /// Maximum number of related places listed below each of the first hits.
    max_related: usize,
}

const fn level(first_lines: usize, other_lines: usize, max_line_chars: usize, max_related: usize) -> DetailLevel {
    let chars = if max_line_chars > 160 { 160 } else { max_line_chars };
    let brief = BriefLengths { signature: chars, line: chars };
    DetailLevel { first_lines, other_lines, max_line_chars, brief, tail: brief, max_related }
}

/// Returns the level of a brief answer with `[first, second]` lines of its first two hits.
const fn brief_level(lines: [usize; 2], max_related: usize, [signature, line, tail]: [usize; 3]) -> DetailLevel {
    let (brief, tail) = (BriefLengths { signature, line }, BriefLengths { signature: 0, line: tail });
    DetailLevel { first_lines: lines[0], other_lines: lines[1], max_line_chars: 160, brief, tail, max_related }
}

/// The levels of a full answer, the most detailed first: each takes fewer tokens than the one before it. The first that
/// fits is used.
const FULL_LEVELS: [DetailLevel; 18] = [
    level(usize::MAX, usize::MAX, usize::MAX, 3),
    level(usize::MAX, usize::MAX, 500, 3),
    level(120, 60, 400, 3),
    level(80, 40, 300, 3),
    level(60, 24, 300, 3),
    level(40, 16, 240, 3),
    level(30, 10, 240, 3),
    level(24, 6, 200, 3),
    level(20, 4, 200, 3),
    level(18, 1, 160, 3),
    level(14, 1, 160, 3),
    level(12, 1, 140, 2),
    level(9, 1, 120, 2),
    level(7, 1, 120, 2),
    level(5, 1, 100, 1),
    level(3, 1, 100, 0),
    level(1, 1, 100, 0),
    level(1, 1, 30, 0),
];

/// The levels of a brief answer that show the whole first place if it has at most 60 lines, each smaller than the one
/// before it. Later places lose detail before the first one does.
const WHOLE_LEVELS: [DetailLevel; 6] = [
    brief_level([60, 8], 3, [90, 90, 80]),
    brief_level([60, 8], 2, [40, 60, 0]),
    brief_level([60, 8], 1, [0, 50, 0]),
    brief_level([60, 4], 1, [0, 50, 0]),
    brief_level([60, 1], 1, [0, 50, 0]),
    brief_level([60, 1], 0, [0, 0, 0]),
];

/// The other levels of a brief answer, each smaller than the one before it.
const BRIEF_LEVELS: [DetailLevel; 11] = [
    brief_level([24, 8], 3, [90, 90, 80]),
    brief_level([24, 8], 2, [40, 60, 0]),
    brief_level([14, 7], 2, [40, 60, 0]),
    brief_level([12, 6], 2, [40, 60, 0]),
    brief_level([10, 5], 1, [40, 50, 0]),
    brief_level([8, 4], 1, [30, 50, 0]),
    brief_level([6, 3], 1, [0, 50, 0]),
    brief_level([4, 2], 0, [0, 40, 0]),
    brief_level([2, 2], 0, [0, 40, 0]),
    brief_level([1, 1], 0, [0, 40, 0]),
    brief_level([1, 1], 0, [0, 0, 0]),
];

/// The parts of an answer other than its hits.
#[derive(Clone, Debug, Default)]
pub struct AnswerFrame {
    /// Plural noun for the hits of an empty answer: `hits` or `similar places`.
    pub noun: &'static str,
    /// Words of the query; lines with them are kept.
    pub words: QueryWords,
    pub detail: Detail,
    /// Note on the answer, written by this server.
    pub note: Option<String>,
    /// Start of the page.
    pub cursor: PageCursor,
    /// Whether more hits follow the page.
    pub more: bool,
    /// The code that names the definition of the first hit.
    pub mentions: Option<Mentions>,
}

/// The hits of a call.
pub struct FoundHits {
    pub answer: SearchAnswer,
    /// The code that names the definition of the first hit; `None` if it was not looked for or is too much.
    pub mentions: Option<Mentions>,
}

impl IndexAnswer for FoundHits {
    fn coverage(&self) -> Option<&IndexCoverage> {
        Some(&self.answer.coverage)
    }

    fn notes(&self) -> &[String] {
        &self.answer.notes
    }

    fn is_empty(&self) -> bool {
        self.answer.hits.is_empty()
    }
}

/// A request for a page of hits.
pub struct HitPage {
    /// Plural noun for the hits: `hits` or `similar places`.
    pub noun: &'static str,
    pub words: QueryWords,
    pub detail: Detail,
    pub cursor: PageCursor,
    /// Maximum number of hits.
    pub limit: usize,
    pub budget: TokenBudget,
}

/// Minimum length, in bytes, of a text of several lines to which the answer may be longer, such as a bug report.
const MIN_PASTED_BYTES: usize = 200;

/// Returns the default token limit of an answer with hits to a query of this `text`. Ten hits as JSON take 350 tokens
/// before any code.
///
/// There is room for the whole first place if it is not long, so that it need not be read in a second call. Whoever
/// pastes a whole report wants to change the code, and has more room.
pub fn default_hit_tokens(detail: Detail, form: AnswerForm, text: &str) -> u32 {
    let is_pasted = text.len() >= MIN_PASTED_BYTES && text.trim().contains('\n');
    match (detail, form, is_pasted) {
        (Detail::Brief, AnswerForm::Text, false) => 640,
        (Detail::Brief, AnswerForm::Text, true) | (Detail::Brief, AnswerForm::TextAndData, false) => 900,
        (Detail::Brief, AnswerForm::TextAndData, true) => 1_500,
        (Detail::Full, ..) => 2_400,
    }
}

/// Answers a call with a page of hits. The hits of `outcome` include those of the earlier pages.
pub async fn answer_with_hits(outcome: QueryOutcome<FoundHits>, page: HitPage) -> ToolResult {
    let HitPage { noun, words, detail, cursor, limit, budget } = page;
    match outcome {
        QueryOutcome::Answer(FoundHits { mut answer, mentions }, mut note) => {
            if let Some(count) = words.count_exact(&answer.hits).filter(|_| detail == Detail::Brief) {
                answer.hits.truncate(count);
                append_note(&mut note, ONLY_EXACT);
            }
            answer.hits.drain(..cursor.start[0].min(answer.hits.len()));
            let more = answer.hits.len() > limit;
            answer.hits.truncate(limit);
            answer.hits.iter_mut().for_each(|hit| hit.text = escape_code(&hit.text).into_owned());
            cursor.note_index_change(answer.generation, &mut note);
            let frame = AnswerFrame { noun, words, detail, note, cursor, more, mentions };
            to_tool_result(run_blocking(move || render_hits(&answer, &frame, budget)).await??, budget.form)
        }
        QueryOutcome::NotIndexedYet(text) => to_tool_result(
            render_not_indexed(text, |note, coverage| SearchOutput { note, coverage, ..SearchOutput::default() }),
            budget.form,
        ),
    }
}

/// Maximum length of a path, and of a name, in the place of a mention, in characters.
const MAX_MENTION_CHARS: usize = 80;

/// Note on an answer that has only the places that contain the text of the query.
const ONLY_EXACT: &str = "only places with this very text; detail full has others";

/// Renders all hits with as much detail as fits into the budget. If they do not fit at any level, renders as many as
/// fit with the least detail, the best first.
fn render_hits(
    found: &SearchAnswer,
    frame: &AnswerFrame,
    budget: TokenBudget,
) -> Result<RenderedAnswer<SearchOutput>, AnswerError> {
    let all = found.hits.len();
    let lists: &[&[DetailLevel]] = match frame.detail {
        Detail::Brief => &[&WHOLE_LEVELS, &BRIEF_LEVELS],
        Detail::Full => &[&FULL_LEVELS],
    };
    for levels in lists {
        let fit = |detail: usize| render_first_hits(found, frame, levels[levels.len() - detail], all).within(budget);
        if let Some(fitting) = find_largest(levels.len(), fit)? {
            return Ok(fitting);
        }
    }
    let last = lists[lists.len() - 1].last().copied().unwrap_or(level(1, 1, 30, 0));
    let fitting = find_largest(all, |count| render_first_hits(found, frame, last, count).within(budget))?;
    Ok(fitting.unwrap_or_else(|| render_first_hits(found, frame, last, 0)))
}

/// Renders the first `count` hits.
fn render_first_hits(
    found: &SearchAnswer,
    frame: &AnswerFrame,
    level: DetailLevel,
    count: usize,
) -> RenderedAnswer<SearchOutput> {
    let stale = found.hits[..count].iter().filter(|hit| hit.stale).count();
    let caveats = format_caveats(&found.coverage, stale, frame.note.as_deref());
    let (all, before) = (found.hits.len(), frame.cursor.start[0]);
    let mut parts: Vec<String> = Vec::new();
    if all == 0 {
        let after = if before > 0 { format!(" after the first {before}") } else { String::new() };
        parts.push(format!("no {}{after}", frame.noun));
    }
    parts.extend(caveats);
    let mut parts = if parts.is_empty() { Vec::new() } else { vec![parts.join("; ")] };
    let coverage = to_incomplete_coverage(&found.coverage);
    let mut structured = SearchOutput { coverage, note: frame.note.clone(), ..SearchOutput::default() };
    for (rank, hit) in found.hits[..count].iter().enumerate() {
        let rank = before + rank;
        let lines = match (frame.detail, rank) {
            (_, 0) => level.first_lines,
            (Detail::Full, rank) if rank < FIRST_HITS => level.first_lines,
            (Detail::Full, _) | (Detail::Brief, 1) => level.other_lines,
            (Detail::Brief, _) => 1,
        };
        let lines = if level.first_lines == 1 { 1 } else { lines };
        let place = Place::new(hit, &frame.words, lines);
        let max_related = if rank < FIRST_HITS && lines > 1 { level.max_related } else { 0 };
        let detail = PlaceDetail { max_line_chars: level.max_line_chars, max_related };
        let lengths = if rank < SIGNED_HITS { level.brief } else { level.tail };
        parts.push(if lines == 1 { place.format_brief(lengths) } else { place.format(detail) });
        let mut output = to_hit_output(&place, detail, (lines == 1).then_some(lengths));
        if let Some(mentions) = frame.mentions.as_ref().filter(|_| rank == 0 && lines > 1) {
            output.named_in = mentions.lines.iter().map(format_mention).collect();
            parts.push(match (output.named_in.join(", "), mentions.has_more) {
                (places, false) if places.is_empty() => "named nowhere else outside of tests".to_owned(),
                (places, has_more) => format!("named in {places}{}", if has_more { ", …" } else { "" }),
            });
        }
        structured.hits.push(output);
    }
    if count < all {
        structured.left_out_hits = Some(all - count);
        parts.push(format!("{} more left out for max_tokens", all - count));
    }
    if count > 0 && (frame.more || count < all) {
        let cursor = frame.cursor.format_next(found.generation, [before + count, 0]);
        parts.push(format!("more: cursor {cursor}"));
        structured.next_cursor = Some(cursor);
    }
    RenderedAnswer { text: parts.join("\n"), structured }
}

/// Formats a line that names a definition, such as `src/a.rs:10 run`.
fn format_mention(mention: &Mention) -> String {
    let path = escape_name_to_length(mention.path.as_str(), MAX_MENTION_CHARS);
    let within = escape_name_to_length(&mention.within, MAX_MENTION_CHARS);
    format!("{path}:{} {within}", mention.line).trim_end().to_owned()
}

/// Converts a place to its wire type. A place on one line has its signature, and its deciding line, if any, as code.
fn to_hit_output(place: &Place<'_>, detail: PlaceDetail, brief: Option<BriefLengths>) -> HitOutput {
    let Hit { span, stale, signature, .. } = place.hit;
    let (signature, code) = match brief {
        None => (String::new(), place.code(detail.max_line_chars)),
        Some(BriefLengths { signature: chars, line }) => {
            (sanitize_to_length(signature, chars), place.deciding_line(line).unwrap_or_default())
        }
    };
    HitOutput {
        path: place.path(),
        repository: place.hit.repository.as_deref().map(|name| escape_name(name).into_owned()),
        start_line: span.start_line,
        end_line: span.end_line,
        kind: place.kind().to_string(),
        symbol: place.name(),
        signature,
        stale: *stale,
        more_lines: if brief.is_some() {
            Vec::new()
        } else {
            place.omitted_lines().into_iter().map(format_lines).collect()
        },
        code,
        also: place.related(detail.max_related),
        named_in: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
