//! Finds, inserts and removes entries and hooks in JSON, which may have comments and trailing commas.

mod container;
mod cut;
mod hooks;
mod parse;
mod style;
mod values;

use jsonc_parser::ast::{Object, ObjectProp, Value};
use jsonc_parser::common::Ranged as _;

use self::container::Container;
use self::cut::cut_member;
use self::parse::{find_object, find_property, parse_jsonc};
use self::style::JsonStyle;
use self::values::{check_equal_rest, insert_value, strip_value};
use super::splice::{Splice, apply_splices};
use crate::client::EntryField;
use crate::entry::{CommandFields, FieldValue, InstalledEntry, SERVER_NAME, ServerEntry};
use crate::error::EditError;

pub(super) use hooks::{find_json_hook, insert_json_hook, remove_json_hook};

/// The possible paths of the object that holds the servers.
type ServerPaths<'p> = &'p [&'p [&'p str]];

/// Returns the entry in the object at one of the paths `servers`; `None` if there is none.
pub(super) fn find_json_entry(
    text: &str,
    servers: ServerPaths<'_>,
    fields: CommandFields,
) -> Result<Option<InstalledEntry>, EditError> {
    let root = parse_jsonc(text)?;
    let path = choose_path(text, root.as_ref(), servers)?;
    let Some(servers) = find_object(text, root.as_ref(), path)? else { return Ok(None) };
    let Some(entry) = find_property(text, servers, SERVER_NAME)? else { return Ok(None) };
    let Value::Object(entry) = &entry.value else {
        return Ok(Some(InstalledEntry { command: None, args: Vec::new() }));
    };
    Ok(Some(fields.read(|name| read_text(entry, name), |name| read_list(entry, name))))
}

/// Returns `text` with `entry` in the object at one of the paths `servers`; in an existing entry, replaces only the
/// command and the arguments.
pub(super) fn insert_json_entry(
    text: &str,
    servers: ServerPaths<'_>,
    form: &[EntryField],
    entry: &ServerEntry,
) -> Result<String, EditError> {
    let root = parse_jsonc(text)?;
    let path = choose_path(text, root.as_ref(), servers)?;
    let style = JsonStyle::detect(text);
    let found = match find_object(text, root.as_ref(), path)? {
        Some(servers) => find_property(text, servers, SERVER_NAME)?,
        None => None,
    };
    let edited = match found {
        Some(found) => apply_splices(text, update_json_entry(text, &style, found, CommandFields::new(form), entry)?),
        None => {
            let path = [path, &[SERVER_NAME]].concat();
            insert_value(text, root.as_ref(), &style, &path, &|style| style.format_fields(&entry.fields(form)))?
        }
    };
    check_json_edit(text, edited, path)
}

/// Returns `text` without the entry in the object at one of the paths `servers`; unchanged if there is none.
pub(super) fn remove_json_entry(text: &str, servers: ServerPaths<'_>) -> Result<String, EditError> {
    let root = parse_jsonc(text)?;
    let path = choose_path(text, root.as_ref(), servers)?;
    let Some(servers) = find_object(text, root.as_ref(), path)? else { return Ok(text.to_owned()) };
    let is_entry = |property: &ObjectProp<'_>| property.name.as_str() == SERVER_NAME;
    let Some(at) = servers.properties.iter().position(is_entry) else { return Ok(text.to_owned()) };
    let edited = apply_splices(text, cut_member(text, &Container::of_object(servers), at));
    check_json_edit(text, edited, path)
}

/// Returns the first path that leads to an object of servers, otherwise the last path.
fn choose_path<'p>(text: &str, root: Option<&Value<'_>>, paths: ServerPaths<'p>) -> Result<&'p [&'p str], EditError> {
    let Some((last, others)) = paths.split_last() else { return Ok(&[]) };
    for path in others {
        // A server may have the name of an object of servers.
        let is_server = |object: &Object<'_>| object.get_string("type").is_some() || object.get("command").is_some();
        if find_object(text, root, path).ok().flatten().is_some_and(|object| !is_server(object)) {
            return Ok(*path);
        }
    }
    Ok(*last)
}

/// Returns the splices that replace the command and the arguments of an existing entry by those of `entry`.
///
/// # Errors
/// When the existing entry starts no program.
fn update_json_entry(
    text: &str,
    style: &JsonStyle,
    found: &ObjectProp<'_>,
    fields: CommandFields,
    entry: &ServerEntry,
) -> Result<Vec<Splice>, EditError> {
    let starts_no_program =
        || EditError::at(text, found.range.start, format!("{SERVER_NAME:?} exists already and starts no program"));
    let Value::Object(object) = &found.value else { return Err(starts_no_program()) };
    let before = fields.read(|name| read_text(object, name), |name| read_list(object, name));
    if before.command.is_none() {
        return Err(starts_no_program());
    }
    let mut splices = Vec::new();
    for (name, value) in fields.values(entry) {
        let Some(property) = find_property(text, object, name)? else {
            let property = |style: &JsonStyle| style.format_property(name, &style.format_value(&value));
            splices.extend(style.insert_member(text, &Container::of_object(object), &property));
            continue;
        };
        let is_equal = match &value {
            FieldValue::Text(text) => read_text(object, name).as_ref() == Some(text),
            FieldValue::List(words) => read_list(object, name).as_ref() == Some(words),
            FieldValue::Number(_) | FieldValue::True | FieldValue::Object(_) => false,
        };
        if !is_equal {
            let range = property.value.range();
            splices.push(Splice { from: range.start, to: range.end, with: style.format_value(&value) });
        }
    }
    Ok(splices)
}

/// Returns the text of the property `name`; `None` if it is missing or its value is not a text.
fn read_text(object: &Object<'_>, name: &str) -> Option<String> {
    object.get_string(name).map(|text| text.value.to_string())
}

/// Returns the texts of the array in the property `name`, with empty texts for other elements; `None` if it is missing
/// or its value is not an array.
fn read_list(object: &Object<'_>, name: &str) -> Option<Vec<String>> {
    let array = object.get_array(name)?;
    let word = |word: &Value<'_>| word.as_string_lit().map_or_else(String::new, |word| word.value.to_string());
    Some(array.elements.iter().map(word).collect())
}

/// Returns `edited` if it differs from `text` only in the entry in the object at `path`.
///
/// # Errors
/// When it differs in anything else.
fn check_json_edit(text: &str, edited: String, path: &[&str]) -> Result<String, EditError> {
    check_equal_rest(text, edited, |root| {
        strip_value(root, path, &|servers| {
            if let Some(servers) = servers.as_object_mut() {
                servers.remove(SERVER_NAME);
            }
        });
    })
}
