//! Replaces Flow's types in JavaScript so that the grammar of TypeScript can parse the text. No position changes.

use std::ops::Range;

/// Returns whether a text contains a mark of Flow, such as `@flow` or `import type`.
pub(in crate::parse::syntax) fn is_flow(text: &str) -> bool {
    ["@flow", "import type ", "export type ", "opaque type "]
        .iter()
        .any(|mark| memchr::memmem::find(text.as_bytes(), mark.as_bytes()).is_some())
}

/// Returns the text with blanks in place of the syntax that only Flow has: the types of casts, the `|` of exact
/// objects, the `?` of `?T`, `opaque`, the bounds of opaque types, and `%checks`.
pub(in crate::parse::syntax) fn replace_flow_syntax(text: &str) -> Vec<u8> {
    let mut out = text.as_bytes().to_vec();
    let mut open: Vec<OpenBracket> = Vec::new();
    let mut at = 0;
    while at < out.len() {
        let before = last_code_byte(&out, at);
        match out[at] {
            b'/' if out[at..].starts_with(b"//") => at = find(&out, at, b"\n"),
            b'/' if out[at..].starts_with(b"/*") => at = find(&out, at + 2, b"*/"),
            quote @ (b'"' | b'\'' | b'`') => at = string_end(&out, at, quote),
            b'{' if out[at..].starts_with(b"{|") && !out[at..].starts_with(b"{||") => {
                out[at + 1] = b' ';
                open.push(OpenBracket::default());
                at += 1;
            }
            b'|' if out[at..].starts_with(b"|}") => out[at] = b' ',
            b'(' => {
                let is_group = before.is_none_or(|byte| !is_word(byte) && !matches!(byte, b')' | b']' | b'>'))
                    || is_after_keyword(&out, at);
                open.push(OpenBracket { is_group, ..OpenBracket::default() });
            }
            b'[' | b'{' => open.push(OpenBracket::default()),
            b'?' if matches!(before, Some(b':' | b'<' | b'|' | b',' | b'(' | b'=')) => {
                let next = out.get(at + 1);
                if next.is_some_and(|byte| is_word(*byte) || matches!(byte, b'{' | b'(' | b'[')) {
                    out[at] = b' ';
                }
            }
            b'?' => open.iter_mut().rev().take(1).for_each(|one| one.conditions += 1),
            b':' => {
                if let Some(one) = open.last_mut() {
                    match one.conditions {
                        0 if one.colon.is_none() => one.colon = Some(at),
                        0 => {}
                        _ => one.conditions -= 1,
                    }
                }
            }
            b',' => open.iter_mut().rev().take(1).for_each(|one| one.has_comma = true),
            b')' | b']' | b'}' => {
                let closed = open.pop();
                if out[at] == b')'
                    && let Some(OpenBracket { is_group: true, has_comma: false, colon: Some(colon), .. }) = closed
                    && !is_parameter_list(&out, at + 1)
                {
                    blank(&mut out, colon..at);
                }
            }
            b'o' if out[at..].starts_with(b"opaque type ") && before.is_none_or(|_| is_statement_start(&out, at)) => {
                blank(&mut out, at..at + 6);
                // The bound of `opaque type Name: Bound = …`.
                let end = find(&out, at, b"=").min(find(&out, at, b"\n"));
                let colon = find(&out, at, b":");
                if colon < end {
                    blank(&mut out, colon..end);
                }
            }
            b'%' if out[at..].starts_with(b"%checks") => blank(&mut out, at..at + 7),
            _ => {}
        }
        at += 1;
    }
    out
}

/// An open bracket, and the syntax found directly inside of it.
#[derive(Default)]
struct OpenBracket {
    /// Whether the bracket is a parenthesis around an expression, not around arguments or parameters.
    is_group: bool,
    has_comma: bool,
    colon: Option<usize>,
    /// Number of conditional expressions whose `:` has not been found yet.
    conditions: u32,
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80
}

/// Returns the last byte before `at` that is not white space.
fn last_code_byte(text: &[u8], at: usize) -> Option<u8> {
    text[..at].iter().rev().copied().find(|byte| !byte.is_ascii_whitespace())
}

/// Returns whether the word before `at` is a keyword that an expression follows, such as `return`.
fn is_after_keyword(text: &[u8], at: usize) -> bool {
    let before = text[..at].trim_ascii_end();
    let start = before.iter().rposition(|byte| !is_word(*byte)).map_or(0, |byte| byte + 1);
    matches!(&before[start..], b"return" | b"default" | b"case" | b"typeof" | b"await" | b"yield" | b"in" | b"of")
}

/// Returns whether a statement may begin at `at`, also after `export` and `declare`.
fn is_statement_start(text: &[u8], at: usize) -> bool {
    let before = text[..at].trim_ascii_end();
    before.ends_with(b"export")
        || before.ends_with(b"declare")
        || before.last().is_none_or(|byte| matches!(byte, b';' | b'}' | b'/' | b'\'' | b'"'))
}

fn blank(text: &mut [u8], range: Range<usize>) {
    text[range].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
}

/// Returns whether the parentheses that end before `at` are the parameters of an arrow function or a method.
fn is_parameter_list(text: &[u8], at: usize) -> bool {
    let rest = text[at..].trim_ascii_start();
    rest.starts_with(b"=>") || rest.starts_with(b"{") || rest.starts_with(b":")
}

/// Returns the position of the last byte of the first `end` from `at` on; the length of the text if there is none.
fn find(text: &[u8], at: usize, end: &[u8]) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    memchr::memmem::find(rest, end).map_or(text.len(), |found| at + found + end.len() - 1)
}

/// Returns the position of the closing quote of a string, or of the line end that ends an unclosed one; the length of
/// the text if there is neither.
fn string_end(text: &[u8], at: usize, quote: u8) -> usize {
    let mut escaped = false;
    for (offset, byte) in text[at + 1..].iter().enumerate() {
        match *byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'\n' if quote != b'`' => return at + 1 + offset,
            byte if byte == quote => return at + 1 + offset,
            _ => {}
        }
    }
    text.len()
}
