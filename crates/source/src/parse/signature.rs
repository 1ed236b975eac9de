//! Signatures: the source of a definition up to its body, on one line.

use std::ops::Range;

use super::syntax::{AttachableNode, DefinitionMatch};
use types::{Language, SymbolKind};

/// Maximum length of a signature, in bytes.
const MAX_SIGNATURE_BYTES: usize = 300;

/// Maximum number of bytes after the name that a signature is made from.
const MAX_SOURCE_BYTES: usize = 4_000;

/// Maximum distance of the name from the start of a definition, in bytes; if it is larger, the signature starts at the
/// name.
const MAX_BYTES_BEFORE_NAME: usize = 16_000;

/// Returns the signature of a definition: its source without comments and leading annotations, up to its body. Without
/// a body, up to the end of the line of its name if it has a value, otherwise to its end.
pub(super) fn build_signature(
    language: Language,
    text: &str,
    one: &DefinitionMatch,
    attachable: &[AttachableNode],
) -> String {
    // In a list of many names, each would get the source of all names before it.
    let is_near = one.name.start.saturating_sub(one.node.start) <= MAX_BYTES_BEFORE_NAME;
    let (start, end) = (if is_near { one.node.start } else { one.name.start }, one.node.end);
    let source = match one.body_start {
        // Annotations may be longer than any declaration, so the limit counts from the name.
        Some(body) if body > one.name.start => {
            copy_code(text, start..body.min(one.name.end + MAX_SOURCE_BYTES), attachable)
        }
        // `typedef struct { … } name;`
        Some(body) if body > one.node.start => {
            let head = one.node.start..body.min(one.node.start + MAX_SOURCE_BYTES);
            format!(
                "{} {{ … }} {}",
                copy_code(text, head, attachable),
                copy_code(text, one.name.start..end.min(one.name.end + MAX_SOURCE_BYTES), attachable)
            )
        }
        _ if has_value(language, one.kind) => {
            let line = text
                .get(one.name.end..end)
                .and_then(|rest| rest.find('\n'))
                .unwrap_or(end.saturating_sub(one.name.end));
            copy_code(text, start..one.name.end + line.min(MAX_SOURCE_BYTES), attachable)
        }
        _ => copy_code(text, start..end.min(one.name.end + MAX_SOURCE_BYTES), attachable),
    };
    let source = skip_annotations(language, &source);
    let source = match one.kind {
        SymbolKind::Constructor => &source[..initializers_start(source)],
        _ => source,
    };
    let signature = match source.starts_with('#') {
        true => collapse_whitespace(&source.replace("\\\n", "\n").replace("\\\r\n", "\n"), MAX_SIGNATURE_BYTES),
        false => collapse_whitespace(source, MAX_SIGNATURE_BYTES),
    };
    let signature = match language.0 {
        "ruby" => signature.strip_suffix(" end").filter(|rest| rest.ends_with(';')).unwrap_or(&signature),
        _ => &signature,
    };
    signature.trim_end_matches(['{', '=', ':', ';', ',', ' ', '\\']).to_owned()
}

/// Returns the type signature that is written above a definition: `parse :: Text -> Int` in Haskell, `parse : String ->
/// Int` in Elm and `-spec parse(binary()) -> integer().` in Erlang. `above` are the comments and attributes of the
/// definition. `None` if no such signature is among them.
pub(super) fn written_signature(
    language: Language,
    text: &str,
    one: &DefinitionMatch,
    above: &[AttachableNode],
) -> Option<String> {
    let (lead, sign) = match language.0 {
        "haskell" => ("", "::"),
        "elm" => ("", ":"),
        "erlang" => ("-spec", "("),
        _ => return None,
    };
    let name = text.get(one.name.clone())?;
    let has_name = |names: &str| names.split(',').any(|part| part.trim().trim_matches(['(', ')']) == name);
    above.iter().filter(|node| !node.is_comment).find_map(|node| {
        let source = copy_code(text, node.range.clone(), above);
        let source = source.trim().strip_prefix(lead)?.trim();
        has_name(source.split_once(sign)?.0)
            .then(|| collapse_whitespace(source.trim_end_matches('.'), MAX_SIGNATURE_BYTES))
    })
}

