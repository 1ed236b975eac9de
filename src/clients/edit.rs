//! Which of the two syntaxes finds, writes and takes out an entry.
//!
//! Must never import: anything of this crate but `clients`.

use super::{Dialect, EditError, Entry, Found, json, toml};

/// Some editors put it in front of UTF-8.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// The entry in `text`, if it is there.
///
/// # Errors
/// When `text` cannot be parsed.
pub(super) fn find(text: &str, dialect: Dialect) -> Result<Option<Found>, EditError> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    match dialect {
        Dialect::Json { key, .. } => json::find(text, &[key]),
        Dialect::Toml => toml::find(text),
    }
}

/// The entry for the folder at `root` in the JSON `text` of a client that keeps such below `projects`.
///
/// # Errors
/// When `text` cannot be parsed.
pub(super) fn find_of_project(text: &str, projects: &str, root: &str, key: &str) -> Result<Option<Found>, EditError> {
    json::find(text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text), &[projects, root, key])
}

/// `text` with the entry; an entry that is there gets its command and its arguments replaced, and
/// keeps everything else.
///
/// # Errors
/// When `text` cannot be parsed, or holds something else where the entry belongs.
pub(super) fn with(text: &str, dialect: Dialect, entry: &Entry) -> Result<String, EditError> {
    behind_mark(text, |text| match dialect {
        Dialect::Json { key, typed } => json::with(text, key, typed, entry),
        Dialect::Toml => toml::with(text, entry),
    })
}

/// `text` without the entry.
///
/// # Errors
/// As [`with`].
pub(super) fn without(text: &str, dialect: Dialect) -> Result<String, EditError> {
    behind_mark(text, |text| match dialect {
        Dialect::Json { key, .. } => json::without(text, key),
        Dialect::Toml => toml::without(text),
    })
}

fn behind_mark(text: &str, edit: impl FnOnce(&str) -> Result<String, EditError>) -> Result<String, EditError> {
    match text.strip_prefix(BYTE_ORDER_MARK) {
        Some(text) => Ok(format!("{BYTE_ORDER_MARK}{}", edit(text)?)),
        None => edit(text),
    }
}
