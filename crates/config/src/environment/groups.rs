//! Groups of folders that are searched as one, named in the user's `config.toml`.
//!
//! ```toml
//! [group.backend]
//! folders = ["~/src/api", "~/src/web"]
//! ```

use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};

use platform::open::read_small_file;
use toml_edit::{Document, Item, TableLike};

use super::user_folder;
use crate::error::ConfigError;

/// Maximum size of `config.toml`, in bytes.
const MAX_FILE_BYTES: u64 = 64 << 10;

/// An example of a group, for messages.
const EXAMPLE: &str = "write it as [group.NAME] with a line such as folders = [\"~/src/api\", \"~/src/web\"]";

/// Returns the folders of a group, in the order in which `config.toml` names them. Some of them may not exist.
///
/// # Errors
/// When the user's folders cannot be determined, the file cannot be read, a line in it is wrong, or it has no such
/// group.
pub fn find_group(name: &str) -> Result<Vec<PathBuf>, ConfigError> {
    let path = user_folder(etcetera::BaseStrategy::config_dir)?.join("config.toml");
    let home = etcetera::home_dir().map_err(|error| ConfigError::HomeFolder(error.to_string()))?;
    let text = match read_text(&path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            let known = format!("{} does not exist; {EXAMPLE}", path.display());
            return Err(ConfigError::UnknownGroup { name: name.to_owned(), known });
        }
        read => read.map_err(|source| ConfigError::Unreadable { path: path.clone(), source })?,
    };
    let groups =
        parse_groups(&text).map_err(|(line, problem)| ConfigError::Invalid { path: path.clone(), line, problem })?;
    let Some((_, folders)) = groups.iter().find(|(known, _)| known == name) else {
        let names: Vec<&str> = groups.iter().map(|(name, _)| name.as_str()).collect();
        let known = match names.is_empty() {
            true => format!("{} has no groups; {EXAMPLE}", path.display()),
            false => format!("{} has: {}", path.display(), names.join(", ")),
        };
        return Err(ConfigError::UnknownGroup { name: name.to_owned(), known });
    };
    let base = path.parent().unwrap_or(&path);
    Ok(folders.iter().map(|folder| resolve_folder(folder, &home, base)).collect())
}

fn read_text(path: &Path) -> std::io::Result<String> {
    let bytes = read_small_file(&path.canonicalize()?, MAX_FILE_BYTES)?;
    String::from_utf8(bytes).map_err(std::io::Error::other)
}

/// Returns the path that a folder stands for: `~` is the home folder, and other relative paths are relative to `base`.
fn resolve_folder(folder: &str, home: &Path, base: &Path) -> PathBuf {
    match folder.strip_prefix("~/") {
        Some(below) => home.join(below),
        None if folder == "~" => home.to_owned(),
        None => base.join(folder),
    }
}

/// The names of groups, each with its folders.
type NamedGroups = Vec<(String, Vec<String>)>;

/// Parses the groups of a file. An error is the number of a line, from 1, and its problem.
fn parse_groups(text: &str) -> Result<NamedGroups, (usize, String)> {
    let line_at = |span: Option<Range<usize>>| {
        1 + text.bytes().take(span.map_or(0, |span| span.start)).filter(|byte| *byte == b'\n').count()
    };
    let document =
        Document::parse(text).map_err(|error| (line_at(error.span()), error.message().trim().replace('\n', "; ")))?;
    let key_line = |table: &dyn TableLike, key: &str| line_at(table.get_key_value(key).and_then(|(key, _)| key.span()));
    let root = document.as_table();
    let mut groups = Vec::new();
    for (name, item) in root.iter() {
        let line = key_line(root, name);
        if name != "group" {
            return Err((line, format!("`{name}` is unknown; allowed are tables such as [group.backend]")));
        }
        let table = item.as_table_like().ok_or_else(|| (line, format!("`group` is no table; {EXAMPLE}")))?;
        for (group, item) in table.iter() {
            let line = key_line(table, group);
            let settings = item.as_table_like().ok_or_else(|| (line, format!("`{group}` is no table; {EXAMPLE}")))?;
            if let Some((other, _)) = settings.iter().find(|(key, _)| *key != "folders") {
                return Err((key_line(settings, other), format!("`{other}` is unknown; allowed is `folders`")));
            }
            let folders =
                settings.get("folders").ok_or_else(|| (line, format!("group {group} has no `folders`; {EXAMPLE}")))?;
            let line = key_line(settings, "folders");
            let folders =
                parse_folders(folders).ok_or_else(|| (line, format!("`folders` is no list of folders; {EXAMPLE}")))?;
            if folders.is_empty() {
                return Err((line, format!("group {group} names no folder; {EXAMPLE}")));
            }
            groups.push((group.to_owned(), folders));
        }
    }
    Ok(groups)
}

/// Returns the folders of a list; `None` if it is another value, or an entry is no text or blank.
fn parse_folders(item: &Item) -> Option<Vec<String>> {
    let folders = item.as_array()?.iter().map(|value| value.as_str().filter(|text| !text.trim().is_empty()));
    folders.map(|folder| folder.map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_have_folders_and_mistakes_have_lines() {
        let text = "[group.backend]\nfolders = [\"~/api\", \"/srv/web\"]\n\n[group.\"all of it\"]\nfolders = [\"x\"]\n";
        let groups = parse_groups(text).expect("two groups");
        assert_eq!(groups[0], ("backend".to_owned(), vec!["~/api".to_owned(), "/srv/web".to_owned()]));
        assert_eq!(groups[1].0, "all of it");
        for (text, line, problem) in [
            ("\n[grup.x]\nfolders = [\"a\"]", 2, "`grup` is unknown"),
            ("group = 3", 1, "`group` is no table"),
            ("[group]\nx = 1", 2, "`x` is no table"),
            ("[group.x]\n", 1, "group x has no `folders`"),
            ("[group.x]\nfolders = \"a\"", 2, "`folders` is no list"),
            ("[group.x]\nfolders = [1]", 2, "`folders` is no list"),
            ("[group.x]\nfolders = []", 2, "group x names no folder"),
            ("[group.x]\nfolders = [\"a\"]\nfolder = \"b\"", 3, "`folder` is unknown"),
            ("[group.x\n", 1, ""),
        ] {
            let (found, message) = parse_groups(text).expect_err(text);
            assert!(found == line && message.contains(problem), "{text}: {found}: {message}");
        }
    }

    #[test]
    fn folders_may_begin_with_the_home_folder() {
        let resolve = |folder| resolve_folder(folder, Path::new("/home/me"), Path::new("/home/me/.config/codescry"));
        assert_eq!(resolve("~/api"), Path::new("/home/me/api"));
        assert_eq!(resolve("/srv/web"), Path::new("/srv/web"));
        assert_eq!(resolve("api"), Path::new("/home/me/.config/codescry/api"));
    }
}
