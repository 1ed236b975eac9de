//! C# in Razor pages.

use std::ops::Range;

use super::state::MarkupState;
use crate::found::EmbeddedText;
use crate::words::name_end;

/// Words after `@` whose line is code.
const LINE_WORDS: [&str; 9] =
    ["using", "inject", "inherits", "implements", "model", "attribute", "typeparam", "layout", "namespace"];

/// Scans the code that an `@` begins. Returns the position after it, or after the `@` or `@@` if that begins none.
pub(super) fn scan_sign(scanner: &mut MarkupState<'_>, at: usize) -> usize {
    let text = scanner.text;
    let rest = &text[at + 1..];
    // The `@` of an email address does not begin code.
    if text[..at].ends_with(|c: char| c.is_alphanumeric()) || rest.starts_with('@') {
        return at + 1 + usize::from(rest.starts_with('@'));
    }
    if rest.starts_with('*') {
        let end = rest.find("*@").map_or(text.len(), |end| at + 1 + end + 2);
        scanner.found.comments.push(at..end);
        return end;
    }
    if rest.starts_with('{') {
        return add_block(scanner, at + 1, ("class C{void M(){", "}}"));
    }
    if rest.starts_with('(') {
        return add_parentheses(scanner, at + 1);
    }
    let end = name_end(text, at + 1);
    let word = &text[at + 1..end];
    let white = text[end..].len() - text[end..].trim_start().len();
    let next = text[end + white..].chars().next();
    match word {
        "code" | "functions" if next == Some('{') => add_block(scanner, end + white, ("class C{", "}")),
        _ if LINE_WORDS.contains(&word) && !(word == "using" && next == Some('(')) => {
            let line = text[end..].find('\n').map_or(text.len(), |line| end + line);
            scanner.add_expression(end..line);
            line
        }
        "if" | "for" | "foreach" | "while" | "switch" | "using" | "lock" if next == Some('(') => {
            add_parentheses(scanner, end + white)
        }
        "" => at + 1,
        _ => {
            let end = implicit_end(scanner, end);
            scanner.add_expression(at + 1..end);
            end
        }
    }
}

/// Adds the expressions in the value of an attribute.
pub(super) fn scan_value(scanner: &mut MarkupState<'_>, value: Range<usize>) {
    let mut at = value.start;
    while let Some(sign) = scanner.text.get(at..value.end).and_then(|rest| rest.find('@')).map(|sign| at + sign) {
        at = scan_sign(scanner, sign);
    }
}

/// Adds the code in braces, without the braces. Returns the position after the closing brace, or after the opening one
/// if none closes it.
fn add_block(scanner: &mut MarkupState<'_>, open: usize, frame: (&'static str, &'static str)) -> usize {
    let Some(end) = scanner.brackets.after_closing(open) else { return open + 1 };
    let range = open + 1..end - 1;
    if !scanner.text[range.clone()].trim().is_empty() {
        // Markup in a block of statements is left to the grammar, which passes over it.
        let language = "csharp";
        scanner.found.texts.push(EmbeddedText { range, language, frame, ..EmbeddedText::default() });
        let depth = &mut scanner.found.depths;
        depth.extend([(open, 1), (end - 1, crate::found::INSIDE_DEPTH), (end, 0)]);
    }
    end
}

fn add_parentheses(scanner: &mut MarkupState<'_>, open: usize) -> usize {
    let Some(end) = scanner.brackets.after_closing(open) else { return open + 1 };
    scanner.add_expression(open + 1..end - 1);
    end
}

/// Returns the end of an expression without parentheses around it: `Model.Items[0].Name(x)`.
fn implicit_end(scanner: &mut MarkupState<'_>, from: usize) -> usize {
    let text = scanner.text;
    let mut end = from;
    loop {
        let rest = &text[end..];
        if rest.starts_with(['(', '[']) {
            match scanner.brackets.after_closing(end) {
                Some(after) => end = after,
                None => return end,
            }
        } else if let Some(next) = rest.strip_prefix('.').or_else(|| rest.strip_prefix("?."))
            && next.starts_with(|c: char| c.is_alphabetic() || c == '_')
        {
            end = name_end(text, text.len() - next.len());
        } else {
            return end;
        }
    }
}
