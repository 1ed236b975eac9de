//! Parses the value of an argument from the spellings that models and clients use.

use engine::strip_query_filters;
use mcp_schema::argument::ArgumentKind;
use serde_json::Value;
use text::display::unescape_name;

/// The value of an argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArgumentValue {
    Text(String),
    List(Vec<String>),
    Number(u32),
    Flag(bool),
    Lines(Vec<(u32, u32)>),
}

/// Parses a value; `None` for null, for an empty list, for a blank choice, and for `all` in place of names.
///
/// # Errors
/// A description of the expected values.
pub fn parse_value(kind: ArgumentKind, value: Value) -> Result<Option<ArgumentValue>, String> {
    if value.is_null() {
        return Ok(None);
    }
    let parsed = match kind {
        ArgumentKind::Text => to_text(value).map(ArgumentValue::Text).ok_or("a text"),
        ArgumentKind::Path => to_text(value).map(|text| ArgumentValue::Text(normalize_path(&text))).ok_or("a path"),
        ArgumentKind::Names => {
            let mut names = to_list(value, split_names).ok_or("names, like \"rust,go\"")?;
            if matches!(names.as_slice(), [name] if is_any(name)) {
                names.clear();
            }
            Ok(ArgumentValue::List(names))
        }
        ArgumentKind::Symbols => {
            to_list(value, split_symbols).map(ArgumentValue::List).ok_or("names, like \"Config.load\"")
        }
        ArgumentKind::Paths => {
            let paths = to_list(value, split_paths).ok_or("paths, like \"src,tests\"")?;
            Ok(ArgumentValue::List(paths.iter().map(|path| normalize_path(path)).collect()))
        }
        ArgumentKind::Number => to_number(&value).map(ArgumentValue::Number).ok_or("a whole number, zero or above"),
        ArgumentKind::Flag => to_flag(&value).map(ArgumentValue::Flag).ok_or("true or false"),
        ArgumentKind::Lines => {
            to_lines(&value).map(ArgumentValue::Lines).ok_or("lines, counted from 1, like \"10-40\"")
        }
        ArgumentKind::Choice(words) => {
            let word = to_text(value).map(|text| text.trim().to_lowercase());
            let known = word.filter(|word| words.contains(&word.as_str()) || word.is_empty());
            return match known {
                Some(word) => Ok(Some(word).filter(|word| !word.is_empty()).map(ArgumentValue::Text)),
                None => Err(format!("one of {}", words.join(", "))),
            };
        }
    };
    let value = parsed?;
    Ok(Some(value).filter(|value| *value != ArgumentValue::List(Vec::new())))
}

/// Returns a text, also from a number, a boolean, or a list of one of these; `None` for another value.
fn to_text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Array(mut list) if list.len() == 1 => list.pop().and_then(to_text),
        _ => None,
    }
}

/// Returns the texts of a list. A text is split unless it is a list in JSON; a number or a boolean is a list of one
/// text. `None` for a value that [`to_text`] cannot convert.
fn to_list(value: Value, split: impl Fn(&str) -> Vec<String>) -> Option<Vec<String>> {
    let list = match value {
        Value::Array(list) => list,
        Value::String(text) => match parse_json_list(&text) {
            Some(list) => list,
            None => return Some(split(&text)),
        },
        other => vec![other],
    };
    let texts: Option<Vec<String>> = list.into_iter().map(to_text).collect();
    let is_blank = |text: &String| text.trim().is_empty();
    Some(texts?.into_iter().filter(|text| !is_blank(text)).collect())
}

/// Parses a list in JSON; `None` for another text, such as the glob `[ab]*.rs`.
fn parse_json_list(text: &str) -> Option<Vec<Value>> {
    let text = text.trim();
    if !text.starts_with('[') {
        return None;
    }
    serde_json::from_str(text).ok()
}

/// Returns whether a name stands for every name.
fn is_any(name: &str) -> bool {
    ["all", "any", "*"].iter().any(|word| name.eq_ignore_ascii_case(word))
}

/// Splits names at commas.
fn split_names(text: &str) -> Vec<String> {
    let trim = |name: &str| name.trim().trim_matches(['"', '\'', '`']).trim().to_owned();
    text.split(',').map(trim).filter(|name| !name.is_empty()).collect()
}

