//! Tells a definition's doc comment from the definition, in any of the languages that are parsed.

use crate::types::Language;

/// A definition in two parts.
pub struct Documented {
    /// The first sentence of its doc comment, without marks.
    pub sentence: String,
    /// The definition without the comment.
    pub rest: String,
}

/// Longest sentence kept, in bytes.
const MAX_SENTENCE_BYTES: usize = 300;

/// Fewest words of a sentence that says something.
const MIN_WORDS: usize = 3;

/// Words of comments that are not about what is below them.
const ASIDE: &[&str] =
    &["copyright", "license", "licence", "todo", "fixme", "eslint", "noqa", "inheritdoc", "nolint", "clang-format"];

/// The parts of a definition that begins with a doc comment (or, in Python, holds one); `None` when it
/// has none that says something.
pub fn split(text: &str, language: Language) -> Option<Documented> {
    let (comment, rest) =
        if language.0 == "python" { docstring(text) } else { None }.or_else(|| leading(text, language))?;
    let sentence = first_sentence(&comment)?;
    Some(Documented { sentence, rest })
}

/// The text between the first triple quotes, when they stand where a docstring does.
fn docstring(text: &str) -> Option<(String, String)> {
    let quote = [text.find("\"\"\""), text.find("'''")].into_iter().flatten().min()?;
    let mark = &text[quote..quote + 3];
    let before = text[..quote].trim_end_matches(['r', 'R', 'u', 'U']);
    if !before.trim_end().ends_with(':') {
        return None;
    }
    let inside = &text[quote + 3..];
    let end = inside.find(mark)?;
    Some((inside[..end].to_owned(), format!("{}{}", before.trim_end(), &inside[end + 3..])))
}

/// How comments and what stands for them begin and end in blocks.
const BLOCKS: &[(&str, &str)] = &[
    ("/*", "*/"),
    ("{-", "-}"),
    ("--[[", "]]"),
    ("=begin", "=end"),
    ("@doc \"\"\"", "\"\"\""),
    ("@doc ~S\"\"\"", "\"\"\""),
];

/// How comment lines begin in a language.
fn line_marks(language: Language) -> &'static [&'static str] {
    match language.0 {
        "python" | "ruby" | "bash" | "elixir" => &["#"],
        "lua" | "haskell" | "sql" => &["--"],
        "php" => &["//", "# "],
        _ => &["//"],
    }
}

/// The comment lines a text begins with, and the rest; Elixir's other attributes may stand between.
fn leading(text: &str, language: Language) -> Option<(String, String)> {
    let (mut comment, mut rest) = (String::new(), String::new());
    let mut until: Option<&str> = None;
    let mut lines = text.lines();
    for line in lines.by_ref() {
        let trimmed = line.trim();
        if let Some(end) = until {
            push_line(&mut comment, trimmed.split(end).next().unwrap_or_default());
            until = until.filter(|end| !trimmed.contains(end));
        } else if let Some((mark, end)) = BLOCKS.iter().find(|(mark, _)| trimmed.starts_with(mark)) {
            let inside = &trimmed[mark.len()..];
            push_line(&mut comment, inside.split(end).next().unwrap_or_default());
            until = (!inside.contains(end)).then_some(end);
        } else if let Some(inside) = trimmed.strip_prefix("@doc \"") {
            push_line(&mut comment, inside.trim_end_matches('"'));
        } else if line_marks(language).iter().any(|mark| trimmed.starts_with(mark)) {
            push_line(&mut comment, trimmed);
        } else {
            push_line(&mut rest, line);
            if !(trimmed.is_empty() || language.0 == "elixir" && trimmed.starts_with('@')) {
                break;
            }
        }
    }
    lines.for_each(|line| push_line(&mut rest, line));
    (!comment.trim().is_empty()).then_some((comment, rest))
}

fn push_line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

/// The first sentence of a comment's first paragraph; `None` for one that says nothing.
pub fn first_sentence(comment: &str) -> Option<String> {
    let mut text = String::new();
    for line in comment.lines() {
        let line = line.trim().trim_start_matches(['/', '*', '!', '#', '-', '|', '^', ' ']);
        let line = without_tags(line);
        let line = line.trim();
        let line = ["@brief", "\\brief", "@summary", "@description", "@doc"]
            .iter()
            .find_map(|tag| line.strip_prefix(tag))
            .unwrap_or(line);
        let is_end = line.is_empty() || line.starts_with(['@', ':', '\\', '`', '=']) || is_head_of_list(line);
        if is_end && !text.is_empty() {
            break;
        }
        if !is_end {
            text.push_str(line.trim());
            text.push(' ');
        }
    }
    let end = text.find(". ").map_or(text.len(), |dot| dot + 1);
    let sentence = text[..text.floor_char_boundary(end.min(MAX_SENTENCE_BYTES))].trim();
    says_something(sentence).then(|| sentence.to_owned())
}

fn is_head_of_list(line: &str) -> bool {
    let head = line.trim_end_matches(':').to_ascii_lowercase();
    matches!(
        head.as_str(),
        "args"
            | "arguments"
            | "parameters"
            | "params"
            | "returns"
            | "return"
            | "raises"
            | "example"
            | "examples"
            | "usage"
            | "notes"
            | "note"
    )
}

/// The text without what stands in angle brackets.
fn without_tags(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(open) = rest.find('<') {
        let Some(close) = rest[open..].find('>') else { break };
        out.push_str(&rest[..open]);
        out.push(' ');
        rest = &rest[open + close + 1..];
    }
    out.push_str(rest);
    out
}

fn says_something(sentence: &str) -> bool {
    let lower = sentence.to_ascii_lowercase();
    let words = sentence.split_whitespace().filter(|word| word.chars().any(char::is_alphabetic)).count();
    let plain = sentence.chars().filter(|c| c.is_alphabetic() || *c == ' ').count();
    let all = sentence.chars().count();
    words >= MIN_WORDS && plain * 4 >= all * 3 && !ASIDE.iter().any(|aside| lower.contains(aside))
}
