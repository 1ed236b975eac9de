//! Search hits as text: header, snippet, other matches in the file, and score terms.

use std::io;
use std::ops::Range;

use super::highlight;
use super::palette::{Palette, TextRole};
use crate::cli::printer::Printer;
use ::text::display::escape_name;
use answer::place::PlaceRow;
use answer::{Place, QueryWords};
use engine::{Engine, Explanation, Hit, SearchAnswer, TokenClass};

/// Maximum number of lines of a snippet.
const SNIPPET_LINES: usize = 12;

/// The sign that marks omitted lines.
const GAP: &str = "⋯";

/// Prints all hits of `engine`, separated by blank lines. `text` is the query.
///
/// # Errors
/// If standard output cannot be written.
pub fn print_hits(
    printer: &mut Printer,
    palette: Palette,
    engine: &Engine,
    text: &str,
    answer: &SearchAnswer,
) -> io::Result<()> {
    let words = QueryWords::parse(text);
    for (at, hit) in answer.hits.iter().enumerate() {
        if at > 0 {
            printer.line("")?;
        }
        for line in hit_lines(hit, engine, &words, palette) {
            printer.line(&line)?;
        }
    }
    Ok(())
}

fn hit_lines(hit: &Hit, engine: &Engine, words: &QueryWords, palette: Palette) -> Vec<String> {
    let mut lines = vec![header_line(hit, palette)];
    let tokens = if palette.is_coloured { engine.highlight_tokens(hit.language, &hit.text) } else { Vec::new() };
    lines.extend(snippet_lines(hit, &tokens, words, palette));
    lines.extend(also_line(hit, palette));
    if let Some(explanation) = &hit.explanation {
        lines.extend(score_table(explanation, hit.score).iter().map(|line| palette.paint(TextRole::Dim, line)));
    }
    lines
}

/// Formats the header of a hit as `path:start-end  container.symbol  [kind]  stale`.
fn header_line(hit: &Hit, palette: Palette) -> String {
    let path = escape_name(hit.path.as_str());
    let place = format!("{path}:{}-{}", hit.span.start_line, hit.span.end_line);
    let mut parts = vec![palette.paint(TextRole::Path, &place)];
    let name = hit.qualified_name();
    if !name.is_empty() {
        parts.push(palette.paint(TextRole::Name, &name));
    }
    parts.push(palette.paint(TextRole::Dim, &format!("[{}]", hit.kind)));
    if hit.stale {
        parts.push(palette.paint(TextRole::Warning, "stale"));
    }
    parts.join("  ")
}

/// Returns the chosen lines of a hit with line numbers, highlighted and cut to the terminal width.
fn snippet_lines(
    hit: &Hit,
    tokens: &[(Range<usize>, TokenClass)],
    words: &QueryWords,
    palette: Palette,
) -> Vec<String> {
    let lines = highlight::split_tokens(&hit.text, tokens);
    let rows = Place::new(hit, words, SNIPPET_LINES).rows();
    let last = rows.iter().rev().find_map(|row| match row {
        PlaceRow::Line { number, .. } => Some(*number),
        PlaceRow::Gap => None,
    });
    let digits = last.map_or(1, |number| number.to_string().len()).max(3);
    let format_row = |row: &PlaceRow<'_>| match row {
        PlaceRow::Gap => palette.paint(TextRole::Dim, &format!("{GAP:>width$}", width = digits + 2)),
        PlaceRow::Line { index, number, .. } => {
            let margin = palette.paint(TextRole::Dim, &format!("{number:>width$}  ", width = digits + 2));
            let room = palette.columns.saturating_sub(digits + 4);
            let painted = lines.get(*index).map(|(line, runs)| highlight::paint_line(line, runs, room, palette));
            format!("{margin}{}", painted.unwrap_or_default()).trim_end().to_owned()
        }
    };
    rows.iter().map(format_row).collect()
}

/// Formats the other matches in the file as `also: 50-60 method close, 70-80 block`.
fn also_line(hit: &Hit, palette: Palette) -> Option<String> {
    let place = |place: &engine::RelatedChunk| {
        let space = if place.name.is_empty() { "" } else { " " };
        format!("{}-{} {}{space}{}", place.span.start_line, place.span.end_line, place.kind, place.name)
    };
    let places: Vec<String> = hit.also.iter().map(place).collect();
    (!places.is_empty()).then(|| palette.paint(TextRole::Dim, &format!("  also: {}", places.join(", "))))
}

/// Formats the terms of a score as a table with their sum, then the terms that chose the chunk.
fn score_table(explanation: &Explanation, score: f32) -> Vec<String> {
    let mut lines = vec![format!("  {:>9}  {:>9}  term", "share", "value")];
    for term in &explanation.terms {
        lines.push(format!("  {:>+9.4}  {:>9.4}  {}", term.share, term.value, term.name));
    }
    lines.push(format!("  {score:>9.4}  {:>9}  score", ""));
    for term in &explanation.chunk {
        lines.push(format!("  {:>+9.4}  {:>9.4}  {}", term.share, term.value, term.name));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::{Language, RepoPath, ScoreTerm, Span, SymbolKind};

    const PLAIN: Palette = Palette { is_coloured: false, columns: 40 };

    fn hit(lines: u32) -> Hit {
        let text = (0..lines).map(|line| format!("line {line}")).collect::<Vec<_>>().join("\n");
        Hit {
            path: RepoPath::new("src/\x1b[2Ja.txt"),
            language: Language("text"),
            span: Span { start_line: 9, end_line: 8 + lines },
            kind: SymbolKind::Method,
            symbol: "open".to_owned(),
            container: "Session".to_owned(),
            defines: Vec::new(),
            signature: String::new(),
            text,
            score: 1.5,
            deciding_lines: Vec::new(),
            also: Vec::new(),
            project: None,
            stale: true,
            explanation: None,
        }
    }

    #[test]
    fn the_header_has_location_name_and_kind() {
        assert_eq!(header_line(&hit(2), PLAIN), "src/\\u{1b}[2Ja.txt:9-10  Session.open  [method]  stale");
    }

    #[test]
    fn omitted_lines_are_marked() {
        let shown = snippet_lines(&hit(40), &[], &QueryWords::parse("\"line 30\""), PLAIN);
        assert_eq!(shown[..2], ["    9  line 0", "   10  line 1"]);
        let gap = shown.iter().filter(|line| line.trim() == GAP).count();
        assert_eq!((gap, shown.len()), (2, SNIPPET_LINES + 2));
        assert!(shown.contains(&"   39  line 30".to_owned()));
        assert_eq!(shown.last().map(|line| line.trim()), Some(GAP));
    }

    #[test]
    fn a_short_chunk_is_shown_whole() {
        assert_eq!(snippet_lines(&hit(2), &[], &QueryWords::default(), PLAIN), ["    9  line 0", "   10  line 1"]);
    }

    #[test]
    fn terms_are_aligned_in_columns() {
        let terms = vec![ScoreTerm { name: "words in the path", value: 2.0, share: -0.25 }];
        let chunk = vec![ScoreTerm { name: "chunk: words", value: 1.0, share: 1.0 }];
        let lines = score_table(&Explanation { terms, chunk }, 1.5);
        assert_eq!(lines[1], "    -0.2500     2.0000  words in the path");
        assert_eq!(lines[2], "     1.5000             score");
        assert_eq!(lines[3], "    +1.0000     1.0000  chunk: words");
    }
}
