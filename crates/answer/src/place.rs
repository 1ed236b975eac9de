//! A place in a file: a hit with the lines of its code that an answer shows.

use engine::{Hit, RelatedChunk, Span};
use text::display::{sanitize_to_length, truncate_chars};

use crate::fence::format_code_block;
use crate::location::{format_lines, format_location};
use crate::snippet::{choose_lines, find_signature_line};

/// Maximum length of a path in an answer, in characters.
const MAX_PATH_CHARS: usize = 200;

/// Maximum length of a name in an answer, in characters.
const MAX_NAME_CHARS: usize = 120;

/// Maximum length of the name of a related place, in characters.
const MAX_RELATED_CHARS: usize = 60;

/// Maximum number of lines of a longer place that are shown without a fence.
const MAX_UNFENCED_LINES: usize = 2;

/// The mark for omitted lines. Before further lines, the number of the next one follows it.
const GAP: &str = "…";

/// A hit and the lines of it that are shown.
pub struct Place<'h> {
    pub hit: &'h Hit,
    /// The lines of the hit's text, without blank ones at the end.
    lines: Vec<&'h str>,
    /// Indices of the shown lines, in order.
    shown: Vec<usize>,
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
            if max_lines > MAX_UNFENCED_LINES && index == next + 1 {
                shown.push(next);
            }
            shown.push(index);
        }
        Self { hit, lines, shown }
    }

    /// Returns the location, such as `src/a.rs:10-20`.
    pub fn location(&self) -> String {
        format_location(&self.path(), self.hit.span)
    }

    /// Returns the path for display.
    pub fn path(&self) -> String {
        sanitize_to_length(self.hit.path.as_str(), MAX_PATH_CHARS)
    }

    /// Returns the qualified name; empty for code outside of any definition.
    pub fn name(&self) -> String {
        sanitize_to_length(&self.hit.qualified_name(), MAX_NAME_CHARS)
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
            let name = sanitize_to_length(name, MAX_RELATED_CHARS);
            let lines = format_lines(place.span);
            if name.is_empty() { lines } else { format!("{lines} {name}") }
        };
        self.hit.also.iter().take(count).map(format_place).collect()
    }

    /// Formats the place for a model: its location and name, its code in a fence, and the related places. One or two
    /// lines of several follow the name without a fence: the whole signature, and a line with its number.
    pub fn format(&self, detail: PlaceDetail) -> String {
        let mut text = self.location();
        let name = self.name();
        if !name.is_empty() {
            text.push_str(&format!(" {name}"));
        }
        if self.hit.stale {
            text.push_str(" (stale)");
        }
        if self.shown.len() <= MAX_UNFENCED_LINES && self.shown.len() < self.lines.len() {
            text.push_str(&self.format_few_lines(detail.max_line_chars));
        } else if !self.shown.is_empty() {
            text.push_str(&format_code_block(&self.code(detail.max_line_chars)));
        }
        let related = self.related(detail.max_related);
        if !related.is_empty() {
            text.push_str(&format!("\nalso {}", related.join(", ")));
        }
        text
    }

    /// Formats the shown lines without a fence: the signature after a colon, each other line after its number.
    fn format_few_lines(&self, max_line_chars: usize) -> String {
        let signature = self.hit.signature.as_str();
        let signature_line = Some(find_signature_line(&self.lines, signature)).filter(|_| !signature.is_empty());
        let mut text = String::new();
        if signature_line.is_some_and(|line| self.shown.contains(&line)) {
            text.push_str(&format!(": {}", sanitize_to_length(signature, max_line_chars)));
        }
        for &index in self.shown.iter().filter(|index| Some(**index) != signature_line) {
            let line = sanitize_to_length(self.lines[index].trim(), max_line_chars);
            text.push_str(&format!("\n {} {line}", self.line_number(index)));
        }
        text
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
        let wanted = "src/a.rs:10-13 Store.open\n```\nfn open(\n    path: &Path,\n) {}\n```\nalso 70-75 close, 80-85";
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
    fn few_lines_of_several_follow_the_name() {
        let hit = hit("/// Opens.\nfn open(\n    path: &Path,\n) {\n    retry();\n}\n");
        let none = PlaceDetail { max_related: 0, ..DETAIL };
        let signature = Place::new(&hit, &[], 1).format(none);
        assert_eq!(signature, "src/a.rs:10-15 Store.open: fn open( path: &Path, )");
        let with_line = Place::new(&hit, &["retr".to_owned()], 2).format(none);
        assert_eq!(with_line, "src/a.rs:10-15 Store.open: fn open( path: &Path, )\n 14 retry();");
    }
}
