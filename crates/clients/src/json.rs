//! Finds, inserts and removes the entry in JSON, which may have comments and trailing commas.
//!
//! Invariant: the text is never reformatted; every edit is a [`Splice`].

use jsonc_parser::ast::{Object, ObjectProp, Value};
use jsonc_parser::common::Ranged as _;
use jsonc_parser::{CollectOptions, ParseOptions};
use serde_json::Value as Plain;

use super::entry::{InstalledEntry, SERVER_NAME, ServerEntry};
use super::error::EditError;
use super::splice::{Splice, apply_splices, detect_line_ending, line_start};

/// Default step of indentation, for a text without indented lines.
const INDENT: &str = "  ";

/// Returns the entry in the object at the path `keys`.
pub(super) fn find_json_entry(text: &str, keys: &[&str]) -> Result<Option<InstalledEntry>, EditError> {
    let root = parse_jsonc(text)?;
    let Some(servers) = find_object(text, root.as_ref(), keys)? else { return Ok(None) };
    let Some(entry) = find_property(text, servers, SERVER_NAME)? else { return Ok(None) };
    let Value::Object(entry) = &entry.value else {
        return Ok(Some(InstalledEntry { command: None, args: Vec::new() }));
    };
    let command = entry.get_string("command").map(|command| command.value.to_string());
    let args = entry.get_array("args").map(|args| &args.elements);
    let args = args
        .into_iter()
        .flatten()
        .map(|word| word.as_string_lit().map_or_else(String::new, |word| word.value.to_string()));
    Ok(Some(InstalledEntry { command, args: args.collect() }))
}

/// Returns `text` with the entry in the object at `key`; `typed` adds `"type": "stdio"` to a new entry.
pub(super) fn insert_json_entry(text: &str, key: &str, typed: bool, entry: &ServerEntry) -> Result<String, EditError> {
    let root = parse_jsonc(text)?;
    let style = JsonStyle::detect(text);
    let Some(root) = &root else {
        // The text has only white space and comments.
        let start =
            if text.trim().is_empty() { String::new() } else { format!("{}{}", text.trim_end(), style.line_end) };
        let object = style.format_object(&[(key, style.format_servers(typed, entry))]);
        return Ok(format!("{start}{object}{}", style.line_end));
    };
    let Value::Object(object) = root else {
        return Err(EditError::at(text, root.range().start, "this is not an object"));
    };
    let splices = match find_object(text, Some(root), &[key])? {
        None => style.insert_property(text, object, key, &|style| style.format_servers(typed, entry)),
        Some(servers) => match find_property(text, servers, SERVER_NAME)? {
            None => style.insert_property(text, servers, SERVER_NAME, &|style| style.format_entry(typed, entry)),
            Some(found) => update_json_entry(text, &style, found, entry)?,
        },
    };
    check_json_edit(text, apply_splices(text, splices), key)
}

/// Returns `text` without the entry in the object at `key`.
pub(super) fn remove_json_entry(text: &str, key: &str) -> Result<String, EditError> {
    let root = parse_jsonc(text)?;
    let Some(servers) = find_object(text, root.as_ref(), &[key])? else { return Ok(text.to_owned()) };
    let Some(entry) = find_property(text, servers, SERVER_NAME)? else { return Ok(text.to_owned()) };
    check_json_edit(text, apply_splices(text, cut_property(text, servers, entry)), key)
}

/// Parses JSON with comments and trailing commas; `None` if there is no value.
fn parse_jsonc(text: &str) -> Result<Option<Value<'_>>, EditError> {
    let options = ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    let parsed = jsonc_parser::parse_to_ast(text, &CollectOptions::default(), &options);
    parsed.map(|parsed| parsed.value).map_err(|error| {
        let problem = format!("this is not JSON ({})", error.kind());
        EditError { line: error.line_display(), column: error.column_display(), problem }
    })
}

