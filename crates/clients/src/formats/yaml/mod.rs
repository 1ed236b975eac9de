//! Finds, inserts and removes the entry in YAML.
//!
//! The positions come from the parser; the bytes of the entry are inserted and removed as text. The result is parsed
//! again and compared with the text before the edit.

mod tree;

use self::tree::{Node, PlainNode, parse_yaml};
use super::splice::{Splice, apply_splices, detect_line_ending, line_start};
use crate::client::EntryField;
use crate::entry::{CommandFields, FieldValue, InstalledEntry, SERVER_NAME, ServerEntry};
use crate::error::EditError;

/// The step of indentation.
const INDENT: &str = "  ";

/// The lines before the servers in a new file of Continue, which requires them.
const LIST_HEADER: [&str; 3] = ["name: Local Config", "version: 1.0.0", "schema: v1"];

/// Returns the entry in the top-level value `servers`; `None` if there is none.
pub(super) fn find_yaml_entry(
    text: &str,
    servers: &str,
    is_list: bool,
    fields: CommandFields,
) -> Result<Option<InstalledEntry>, EditError> {
    let root = parse_yaml(text)?;
    let Some((_, entry)) = root.as_ref().and_then(|root| find_member(root, servers, is_list)) else { return Ok(None) };
    Ok(Some(read_entry(entry, fields)))
}

/// Returns `text` with `entry` in the top-level value `servers`; in an existing entry, replaces only the command and
/// the arguments.
pub(super) fn insert_yaml_entry(
    text: &str,
    servers: &str,
    is_list: bool,
    form: &[EntryField],
    entry: &ServerEntry,
) -> Result<String, EditError> {
    let root = parse_yaml(text)?;
    let style = YamlStyle { line_end: detect_line_ending(text), is_list };
    let fields = entry.fields(form);
    let Some(root) = root.filter(|root| !root.is_null()) else {
        let header =
            if is_list { LIST_HEADER.map(|line| format!("{line}{}", style.line_end)).concat() } else { String::new() };
        let edited =
            format!("{}{header}{}", complete_line(text, style.line_end), style.format_servers(servers, &fields));
        return check_yaml_edit(text, edited, servers, is_list, is_list);
    };
    if root.pairs().is_none() || text[root.start..].starts_with('{') {
        return Err(EditError::at(text, root.start, "this is not a mapping in block style"));
    }
    let edited = match (find_member(&root, servers, is_list), root.get(servers)) {
        (Some((_, found)), _) => apply_splices(text, update_entry(text, found, CommandFields::new(form), entry)?),
        (None, None) => {
            let at = end_of_line(text, root.end);
            let block = style.format_servers(servers, &fields);
            format!("{}{block}{}", complete_line(&text[..at], style.line_end), &text[at..])
        }
        (None, Some(value)) => apply_splices(text, vec![insert_member(text, &style, value, servers, &fields)?]),
    };
    check_yaml_edit(text, edited, servers, is_list, false)
}

/// Returns `text` without the entry in the top-level value `servers`; unchanged if there is none.
pub(super) fn remove_yaml_entry(text: &str, servers: &str, is_list: bool) -> Result<String, EditError> {
    let Some(root) = parse_yaml(text)? else { return Ok(text.to_owned()) };
    let (Some((at, entry)), Some(value)) = (find_member(&root, servers, is_list), root.get(servers)) else {
        return Ok(text.to_owned());
    };
    let members = member_ranges(value);
    let splices = if text[value.start..].starts_with(['{', '[']) {
        let (start, end) = members[at];
        vec![match (members.get(at + 1), at.checked_sub(1).map(|before| members[before])) {
            (Some((next, _)), _) => Splice::cut(start, *next),
            (None, Some((_, before))) => Splice::cut(before, end),
            (None, None) => Splice::cut(start, end),
        }]
    } else {
        let mut splices = vec![Splice::cut(line_start(text, members[at].0), end_of_line(text, entry.end))];
        if members.len() == 1 {
            // An empty block would be null.
            let key = root.pairs().into_iter().flatten().find(|(name, _)| name.text() == Some(servers));
            let colon = key.and_then(|(name, _)| Some(name.end + text[name.end..].find(':')? + 1));
            let empty = if is_list { " []" } else { " {}" };
            splices.extend(colon.map(|colon| Splice::insert(colon, empty.to_owned())));
        }
        splices
    };
    check_yaml_edit(text, apply_splices(text, splices), servers, is_list, false)
}

/// Returns the position of the entry among the members of `servers`, and its value; `None` if there is no entry.
fn find_member<'n>(root: &'n Node, servers: &str, is_list: bool) -> Option<(usize, &'n Node)> {
    let value = root.get(servers)?;
    if is_list {
        let mut items = value.items()?.iter().enumerate();
        return items.find(|(_, item)| item.get("name").and_then(Node::text) == Some(SERVER_NAME));
    }
    let mut pairs = value.pairs()?.iter().enumerate();
    pairs.find(|(_, (name, _))| name.text() == Some(SERVER_NAME)).map(|(at, (_, value))| (at, value))
}

