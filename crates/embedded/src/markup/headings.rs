//! Sections of an HTML page.

use std::ops::Range;

use crate::found::{EmbeddedText, HostDefinition};
use types::SymbolKind;

/// A heading: where its tag begins, its level, and its words.
pub(super) struct PageHeading {
    pub start: usize,
    pub level: u8,
    pub name: Range<usize>,
}

/// Maximum length of the source of a heading, in bytes.
const MAX_HEADING_BYTES: usize = 2_000;

/// Returns the level of `h1` to `h6`; `None` for any other element.
pub(super) fn heading_level(element: &str) -> Option<u8> {
    match element.as_bytes() {
        [b'h', level @ b'1'..=b'6'] => Some(level - b'0'),
        _ => None,
    }
}

/// Returns the longest text between two tags in the heading whose start tag ends at `from`; `None` if it has no text,
/// or no end tag within [`MAX_HEADING_BYTES`].
pub(super) fn longest_words(text: &str, from: usize) -> Option<Range<usize>> {
    let limit = text.floor_char_boundary(from.saturating_add(MAX_HEADING_BYTES)).max(from);
    let inside = &text[from..limit];
    let inside = &inside[..inside.find("</h").or_else(|| inside.find("</H")).unwrap_or(0)];
    let mut best = 0..0;
    let mut start = 0;
    let mut in_tag = false;
    for (at, byte) in inside.bytes().chain([b'<']).enumerate() {
        match byte {
            b'<' if !in_tag => {
                let words = &inside[start..at];
                let trimmed = words.trim();
                if trimmed.len() > best.len() {
                    let first = start + words.len() - words.trim_start().len();
                    best = first..first + trimmed.len();
                }
                in_tag = true;
            }
            b'>' if in_tag => (in_tag, start) = (false, at + 1),
            _ => {}
        }
    }
    (!best.is_empty()).then(|| from + best.start..from + best.end)
}

/// Returns the sections that headings begin. A section ends before the next heading of its level or a higher one, or
/// before code, which belongs to the page, whichever comes first.
pub(super) fn section_definitions(
    headings: &[PageHeading],
    texts: &[EmbeddedText],
    length: usize,
) -> Vec<HostDefinition> {
    let code: Vec<usize> = texts.iter().filter(|one| !one.is_expression).map(|one| one.range.start).collect();
    let mut ends = vec![length; headings.len()];
    // Headings that are still open, with rising levels.
    let mut open: Vec<usize> = Vec::new();
    for (index, heading) in headings.iter().enumerate() {
        while let Some(last) = open.pop_if(|last| headings[*last].level >= heading.level) {
            ends[last] = heading.start;
        }
        open.push(index);
    }
    let build = |(heading, end): (&PageHeading, usize)| {
        let next = code.partition_point(|start| *start < heading.start);
        let end = code.get(next).copied().unwrap_or(length).min(end);
        let (kind, name) = (SymbolKind::Section, heading.name.clone());
        // The signature is the words of the heading.
        HostDefinition { kind, node: heading.start..end, body_start: Some(name.end), name }
    };
    headings.iter().zip(ends).map(build).collect()
}
