//! Finds, inserts and removes entries and hooks in the text of a configuration, in any of its formats.
//!
//! Invariant: a text is never reformatted. An edit changes only the bytes of the entry or the hook, the separators
//! beside it, and the objects that hold it.

mod json;
mod splice;
mod toml;
mod yaml;

use super::client::{ConfigFormat, HookSettings, McpClient};
use super::entry::{CommandFields, InstalledEntry, ServerEntry};
use super::error::EditError;

pub(crate) use splice::detect_line_ending;

/// The byte order mark that some editors write in front of UTF-8.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Returns the entry in `text`, if there is one.
///
/// # Errors
/// When `text` cannot be parsed.
pub(crate) fn find_entry(text: &str, client: &McpClient) -> Result<Option<InstalledEntry>, EditError> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let fields = CommandFields::new(client.entry);
    match client.format {
        ConfigFormat::Json { servers } => json::find_json_entry(text, servers, fields),
        ConfigFormat::Toml => toml::find_toml_entry(text),
        ConfigFormat::Yaml { servers, is_list } => yaml::find_yaml_entry(text, servers, is_list, fields),
    }
}

/// Returns the entry for a single folder, in a JSON `text` that keeps such entries below `path`; `None` if there is
/// none, or for another format.
///
/// # Errors
/// When `text` cannot be parsed.
pub(crate) fn find_project_entry(
    text: &str,
    client: &McpClient,
    path: &[&str],
) -> Result<Option<InstalledEntry>, EditError> {
    let ConfigFormat::Json { servers } = client.format else { return Ok(None) };
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let paths: Vec<Vec<&str>> = servers.iter().map(|servers| [path, servers].concat()).collect();
    let paths: Vec<&[&str]> = paths.iter().map(Vec::as_slice).collect();
    json::find_json_entry(text, &paths, CommandFields::new(client.entry))
}

/// Returns `text` with the entry. In an existing entry, only the command and the arguments are replaced.
///
/// # Errors
/// When `text` cannot be parsed or edited in its formatting, or holds something else where the entry belongs.
pub(crate) fn insert_entry(text: &str, client: &McpClient, entry: &ServerEntry) -> Result<String, EditError> {
    edit_after_mark(text, |text| match client.format {
        ConfigFormat::Json { servers } => json::insert_json_entry(text, servers, client.entry, entry),
        ConfigFormat::Toml => toml::insert_toml_entry(text, entry),
        ConfigFormat::Yaml { servers, is_list } => yaml::insert_yaml_entry(text, servers, is_list, client.entry, entry),
    })
}

/// Returns `text` without the entry.
///
/// # Errors
/// The errors of [`insert_entry`].
pub(crate) fn remove_entry(text: &str, client: &McpClient) -> Result<String, EditError> {
    edit_after_mark(text, |text| match client.format {
        ConfigFormat::Json { servers } => json::remove_json_entry(text, servers),
        ConfigFormat::Toml => toml::remove_toml_entry(text),
        ConfigFormat::Yaml { servers, is_list } => yaml::remove_yaml_entry(text, servers, is_list),
    })
}

/// Returns the command of the hook of codescry in a JSON `text`, if there is one.
///
/// # Errors
/// When `text` cannot be parsed.
pub(crate) fn find_hook(text: &str, event: &str) -> Result<Option<String>, EditError> {
    json::find_json_hook(text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text), event)
}

/// Returns a JSON `text` with the hook `command`, unless there is one of codescry already.
///
/// # Errors
/// When `text` cannot be parsed or edited in its formatting, or holds something else where the hook belongs.
pub(crate) fn insert_hook(text: &str, hooks: &HookSettings, command: &str) -> Result<String, EditError> {
    edit_after_mark(text, |text| json::insert_json_hook(text, hooks, command))
}

/// Returns a JSON `text` without the hooks of codescry.
///
/// # Errors
/// The errors of [`insert_hook`].
pub(crate) fn remove_hook(text: &str, event: &str) -> Result<String, EditError> {
    edit_after_mark(text, |text| json::remove_json_hook(text, event))
}

/// Applies `edit` to `text` without its byte order mark, and puts the mark back.
fn edit_after_mark(text: &str, edit: impl FnOnce(&str) -> Result<String, EditError>) -> Result<String, EditError> {
    match text.strip_prefix(BYTE_ORDER_MARK) {
        Some(text) => Ok(format!("{BYTE_ORDER_MARK}{}", edit(text)?)),
        None => edit(text),
    }
}
