//! Definitions of an Objective-C file, read without a grammar, which would add 5 MB to the program: classes, categories,
//! protocols, methods, properties, enums, functions and variables.

use std::ops::Range;

use types::SymbolKind;

use crate::parse::definitions::{self, Definition, DefinitionPlace};
use crate::parse::lines::LineIndex;
use crate::parse::signature::collapse_whitespace;
use crate::parse::syntax::AttachableNode;

/// Maximum length of a signature, in bytes.
const MAX_SIGNATURE_BYTES: usize = 300;

/// Maximum length of the text before the body of a method or function, in bytes.
const MAX_HEAD_BYTES: usize = 2_000;

/// Beginnings of lines by which a file is Objective-C. A file without them may be in MATLAB.
const MARKS: [&str; 6] = ["@interface", "@implementation", "@protocol", "@import", "#import", "#include"];

/// A definition in the text.
struct FoundPlace {
    kind: SymbolKind,
    name: Range<usize>,
    /// The end of the text before the body.
    head_end: usize,
    end: usize,
}

/// Finds the definitions of an Objective-C file. A class, category or protocol extends to its `@end`.
pub(in crate::parse) fn find_objective_c_definitions(lines: &LineIndex<'_>) -> Vec<Definition> {
    let text = lines.full_text();
    if !text.lines().any(|line| MARKS.iter().any(|mark| line.starts_with(mark))) {
        return Vec::new();
    }
    let (code, attachable) = blank_comments(text);
    let mut found = Vec::new();
    let mut add = |start: usize, place: &FoundPlace| {
        let signature = collapse_whitespace(text[start..place.head_end].trim_end(), MAX_SIGNATURE_BYTES);
        let name = text[place.name.clone()].to_owned();
        let node = DefinitionPlace { node: start..place.end, name: place.name.clone() };
        found.push(definitions::place_definition(name, place.kind, signature, node, &attachable, lines));
    };
    let (mut container, mut depth, mut read_to) = (None, 0_usize, 0);
    for line in 0..lines.count() {
        let begin = lines.start_byte(line);
        let end = begin + lines.text(line, line + 1).len();
        let start = begin + code[begin..end].len() - code[begin..end].trim_start().len();
        if depth == 0 && start >= read_to {
            if code[start..end].starts_with("@end") {
                if let Some((start, place)) = container.take() {
                    add(start, &FoundPlace { end: start.max(end), ..place });
                }
            } else if let Some(place) = find_container(&code, start..end) {
                container = Some((start, place));
            } else if let Some(place) = find_member(&code, start, start == begin) {
                read_to = place.head_end;
                add(start, &place);
            }
        }
        for byte in code[begin..end].bytes() {
            depth = if byte == b'{' { depth + 1 } else { depth.saturating_sub(usize::from(byte == b'}')) };
        }
    }
    definitions::nest(found)
}

/// Finds a class, a category or a protocol that begins on a line.
fn find_container(code: &str, line: Range<usize>) -> Option<FoundPlace> {
    let text = &code[line.clone()];
    let word = text.split_whitespace().next()?;
    let is_extension = text.contains('(');
    let kind = match word {
        "@interface" if !is_extension => SymbolKind::Class,
        "@interface" | "@implementation" => SymbolKind::Impl,
        // `@protocol Cart;` says only that there is one.
        "@protocol" if !text.contains(';') => SymbolKind::Interface,
        _ => return None,
    };
    let name = first_name(code, line.start + word.len());
    let head_end = line.start + text.find('{').unwrap_or(text.len());
    (!name.is_empty()).then_some(FoundPlace { kind, name, head_end, end: line.end })
}

