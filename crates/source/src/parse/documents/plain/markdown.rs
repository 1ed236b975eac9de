//! Sections of a Markdown text, as definitions nested by heading level.

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use crate::parse::definitions::Definition;
use crate::parse::lines::LineIndex;
use crate::parse::signature::collapse_whitespace;
use types::SymbolKind;

/// A heading and the byte at which it starts.
struct Heading {
    start: usize,
    level: HeadingLevel,
    title: String,
}

/// Finds the sections of a text. Each extends from its heading to the next one of the same or a higher level.
pub(in crate::parse) fn find_sections(text: &str, lines: &LineIndex<'_>) -> Vec<Definition> {
    let headings = find_headings(text);
    let mut found: Vec<Definition> = Vec::with_capacity(headings.len());
    let mut open: Vec<usize> = Vec::new();
    for (index, heading) in headings.iter().enumerate() {
        let later = &headings[index + 1..];
        let end = later.iter().find(|next| next.level <= heading.level).map_or(text.len(), |next| next.start);
        while open.last().is_some_and(|top| found[*top].node.1 <= heading.start) {
            open.pop();
        }
        let first_line = lines.line_at_byte(heading.start);
        let last_line = lines.line_at_byte(end.saturating_sub(1).max(heading.start));
        let (_, past) = lines.trim(first_line, last_line + 1);
        found.push(Definition {
            name: heading.title.clone(),
            kind: SymbolKind::Section,
            receiver: None,
            signature: heading.title.clone(),
            first_line,
            last_line: past.saturating_sub(1).max(first_line),
            name_start: heading.start,
            name_line: first_line,
            node: (heading.start, end),
            parent: open.last().copied(),
        });
        open.push(index);
    }
    found
}

/// Finds the headings outside of quotes, lists and code, in order.
fn find_headings(text: &str) -> Vec<Heading> {
    let options = Options::ENABLE_YAML_STYLE_METADATA_BLOCKS | Options::ENABLE_TABLES;
    let mut found: Vec<Heading> = Vec::new();
    let mut inside = false;
    let mut depth = 0_usize;
    for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
        match event {
            Event::Start(Tag::BlockQuote(_) | Tag::List(_)) => depth += 1,
            Event::End(TagEnd::BlockQuote(_) | TagEnd::List(_)) => depth -= 1,
            Event::Start(Tag::Heading { level, .. }) if depth == 0 => {
                found.push(Heading { start: range.start, level, title: String::new() });
                inside = true;
            }
            Event::End(TagEnd::Heading(_)) => {
                inside = false;
                if let Some(last) = found.last_mut() {
                    last.title = collapse_whitespace(&last.title, 120);
                }
            }
            Event::Text(part) | Event::Code(part) if inside => {
                if let Some(last) = found.last_mut() {
                    last.title.push_str(&part);
                }
            }
            _ => {}
        }
    }
    found
}
