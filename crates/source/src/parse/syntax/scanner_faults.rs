//! Texts on which a grammar's scanner is known to fail.
//!
//! A parser process survives no such text, but its parent does. Most of these checks are for parsing without such a
//! process, where a failing scanner ends or blocks the program.

use crate::language::Grammar;

/// Maximum length of a Ruby heredoc's word, in bytes. Above 255 bytes, the scanner of tree-sitter-ruby 0.23 fails an
/// assertion.
const MAX_HEREDOC_WORD_BYTES: usize = 240;

/// Maximum number of nested blocks of YAML. The scanner of tree-sitter-yaml 0.7 writes beyond its buffer above 253.
const MAX_YAML_BLOCKS: usize = 200;

/// Returns whether the text may crash the scanner of tree-sitter-bash 0.25.
///
/// The scanner passes any code point after `{` or `.` and digits to C's `isdigit`, which reads out of bounds for large
/// code points. Such a read may also succeed with an undefined result, so this check applies in parser processes, too.
pub(super) fn crashes_bash_scanner(grammar: &Grammar, text: &str) -> bool {
    let follows_range = |at: usize| text[..at].trim_end_matches(|c: char| c.is_ascii_digit()).ends_with(['{', '.']);
    grammar.is_bash() && text.char_indices().any(|(at, c)| !c.is_ascii() && follows_range(at))
}

/// Maximum number of lines of YAML. The scanner of tree-sitter-yaml 0.7 counts them with 15 bits and stops at more.
const MAX_YAML_LINES: usize = 32_000;

/// Returns whether a text is YAML with more lines than [`MAX_YAML_LINES`].
pub(super) fn exceeds_scanner(language: &str, text: &str) -> bool {
    language == "yaml" && memchr::memchr_iter(b'\n', text.as_bytes()).count() > MAX_YAML_LINES
}

/// Returns whether the text is known to crash or to block the scanner of its language.
pub(super) fn fails_in_scanner(language: &str, text: &str) -> bool {
    match language {
        "ruby" => has_long_heredoc_word(text),
        "kotlin" => has_bare_annotation_sign(text),
        "yaml" => has_deep_blocks(text),
        _ => false,
    }
}

/// Returns whether a text has a Ruby heredoc, or a string that the scanner takes for one, with a word longer than
/// [`MAX_HEREDOC_WORD_BYTES`].
fn has_long_heredoc_word(text: &str) -> bool {
    text.match_indices("<<").any(|(at, _)| {
        let word = text[at + 2..].trim_start_matches(['-', '~']);
        let length = match word.chars().next() {
            Some(quote @ ('"' | '\'' | '`')) => word[1..].find(quote).unwrap_or(word.len()),
            _ => word.find(|c: char| c.is_ascii() && !c.is_ascii_alphanumeric() && c != '_').unwrap_or(word.len()),
        };
        length > MAX_HEREDOC_WORD_BYTES
    })
}

/// Returns whether blocks of YAML are nested deeper than [`MAX_YAML_BLOCKS`].
fn has_deep_blocks(text: &str) -> bool {
    let mut columns: Vec<usize> = Vec::new();
    text.lines().any(|line| {
        let mut rest = line.trim_start();
        while !rest.is_empty() {
            let column = line.len() - rest.len();
            columns.truncate(columns.partition_point(|open| *open < column));
            columns.push(column);
            // Several blocks may begin in one line: `- - a: b`.
            rest = match rest.strip_prefix(['-', '?', ':']) {
                Some(inner) if inner.starts_with([' ', '\t']) => inner.trim_start(),
                _ => "",
            };
        }
        columns.len() > MAX_YAML_BLOCKS
    })
}

/// Returns whether a `@` has no name after it. The scanner of tree-sitter-kotlin-ng 1.1 loops at such a `@` at the end
/// of the text.
fn has_bare_annotation_sign(text: &str) -> bool {
    text.match_indices('@').any(|(at, _)| text[at + 1..].chars().next().is_none_or(char::is_whitespace))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_faults_are_recognized_and_ordinary_code_is_not() {
        let long = "x".repeat(256);
        for text in
            [format!("s <<\"{long}\""), format!("x = <<~{long}\n{long}\n"), format!("<<\"{}", "a b\n".repeat(99))]
        {
            assert!(fails_in_scanner("ruby", &text), "{text}");
        }
        assert!(!fails_in_scanner("ruby", &format!("x = <<~TEXT\n{long}\nTEXT\nlist << {long}\n")));
        assert!(fails_in_scanner("kotlin", "val a = 1\n@") && fails_in_scanner("kotlin", "class A\n@ \nclass B"));
        assert!(!fails_in_scanner("kotlin", "@Test\nfun a() {}\n"));
        assert!(!fails_in_scanner("rust", "@"));
        assert!(exceeds_scanner("yaml", &"a: 1\n".repeat(33_000)) && !exceeds_scanner("json", &"\n".repeat(33_000)));
        let deep: String = (0..300).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
        assert!(fails_in_scanner("yaml", &deep) && fails_in_scanner("yaml", &"- ".repeat(300)));
        assert!(!fails_in_scanner("yaml", &"a:\n  - b: c\n    d:\n      - e\n".repeat(300)));
    }
}
