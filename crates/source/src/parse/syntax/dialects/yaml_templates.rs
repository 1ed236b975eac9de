//! Replaces the template actions in YAML, such as those of Helm and Jinja, so that the grammar can parse the rest. No
//! position changes.

use std::ops::Range;

/// Opening and closing marks of actions.
const ACTIONS: [(&str, &str); 3] = [("{{", "}}"), ("{%", "%}"), ("{#", "#}")];

/// Returns the text with blanks in place of actions that are alone on their lines, and letters in place of the others;
/// `None` for a text without actions.
pub(in crate::parse::syntax) fn blank_template_actions(text: &str) -> Option<Vec<u8>> {
    let actions = find_template_actions(text);
    if actions.is_empty() {
        return None;
    }
    let mut out = text.as_bytes().to_vec();
    // Several actions may share their lines.
    for group in actions.chunk_by(|one, next| is_same_line(text, one, next)) {
        let (start, end) = (group[0].start, group[group.len() - 1].end);
        let before = text[..start].rsplit('\n').next().unwrap_or_default();
        let after = text[end..].split('\n').next().unwrap_or_default();
        let is_alone = before.trim().is_empty() && after.trim().is_empty();
        let fill = if is_alone { b' ' } else { b'x' };
        for action in group {
            out[action.clone()].iter_mut().filter(|byte| !byte.is_ascii_whitespace()).for_each(|byte| *byte = fill);
        }
    }
    Some(out)
}

/// Returns the byte ranges of the actions in a text, in order.
pub(in crate::parse::syntax) fn find_template_actions(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    // `{#` is an ordinary flow mapping where no other mark shows that the text is a template.
    let has_comments = text.contains("{%") || text.contains("{{");
    let mut at = 0;
    while let Some(open) = memchr::memchr(b'{', &text.as_bytes()[at..]).map(|found| at + found) {
        let rest = &text[open..];
        let action = ACTIONS.iter().find(|(mark, _)| rest.starts_with(mark) && (*mark != "{#" || has_comments));
        let end = action.and_then(|(_, close)| Some(open + rest.find(close)? + close.len()));
        match end {
            Some(end) => {
                found.push(open..end);
                at = end;
            }
            None => at = open + 1,
        }
    }
    found
}

/// Returns whether only white space without a line end is between two actions.
fn is_same_line(text: &str, one: &Range<usize>, next: &Range<usize>) -> bool {
    let between = &text[one.end..next.start];
    !between.contains('\n') && between.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blanked(text: &str) -> String {
        let out = blank_template_actions(text).expect("it has actions");
        assert_eq!(out.len(), text.len());
        String::from_utf8(out).expect("it is UTF-8")
    }

    #[test]
    fn lines_of_actions_vanish_and_others_become_words() {
        assert_eq!(
            blanked("a:\n{{- if .x }}\n  b: {{ .y }}-z\n{{- end }}\n"),
            "a:\n            \n  b: xx xx xx-z\n          \n"
        );
        assert_eq!(blanked("{{ .k }}: \"{{ .v }}\"\n"), "xx xx xx: \"xx xx xx\"\n");
        assert_eq!(blanked("{{- /* two\nlines */}}\na: 1"), "          \n          \na: 1");
        assert_eq!(blanked("{% if ä %} {# b #}\na: {{ c }}"), "                   \na: xx x xx");
        assert_eq!(blanked("a: >-\n  ${{\n    b\n  }}\n"), "a: >-\n  $xx\n    x\n  xx\n");
        assert_eq!(blank_template_actions("a: {b: 1}\n"), None);
    }
}
