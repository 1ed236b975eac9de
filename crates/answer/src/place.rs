//! A place in a file: a hit with the lines of its code that an answer shows.

use engine::{Hit, RelatedChunk, Span};
use text::display::{escape_name_to_length, sanitize_to_length, truncate_chars};

use crate::fence::format_code_block;
use crate::location::{format_lines, format_location};
use crate::snippet::{choose_lines, find_best_line, find_signature_line};

/// Maximum length of a path in an answer, in characters.
const MAX_PATH_CHARS: usize = 200;

/// Maximum length of a name in an answer, in characters.
const MAX_NAME_CHARS: usize = 120;

/// Maximum length of the name of a related place, in characters.
const MAX_RELATED_CHARS: usize = 60;

/// The mark for omitted lines. Before further lines, the number of the next one follows it.
const GAP: &str = "…";

/// A hit and the lines of it that are shown.
pub struct Place<'h> {
    pub hit: &'h Hit,
    /// The lines of the hit's text, without blank ones at the end.
    lines: Vec<&'h str>,
    /// Indices of the shown lines, in order.
    shown: Vec<usize>,
    /// Index of the line with the most words of the query; `None` if that is the signature or no line has any.
    best_line: Option<usize>,
}

/// A row of a place's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlaceRow<'h> {
    /// A line, with its index in the hit's text and its number in the file.
    Line { index: usize, number: u32, text: &'h str },
    /// Omitted lines.
    Gap,
}

/// How much of a place the text for a model shows.
#[derive(Clone, Copy, Debug)]
pub struct PlaceDetail {
    /// Maximum length of a line, in characters.
    pub max_line_chars: usize,
    /// Maximum number of related places.
    pub max_related: usize,
}

impl<'h> Place<'h> {
    /// Chooses at most `max_lines` lines of a hit; `words` come from [`query_prefixes`](crate::snippet::query_prefixes).
    /// A gap of one line is filled, because its mark would take a line too.
    pub fn new(hit: &'h Hit, words: &[String], max_lines: usize) -> Self {
        let mut lines: Vec<&str> = hit.text.split('\n').map(|line| line.trim_end_matches('\r')).collect();
        lines.truncate(lines.iter().rposition(|line| !line.trim().is_empty()).map_or(0, |last| last + 1));
        let chosen = choose_lines(&lines, &hit.signature, words, max_lines);
        let mut shown: Vec<usize> = Vec::with_capacity(chosen.len());
        for index in chosen {
            let next = shown.last().map_or(0, |last| last + 1);
            if max_lines > 1 && index == next + 1 {
                shown.push(next);
            }
            shown.push(index);
        }
        let signature = find_signature_line(&lines, &hit.signature);
        let best_line = find_best_line(&lines, words).filter(|line| *line != signature);
        Self { hit, lines, shown, best_line }
    }

    /// Returns the location, such as `src/a.rs:10-20`.
    pub fn location(&self) -> String {
        format_location(&self.path(), self.hit.span)
    }

    /// Returns the path for display.
    pub fn path(&self) -> String {
        escape_name_to_length(self.hit.path.as_str(), MAX_PATH_CHARS)
    }

    /// Returns the qualified name; empty for code outside of any definition.
    pub fn name(&self) -> String {
        escape_name_to_length(&self.hit.qualified_name(), MAX_NAME_CHARS)
    }

