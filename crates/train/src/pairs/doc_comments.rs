//! Separating definitions from their doc comments, in all languages that are parsed.

use types::Language;

/// A definition, separated from its doc comment.
pub struct DocumentedDefinition {
    /// The first sentence of the doc comment, without comment markers.
    pub sentence: String,
    /// The definition without the comment.
    pub rest: String,
}

/// Maximum length of a sentence in bytes; longer ones are truncated.
const MAX_SENTENCE_BYTES: usize = 300;

/// Minimum number of words of an informative sentence.
const MIN_WORDS: usize = 3;

/// Words of comments that do not describe the definition below them.
const UNRELATED_WORDS: &[&str] =
    &["copyright", "license", "licence", "todo", "fixme", "eslint", "noqa", "inheritdoc", "nolint", "clang-format"];

/// Separates a definition from the doc comment at its beginning (in Python, inside it). Returns `None` if there is no
/// informative doc comment.
pub fn split_doc_comment(text: &str, language: Language) -> Option<DocumentedDefinition> {
    let (comment, rest) = if language.0 == "python" { split_docstring(text) } else { None }
        .or_else(|| split_leading_comment(text, language))?;
    let sentence = first_sentence(&comment)?;
    Some(DocumentedDefinition { sentence, rest })
}

/// Splits off the text in the first triple quotes, if it is at the position of a docstring.
fn split_docstring(text: &str) -> Option<(String, String)> {
    let quote = [text.find("\"\"\""), text.find("'''")].into_iter().flatten().min()?;
    let quotes = &text[quote..quote + 3];
    let before = text[..quote].trim_end_matches(['r', 'R', 'u', 'U']);
    if !before.trim_end().ends_with(':') {
        return None;
    }
    let inside = &text[quote + 3..];
    let end = inside.find(quotes)?;
    Some((inside[..end].to_owned(), format!("{}{}", before.trim_end(), &inside[end + 3..])))
}

/// The beginnings and ends of block comments and of similar documentation blocks.
const COMMENT_BLOCKS: &[(&str, &str)] = &[
    ("/*", "*/"),
    ("{-", "-}"),
    ("--[[", "]]"),
    ("=begin", "=end"),
    ("@doc \"\"\"", "\"\"\""),
    ("@doc ~S\"\"\"", "\"\"\""),
];

/// Returns the beginnings of comment lines in a language.
fn line_comment_markers(language: Language) -> &'static [&'static str] {
    match language.0 {
        "python" | "ruby" | "bash" | "elixir" => &["#"],
        "lua" | "haskell" | "sql" => &["--"],
        "php" => &["//", "# "],
        _ => &["//"],
    }
}

/// Splits off the comment lines at the beginning of a text. In Elixir, other attributes may stand among them.
fn split_leading_comment(text: &str, language: Language) -> Option<(String, String)> {
    let (mut comment, mut rest) = (String::new(), String::new());
    let mut until: Option<&str> = None;
    let mut lines = text.lines();
    for line in lines.by_ref() {
        let trimmed = line.trim();
        if let Some(end) = until {
            push_line(&mut comment, trimmed.split(end).next().unwrap_or_default());
            until = until.filter(|end| !trimmed.contains(end));
        } else if let Some((mark, end)) = COMMENT_BLOCKS.iter().find(|(mark, _)| trimmed.starts_with(mark)) {
            let inside = &trimmed[mark.len()..];
            push_line(&mut comment, inside.split(end).next().unwrap_or_default());
            until = (!inside.contains(end)).then_some(end);
        } else if let Some(inside) = trimmed.strip_prefix("@doc \"") {
            push_line(&mut comment, inside.trim_end_matches('"'));
        } else if line_comment_markers(language).iter().any(|mark| trimmed.starts_with(mark)) {
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

/// Returns the first sentence of a comment's first paragraph, or `None` if it is not informative.
pub fn first_sentence(comment: &str) -> Option<String> {
    let mut text = String::new();
    for line in comment.lines() {
        let line = line.trim().trim_start_matches(['/', '*', '!', '#', '-', '|', '^', ' ']);
        let line = remove_tags(line);
        let line = line.trim();
        let line = ["@brief", "\\brief", "@summary", "@description", "@doc"]
            .iter()
            .find_map(|tag| line.strip_prefix(tag))
            .unwrap_or(line);
        let is_end = line.is_empty() || line.starts_with(['@', ':', '\\', '`', '=']) || is_list_heading(line);
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
    is_informative(sentence).then(|| sentence.to_owned())
}

fn is_list_heading(line: &str) -> bool {
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

/// Replaces each text in angle brackets by a space.
fn remove_tags(line: &str) -> String {
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

fn is_informative(sentence: &str) -> bool {
    let lower = sentence.to_ascii_lowercase();
    let words = sentence.split_whitespace().filter(|word| word.chars().any(char::is_alphabetic)).count();
    let plain_chars = sentence.chars().filter(|c| c.is_alphabetic() || *c == ' ').count();
    let all_chars = sentence.chars().count();
    words >= MIN_WORDS && plain_chars * 4 >= all_chars * 3 && !UNRELATED_WORDS.iter().any(|word| lower.contains(word))
}
