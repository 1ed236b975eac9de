//! Finds, inserts and removes the entry in TOML.
//!
//! Invariant: the text is never reformatted; every edit is a [`Splice`].

use std::ops::Range;

use toml_edit::{Array, Document, Item, Table, TableLike, Value};

use super::splice::{Splice, apply_splices, detect_line_ending, line_start};
use crate::entry::{InstalledEntry, SERVER_NAME, ServerEntry};
use crate::error::EditError;

/// The table that holds the servers.
const SERVERS_TABLE: &str = "mcp_servers";

/// Returns the entry, whether it is a table, an inline table or dotted keys; `None` if there is none.
pub(super) fn find_toml_entry(text: &str) -> Result<Option<InstalledEntry>, EditError> {
    let document = parse_toml(text)?;
    let Some(item) = entry_item(&document) else { return Ok(None) };
    let entry = item.as_table_like();
    let command = entry.and_then(|entry| entry.get("command")?.as_str()).map(str::to_owned);
    let args = entry.and_then(|entry| entry.get("args")?.as_array()).map(string_values).unwrap_or_default();
    Ok(Some(InstalledEntry { command, args }))
}

/// Returns `text` with the command and the arguments of `entry` in an existing entry, or with a new entry at its end.
pub(super) fn insert_toml_entry(text: &str, entry: &ServerEntry) -> Result<String, EditError> {
    let document = parse_toml(text)?;
    let edited = match entry_item(&document) {
        Some(item) => apply_splices(text, update_toml_entry(text, item, entry)?),
        None => append_toml_entry(text, entry),
    };
    check_toml_edit(text, edited)
}

/// Returns `text` without the entry; unchanged if it has none.
pub(super) fn remove_toml_entry(text: &str) -> Result<String, EditError> {
    let document = parse_toml(text)?;
    let Some(item) = entry_item(&document) else { return Ok(text.to_owned()) };
    let mut splices: Vec<Splice> = Vec::new();
    for range in entry_tables(text, &document).into_iter().chain(entry_lines(text, item)) {
        let overlaps = splices.iter().any(|other| other.from < range.end && range.start < other.to);
        if !overlaps {
            splices.push(Splice::cut(range.start, range.end));
        }
    }
    check_toml_edit(text, apply_splices(text, splices))
}

/// Parses TOML, keeping the position of every item.
fn parse_toml(text: &str) -> Result<Document<&str>, EditError> {
    Document::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        EditError::at(text, at, format!("this is not TOML ({})", error.message().trim_end()))
    })
}

/// Returns the item of the entry, if there is one.
fn entry_item<'d>(document: &'d Document<&str>) -> Option<&'d Item> {
    document.as_table().get(SERVERS_TABLE)?.as_table_like()?.get(SERVER_NAME)
}

/// Returns the strings of an array; other values become empty strings.
fn string_values(args: &Array) -> Vec<String> {
    args.iter().map(|word| word.as_str().unwrap_or_default().to_owned()).collect()
}

/// Returns `text` with the entry as a table at its end.
fn append_toml_entry(text: &str, entry: &ServerEntry) -> String {
    let end = detect_line_ending(text);
    let mut result = text.to_owned();
    if !text.is_empty() && !text.ends_with('\n') {
        result.push_str(end);
    }
    if !text.trim().is_empty() && !text.ends_with("\n\n") && !text.ends_with("\n\r\n") {
        result.push_str(end);
    }
    let command = Value::from(entry.command.as_str());
    result.push_str(&format!(
        "[{SERVERS_TABLE}.{SERVER_NAME}]{end}command = {command}{end}args = {}{end}",
        toml_array(&entry.args)
    ));
    result
}

/// Returns the arguments as a TOML array.
fn toml_array(args: &[String]) -> Array {
    args.iter().map(String::as_str).collect()
}

/// Returns the splices that replace the command and the arguments of an existing entry.
///
/// # Errors
/// When the existing entry starts no program.
fn update_toml_entry(text: &str, item: &Item, entry: &ServerEntry) -> Result<Vec<Splice>, EditError> {
    let at = item.span().map_or(0, |span| span.start);
    let table = item.as_table_like();
    let command = table.and_then(|table| table.get("command")).filter(|command| command.as_str().is_some());
    let Some((table, command)) = table.zip(command) else {
        return Err(EditError::at(text, at, format!("{SERVER_NAME} exists already and starts no program")));
    };
    let mut splices = Vec::new();
    if command.as_str() != Some(&entry.command) {
        splices.extend(replace_item(command, Value::from(entry.command.as_str()).to_string()));
    }
    let args = table.get("args");
    if args.and_then(Item::as_array).map(string_values).unwrap_or_default() != entry.args {
        let array = toml_array(&entry.args).to_string();
        match args {
            Some(args) => splices.extend(replace_item(args, array)),
            None => splices.extend(command.span().map(|span| {
                let separator = if item.is_inline_table() {
                    ", ".to_owned()
                } else {
                    format!("{}{}", detect_line_ending(text), dotted_prefix(item))
                };
                Splice::insert(span.end, format!("{separator}args = {array}"))
            })),
        }
    }
    Ok(splices)
}

/// Returns the prefix of the entry's keys: its name if the keys are dotted, otherwise nothing.
fn dotted_prefix(item: &Item) -> String {
    if item.as_table().is_some_and(Table::is_dotted) { format!("{SERVER_NAME}.") } else { String::new() }
}