/// Finds a method, a property, an enum, a function or a variable that begins at `start`.
fn find_member(code: &str, start: usize, is_flush: bool) -> Option<FoundPlace> {
    let rest = &code[start..];
    let stop = start + rest.bytes().take(MAX_HEAD_BYTES).position(|byte| matches!(byte, b'{' | b';'))?;
    let end = if code[stop..].starts_with('{') { find_closing(code, stop) } else { stop + 1 };
    let place =
        |kind, name: Range<usize>, head_end| (!name.is_empty()).then_some(FoundPlace { kind, name, head_end, end });
    if let Some(method) = rest.strip_prefix(['-', '+']) {
        let types = method.trim_start().strip_prefix('(')?;
        let past = code.len() - types.len() + find_closing_bracket(types)?;
        return place(SymbolKind::Method, first_name(code, past), stop);
    }
    if rest.starts_with("@property") {
        return place(SymbolKind::Property, last_name(code, start, stop), stop);
    }
    let head = &code[start..stop];
    let declared = head.split('=').next()?;
    let word = rest.split(|c: char| !is_name_char(c)).next()?;
    let is_statement = ["if", "for", "while", "switch", "return", "else", "do", "extern"].contains(&word);
    if !is_flush || word.is_empty() || is_statement || declared.contains(['@', '#']) || declared.contains("\n\n") {
        return None;
    }
    let open = head.find('(').map(|at| start + at);
    if let Some(open) = open.filter(|_| head.contains("NS_ENUM") || head.contains("NS_OPTIONS")) {
        let close = open + 1 + find_closing_bracket(&code[open + 1..])?;
        return place(SymbolKind::Enum, last_name(code, open, close - 1), stop);
    }
    match head.find('=').map(|at| start + at) {
        Some(equals) if open.is_none_or(|open| open > equals) => {
            let kind = if head.contains("const") { SymbolKind::Constant } else { SymbolKind::Variable };
            place(kind, last_name(code, start, equals), equals)
        }
        // A prototype has no body.
        None if word != "typedef" && code[stop..].starts_with('{') => {
            place(SymbolKind::Function, last_name(code, start, open?), stop)
        }
        _ => None,
    }
}

/// Returns the text with blanks in place of comments and quoted texts, byte for byte, and the comments.
fn blank_comments(text: &str) -> (String, Vec<AttachableNode>) {
    let (mut code, mut comments) = (text.as_bytes().to_vec(), Vec::new());
    let mut at = 0;
    while let Some(found) = text[at..].find(['/', '"', '\'']) {
        let start = at + found;
        let rest = &text[start..];
        let length = match rest.as_bytes() {
            [b'/', b'/', ..] => rest.find('\n').unwrap_or(rest.len()),
            [b'/', b'*', ..] => rest.find("*/").map_or(rest.len(), |end| end + 2),
            [b'/', ..] => 1,
            _ => quoted_length(rest),
        };
        if rest.starts_with("//") || rest.starts_with("/*") {
            comments.push(AttachableNode { range: start..start + length, is_comment: true });
        }
        at = start + length;
        if length > 1 {
            code[start..at].iter_mut().filter(|byte| !byte.is_ascii_whitespace()).for_each(|byte| *byte = b' ');
        }
    }
    (String::from_utf8_lossy(&code).into_owned(), comments)
}

/// Returns the length of the quoted text that begins `text` and ends on its line.
fn quoted_length(text: &str) -> usize {
    let quote = text.as_bytes()[0];
    let mut is_escaped = true; // The quote that opens the text does not close it.
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'\n' => return at,
            _ if byte == quote && !is_escaped => return at + 1,
            _ => is_escaped = byte == b'\\' && !is_escaped,
        }
    }
    text.len()
}

/// Returns the position after the brace that closes the one at `open`.
fn find_closing(code: &str, open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        depth = if byte == b'{' { depth + 1 } else { depth - usize::from(byte == b'}') };
        if depth == 0 {
            return at + 1;
        }
    }
    code.len()
}

/// Returns the position after the bracket that closes one before `text`.
fn find_closing_bracket(text: &str) -> Option<usize> {
    let mut depth = 1_usize;
    let closes = |byte: u8| {
        depth = if byte == b'(' { depth + 1 } else { depth - usize::from(byte == b')') };
        depth == 0
    };
    text.bytes().position(closes).map(|at| at + 1)
}

/// Returns the first name after `start`, with only white space before it.
fn first_name(code: &str, start: usize) -> Range<usize> {
    let rest = &code[start..];
    let start = start + rest.len() - rest.trim_start().len();
    let length = code[start..].find(|c: char| !is_name_char(c)).unwrap_or(code.len() - start);
    start..start + length
}

/// Returns the last name between `start` and `end`; empty if none ends there, apart from white space and brackets of an
/// array.
fn last_name(code: &str, start: usize, end: usize) -> Range<usize> {
    let text = code[start..end].trim_end();
    let text = text.find('[').map_or(text, |array| text[..array].trim_end());
    let length = text.len() - text.trim_end_matches(is_name_char).len();
    start + text.len() - length..start + text.len()
}

fn is_name_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$')
}
