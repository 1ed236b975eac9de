//! Results for a person: header, snippet, other places, terms.
//!
//! Must never import: anything of this crate but `engine`.

use std::io;

use super::highlight;
use super::palette::{Palette, Role};
use super::printer::Printer;
use super::snippet;
use crate::engine::{Explanation, Hit, SearchAnswer, SearchQuery};

/// Most lines of a snippet.
const SNIPPET_LINES: usize = 12;

/// Stands where lines were left out.
const GAP: &str = "⋯";

/// Prints every hit, a blank line between them.
///
/// # Errors
/// When standard output cannot be written.
pub fn print(printer: &mut Printer, palette: Palette, query: &SearchQuery, answer: &SearchAnswer) -> io::Result<()> {
    let words = snippet::query_words(&query.understood().text);
    for (at, hit) in answer.hits.iter().enumerate() {
        if at > 0 {
            printer.line("")?;
        }
        for line in render(hit, &words, palette) {
            printer.line(&line)?;
        }
    }
    Ok(())
}

fn render(hit: &Hit, words: &[String], palette: Palette) -> Vec<String> {
    let mut lines = vec![header(hit, palette)];
    lines.extend(code(hit, words, palette));
    lines.extend(also(hit, palette));
    if let Some(explanation) = &hit.explanation {
        lines.extend(terms(explanation, hit.score).iter().map(|line| palette.paint(Role::Dim, line)));
    }
    lines
}

/// `path:start-end  container.symbol  [kind]  stale`
fn header(hit: &Hit, palette: Palette) -> String {
    let mut parts =
        vec![palette.paint(Role::Path, &format!("{}:{}-{}", hit.path, hit.span.start_line, hit.span.end_line))];
    let name = hit.qualified_name();
    if !name.is_empty() {
        parts.push(palette.paint(Role::Name, &name));
    }
    parts.push(palette.paint(Role::Dim, &format!("[{}]", hit.kind)));
    if hit.stale {
        parts.push(palette.paint(Role::Warning, "stale"));
    }
    parts.join("  ")
}

fn code(hit: &Hit, words: &[String], palette: Palette) -> Vec<String> {
    let lines = highlight::lines(hit.language, &hit.text, palette);
    let texts: Vec<&str> = lines.iter().map(|(line, _)| *line).collect();
    let chosen = snippet::choose(&texts, &hit.signature, words, SNIPPET_LINES);
    let number = |at: usize| hit.span.start_line as usize + at;
    let digits = chosen.last().map_or(1, |at| number(*at).to_string().len()).max(3);
    let gap = palette.paint(Role::Dim, &format!("{GAP:>width$}", width = digits + 2));
    let numbered = |at: usize| {
        let margin = palette.paint(Role::Dim, &format!("{:>width$}  ", number(at), width = digits + 2));
        let room = palette.columns.saturating_sub(digits + 4);
        let (line, runs) = &lines[at];
        format!("{margin}{}", highlight::paint(line, runs, room, palette)).trim_end().to_owned()
    };
    let mut shown = Vec::new();
    let mut next = 0;
    for at in chosen {
        match at - next {
            0 => {}
            1 => shown.push(numbered(next)), // the mark would take as much room
            _ => shown.push(gap.clone()),
        }
        shown.push(numbered(at));
        next = at + 1;
    }
    if texts[next.min(texts.len())..].iter().any(|line| !line.trim().is_empty()) {
        shown.push(gap);
    }
    shown
}

/// `also: close 50-60, reset 70-80`
fn also(hit: &Hit, palette: Palette) -> Option<String> {
    let place = |place: &crate::engine::Place| {
        let name = if place.name.is_empty() { place.kind.as_str() } else { &place.name };
        format!("{name} {}-{}", place.span.start_line, place.span.end_line)
    };
    let places: Vec<String> = hit.also.iter().map(place).collect();
    (!places.is_empty()).then(|| palette.paint(Role::Dim, &format!("  also: {}", places.join(", "))))
}

/// The terms of a score as a table, and their sum; below it why this chunk of the file is shown.
fn terms(explanation: &Explanation, score: f32) -> Vec<String> {
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
    use crate::engine::{Language, RepoPath, Span, SymbolKind, Term};

    const PLAIN: Palette = Palette { on: false, columns: 40 };

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
            text,
            score: 1.5,
            also: Vec::new(),
            project: None,
            stale: true,
            explanation: None,
        }
    }

    #[test]
    fn the_header_says_where_and_what() {
        assert_eq!(header(&hit(2), PLAIN), "src/␛[2Ja.txt:9-10  Session.open  [method]  stale");
    }

    #[test]
    fn lines_left_out_are_marked() {
        let shown = code(&hit(40), &["line 30".to_owned()], PLAIN);
        assert_eq!(shown[..2], ["    9  line 0", "   10  line 1"]);
        let gap = shown.iter().filter(|line| line.trim() == GAP).count();
        assert_eq!((gap, shown.len()), (2, SNIPPET_LINES + 2));
        assert!(shown.contains(&"   39  line 30".to_owned()));
        assert_eq!(shown.last().map(|line| line.trim()), Some(GAP));
    }

    #[test]
    fn a_short_chunk_is_shown_whole() {
        assert_eq!(code(&hit(2), &[], PLAIN), ["    9  line 0", "   10  line 1"]);
    }

    #[test]
    fn terms_stand_in_columns() {
        let terms_of = vec![Term { name: "words in the path", value: 2.0, share: -0.25 }];
        let chunk = vec![Term { name: "chunk: words", value: 1.0, share: 1.0 }];
        let lines = terms(&Explanation { terms: terms_of, chunk }, 1.5);
        assert_eq!(lines[1], "    -0.2500     2.0000  words in the path");
        assert_eq!(lines[2], "     1.5000             score");
        assert_eq!(lines[3], "    +1.0000     1.0000  chunk: words");
    }
}
