//! Headings of a Markdown text as definitions that nest by their level.

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::definitions::{Definition, clean};
use super::lines::Lines;
use crate::types::SymbolKind;

struct Heading {
    start: usize,
    level: HeadingLevel,
    title: String,
}

/// The sections of a text, each from its heading to the next one of the same or a higher level.
pub(super) fn sections(text: &str, lines: &Lines<'_>) -> Vec<Definition> {
    let headings = headings(text);
    let mut found: Vec<Definition> = Vec::with_capacity(headings.len());
    let mut open: Vec<usize> = Vec::new();
    for (index, heading) in headings.iter().enumerate() {
        let later = &headings[index + 1..];
        let end = later.iter().find(|next| next.level <= heading.level).map_or(text.len(), |next| next.start);
        while open.last().is_some_and(|top| found[*top].node.1 <= heading.start) {
            open.pop();
        }
        let first_line = lines.of_byte(heading.start);
        let last_line = lines.of_byte(end.saturating_sub(1).max(heading.start));
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

/// Headings outside of quotes and lists, in order. Those in code are no headings.
fn headings(text: &str) -> Vec<Heading> {
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
                    last.title = clean(&last.title, 120);
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
