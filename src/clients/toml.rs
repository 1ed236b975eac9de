//! The entry in a TOML text.
//!
//! Invariant: the text is parsed and never written anew; every edit is a [`Splice`].
//! Must never import: anything of this crate but `clients`.

use std::ops::Range;

use toml_edit::{Array, Document, Item, Table, TableLike, Value};

use super::splice::{Splice, line_end, spliced};
use super::{EditError, Entry, Found, NAME};

const KEY: &str = "mcp_servers";

/// The entry, whatever way it is written.
pub(super) fn find(text: &str) -> Result<Option<Found>, EditError> {
    let document = parse(text)?;
    let Some(item) = entry_of(&document) else { return Ok(None) };
    let entry = item.as_table_like();
    let command = entry.and_then(|entry| entry.get("command")?.as_str()).map(str::to_owned);
    let args = entry.and_then(|entry| entry.get("args")?.as_array()).map(words).unwrap_or_default();
    Ok(Some(Found { command, args }))
}

/// `text` with the entry.
pub(super) fn with(text: &str, entry: &Entry) -> Result<String, EditError> {
    let document = parse(text)?;
    let made = match entry_of(&document) {
        Some(item) => spliced(text, update(text, item, entry)?),
        None => appended(text, entry),
    };
    checked(text, made)
}

/// `text` without the entry.
pub(super) fn without(text: &str) -> Result<String, EditError> {
    let document = parse(text)?;
    let Some(item) = entry_of(&document) else { return Ok(text.to_owned()) };
    let mut splices: Vec<Splice> = Vec::new();
    for range in own_blocks(text, &document).into_iter().chain(own_lines(text, item)) {
        let overlaps = splices.iter().any(|other| other.from < range.end && range.start < other.to);
        if !overlaps {
            splices.push(Splice::cut(range.start, range.end));
        }
    }
    checked(text, spliced(text, splices))
}

fn parse(text: &str) -> Result<Document<&str>, EditError> {
    Document::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        EditError::at(text, at, format!("this is not TOML ({})", error.message().trim_end()))
    })
}

fn entry_of<'d>(document: &'d Document<&str>) -> Option<&'d Item> {
    document.as_table().get(KEY)?.as_table_like()?.get(NAME)
}

fn words(args: &Array) -> Vec<String> {
    args.iter().map(|word| word.as_str().unwrap_or_default().to_owned()).collect()
}

fn appended(text: &str, entry: &Entry) -> String {
    let end = line_end(text);
    let mut made = text.to_owned();
    if !text.is_empty() && !text.ends_with('\n') {
        made.push_str(end);
    }
    if !text.trim().is_empty() && !text.ends_with("\n\n") && !text.ends_with("\n\r\n") {
        made.push_str(end);
    }
    let command = Value::from(entry.command.as_str());
    made.push_str(&format!("[{KEY}.{NAME}]{end}command = {command}{end}args = {}{end}", list(&entry.args)));
    made
}

fn list(args: &[String]) -> Array {
    args.iter().map(String::as_str).collect()
}

/// Puts the command and the arguments of `entry` into an entry that is there.
fn update(text: &str, item: &Item, entry: &Entry) -> Result<Vec<Splice>, EditError> {
    let at = item.span().map_or(0, |span| span.start);
    let found = item.as_table_like();
    let command = found.and_then(|found| found.get("command")).filter(|command| command.as_str().is_some());
    let Some((found, command)) = found.zip(command) else {
        return Err(EditError::at(text, at, format!("{NAME} is there, and starts no program")));
    };
    let mut splices = Vec::new();
    if command.as_str() != Some(&entry.command) {
        splices.extend(replaced(command, Value::from(entry.command.as_str()).to_string()));
    }
    let args = found.get("args");
    if args.and_then(Item::as_array).map(words).unwrap_or_default() != entry.args {
        let list = list(&entry.args).to_string();
        match args {
            Some(args) => splices.extend(replaced(args, list)),
            None => splices.extend(command.span().map(|span| {
                let behind = if item.is_inline_table() {
                    ", ".to_owned()
                } else {
                    format!("{}{}", line_end(text), dotted(item))
                };
                Splice::insert(span.end, format!("{behind}args = {list}"))
            })),
        }
    }
    Ok(splices)
}

/// What stands before a key of the entry: its name, where the keys are dotted.
fn dotted(item: &Item) -> String {
    if item.as_table().is_some_and(Table::is_dotted) { format!("{NAME}.") } else { String::new() }
}