/// Splits paths at commas outside of braces and brackets, and at line breaks.
fn split_paths(text: &str) -> Vec<String> {
    split_outside(text, "{[", "}]", &[',', '\n'])
}

/// Splits names and locations at commas and semicolons outside of brackets of every kind, and at line breaks.
fn split_symbols(text: &str) -> Vec<String> {
    let names = split_outside(text, "<([{", ">)]}", &[',', ';', '\n']);
    names.iter().map(|name| name.trim_matches(['"', '\'', '`']).trim().to_owned()).collect()
}

/// Returns whether a word is a filter, such as `-test` or `path:src`.
pub fn is_filter_word(word: &str) -> bool {
    word.trim_start_matches('-').starts_with("kind:") || strip_query_filters(word).is_empty()
}

/// Splits a text at `separators` outside of brackets; empty parts are left out. A line break among the separators also
/// splits inside of brackets.
fn split_outside(text: &str, open: &str, close: &str, separators: &[char]) -> Vec<String> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_i32, 0);
    let mut previous = ' ';
    for (at, c) in text.char_indices() {
        // An arrow is no bracket.
        let is_arrow = c == '>' && matches!(previous, '-' | '=');
        match c {
            _ if open.contains(c) => depth += 1,
            _ if close.contains(c) && !is_arrow => depth -= 1,
            _ if separators.contains(&c) && (depth <= 0 || c == '\n') => {
                parts.push(&text[start..at]);
                (start, depth) = (at + 1, 0);
            }
            _ => {}
        }
        previous = c;
    }
    parts.push(&text[start..]);
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// Returns a path without quotes around it and without `file://`, with `/` between its parts. Decodes the escapes that
/// [`unescape_name`] knows.
///
/// A backslash at the end, or before a letter, a digit, or one of `. _ - * \`, separates parts, as on Windows. Before
/// another character it stays: in a glob it makes that character literal.
pub fn normalize_path(text: &str) -> String {
    let text = text.trim();
    let quoted = |quote: char| text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
    let text = ['"', '\'', '`'].into_iter().find_map(quoted).unwrap_or(text);
    let text = text.strip_prefix("file://").unwrap_or(text);
    // An escape such as `\u{202e}` contains a backslash and stands for a character of the name.
    let text = unescape_name(text);
    let mut path = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let separates = |next: &char| next.is_alphanumeric() || matches!(next, '.' | '_' | '-' | '*' | '\\');
        if c == '\\' && chars.peek().is_none_or(separates) {
            path.push('/');
        } else {
            path.push(c);
        }
    }
    path
}

fn to_number(value: &Value) -> Option<u32> {
    let from_float = |number: f64| (number.fract() == 0.0).then(|| format!("{number}").parse().ok()).flatten();
    match value {
        Value::String(text) => {
            let text = text.trim().trim_matches('"');
            text.parse().ok().or_else(|| from_float(text.parse().ok()?))
        }
        Value::Number(number) => number.to_string().parse().ok().or_else(|| from_float(number.as_f64()?)),
        Value::Array(list) if list.len() == 1 => to_number(&list[0]),
        _ => None,
    }
}

fn to_flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) => match text.trim().trim_matches('"').to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Some(true),
            "false" | "no" | "0" | "" => Some(false),
            _ => None,
        },
        Value::Number(number) => match number.as_f64()? {
            0.0 => Some(false),
            1.0 => Some(true),
            _ => None,
        },
        _ => None,
    }
}

/// Parses ranges of lines: `10-40`, `L10-L40`, `10`, `10-40,60-80`, `[10, 40]`, `[[10, 40], [60, 80]]`, or a number.
/// Two numbers are one range. `None` for another value, for no range, or if a line is 0.
fn to_lines(value: &Value) -> Option<Vec<(u32, u32)>> {
    let from_list = |list: &[Value]| match list {
        [first, last] if to_number(first).is_some() => Some(vec![(to_number(first)?, to_number(last)?)]),
        several => {
            let ranges: Option<Vec<_>> = several.iter().map(to_lines).collect();
            ranges.map(|ranges| ranges.concat())
        }
    };
    let lines = match value {
        Value::String(text) => match parse_json_list(text) {
            Some(list) => from_list(&list),
            None => parse_line_range(text).map(|range| vec![range]).or_else(|| {
                text.split([',', ';', '\n'])
                    .map(str::trim)
                    .filter(|part| !part.is_empty())
                    .map(parse_line_range)
                    .collect()
            }),
        },
        Value::Number(_) => to_number(value).map(|line| vec![(line, line)]),
        Value::Array(list) => from_list(list),
        _ => None,
    };
    lines.filter(|ranges| !ranges.is_empty() && ranges.iter().all(|(first, last)| *first > 0 && *last > 0))
}