/// Returns the object below the nested `keys` of the root, if there is one.
///
/// # Errors
/// When the root or a value on the way is not an object, or a key occurs twice.
fn find_object<'v, 't>(
    text: &str,
    root: Option<&'v Value<'t>>,
    keys: &[&str],
) -> Result<Option<&'v Object<'t>>, EditError> {
    let mut object = match root {
        None => return Ok(None),
        Some(Value::Object(root)) => root,
        Some(other) => return Err(EditError::at(text, other.range().start, "this is not an object")),
    };
    for key in keys {
        object = match find_property(text, object, key)? {
            None => return Ok(None),
            Some(ObjectProp { value: Value::Object(inner), .. }) => inner,
            Some(other) => {
                return Err(EditError::at(text, other.value.range().start, format!("{key:?} is not an object")));
            }
        };
    }
    Ok(Some(object))
}

/// Returns the property `name`, if there is one.
///
/// # Errors
/// When the property occurs twice.
fn find_property<'v, 't>(
    text: &str,
    object: &'v Object<'t>,
    name: &str,
) -> Result<Option<&'v ObjectProp<'t>>, EditError> {
    let mut matching = object.properties.iter().filter(|property| property.name.as_str() == name);
    let first = matching.next();
    match matching.next() {
        Some(second) => Err(EditError::at(text, second.range.start, format!("{name:?} is there twice"))),
        None => Ok(first),
    }
}

/// Returns the splices that replace the command and the arguments of an existing entry by those of `entry`.
///
/// # Errors
/// When the existing entry starts no program.
fn update_json_entry(
    text: &str,
    style: &JsonStyle,
    found: &ObjectProp<'_>,
    entry: &ServerEntry,
) -> Result<Vec<Splice>, EditError> {
    let starts_no_program =
        || EditError::at(text, found.range.start, format!("{SERVER_NAME:?} exists already and starts no program"));
    let Value::Object(object) = &found.value else { return Err(starts_no_program()) };
    let command = object.get_string("command").ok_or_else(starts_no_program)?;
    let mut splices = Vec::new();
    if command.value != entry.command {
        splices.push(Splice { from: command.range.start, to: command.range.end, with: quote_json(&entry.command) });
    }
    match find_property(text, object, "args")? {
        Some(args) => {
            let range = args.value.range();
            let is_equal = args.value.as_array().is_some_and(|args| {
                let words: Vec<_> =
                    args.elements.iter().map(|word| word.as_string_lit().map(|word| &*word.value)).collect();
                words == entry.args.iter().map(|word| Some(word.as_str())).collect::<Vec<_>>()
            });
            if !is_equal {
                splices.push(Splice { from: range.start, to: range.end, with: format_json_array(&entry.args) });
            }
        }
        None => splices.extend(style.insert_property(text, object, "args", &|_| format_json_array(&entry.args))),
    }
    Ok(splices)
}

/// Returns the splices that remove a property, with its line and one comma.
fn cut_property(text: &str, object: &Object<'_>, property: &ObjectProp<'_>) -> Vec<Splice> {
    let (start, end) = (property.range.start, property.range.end);
    let after = next_token_start(text, end);
    let has_comma = text[after..].starts_with(',');
    let at = object.properties.iter().position(|other| other.range.start == start).unwrap_or_default();
    if at + 1 < object.properties.len() {
        return vec![cut_before_next(text, start, after + 1)];
    }
    let end = if has_comma { after + 1 } else { end };
    let before = text[..start].trim_end().len();
    // The line break in front is removed only if the property is alone on its line: otherwise, a line comment
    // above would extend over the rest of the line.
    let rest = text[end..].trim_start_matches([' ', '\t']);
    let is_alone = text[before..start].contains('\n') && (rest.starts_with('\n') || rest.starts_with("\r\n"));
    let is_only = object.properties.len() == 1;
    let leaves_empty = is_only && before == object.range.start + 1 && text[end..object.range.end - 1].trim().is_empty();
    let mut splices = match (leaves_empty, is_alone || !text[before..start].contains('\n')) {
        (true, _) => vec![Splice::cut(before, object.range.end - 1)],
        (false, true) => vec![Splice::cut(before, end)],
        (false, false) => vec![Splice::cut(start, end)],
    };
    if let Some(previous) = at.checked_sub(1).map(|at| &object.properties[at])
        && !has_comma
    {
        let separator = next_token_start(text, previous.range.end);
        splices.push(Splice::cut(separator, separator + 1));
    }
    splices
}

