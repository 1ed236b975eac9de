//! Removes members of objects and arrays, with their lines and one comma.

use super::container::Container;
use crate::formats::splice::{Splice, line_start};

/// Returns the splices that remove the member `at` and one comma, and the line of the member if nothing else is on it.
/// Comments around the member stay, also one between it and the comma.
pub(super) fn cut_member(text: &str, container: &Container, at: usize) -> Vec<Splice> {
    let (start, end) = (container.members[at].start, container.members[at].end);
    let after = next_token_start(text, end);
    let has_comma = text[after..].starts_with(',');
    let splits_comma = has_comma && !text[end..after].trim().is_empty();
    if at + 1 < container.members.len() {
        return match splits_comma {
            true => vec![Splice::cut(start, end), Splice::cut(after, after + 1)],
            false => vec![cut_before_next(text, start, after + 1)],
        };
    }
    let end = if has_comma && !splits_comma { after + 1 } else { end };
    let before = text[..start].trim_end().len();
    // The line break in front is removed only if the member is alone on its line: otherwise, a line comment
    // above would extend over the rest of the line.
    let rest = text[end..].trim_start_matches([' ', '\t']);
    let is_alone = text[before..start].contains('\n') && (rest.starts_with('\n') || rest.starts_with("\r\n"));
    let (open, close) = (container.start, container.end);
    let is_only = container.members.len() == 1;
    let leaves_empty = is_only && before == open + 1 && text[end..close - 1].trim().is_empty();
    let mut splices = match (leaves_empty, is_alone || !text[before..start].contains('\n')) {
        (true, _) => vec![Splice::cut(before, close - 1)],
        (false, true) => vec![Splice::cut(before, end)],
        (false, false) => vec![Splice::cut(start, end)],
    };
    if splits_comma {
        splices.push(Splice::cut(after, after + 1));
    }
    if let Some(previous) = at.checked_sub(1).map(|at| &container.members[at])
        && !has_comma
    {
        let separator = next_token_start(text, previous.end);
        splices.push(Splice::cut(separator, separator + 1));
    }
    splices
}

/// Returns the splice that removes `start..end`, and the line if nothing else is on it. `end` is the position after the
/// comma that separates the member from the next one.
fn cut_before_next(text: &str, start: usize, end: usize) -> Splice {
    let line = line_start(text, start);
    let rest = text[end..].trim_start_matches([' ', '\t', '\r']);
    if text[line..start].trim().is_empty() && rest.starts_with('\n') {
        return Splice::cut(line, text.len() - rest.len() + 1);
    }
    let spaces = text[end..].len() - text[end..].trim_start_matches([' ', '\t']).len();
    Splice::cut(start, end + spaces)
}

/// Returns the start of the next token at or after `at`, after white space and comments; the end of the text if there
/// is none.
pub(super) fn next_token_start(text: &str, mut at: usize) -> usize {
    loop {
        let rest = text[at..].trim_start();
        at = text.len() - rest.len();
        let comment = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else {
            return at;
        };
        at += comment;
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse::parse_jsonc;
    use super::super::remove_json_entry;

    #[test]
    fn comments_around_a_removed_entry_stay() {
        for (before, after) in [
            ("{\"s\": {\n  \"codescry\": {} // mine\n  , \"b\": {}\n}}", "{\"s\": {\n   // mine\n   \"b\": {}\n}}"),
            ("{\"s\": {\"codescry\": {} /* mine */, \"b\": {}}}", "{\"s\": { /* mine */ \"b\": {}}}"),
            ("{\"s\": {\"b\": {}, \"codescry\": {} /* mine */,}}", "{\"s\": {\"b\": {}, /* mine */}}"),
            ("{\"s\": {\"codescry\": {}, // mine\n\"b\": {}}}", "{\"s\": {// mine\n\"b\": {}}}"),
            ("{\"s\": {\n  // theirs\n  \"codescry\": {},\n  \"b\": {}\n}}", "{\"s\": {\n  // theirs\n  \"b\": {}\n}}"),
        ] {
            let edited = remove_json_entry(before, &[&["s"]]).expect("it is edited");
            assert_eq!(edited, after, "{before}");
            assert!(parse_jsonc(&edited).is_ok(), "{edited}");
        }
    }
}
