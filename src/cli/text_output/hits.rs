//! Search hits as text: header, snippet, other matches in the file, and score terms.

use std::io;
use std::ops::Range;

use super::highlight;
use super::palette::{Palette, TextRole};
use crate::cli::index_run::command_folder::ShownPaths;
use crate::cli::index_run::searched::Searched;
use crate::cli::printer::Printer;
use ::text::display::escape_name;
use answer::place::{PlaceRow, is_part};
use answer::{Place, QueryWords};
use engine::{CodeExcerpt, Explanation, Hit, Language, ReadRequest, RepoPath, SearchAnswer, Span, TokenClass};

/// Maximum number of lines of the first snippet: most definitions are shown whole.
const FIRST_SNIPPET_LINES: usize = 30;

/// Maximum number of lines of each further snippet.
const SNIPPET_LINES: usize = 12;

/// The character that marks omitted lines.
const GAP: &str = "⋯";

/// The options for showing hits.
pub struct HitView<'e> {
    pub searched: &'e Searched,
    pub paths: &'e ShownPaths,
    /// Whether every line of a hit is shown.
    pub full: bool,
    /// Number of further lines of the file that are shown before and after each hit.
    pub context_lines: u32,
}

/// Prints all hits, separated by blank lines. `text` is the query.
///
/// # Errors
/// If standard output cannot be written.
pub fn print_hits(palette: Palette, view: &HitView<'_>, text: &str, answer: &SearchAnswer) -> io::Result<()> {
    let mut printer = Printer::new();
    let words = QueryWords::parse(text);
    for (at, hit) in answer.hits.iter().enumerate() {
        if at > 0 {
            printer.line("")?;
        }
        let max_lines = match (view.full, at) {
            (true, _) => usize::MAX,
            (false, 0) => FIRST_SNIPPET_LINES,
            (false, _) => SNIPPET_LINES,
        };
        for line in hit_lines(hit, view, max_lines, &words, palette) {
            printer.line(&line)?;
        }
    }
    printer.finish()
}

/// Returns the lines of a hit, among them about `max_lines` of its code.
fn hit_lines(hit: &Hit, view: &HitView<'_>, max_lines: usize, words: &QueryWords, palette: Palette) -> Vec<String> {
    let mut lines = vec![header_line(hit, words, &view.paths.show(&hit.path), palette)];
    let (before, after) = context_of(hit, view);
    let last = after.as_ref().map_or(hit.span.end_line, |after| after.span.end_line);
    let digits = last.to_string().len().max(3);
    let mut show = |text: &str, first_line: u32, rows: &[PlaceRow<'_>]| {
        let highlighted = palette.is_coloured;
        let tokens = if highlighted { view.searched.highlight_tokens(hit.language, text) } else { Vec::new() };
        lines.extend(snippet_lines(text, first_line, rows, &tokens, digits, palette));
    };
    for (context, is_before) in [(&before, true), (&after, false)] {
        if !is_before {
            show(&hit.text, hit.span.start_line, &Place::new(hit, words, max_lines).widen(max_lines).rows());
        }
        if let Some(context) = context {
            show(&context.text, context.span.start_line, &whole_rows(&context.text));
        }
    }
    lines.extend(also_line(hit, palette));
    if let Some(explanation) = &hit.explanation {
        lines.extend(score_table(explanation, hit.score).iter().map(|line| palette.paint(TextRole::Dim, line)));
    }
    lines
}

/// Returns the lines of a text with line numbers, highlighted.
pub fn numbered_lines(
    searched: &Searched,
    language: Language,
    text: &str,
    first_line: u32,
    palette: Palette,
) -> Vec<String> {
    let tokens = if palette.is_coloured { searched.highlight_tokens(language, text) } else { Vec::new() };
    let rows = whole_rows(text);
    let last = first_line.saturating_add(u32::try_from(rows.len()).unwrap_or(u32::MAX));
    snippet_lines(text, first_line, &rows, &tokens, last.to_string().len().max(3), palette)
}

/// Reads the lines before and after a hit from its file. Each is `None` if none are requested, if there are none, or if
/// the file cannot be read or has changed.
fn context_of(hit: &Hit, view: &HitView<'_>) -> (Option<CodeExcerpt>, Option<CodeExcerpt>) {
    let Span { start_line, end_line } = hit.span;
    let read = |from: u32, to: u32| {
        if view.context_lines == 0 || hit.stale || from > to {
            return None;
        }
        let path = Some(hit.path.as_str().to_owned());
        let request = ReadRequest { path, lines: Some((from, to)), ..ReadRequest::default() };
        view.searched.read_code(&request, &engine::CancelToken::default()).ok()
    };
    let before = read(start_line.saturating_sub(view.context_lines).max(1), start_line.saturating_sub(1));
    (before, read(end_line.saturating_add(1), end_line.saturating_add(view.context_lines)))
}

