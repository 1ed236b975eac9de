//! Finds, inserts and removes the server entry in a text of either syntax.

use super::entry::{InstalledEntry, ServerEntry};
use super::error::EditError;
use super::syntax::ConfigSyntax;
use super::{json, toml};

/// The byte order mark that some editors write in front of UTF-8.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Returns the entry in `text`, if there is one.
///
/// # Errors
/// When `text` cannot be parsed.
pub(super) fn find_entry(text: &str, syntax: ConfigSyntax) -> Result<Option<InstalledEntry>, EditError> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    match syntax {
        ConfigSyntax::Json { key, .. } => json::find_json_entry(text, &[key]),
        ConfigSyntax::Toml => toml::find_toml_entry(text),
    }
}

/// Returns the entry for the folder `root` in a JSON `text` that keeps entries of single folders below `projects`.
///
/// # Errors
/// When `text` cannot be parsed.
pub(super) fn find_project_entry(
    text: &str,
    projects: &str,
    root: &str,
    key: &str,
) -> Result<Option<InstalledEntry>, EditError> {
    json::find_json_entry(text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text), &[projects, root, key])
}

/// Returns `text` with the entry. In an existing entry, only the command and the arguments are replaced.
///
/// # Errors
/// When `text` cannot be parsed, or holds something else where the entry belongs.
pub(super) fn insert_entry(text: &str, syntax: ConfigSyntax, entry: &ServerEntry) -> Result<String, EditError> {
    edit_after_mark(text, |text| match syntax {
        ConfigSyntax::Json { key, typed } => json::insert_json_entry(text, key, typed, entry),
        ConfigSyntax::Toml => toml::insert_toml_entry(text, entry),
    })
}

/// Returns `text` without the entry.
///
/// # Errors
/// The errors of [`insert_entry`].
pub(super) fn remove_entry(text: &str, syntax: ConfigSyntax) -> Result<String, EditError> {
    edit_after_mark(text, |text| match syntax {
        ConfigSyntax::Json { key, .. } => json::remove_json_entry(text, key),
        ConfigSyntax::Toml => toml::remove_toml_entry(text),
    })
}

/// Applies `edit` to `text` without its byte order mark, and puts the mark back.
fn edit_after_mark(text: &str, edit: impl FnOnce(&str) -> Result<String, EditError>) -> Result<String, EditError> {
    match text.strip_prefix(BYTE_ORDER_MARK) {
        Some(text) => Ok(format!("{BYTE_ORDER_MARK}{}", edit(text)?)),
        None => edit(text),
    }
}