/// Returns the splice that removes `start..end`, where `end` follows the comma in front of another property.
fn cut_before_next(text: &str, start: usize, end: usize) -> Splice {
    let line = line_start(text, start);
    let rest = text[end..].trim_start_matches([' ', '\t', '\r']);
    if text[line..start].trim().is_empty() && rest.starts_with('\n') {
        return Splice::cut(line, text.len() - rest.len() + 1);
    }
    let spaces = text[end..].len() - text[end..].trim_start_matches([' ', '\t']).len();
    Splice::cut(start, end + spaces)
}

/// Returns the start of the next token at or after `at`, behind white space and comments.
fn next_token_start(text: &str, mut at: usize) -> usize {
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

/// Returns the position after the comments that follow `at` on its line.
fn end_of_line_comments(text: &str, mut at: usize) -> usize {
    loop {
        let rest = &text[at..];
        let spaces = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let rest = &rest[spaces..];
        let comment = if rest.starts_with("//") {
            rest.find(['\r', '\n']).unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            match rest.find("*/") {
                Some(end) if !rest[..end].contains('\n') => end + 2,
                _ => return at,
            }
        } else {
            return at;
        };
        at += spaces + comment;
    }
}

/// The formatting of a text.
struct JsonStyle {
    line_end: &'static str,
    /// One step of indentation.
    step: String,
    /// Whether everything is on one line.
    compact: bool,
}

impl JsonStyle {
    /// Detects the formatting of `text`.
    fn detect(text: &str) -> Self {
        let white_space = |line: &str| line[..line.len() - line.trim_start().len()].to_owned();
        let indented = text.lines().find(|line| line.starts_with([' ', '\t']) && line.trim_start().starts_with('"'));
        let compact = !text.trim_end().contains('\n') && text.contains(':');
        Self {
            line_end: detect_line_ending(text),
            step: indented.map_or_else(|| INDENT.to_owned(), white_space),
            compact,
        }
    }

    /// Returns the same formatting, on one line.
    fn on_one_line(&self) -> Self {
        Self { line_end: self.line_end, step: String::new(), compact: true }
    }

    /// Returns an object of servers that holds only `entry`.
    fn format_servers(&self, typed: bool, entry: &ServerEntry) -> String {
        self.format_object(&[(SERVER_NAME, self.format_entry(typed, entry))])
    }

    /// Returns an entry as an object.
    fn format_entry(&self, typed: bool, entry: &ServerEntry) -> String {
        let command = [("command", quote_json(&entry.command)), ("args", format_json_array(&entry.args))];
        let kind = typed.then(|| ("type", quote_json("stdio")));
        self.format_object(&kind.into_iter().chain(command).collect::<Vec<_>>())
    }

    /// Returns an object of the given names and values.
    fn format_object(&self, properties: &[(&str, String)]) -> String {
        let property =
            |(name, value): &(&str, String)| format!("{}: {}", quote_json(name), self.indent_lines(value, &self.step));
        let properties: Vec<String> = properties.iter().map(property).collect();
        if self.compact {
            return format!("{{ {} }}", properties.join(", "));
        }
        let (end, step) = (self.line_end, &self.step);
        format!("{{{end}{step}{}{end}}}", properties.join(&format!(",{end}{step}")))
    }

    /// Indents every line of `value` but the first by `indent`.
    fn indent_lines(&self, value: &str, indent: &str) -> String {
        value.replace(self.line_end, &format!("{}{indent}", self.line_end))
    }

    /// Returns the splices that add a property to the end of `object`.
    fn insert_property(&self, text: &str, object: &Object<'_>, name: &str, value: RenderValue<'_>) -> Vec<Splice> {
        let Some(last) = object.properties.last() else {
            return vec![self.insert_first(text, object, name, value)];
        };
        let after = next_token_start(text, last.range.end);
        let has_trailing_comma = text[after..].starts_with(',');
        if !text[object.range.start..object.range.end].contains('\n') {
            let property = format!("{}: {}", quote_json(name), value(&self.on_one_line()));
            return match has_trailing_comma {
                true => vec![Splice::insert(after + 1, format!(" {property},"))],
                false => vec![Splice::insert(last.range.end, format!(", {property}"))],
            };
        }
        let is_on_own_line = text[..last.range.start].trim_end_matches([' ', '\t']).ends_with('\n');
        let indent = match is_on_own_line {
            true => line_indentation(text, last.range.start).to_owned(),
            false => format!("{}{}", line_indentation(text, object.range.start), self.step),
        };
        let property =
            format!("{}{indent}{}: {}", self.line_end, quote_json(name), self.indent_lines(&value(self), &indent));
        if has_trailing_comma {
            return vec![Splice::insert(end_of_line_comments(text, after + 1), format!("{property},"))];
        }
        let comma = Splice::insert(last.range.end, ",".to_owned());
        vec![comma, Splice::insert(end_of_line_comments(text, last.range.end), property)]
    }

    /// Returns the splice that adds a property to an object without properties, below its comments.
    fn insert_first(&self, text: &str, object: &Object<'_>, name: &str, value: RenderValue<'_>) -> Splice {
        let (from, to) = (object.range.start + 1, object.range.end - 1);
        let inside = text[from..to].trim_end();
        if self.compact && inside.is_empty() {
            return Splice { from, to, with: format!(" {}: {} ", quote_json(name), value(self)) };
        }
        let (end, outer) = (self.line_end, line_indentation(text, object.range.start));
        let indent = format!("{outer}{}", self.step);
        let with =
            format!("{end}{indent}{}: {}{end}{outer}", quote_json(name), self.indent_lines(&value(self), &indent));
        Splice { from: from + inside.len(), to, with }
    }
}

/// Formats a value in the given style.
type RenderValue<'r> = &'r dyn Fn(&JsonStyle) -> String;

/// Returns the white space at the start of the line that contains byte `at`.
fn line_indentation(text: &str, at: usize) -> &str {
    let line = &text[line_start(text, at)..];
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

/// Returns `text` as a JSON string.
fn quote_json(text: &str) -> String {
    Plain::String(text.to_owned()).to_string()
}

/// Returns `words` as a JSON array of strings.
fn format_json_array(words: &[String]) -> String {
    format!("[{}]", words.iter().map(|word| quote_json(word)).collect::<Vec<_>>().join(", "))
}

/// Returns `edited` if it differs from `text` only in the entry.
///
/// # Errors
/// When it differs in anything else.
fn check_json_edit(text: &str, edited: String, key: &str) -> Result<String, EditError> {
    let rest = |text: &str| {
        parse_jsonc(text).map(|value| value.map_or(Plain::Null, |value| strip_entry(to_plain(&value), key)))
    };
    if rest(&edited) == rest(text) {
        return Ok(edited);
    }
    Err(EditError::at(text, 0, "codescry cannot edit a file with this formatting"))
}

/// Removes the entry, and the object that holds it if nothing else is in there.
fn strip_entry(mut root: Plain, key: &str) -> Plain {
    if let Some(root) = root.as_object_mut()
        && let Some(servers) = root.get_mut(key).and_then(Plain::as_object_mut)
    {
        servers.remove(SERVER_NAME);
        if servers.is_empty() {
            root.remove(key);
        }
    }
    root
}

/// Converts a parsed value for comparison; numbers are compared as written.
fn to_plain(value: &Value<'_>) -> Plain {
    match value {
        Value::StringLit(string) => Plain::String(string.value.to_string()),
        Value::NumberLit(number) => Plain::String(format!("number {}", number.value)),
        Value::BooleanLit(boolean) => Plain::Bool(boolean.value),
        Value::NullKeyword(_) => Plain::Null,
        Value::Array(array) => Plain::Array(array.elements.iter().map(to_plain).collect()),
        Value::Object(object) => {
            let property = |property: &ObjectProp<'_>| (property.name.as_str().to_owned(), to_plain(&property.value));
            Plain::Object(object.properties.iter().map(property).collect())
        }
    }
}