/// Returns a row for each line of a text.
fn whole_rows(text: &str) -> Vec<PlaceRow<'_>> {
    text.split('\n').enumerate().map(|(index, text)| PlaceRow::Line { index, number: 0, text }).collect()
}

/// Formats the header of a hit as `path:start-end  container.symbol, other  [kind]  part  stale`. The names are those
/// of [`Place::name`], each with its own kind if these differ; `part` is there only if the definition goes beyond the
/// hit, and `stale` only if the hit is stale.
fn header_line(hit: &Hit, words: &QueryWords, path: &RepoPath, palette: Palette) -> String {
    let path = escape_name(path.as_str());
    let place = format!("{path}:{}-{}", hit.span.start_line, hit.span.end_line);
    let mut parts = vec![palette.paint(TextRole::Path, &place)];
    let place = Place::new(hit, words, 1);
    match place.name_with_kinds(|name, kind| format!("{name} [{kind}]")) {
        Some(named) => parts.push(palette.paint(TextRole::Name, &named)),
        None => {
            let name = place.name();
            parts.extend((!name.is_empty()).then(|| palette.paint(TextRole::Name, &name)));
            parts.push(palette.paint(TextRole::Dim, &format!("[{}]", hit.kind)));
        }
    }
    if place.is_partial() {
        parts.push(palette.paint(TextRole::Dim, "part"));
    }
    if hit.stale {
        parts.push(palette.paint(TextRole::Warning, "stale"));
    }
    parts.join("  ")
}

/// Returns the given rows of a text that starts at `first_line`, with line numbers, highlighted and cut to the terminal
/// width.
fn snippet_lines(
    text: &str,
    first_line: u32,
    rows: &[PlaceRow<'_>],
    tokens: &[(Range<usize>, TokenClass)],
    digits: usize,
    palette: Palette,
) -> Vec<String> {
    let lines = highlight::split_tokens(text, tokens);
    let format_row = |row: &PlaceRow<'_>| match row {
        PlaceRow::Gap => palette.paint(TextRole::Dim, &format!("{GAP:>width$}", width = digits + 2)),
        PlaceRow::Line { index, .. } => {
            let number = first_line.saturating_add(u32::try_from(*index).unwrap_or(u32::MAX));
            let margin = palette.paint(TextRole::Dim, &format!("{number:>width$}  ", width = digits + 2));
            let room = palette.columns.saturating_sub(digits + 4);
            let painted = lines.get(*index).map(|(line, runs)| highlight::paint_line(line, runs, room, palette));
            format!("{margin}{}", painted.unwrap_or_default()).trim_end().to_owned()
        }
    };
    rows.iter().map(format_row).collect()
}

/// Formats the other matches in the file as `also: 50-60 method close, 70-80 block`. `None` if there are none.
fn also_line(hit: &Hit, palette: Palette) -> Option<String> {
    let place = |place: &engine::RelatedChunk| {
        let space = if place.name.is_empty() { "" } else { " " };
        let part = if is_part(hit, place) { " (part)" } else { "" };
        format!("{}-{} {}{space}{}{part}", place.span.start_line, place.span.end_line, place.kind, place.name)
    };
    let places: Vec<String> = hit.also.iter().map(place).collect();
    (!places.is_empty()).then(|| palette.paint(TextRole::Dim, &format!("  also: {}", places.join(", "))))
}