/// Parses the first and last line of `10-40`, `L10-L40` or `10`; `,`, `:` and an en dash may stand for the hyphen.
/// `None` when the text has another form or a line is 0.
pub fn parse_line_range(text: &str) -> Option<(u32, u32)> {
    let number = |text: &str| text.trim().trim_start_matches(['L', 'l']).parse::<u32>().ok().filter(|line| *line > 0);
    match text.split_once(['-', ',', ':', '–']) {
        Some((from, to)) => Some((number(from)?, number(to)?)),
        None => number(text).map(|line| (line, line)),
    }
}

/// Splits a path from the lines after it, as in `src/a.rs:10-40`, `src/a.rs#L10-L40` or `src/a.rs:10:5` with a column.
/// Returns the normalized path, and `None` if no lines follow it.
pub fn split_line_suffix(path: &str) -> (String, Option<(u32, u32)>) {
    let path = path.trim();
    let cut = |path: &str| {
        let (before, lines) = path.rsplit_once("#L").or_else(|| path.rsplit_once(':'))?;
        let lines = parse_line_range(lines)?;
        (!before.is_empty()).then(|| (before.to_owned(), lines))
    };
    match cut(path) {
        // Of two numbers the second one is a column.
        Some((before, lines)) => match cut(&before) {
            Some((path, line)) if lines.0 == lines.1 && line.0 == line.1 => (normalize_path(&path), Some(line)),
            _ => (normalize_path(&before), Some(lines)),
        },
        None => (normalize_path(path), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normalized_and_lists_of_them_split() {
        for (text, wanted) in [
            ("src\\a\\b.rs", "src/a/b.rs"),
            (".\\src\\", "./src/"),
            ("`src/a.rs`", "src/a.rs"),
            ("\"src/a b.rs\"", "src/a b.rs"),
            ("app/\\[slug\\]", "app/\\[slug\\]"),
            ("src\\**\\*.rs", "src/**/*.rs"),
            ("file:///srv/a.rs", "/srv/a.rs"),
        ] {
            assert_eq!(normalize_path(text), wanted, "{text}");
        }
        assert_eq!(split_paths("src, tests"), ["src", "tests"]);
        assert_eq!(split_paths("src/{a,b}/*.rs"), ["src/{a,b}/*.rs"]);
        assert_eq!(split_paths("app/[a,b],x"), ["app/[a,b]", "x"]);
        let parsed = parse_value(ArgumentKind::Paths, "[\"src\", \"tests\\\\it\"]".into());
        assert_eq!(parsed, Ok(Some(ArgumentValue::List(vec!["src".to_owned(), "tests/it".to_owned()]))));
        let symbols = |value: Value| parse_value(ArgumentKind::Symbols, value);
        let wanted = ["open", "Map<K, V>::get", "src/a.rs:1-9", "f(a, b) -> C"].map(str::to_owned).to_vec();
        for value in [
            Value::from("open, `Map<K, V>::get`; src/a.rs:1-9\nf(a, b) -> C"),
            serde_json::json!(wanted),
            Value::from(serde_json::json!(wanted).to_string()),
        ] {
            assert_eq!(symbols(value.clone()), Ok(Some(ArgumentValue::List(wanted.clone()))), "{value}");
        }
        let names = |value: Value| parse_value(ArgumentKind::Names, value);
        for every in ["all", "Any", "*", "[\"all\"]"] {
            assert_eq!(names(every.into()), Ok(None), "{every}");
        }
        assert_eq!(names("all,call".into()), Ok(Some(ArgumentValue::List(vec!["all".to_owned(), "call".to_owned()]))));
        let glob = parse_value(ArgumentKind::Paths, "[ab]*.rs".into());
        assert_eq!(glob, Ok(Some(ArgumentValue::List(vec!["[ab]*.rs".to_owned()]))));
    }
}
