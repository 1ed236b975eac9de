//! Attributes of tags.

use std::ops::Range;

use super::dialect::Braces;
use super::razor;
use super::state::MarkupState;
use crate::found::HostUse;
use crate::words::{is_kebab_of, is_word_at, name_end};

/// An attribute: the byte ranges of its name and of its value without quotes.
pub(super) struct Attribute {
    pub name: Range<usize>,
    pub value: Range<usize>,
}

/// A start tag: the position after it, its attributes, and whether it has no content.
pub(super) struct StartTag {
    pub end: usize,
    pub attributes: Vec<Attribute>,
    pub is_closed: bool,
}

/// Marks that begin and end the code of a template language.
const HOLES: [(&str, &str); 4] = [("<?", "?>"), ("<%", "%>"), ("{{", "}}"), ("{%", "%}")];

/// Maximum number of attributes that are kept.
const MAX_ATTRIBUTES: usize = 64;

/// Scans the attributes of a tag, which begin at the byte `from`. Adds their expressions and uses to the findings of
/// the scanner.
pub(super) fn scan_attributes(scanner: &mut MarkupState<'_>, element: &str, from: usize) -> StartTag {
    let text = scanner.text;
    let bytes = text.as_bytes();
    let mut attributes = Vec::new();
    let mut at = from;
    loop {
        at += bytes[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let Some(byte) = bytes.get(at) else { return StartTag { end: text.len(), attributes, is_closed: true } };
        if *byte == b'>' {
            return StartTag { end: at + 1, attributes, is_closed: bytes[at - 1] == b'/' };
        }
        if let Some(end) = after_hole(scanner, at) {
            at = end;
            continue;
        }
        if *byte == b'{' && scanner.dialect.braces == Braces::Single {
            at = scan_braces(scanner, at);
            continue;
        }
        let name = at..attribute_name_end(bytes, at);
        at = name.end;
        let white = bytes[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        if bytes.get(at + white) != Some(&b'=') {
            add_directive_use(scanner, &name);
            add_member_use(scanner, element, &name);
            attributes.extend((attributes.len() < MAX_ATTRIBUTES).then_some(Attribute { name, value: at..at }));
            continue;
        }
        at += white + 1;
        at += bytes[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let value = match bytes.get(at) {
            Some(quote @ (b'"' | b'\'' | b'`')) => {
                let end = quote_end(scanner, at + 1, *quote);
                let value = at + 1..end;
                at = (end + 1).min(text.len());
                value
            }
            Some(b'{') if scanner.dialect.braces == Braces::Single => {
                at = scan_braces(scanner, at);
                at..at
            }
            _ => {
                let start = at;
                while let Some(byte) = bytes.get(at)
                    && !byte.is_ascii_whitespace()
                    && *byte != b'>'
                {
                    at = after_hole(scanner, at).unwrap_or(at + 1);
                }
                start..at
            }
        };
        add_directive_use(scanner, &name);
        add_member_use(scanner, element, &name);
        scan_value(scanner, element, &text[name.clone()], value.clone());
        attributes.extend((attributes.len() < MAX_ATTRIBUTES).then_some(Attribute { name, value }));
    }
}

/// Scans `{expression}` in a tag. Returns the position after it, or after the `{` if it is not closed.
fn scan_braces(scanner: &mut MarkupState<'_>, at: usize) -> usize {
    match scanner.brackets.after_closing(at) {
        Some(end) => {
            scanner.add_expression(at + 1..end - 1);
            end
        }
        None => at + 1,
    }
}

/// Returns the position after the code of a template language that begins at `at`; `None` if none begins there or the
/// dialect has none.
fn after_hole(scanner: &MarkupState<'_>, at: usize) -> Option<usize> {
    let rest = scanner.text.as_bytes().get(at..).filter(|_| scanner.dialect.has_holes)?;
    let (_, close) = HOLES.iter().find(|(open, _)| rest.starts_with(open.as_bytes()))?;
    let found = memchr::memmem::find(rest, close.as_bytes());
    Some(found.map_or(scanner.text.len(), |found| at + found + close.len()))
}

/// Returns the position of the quote that ends a value, passing over code of a template language; the length of the
/// text if there is none.
fn quote_end(scanner: &MarkupState<'_>, from: usize, quote: u8) -> usize {
    let bytes = scanner.text.as_bytes();
    let mut at = from;
    while let Some(byte) = bytes.get(at) {
        match *byte {
            byte if byte == quote => return at,
            b'<' | b'{' => at = after_hole(scanner, at).unwrap_or(at + 1),
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Returns the end of the name of an attribute; at least one byte after `at`.
fn attribute_name_end(bytes: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while let Some(byte) = bytes.get(end)
        && !byte.is_ascii_whitespace()
        && !matches!(byte, b'=' | b'>')
        && !bytes[end..].starts_with(b"/>")
    {
        end += 1;
    }
    // A name may begin with a character of several bytes. It still ends between two characters, because only bytes of
    // ASCII end it.
    end
}

/// Adds the expressions and the uses in a value.
fn scan_value(scanner: &mut MarkupState<'_>, element: &str, name: &str, value: Range<usize>) {
    let dialect = scanner.dialect;
    if matches!(name, "class" | "id" | "for" | "href" | "className" | "aria-controls" | "aria-labelledby") {
        scanner.add_word_uses(value.clone());
    }
    if dialect.is_razor {
        let is_component = element.starts_with(|c: char| c.is_uppercase());
        if scanner.text[value.clone()].contains('@') {
            razor::scan_value(scanner, value);
        } else if name.starts_with('@') || is_component {
            scanner.add_expression(value);
        }
        return;
    }
    if dialect.braces == Braces::Single {
        let mut at = value.start;
        while let Some(open) = scanner.text.get(at..value.end).and_then(|rest| rest.find('{')).map(|open| at + open) {
            at = scan_braces(scanner, open);
        }
        return;
    }
    if is_expression(name) {
        scanner.add_expression(value);
    } else {
        let mut at = value.start;
        while let Some(open) = scanner.text.get(at..value.end).and_then(|rest| rest.find("{{")).map(|open| at + open) {
            let Some(end) = scanner.text[open..value.end].find("}}").map(|end| open + end) else { return };
            scanner.add_expression(open + 2..end);
            at = end + 2;
        }
    }
}

/// Returns whether an attribute with this name has code as its value: a directive of Vue, Angular or Alpine, or an
/// event handler.
fn is_expression(name: &str) -> bool {
    let event = name.strip_prefix("on").filter(|event| event.len() > 2);
    name.starts_with([':', '@', '(', '[', '*', '#'])
        || ["v-", "x-", "ng-"].iter().any(|prefix| name.starts_with(prefix))
        || event.is_some_and(|event| event.bytes().all(|byte| byte.is_ascii_lowercase()))
}

/// Adds a use of the name in an attribute such as `use:tooltip` or `bind:value`.
fn add_directive_use(scanner: &mut MarkupState<'_>, attribute: &Range<usize>) {
    if scanner.dialect.braces != Braces::Single || scanner.name.is_empty() {
        return;
    }
    let Some(colon) = scanner.text[attribute.clone()].find(':') else { return };
    let at = attribute.start + colon + 1;
    if is_word_at(scanner.text, at, scanner.name) && name_end(scanner.text, at) == at + scanner.name.len() {
        scanner.found.uses.push((at, HostUse::Other));
    }
}

/// Adds a use of the name as a prop or an event of a component: `<CartLine :line="x" @remove="y" v-model:count="z" />`,
/// also in kebab case.
fn add_member_use(scanner: &mut MarkupState<'_>, element: &str, attribute: &Range<usize>) {
    let is_component = element.starts_with(char::is_uppercase) || element.contains(['-', '.']);
    if !scanner.dialect.has_props || scanner.name.is_empty() || !is_component {
        return;
    }
    let text = &scanner.text[attribute.clone()];
    let directives = ["v-bind:", "v-on:", "v-model:", "bind:", "on:", ":", "@"];
    let skipped = directives.iter().find(|directive| text.starts_with(**directive)).map_or(0, |found| found.len());
    let name = text[skipped..].split(['.', '|']).next().unwrap_or_default();
    if name == scanner.name || (name.contains('-') && is_kebab_of(name, scanner.name)) {
        scanner.found.uses.push((attribute.start + skipped, HostUse::Other));
    }
}

/// Returns the byte ranges of template code in a part of the text, each with the byte that replaces it: `_` for code
/// that has a value, and a space for other code.
pub(super) fn find_holes(text: &str, range: &Range<usize>) -> Vec<(Range<usize>, u8)> {
    let mut found = Vec::new();
    let bytes = &text.as_bytes()[..range.end];
    let mut at = range.start;
    while let Some(next) = memchr::memchr2(b'<', b'{', &bytes[at..]).map(|next| at + next) {
        let rest = &bytes[next..];
        at = next + 1;
        let Some((open, close)) = HOLES.iter().find(|(open, _)| rest.starts_with(open.as_bytes())) else { continue };
        // An opening without an end is read once, not again for each opening after it.
        let Some(end) = memchr::memmem::find(rest, close.as_bytes()) else { break };
        let has_value = *open == "{{" || rest.starts_with(b"<?=") || rest.starts_with(b"<%=");
        at = next + end + close.len();
        found.push((next..at, if has_value { b'_' } else { b' ' }));
    }
    found
}