/// Formats the terms of a score as a table with their sum, then the terms that chose the chunk among those of its file,
/// with theirs.
fn score_table(explanation: &Explanation, score: f32) -> Vec<String> {
    let mut lines = vec![format!("  {:>9}  {:>9}  term", "share", "value")];
    for term in &explanation.terms {
        lines.push(format!("  {:>+9.4}  {:>9.4}  {}", term.share, term.value, term.name));
    }
    lines.push(format!("  {score:>9.4}  {:>9}  score: the sum of the shares above", ""));
    if explanation.chunk.is_empty() {
        return lines;
    }
    lines
        .push("  the terms below only choose this chunk among those of its file; they are not in the score".to_owned());
    for term in &explanation.chunk {
        lines.push(format!("  {:>+9.4}  {:>9.4}  {}", term.share, term.value, term.name));
    }
    let sum: f32 = explanation.chunk.iter().map(|term| term.share).sum();
    lines.push(format!("  {sum:>9.4}  {:>9}  sum of the chunk's shares", ""));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::{ScoreTerm, SymbolKind};

    const PLAIN: Palette = Palette { is_coloured: false, columns: 80 };

    /// Returns the snippet of a hit as lines of text.
    fn snippet(hit: &Hit, words: &QueryWords) -> Vec<String> {
        let rows = Place::new(hit, words, SNIPPET_LINES).widen(SNIPPET_LINES).rows();
        snippet_lines(&hit.text, hit.span.start_line, &rows, &[], 3, PLAIN)
    }

    fn hit(lines: u32) -> Hit {
        let text = (0..lines).map(|line| format!("line {line}")).collect::<Vec<_>>().join("\n");
        Hit {
            path: RepoPath::new("src/\x1b[2Ja.txt"),
            language: Language("text"),
            span: Span { start_line: 9, end_line: 8 + lines },
            kind: SymbolKind::Method,
            symbol: "open".to_owned(),
            container: "Session".to_owned(),
            signature: String::new(),
            definitions: Vec::new(),
            text,
            score: 1.5,
            deciding_lines: Vec::new(),
            also: Vec::new(),
            project: None,
            repository: None,
            stale: true,
            explanation: None,
        }
    }

    #[test]
    fn the_header_has_location_name_and_kind() {
        let hit = hit(2);
        let header = header_line(&hit, &QueryWords::default(), &hit.path, PLAIN);
        assert_eq!(header, "src/\\u{1b}[2Ja.txt:9-10  Session.open  [method]  part  stale");
    }

    #[test]
    fn the_header_has_every_name_that_the_hit_holds() {
        let symbol = |name: &str, line| engine::Symbol {
            name: name.to_owned(),
            kind: SymbolKind::Function,
            container: String::new(),
            signature: String::new(),
            span: Span { start_line: line, end_line: line + 1 },
        };
        let hit = Hit {
            symbol: "load_config".to_owned(),
            container: String::new(),
            kind: SymbolKind::Function,
            signature: "def load_config(path)".to_owned(),
            definitions: vec![symbol("load_config", 9), symbol("save_config", 12)],
            text: "def load_config(path):\n    return read(path)\n\ndef save_config(path):\n    write(path)".to_owned(),
            stale: false,
            ..hit(5)
        };
        let header = header_line(&hit, &QueryWords::parse("save_config"), &hit.path, PLAIN);
        assert!(header.ends_with(":9-13  load_config, save_config  [function]"), "{header}");
        let json = serde_json::to_value(crate::cli::json_output::search::SearchJson::new(
            "save_config",
            &engine::SearchAnswer { hits: vec![hit], ..engine::SearchAnswer::default() },
            &[],
        ));
        let names = json.expect("JSON")["results"][0]["names"].clone();
        assert_eq!(names, serde_json::json!(["load_config", "save_config"]));
    }

    #[test]
    fn omitted_lines_are_marked() {
        let shown = snippet(&hit(40), &QueryWords::parse("\"line 30\""));
        assert_eq!(shown[..2], ["    9  line 0", "   10  line 1"]);
        let gap = shown.iter().filter(|line| line.trim() == GAP).count();
        assert_eq!((gap, shown.len()), (2, SNIPPET_LINES + 2));
        assert!(shown.contains(&"   39  line 30".to_owned()));
        assert_eq!(shown.last().map(|line| line.trim()), Some(GAP));
    }

    #[test]
    fn a_short_chunk_is_shown_whole() {
        assert_eq!(snippet(&hit(2), &QueryWords::default()), ["    9  line 0", "   10  line 1"]);
    }

    #[test]
    fn terms_are_aligned_in_columns() {
        let term = |name, value, share| ScoreTerm { name, value, share };
        let terms = vec![term("words in the path", 2.0, -0.25), term("file name in the query", 1.0, 1.75)];
        let chunk = vec![term("chunk: words", 1.0, 1.0), term("chunk: a test", 1.0, -0.5)];
        let lines = score_table(&Explanation { terms, chunk }, 1.5);
        assert_eq!(lines[1], "    -0.2500     2.0000  words in the path");
        assert_eq!(lines[3], "     1.5000             score: the sum of the shares above");
        assert!(lines[4].ends_with("they are not in the score"), "{lines:?}");
        assert_eq!(lines[5], "    +1.0000     1.0000  chunk: words");
        assert_eq!(lines.last().map(String::as_str), Some("     0.5000             sum of the chunk's shares"));
    }
}