/// Returns whether a definition without a body may have a value, or clauses, that are not part of its signature.
fn has_value(language: Language, kind: SymbolKind) -> bool {
    use SymbolKind::{Constant, Field, Macro, Property, Variable};
    matches!(kind, Constant | Field | Macro | Property | Variable)
        || matches!(language.0, "haskell" | "elixir" | "sql" | "lua" | "bash" | "ruby")
        // Calls that define something.
        || matches!(language.0, "bazel" | "cmake" | "gradle" | "groovy" | "powershell" | "r" | "starlark")
}

/// Copies code with a space in place of each comment, or a line end if the comment includes it.
fn copy_code(text: &str, range: Range<usize>, attachable: &[AttachableNode]) -> String {
    let end = text.floor_char_boundary(range.end);
    let mut out = String::new();
    let mut at = range.start;
    let first = attachable.partition_point(|one| one.range.start < range.start);
    for comment in attachable[first..].iter().take_while(|one| one.range.start < end).filter(|one| one.is_comment) {
        out.push_str(text.get(at..comment.range.start).unwrap_or_default());
        // A line comment may include its line end.
        let is_line = text.get(comment.range.clone()).is_some_and(|comment| comment.ends_with('\n'));
        out.push(if is_line { '\n' } else { ' ' });
        at = at.max(comment.range.end);
    }
    out.push_str(text.get(at..end).unwrap_or_default());
    out
}

/// Returns the code after the annotations at its start, such as `@Test(timeout = 5)`, `#[inline]` and `[Fact]`.
fn skip_annotations(language: Language, code: &str) -> &str {
    let mut rest = code.trim_start();
    loop {
        let after = match rest.as_bytes() {
            [b'@', next, ..] if language.0 != "elixir" && (next.is_ascii_alphabetic() || *next == b'_') => {
                skip_annotation(&rest[1..])
            }
            [b'#', b'[', ..] => skip_brackets(&rest[1..]),
            [b'[', ..] if matches!(language.0, "csharp" | "cpp" | "c") => skip_brackets(rest),
            _ => None,
        };
        match after.map(str::trim_start) {
            Some(after) if !after.is_empty() => rest = after,
            _ => return rest,
        }
    }
}

/// Returns the text after an annotation, given without its `@`; `None` if it is the keyword `@interface` or its
/// brackets are not closed.
fn skip_annotation(text: &str) -> Option<&str> {
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | ':' | '$');
    let (name, rest) = text.split_at(text.find(|c| !is_name(c)).unwrap_or(text.len()));
    if name == "interface" {
        return None;
    }
    let arguments = rest.trim_start_matches([' ', '\t']);
    match arguments.starts_with('(') {
        true => skip_brackets(arguments),
        false => Some(rest),
    }
}

/// Returns the text after the brackets with which it begins; `None` if they are not closed.
fn skip_brackets(text: &str) -> Option<&str> {
    let (mut depth, mut quote, mut escaped) = (0_u32, None, false);
    for (at, c) in text.char_indices() {
        match (c, quote) {
            _ if escaped => escaped = false,
            ('\\', Some(_)) => escaped = true,
            (c, Some(open)) if c == open => quote = None,
            (_, Some(_)) => {}
            ('"' | '`', None) => quote = Some(c),
            ('(' | '[' | '{', None) => depth += 1,
            (')' | ']' | '}', None) => {
                depth -= 1;
                if depth == 0 {
                    return Some(&text[at + 1..]);
                }
            }
            _ => {}
        }
    }
    None
}

/// Returns the position of the `:` that opens a constructor's initializers (`A(int x) : x_(x)`), or the length of the
/// text.
fn initializers_start(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut depth, mut has_parameters) = (0_u32, false);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => {
                depth = depth.saturating_sub(1);
                has_parameters = true;
            }
            b':' if depth == 0
                && has_parameters
                && bytes.get(at + 1) != Some(&b':')
                && bytes.get(at.wrapping_sub(1)) != Some(&b':') =>
            {
                return at;
            }
            _ => {}
        }
    }
    bytes.len()
}

/// Collapses white space to single spaces. Cuts a longer text to at most `max_bytes + 4` bytes, with `…` at its end.
pub(super) fn collapse_whitespace(text: &str, max_bytes: usize) -> String {
    let mut out = String::new();
    for word in text.split_whitespace() {
        if out.len() + word.len() + 1 > max_bytes {
            let room = max_bytes.saturating_sub(out.len() + 4);
            let cut = (0..=room.min(word.len())).rev().find(|at| word.is_char_boundary(*at)).unwrap_or(0);
            if !out.is_empty() {
                out.push(' ');
            }
            out.push_str(&word[..cut]);
            out.push('…');
            break;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}