fn replaced(item: &Item, with: String) -> Option<Splice> {
    item.span().map(|span| Splice { from: span.start, to: span.end, with })
}

/// The tables of the entry, each from its header to its last line.
fn own_blocks(text: &str, document: &Document<&str>) -> Vec<Range<usize>> {
    let mut headers = Vec::new();
    collect_headers(document.as_table(), &mut Vec::new(), &mut headers);
    headers.sort();
    let mut blocks = Vec::new();
    for (at, (start, own)) in headers.iter().enumerate() {
        if *own {
            let next = headers.get(at + 1).map_or(text.len(), |(next, _)| line_start(text, *next));
            blocks.push(with_blank_line(text, line_start(text, *start)..end_of_content(text, *start, next)));
        }
    }
    blocks
}

/// Where each table with a header begins, and whether it is the entry or in it.
fn collect_headers<'t>(table: &'t Table, path: &mut Vec<&'t str>, headers: &mut Vec<(usize, bool)>) {
    for (name, item) in table {
        path.push(name);
        let own = path.starts_with(&[KEY, NAME]);
        match item {
            Item::Table(table) => {
                let span = item.span().filter(|_| !table.is_dotted() && !table.is_implicit());
                headers.extend(span.map(|span| (span.start, own)));
                collect_headers(table, path, headers);
            }
            Item::ArrayOfTables(tables) => {
                for table in tables {
                    headers.extend(table.span().map(|span| (span.start, own)));
                    collect_headers(table, path, headers);
                }
            }
            Item::Value(_) | Item::None => {}
        }
        path.pop();
    }
}

/// The end of the last line in `start..next` that is neither blank nor a comment on its own: those
/// belong to what follows.
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

/// Takes the blank line in front along where one would be left over.
fn with_blank_line(text: &str, block: Range<usize>) -> Range<usize> {
    let rest = &text[block.end..];
    let followed = rest.is_empty() || rest.starts_with('\n') || rest.starts_with("\r\n");
    let before = &text[..block.start];
    let blank = ["\r\n\r\n", "\n\n"].iter().find(|blank| before.ends_with(*blank));
    match blank.filter(|_| followed) {
        Some(blank) => block.start - blank.len() / 2..block.end,
        None => block,
    }
}

/// The lines of an entry that has no table of its own.
fn own_lines(text: &str, item: &Item) -> Vec<Range<usize>> {
    let lines = |item: &Item| {
        let span = item.span()?;
        let end = text[span.end..].find('\n').map_or(text.len(), |at| span.end + at + 1);
        Some(line_start(text, span.start)..end)
    };
    match item {
        Item::Value(_) => lines(item).into_iter().collect(),
        Item::Table(table) if table.is_dotted() => {
            TableLike::iter(table).flat_map(|(_, item)| own_lines(text, item)).collect()
        }
        Item::Table(_) | Item::ArrayOfTables(_) | Item::None => Vec::new(),
    }
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |at| at + 1)
}

/// `made`, if it says what `text` says but for the entry.
fn checked(text: &str, made: String) -> Result<String, EditError> {
    let broken = |problem: String| {
        let at =
            parse(text).ok().and_then(|document| document.as_table().get(KEY)?.span()).map_or(0, |span| span.start);
        EditError::at(text, at, format!("this program does not know how to edit {KEY} as it is written here{problem}"))
    };
    let made_of = parse(&made).map_err(|error| broken(format!(" ({})", error.problem)))?;
    if rest(&made_of) == rest(&parse(text)?) { Ok(made) } else { Err(broken(String::new())) }
}

/// Everything but the entry, each value with its path, in one order.
fn rest(document: &Document<&str>) -> Vec<String> {
    let mut values = Vec::new();
    flatten(document.as_table(), "", &mut values);
    values.sort();
    values
}

fn flatten(table: &dyn TableLike, path: &str, values: &mut Vec<String>) {
    for (name, item) in table.iter() {
        let path = format!("{path}.{name:?}");
        if path == format!(".{KEY:?}.{NAME:?}") {
            continue;
        }
        if let Some(table) = item.as_table_like() {
            flatten(table, &path, values);
        } else if let Some(tables) = item.as_array_of_tables() {
            tables.iter().enumerate().for_each(|(at, table)| flatten(table, &format!("{path}[{at}]"), values));
        } else {
            values.push(format!("{path} = {}", item.to_string().trim()));
        }
    }
}