    /// Returns the shown lines with marks for the omitted ones.
    pub fn rows(&self) -> Vec<PlaceRow<'h>> {
        let mut rows = Vec::new();
        let mut next = 0;
        for &index in &self.shown {
            if index > next {
                rows.push(PlaceRow::Gap);
            }
            rows.push(PlaceRow::Line { index, number: self.line_number(index), text: self.lines[index] });
            next = index + 1;
        }
        if self.has_text_from(next) {
            rows.push(PlaceRow::Gap);
        }
        rows
    }

    /// Returns the lines of the file that are omitted.
    pub fn omitted_lines(&self) -> Vec<Span> {
        let mut omitted = Vec::new();
        let mut next = 0;
        for index in self.shown.iter().copied().chain([self.lines.len()]) {
            if index > next && self.has_text_from(next) {
                let last = self.line_number(index - 1);
                omitted.push(Span { start_line: self.line_number(next), end_line: last });
            }
            next = index + 1;
        }
        omitted
    }

    /// Returns the shown code, with a mark for each gap and lines cut to `max_line_chars`.
    pub fn code(&self, max_line_chars: usize) -> String {
        let mut code = String::new();
        let mut is_after_gap = false;
        let rows = self.rows();
        for (at, row) in rows.iter().enumerate() {
            match row {
                PlaceRow::Gap if at + 1 == rows.len() => code.push_str(GAP),
                PlaceRow::Gap => is_after_gap = true,
                PlaceRow::Line { number, text, .. } => {
                    if std::mem::take(&mut is_after_gap) {
                        code.push_str(&format!("{GAP}{number}\n"));
                    }
                    code.push_str(&truncate_chars(text, max_line_chars));
                }
            }
            if !is_after_gap && at + 1 < rows.len() {
                code.push('\n');
            }
        }
        code
    }

    /// Returns the first `count` related places, such as `70-80 reset, 90-95`; empty if there are none. The hit's own
    /// container is left out of their names.
    pub fn related(&self, count: usize) -> Vec<String> {
        let container = format!("{}.", self.hit.container);
        let format_place = |place: &RelatedChunk| {
            let name = place.name.strip_prefix(&container).unwrap_or(&place.name);
            let name = escape_name_to_length(name, MAX_RELATED_CHARS);
            let lines = format_lines(place.span);
            if name.is_empty() { lines } else { format!("{lines} {name}") }
        };
        self.hit.also.iter().take(count).map(format_place).collect()
    }

    /// Formats the place for a model: its location and name, its code in a fence, and the related places.
    pub fn format(&self, detail: PlaceDetail) -> String {
        let mut text = self.format_head();
        if !self.shown.is_empty() {
            text.push_str(&format_code_block(&self.code(detail.max_line_chars)));
        }
        let related = self.related(detail.max_related);
        if !related.is_empty() {
            text.push_str(&format!("\nalso {}", related.join(", ")));
        }
        text
    }

    /// Formats the place on one line: its location and name, and the best of its lines after the number of that line,
    /// or the whole signature.
    pub fn format_brief(&self, max_line_chars: usize) -> String {
        let line = match self.best_line {
            Some(index) => format!("{} {}", self.line_number(index), self.lines[index].trim()),
            None if self.hit.signature.is_empty() => self.lines.first().map_or("", |line| line.trim()).to_owned(),
            None => self.hit.signature.clone(),
        };
        let line = sanitize_to_length(&line, max_line_chars);
        let colon = if line.is_empty() { "" } else { ": " };
        format!("{}{colon}{line}", self.format_head())
    }

    /// Formats the location and the name, such as `src/a.rs:10-20 Store.open (stale)`.
    fn format_head(&self) -> String {
        let name = self.name();
        let space = if name.is_empty() { "" } else { " " };
        format!("{}{space}{name}{}", self.location(), if self.hit.stale { " (stale)" } else { "" })
    }

    fn line_number(&self, index: usize) -> u32 {
        self.hit.span.start_line.saturating_add(u32::try_from(index).unwrap_or(u32::MAX))
    }

    fn has_text_from(&self, index: usize) -> bool {
        self.lines.get(index..).is_some_and(|rest| rest.iter().any(|line| !line.trim().is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use engine::{Language, RepoPath, SymbolKind};

    use super::*;

    const DETAIL: PlaceDetail = PlaceDetail { max_line_chars: 30, max_related: 2 };

    fn hit(text: &str) -> Hit {
        let lines = u32::try_from(text.lines().count()).expect("few lines");
        let related = |start_line, name: &str| RelatedChunk {
            span: Span { start_line, end_line: start_line + 5 },
            kind: SymbolKind::Method,
            name: name.to_owned(),
        };
        Hit {
            path: RepoPath::new("src/\u{202e}a.rs"),
            language: Language("rust"),
            span: Span { start_line: 10, end_line: 9 + lines },
            kind: SymbolKind::Function,
            symbol: "open".to_owned(),
            container: "Store".to_owned(),
            signature: "fn open( path: &Path, )".to_owned(),
            text: text.to_owned(),
            deciding_lines: Vec::new(),
            score: 0.5,
            also: vec![related(70, "Store.close"), related(80, ""), related(90, "third")],
            project: None,
            stale: false,
            explanation: None,
        }
    }

    #[test]
    fn a_short_place_is_shown_whole() {
        let hit = hit("fn open(\n    path: &Path,\n) {}\n\n");
        let place = Place::new(&hit, &[], 5);
        let wanted =
            "src/\\u{202e}a.rs:10-13 Store.open\n```\nfn open(\n    path: &Path,\n) {}\n```\nalso 70-75 close, 80-85";
        assert_eq!(place.format(DETAIL), wanted);
        assert_eq!(place.omitted_lines(), []);
    }

    #[test]
    fn omitted_lines_are_marked_with_the_number_of_the_next_line() {
        let mut lines = vec!["filler"; 40];
        lines[0] = "/// Opens.";
        lines[1] = "fn open(";
        lines[20] = "    retry_after_a_long_and_winding_delay(now)";
        let hit = hit(&lines.join("\n"));
        let place = Place::new(&hit, &["retr".to_owned()], 4);
        let code = "/// Opens.\nfn open(\n…29\nfiller\n    retry_after_a_long_and_win…\nfiller\n…";
        assert_eq!(place.code(30), code);
        assert_eq!(
            place.omitted_lines(),
            [Span { start_line: 12, end_line: 28 }, Span { start_line: 32, end_line: 49 }]
        );
        let rows = place.rows();
        assert_eq!(rows[1], PlaceRow::Line { index: 1, number: 11, text: "fn open(" });
        assert_eq!((rows[2], rows.last()), (PlaceRow::Gap, Some(&PlaceRow::Gap)));
    }

    #[test]
    fn a_brief_place_is_one_line_with_the_signature_or_the_best_line() {
        let hit = hit("/// Opens.\nfn open(\n    path: &Path,\n) {\n    retry();\n}\n");
        let brief = |words: &[String]| Place::new(&hit, words, 1).format_brief(60);
        assert_eq!(brief(&[]), "src/\\u{202e}a.rs:10-15 Store.open: fn open( path: &Path, )");
        assert_eq!(brief(&["open(".to_owned()]), "src/\\u{202e}a.rs:10-15 Store.open: fn open( path: &Path, )");
        assert_eq!(brief(&["retr".to_owned()]), "src/\\u{202e}a.rs:10-15 Store.open: 14 retry();");
    }
}