/// Returns the byte range (start, end) of each member of a mapping or a sequence.
fn member_ranges(value: &Node) -> Vec<(usize, usize)> {
    let pairs = value.pairs().into_iter().flatten().map(|(name, value)| (name.start, value.end.max(name.end)));
    pairs.chain(value.items().into_iter().flatten().map(|item| (item.start, item.end))).collect()
}

fn read_entry(entry: &Node, fields: CommandFields) -> InstalledEntry {
    fields.read(
        |name| entry.get(name)?.text().map(str::to_owned),
        |name| Some(entry.get(name)?.items()?.iter().map(|word| word.text().unwrap_or_default().to_owned()).collect()),
    )
}

/// Returns the splice that adds the entry to the existing value `servers`.
///
/// # Errors
/// When the value is of another kind.
fn insert_member(
    text: &str,
    style: &YamlStyle,
    value: &Node,
    servers: &str,
    fields: &[(&'static str, FieldValue)],
) -> Result<Splice, EditError> {
    let is_right = if style.is_list { value.items().is_some() } else { value.pairs().is_some() };
    if !is_right && !value.is_null() {
        let kind = if style.is_list { "list" } else { "mapping" };
        return Err(EditError::at(text, value.start, format!("{servers:?} is not a {kind}")));
    }
    let members = member_ranges(value);
    let is_flow = text[value.start..].starts_with(['{', '[']);
    match members.last() {
        Some((_, end)) if is_flow => Ok(Splice::insert(*end, format!(", {}", style.format_flow(fields)))),
        Some((first, _)) => {
            let first = members.first().map_or(*first, |(first, _)| *first);
            let line = &text[line_start(text, first)..first];
            let indent = &line[..line.len() - line.trim_start_matches(' ').len()];
            let at = end_of_line(text, value.end);
            let missing = if text[..at].ends_with('\n') { "" } else { style.line_end };
            Ok(Splice::insert(at, format!("{missing}{}", style.format_member(indent, fields))))
        }
        None => {
            let (from, to) = if is_flow { (value.start, value.end) } else { null_range(text, value) };
            let from = text[..from].trim_end_matches(' ').len();
            let member = style.format_member(INDENT, fields);
            let member = member.strip_suffix(style.line_end).unwrap_or(&member);
            Ok(Splice { from, to, with: format!("{}{member}", style.line_end) })
        }
    }
}

/// Returns the byte range of a null value: that of its word, or the empty range after its colon.
fn null_range(text: &str, value: &Node) -> (usize, usize) {
    if value.end > value.start {
        return (value.start, value.end);
    }
    let colon = text[value.start..].find(':').map_or(value.start, |colon| value.start + colon + 1);
    (colon, colon)
}

/// Returns the splices that replace the command and the arguments of an existing entry by those of `entry`.
///
/// # Errors
/// When the existing entry starts no program.
fn update_entry(
    text: &str,
    found: &Node,
    fields: CommandFields,
    entry: &ServerEntry,
) -> Result<Vec<Splice>, EditError> {
    let old = read_entry(found, fields);
    if old.command.is_none() {
        return Err(EditError::at(text, found.start, format!("{SERVER_NAME} exists already and starts no program")));
    }
    if (old.command.as_ref(), &old.args) == (Some(&entry.command), &entry.args) {
        return Ok(Vec::new());
    }
    let mut splices = Vec::new();
    for (name, value) in fields.values(entry) {
        match found.get(name) {
            Some(node) => {
                // The dash of the first item belongs to a list in block style.
                let is_block_list = node.items().is_some() && !text[node.start..].starts_with('[');
                let from = if is_block_list {
                    text[..node.start].rfind('-').filter(|dash| text[dash + 1..node.start].trim().is_empty())
                } else {
                    None
                };
                let from = if text[node.start..].starts_with('-') { node.start } else { from.unwrap_or(node.start) };
                splices.push(Splice { from, to: node.end, with: format_value(&value) });
            }
            None => {
                let line = line_start(text, found.start);
                let indent: String = text[line..found.start].chars().map(|_| ' ').collect();
                let with = format!("{name}: {}{}{indent}", format_value(&value), detect_line_ending(text));
                splices.push(Splice::insert(found.start, with));
            }
        }
    }
    Ok(splices)
}

/// The formatting of the servers in a text.
struct YamlStyle {
    line_end: &'static str,
    is_list: bool,
}

impl YamlStyle {
    /// Returns the lines of the key and the entry below it.
    fn format_servers(&self, servers: &str, fields: &[(&'static str, FieldValue)]) -> String {
        format!("{servers}:{}{}", self.line_end, self.format_member(INDENT, fields))
    }

    /// Returns the entry as lines in block style, indented by `indent`.
    fn format_member(&self, indent: &str, fields: &[(&'static str, FieldValue)]) -> String {
        let mut lines = Vec::new();
        if !self.is_list {
            lines.push(format!("{indent}{SERVER_NAME}:"));
        }
        for (at, (name, value)) in fields.iter().enumerate() {
            let start = if self.is_list && at == 0 { "- " } else { INDENT };
            lines.push(format!("{indent}{start}{name}: {}", format_value(value)));
        }
        lines.iter().map(|line| format!("{line}{}", self.line_end)).collect()
    }

    /// Returns the entry on one line, in braces.
    fn format_flow(&self, fields: &[(&'static str, FieldValue)]) -> String {
        let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{name}: {}", format_value(value))).collect();
        let fields = format!("{{ {} }}", fields.join(", "));
        if self.is_list { fields } else { format!("{SERVER_NAME}: {fields}") }
    }
}

/// Returns a value on one line. Texts are quoted, except simple words outside of a list.
fn format_value(value: &FieldValue) -> String {
    let quote = |text: &str| serde_json::Value::String(text.to_owned()).to_string();
    match value {
        FieldValue::Text(text) => {
            let is_word =
                |text: &str| text.chars().all(|letter| letter.is_ascii_alphanumeric() || "/._-".contains(letter));
            let is_simple =
                text.starts_with(|first: char| first == '/' || first.is_ascii_alphabetic()) && is_word(text);
            let has_meaning = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
            if is_simple && !has_meaning.contains(&text.to_ascii_lowercase().as_str()) {
                text.clone()
            } else {
                quote(text)
            }
        }
        FieldValue::List(words) => format!("[{}]", words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(", ")),
        FieldValue::Number(number) => number.to_string(),
        FieldValue::True => "true".to_owned(),
        FieldValue::Object(fields) => {
            let fields: Vec<_> =
                fields.iter().map(|(name, value)| format!("{name}: {}", format_value(value))).collect();
            format!("{{ {} }}", fields.join(", "))
        }
    }
}

/// Returns the start of the line after the one that contains `at`, or the end of the text if that line is the last one.
/// Returns `at` itself if it follows a line end.
fn end_of_line(text: &str, at: usize) -> usize {
    if at > 0 && text[..at].ends_with('\n') {
        return at;
    }
    text[at..].find('\n').map_or(text.len(), |end| at + end + 1)
}

/// Returns `text` with a line end after its last line, unless it is empty.
fn complete_line(text: &str, line_end: &str) -> String {
    let missing = if text.is_empty() || text.ends_with('\n') { "" } else { line_end };
    format!("{text}{missing}")
}

/// Returns `edited` if it differs from `text` only in the entry. With `adds_header`, checks only that it is YAML,
/// because a new file also gets other lines.
///
/// # Errors
/// When it is not YAML, or differs in anything else.
fn check_yaml_edit(
    text: &str,
    edited: String,
    servers: &str,
    is_list: bool,
    adds_header: bool,
) -> Result<String, EditError> {
    let rest = |text: &str| parse_yaml(text).map(|root| strip_entry(root.as_ref(), servers, is_list));
    let is_kept = match rest(&edited) {
        Ok(after) => adds_header || after == rest(text)?,
        Err(_) => false,
    };
    if is_kept {
        return Ok(edited);
    }
    Err(EditError::at(text, 0, format!("codescry cannot edit {servers} in this form")))
}

/// Returns the top-level pairs without the entry, and without `servers` if it is empty then.
fn strip_entry(root: Option<&Node>, servers: &str, is_list: bool) -> Vec<(PlainNode, PlainNode)> {
    let Some(PlainNode::Mapping(mut pairs)) = root.map(Node::to_plain) else { return Vec::new() };
    let ours = root.and_then(|root| find_member(root, servers, is_list)).map(|(at, _)| at);
    let is_servers = |key: &PlainNode| matches!(key, PlainNode::Scalar(name, _) if name == servers);
    for (_, value) in pairs.iter_mut().filter(|(key, _)| is_servers(key)) {
        match (value, ours) {
            (PlainNode::Mapping(pairs), Some(at)) => _ = pairs.remove(at),
            (PlainNode::Sequence(items), Some(at)) => _ = items.remove(at),
            _ => {}
        }
    }
    let is_empty = |value: &PlainNode| match value {
        PlainNode::Mapping(pairs) => pairs.is_empty(),
        PlainNode::Sequence(items) => items.is_empty(),
        PlainNode::Scalar(text, is_plain) => *is_plain && ["", "~", "null"].contains(&text.as_str()),
        PlainNode::Alias(_) => false,
    };
    pairs.retain(|(key, value)| !(is_servers(key) && is_empty(value)));
    pairs
}