/// Returns the splice that replaces an item; `None` if its position is unknown.
fn replace_item(item: &Item, with: String) -> Option<Splice> {
    item.span().map(|span| Splice { from: span.start, to: span.end, with })
}

/// Returns the byte range of each table of the entry, from its header to its last line, as [`include_blank_line`]
/// extends it.
fn entry_tables(text: &str, document: &Document<&str>) -> Vec<Range<usize>> {
    let mut headers = Vec::new();
    collect_headers(document.as_table(), &mut Vec::new(), &mut headers);
    headers.sort();
    let mut ranges = Vec::new();
    for (at, (start, is_entry)) in headers.iter().enumerate() {
        if *is_entry {
            let next = headers.get(at + 1).map_or(text.len(), |(next, _)| line_start(text, *next));
            ranges.push(include_blank_line(text, line_start(text, *start)..end_of_content(text, *start, next)));
        }
    }
    ranges
}

/// Collects the start of each table with a header, and whether it belongs to the entry.
fn collect_headers<'t>(table: &'t Table, path: &mut Vec<&'t str>, headers: &mut Vec<(usize, bool)>) {
    for (name, item) in table {
        path.push(name);
        let is_entry = path.starts_with(&[SERVERS_TABLE, SERVER_NAME]);
        match item {
            Item::Table(table) => {
                let span = item.span().filter(|_| !table.is_dotted() && !table.is_implicit());
                headers.extend(span.map(|span| (span.start, is_entry)));
                collect_headers(table, path, headers);
            }
            Item::ArrayOfTables(tables) => {
                for table in tables {
                    headers.extend(table.span().map(|span| (span.start, is_entry)));
                    collect_headers(table, path, headers);
                }
            }
            Item::Value(_) | Item::None => {}
        }
        path.pop();
    }
}

/// Returns the end of the last line in `start..next` that is neither blank nor only a comment. The blank and comment
/// lines after it belong to the next table.
fn end_of_content(text: &str, start: usize, next: usize) -> usize {
    let (mut end, mut at) = (start, start);
    for line in text[start..next].split_inclusive('\n') {
        at += line.len();
        if !line.trim().is_empty() && !line.trim_start().starts_with('#') {
            end = at;
        }
    }
    end
}

/// Extends a range by the blank line in front of it if its removal would leave two blank lines, or a blank line at the
/// end of the text.
fn include_blank_line(text: &str, block: Range<usize>) -> Range<usize> {
    let rest = &text[block.end..];
    let is_followed_by_blank = rest.is_empty() || rest.starts_with('\n') || rest.starts_with("\r\n");
    let before = &text[..block.start];
    let blank = ["\r\n\r\n", "\n\n"].iter().find(|blank| before.ends_with(*blank));
    match blank.filter(|_| is_followed_by_blank) {
        Some(blank) => block.start - blank.len() / 2..block.end,
        None => block,
    }
}

/// Returns the byte ranges of the lines of an entry that is a value or has dotted keys; none for a table with a header.
fn entry_lines(text: &str, item: &Item) -> Vec<Range<usize>> {
    let lines = |item: &Item| {
        let span = item.span()?;
        let end = text[span.end..].find('\n').map_or(text.len(), |at| span.end + at + 1);
        Some(line_start(text, span.start)..end)
    };
    match item {
        Item::Value(_) => lines(item).into_iter().collect(),
        Item::Table(table) if table.is_dotted() => {
            TableLike::iter(table).flat_map(|(_, item)| entry_lines(text, item)).collect()
        }
        Item::Table(_) | Item::ArrayOfTables(_) | Item::None => Vec::new(),
    }
}

/// Returns `edited` if it differs from `text` only in the entry.
///
/// # Errors
/// When it is not valid TOML or differs in anything else.
fn check_toml_edit(text: &str, edited: String) -> Result<String, EditError> {
    let broken = |problem: String| {
        let at = parse_toml(text)
            .ok()
            .and_then(|document| document.as_table().get(SERVERS_TABLE)?.span())
            .map_or(0, |span| span.start);
        EditError::at(text, at, format!("codescry cannot edit {SERVERS_TABLE} in this form{problem}"))
    };
    let document = parse_toml(&edited).map_err(|error| broken(format!(" ({})", error.problem)))?;
    if other_values(&document) == other_values(&parse_toml(text)?) { Ok(edited) } else { Err(broken(String::new())) }
}

/// Returns all values except the values of the entry, each with its path, sorted.
fn other_values(document: &Document<&str>) -> Vec<String> {
    let mut values = Vec::new();
    collect_values(document.as_table(), "", &mut values);
    values.sort();
    values
}

/// Appends the values of `table`, which is at `path`, to `values`, as texts such as `."a"."b" = 1`. Leaves out the
/// entry.
fn collect_values(table: &dyn TableLike, path: &str, values: &mut Vec<String>) {
    for (name, item) in table.iter() {
        let path = format!("{path}.{name:?}");
        if path == format!(".{SERVERS_TABLE:?}.{SERVER_NAME:?}") {
            continue;
        }
        if let Some(table) = item.as_table_like() {
            collect_values(table, &path, values);
        } else if let Some(tables) = item.as_array_of_tables() {
            tables.iter().enumerate().for_each(|(at, table)| collect_values(table, &format!("{path}[{at}]"), values));
        } else {
            values.push(format!("{path} = {}", item.to_string().trim()));
        }
    }
}
