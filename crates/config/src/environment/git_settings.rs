//! Git's settings: the syntax of its configuration files, and the path of the user's excludes.
//!
//! Only the user's and the system-wide configuration can name the excludes. A repository's own settings could name any
//! file.

use std::env;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::variables::variable_path;
use platform::open::read_small_file;

/// Maximum size of a configuration file, in bytes. A larger one is not used.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Maximum depth of nested includes, as in git.
const MAX_INCLUDE_DEPTH: usize = 10;

/// A setting `key = value` in a configuration file of git.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitSetting {
    /// Section, subsection and key as `core.ignorecase` or `remote.origin.url`; lower case except for a quoted
    /// subsection.
    pub name: String,
    /// The text of the value; `None` if the setting consists of the key alone, which means true.
    pub value: Option<String>,
}

impl GitSetting {
    /// Parses a configuration file. Parsing ends at a malformed line; git would not use such a file at all.
    pub fn parse_all(text: &str) -> Vec<Self> {
        let mut reader = SettingsReader { rest: text.trim_start_matches('\u{feff}'), section: String::new() };
        let mut settings = Vec::new();
        while let Some(setting) = reader.next_setting() {
            settings.push(setting);
        }
        settings
    }

    /// Returns whether the value is true, for a setting that is true or false.
    pub fn is_true(&self) -> bool {
        let Some(value) = &self.value else { return true };
        let value = value.to_ascii_lowercase();
        matches!(value.as_str(), "true" | "yes" | "on") || value.parse().is_ok_and(|number: i64| number != 0)
    }
}

/// Reads a configuration file from its start to its end.
struct SettingsReader<'t> {
    rest: &'t str,
    /// The section, with a dot at its end.
    section: String,
}

impl SettingsReader<'_> {
    fn next_setting(&mut self) -> Option<GitSetting> {
        loop {
            self.rest = self.rest.trim_start();
            match self.rest.chars().next()? {
                '#' | ';' => self.rest = self.rest.split_once('\n')?.1,
                '[' => self.read_section()?,
                _ => return self.read_setting(),
            }
        }
    }

    /// Reads `[section]`, `[section.sub]` or `[section "sub"]`; returns `None` if it is malformed.
    fn read_section(&mut self) -> Option<()> {
        let inside = &self.rest[1..];
        let end = inside.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '.'))?;
        self.section = format!("{}.", inside[..end].to_ascii_lowercase());
        self.rest = inside[end..].trim_start_matches([' ', '\t']);
        if let Some(quoted) = self.rest.strip_prefix('"') {
            let mut characters = quoted.char_indices();
            loop {
                match characters.next()? {
                    (at, '"') => {
                        self.rest = &quoted[at + 1..];
                        break;
                    }
                    (_, '\\') => self.section.push(characters.next()?.1),
                    (_, '\n') => return None,
                    (_, other) => self.section.push(other),
                }
            }
            self.section.push('.');
        }
        self.rest = self.rest.strip_prefix(']')?;
        Some(())
    }

    fn read_setting(&mut self) -> Option<GitSetting> {
        let end = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).unwrap_or(self.rest.len());
        if !self.rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return None;
        }
        let name = format!("{}{}", self.section, self.rest[..end].to_ascii_lowercase());
        self.rest = self.rest[end..].trim_start_matches([' ', '\t', '\r']);
        let value = match self.rest.strip_prefix('=') {
            Some(rest) => {
                self.rest = rest;
                Some(self.read_value()?)
            }
            None if self.rest.is_empty() || self.rest.starts_with(['\n', '#', ';']) => None,
            None => return None,
        };
        Some(GitSetting { name, value })
    }

    /// Reads a value, with the lines that continue it, without quotes, comments and the spaces around it; `None` if it
    /// is malformed.
    fn read_value(&mut self) -> Option<String> {
        let mut value = String::new();
        // Length of the value up to the last character that is quoted or not a space.
        let mut length = 0;
        let (mut is_quoted, mut is_comment) = (false, false);
        let mut characters = self.rest.char_indices().peekable();
        let mut end = self.rest.len();
        while let Some((at, character)) = characters.next() {
            match character {
                '\n' if is_quoted => return None,
                '\n' => {
                    end = at;
                    break;
                }
                _ if is_comment => {}
                '#' | ';' if !is_quoted => is_comment = true,
                '"' => is_quoted = !is_quoted,
                '\r' if matches!(characters.peek(), Some((_, '\n'))) => {}
                '\\' => {
                    let escaped = match characters.next()?.1 {
                        '\n' => continue,
                        '\r' if matches!(characters.peek(), Some((_, '\n'))) => {
                            characters.next();
                            continue;
                        }
                        'n' => '\n',
                        't' => '\t',
                        'b' => '\u{8}',
                        same @ ('\\' | '"') => same,
                        _ => return None,
                    };
                    value.push(escaped);
                    length = value.len();
                }
                space if space.is_ascii_whitespace() && !is_quoted => {
                    if !value.is_empty() {
                        value.push(space);
                    }
                }
                other => {
                    value.push(other);
                    length = value.len();
                }
            }
        }
        self.rest = &self.rest[end..];
        value.truncate(length);
        (!is_quoted).then_some(value)
    }
}

/// Returns the path of the user's excludes: `core.excludesFile` in the user's or the system-wide configuration, by
/// default `git/ignore` in `$XDG_CONFIG_HOME` or `~/.config`. `None` if the configured path is empty, or if it is unset
/// and neither folder is known. The file need not exist.
///
/// Follows `include.path`, but not `includeIf`, which depends on the repository.
pub fn find_git_excludes() -> Option<PathBuf> {
    GitUserFiles::detect().find_excludes()
}

/// All settings that may apply to a repository: the system-wide configuration, and those of the user and of the
/// repository, with all files that they include under any condition.
#[derive(Clone, Debug, Default)]
pub struct GitSettings {
    settings: Vec<GitSetting>,
    /// Files with attributes that apply to every repository; they need not exist.
    pub attribute_files: Vec<PathBuf>,
    /// Whether a file that may have settings was not read: it exists but cannot be read, is too large, or is included
    /// too deeply.
    pub has_unread_file: bool,
}

impl GitSettings {
    /// Reads the settings. `repository` are the files of the repository, which need not exist.
    pub fn read(repository: &[PathBuf]) -> Self {
        GitUserFiles::detect().read_all(repository)
    }

    /// Returns all values of a setting, in any order; `None` is a value too ([`GitSetting::value`]).
    pub fn values<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s GitSetting> {
        self.settings.iter().filter(move |setting| setting.name == name)
    }
}

/// Folders of git's system-wide configuration, depending on how git was installed.
const MACHINE_FOLDERS: [&str; 3] = ["/etc", "/usr/local/etc", "/opt/homebrew/etc"];

/// Git's configuration files outside of repositories, and the default path of the excludes.
#[derive(Debug, Default)]
struct GitUserFiles {
    home: Option<PathBuf>,
    /// Configuration files; a later one takes precedence.
    configurations: Vec<PathBuf>,
    default_excludes: Option<PathBuf>,
}

impl GitUserFiles {
    fn detect() -> Self {
        let home = etcetera::home_dir().ok();
        let settings = variable_path("XDG_CONFIG_HOME").or_else(|| Some(home.as_ref()?.join(".config")));
        let settings = settings.map(|folder| folder.join("git"));
        let mut configurations = Vec::new();
        let is_set =
            |name| env::var(name).is_ok_and(|text| GitSetting { name: String::new(), value: Some(text) }.is_true());
        if !is_set("GIT_CONFIG_NOSYSTEM") {
            match variable_path("GIT_CONFIG_SYSTEM") {
                Some(file) => configurations.push(file),
                None => configurations.extend(MACHINE_FOLDERS.map(|folder| Path::new(folder).join("gitconfig"))),
            }
        }
        match env::var_os("GIT_CONFIG_GLOBAL") {
            Some(file) => configurations.push(file.into()),
            None => {
                configurations.extend(settings.as_ref().map(|folder| folder.join("config")));
                configurations.extend(home.as_ref().map(|home| home.join(".gitconfig")));
            }
        }
        Self { home, configurations, default_excludes: settings.map(|folder| folder.join("ignore")) }
    }

    fn read_all(&self, repository: &[PathBuf]) -> GitSettings {
        let mut all = GitSettings::default();
        let machine = MACHINE_FOLDERS.map(|folder| Path::new(folder).join("gitconfig"));
        for file in machine.iter().chain(&self.configurations).chain(repository) {
            self.read_settings(file, MAX_INCLUDE_DEPTH, &mut all);
        }
        let named: Vec<PathBuf> =
            all.values("core.attributesfile").filter_map(|setting| self.expand(setting.value.as_deref()?)).collect();
        all.attribute_files = MACHINE_FOLDERS.map(|folder| Path::new(folder).join("gitattributes")).into();
        all.attribute_files.extend(self.default_excludes.as_ref().map(|file| file.with_file_name("attributes")));
        all.attribute_files.extend(named);
        all
    }

    /// Adds the settings of a file and of all files that it includes under any condition.
    fn read_settings(&self, file: &Path, depth: usize, all: &mut GitSettings) {
        let text = match file.canonicalize() {
            Err(error) => {
                all.has_unread_file |= !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory);
                return;
            }
            Ok(file) => read_small_file(&file, MAX_FILE_BYTES),
        };
        let Ok(text) = text else {
            all.has_unread_file = true;
            return;
        };
        for setting in GitSetting::parse_all(&String::from_utf8_lossy(&text)) {
            let is_include = setting.name == "include.path"
                || (setting.name.starts_with("includeif.") && setting.name.ends_with(".path"));
            if is_include && let Some(path) = setting.value.as_deref().and_then(|value| self.expand(value)) {
                let path = file.parent().map_or_else(|| path.clone(), |folder| folder.join(&path));
                all.has_unread_file |= depth == 0;
                if depth > 0 {
                    self.read_settings(&path, depth - 1, all);
                }
            }
            all.settings.push(setting);
        }
    }

    fn find_excludes(&self) -> Option<PathBuf> {
        let mut excludes = None;
        for file in &self.configurations {
            self.read_configuration(file, MAX_INCLUDE_DEPTH, &mut excludes);
        }
        match excludes {
            Some(path) => Some(path).filter(|path| !path.as_os_str().is_empty()),
            None => self.default_excludes.clone(),
        }
    }

    /// Sets `excludes` to the last value in the file and the files that it includes. An unreadable file has none.
    fn read_configuration(&self, file: &Path, depth: usize, excludes: &mut Option<PathBuf>) {
        let text = file.canonicalize().and_then(|file| read_small_file(&file, MAX_FILE_BYTES)).unwrap_or_default();
        for GitSetting { name, value } in GitSetting::parse_all(&String::from_utf8_lossy(&text)) {
            let path = value.as_deref().and_then(|value| self.expand(value));
            match (name.as_str(), path) {
                ("core.excludesfile", Some(path)) => *excludes = Some(path),
                ("include.path", Some(path)) if depth > 0 => {
                    let path = file.parent().map_or_else(|| path.clone(), |folder| folder.join(&path));
                    self.read_configuration(&path, depth - 1, excludes);
                }
                _ => {}
            }
        }
    }

    /// Replaces `~` at the start of a path by the home folder; `None` for the home folder of another user, or if the
    /// own one is unknown.
    fn expand(&self, path: &str) -> Option<PathBuf> {
        match path.strip_prefix('~') {
            None => Some(path.into()),
            Some("") => self.home.clone(),
            Some(rest) => Some(self.home.as_ref()?.join(rest.strip_prefix('/')?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn settings_of(text: &str) -> Vec<(String, Option<String>)> {
        GitSetting::parse_all(text).into_iter().map(|setting| (setting.name, setting.value)).collect()
    }

    /// The expectations are the output of `git config --list`.
    #[test]
    fn settings_are_parsed_as_by_git() {
        let rows: &[(&str, &str, Option<&str>)] = &[
            ("[core]\n\tignoreCase = true\n", "core.ignorecase", Some("true")),
            ("[CORE] IgnoreCase\n", "core.ignorecase", None),
            ("\u{feff}# c\n; d\n[a]b=c", "a.b", Some("c")),
            ("[a \"Sub \\\"x\\\\\"]\nb = c\n", "a.Sub \"x\\.b", Some("c")),
            ("[a.Sub]\nb = c\n", "a.sub.b", Some("c")),
            ("[a]\r\nb = c \r\n", "a.b", Some("c")),
            ("[a]\nb = c d\te   # f\n", "a.b", Some("c d\te")),
            ("[a]\nb = \"c # d \" ; e\n", "a.b", Some("c # d ")),
            ("[a]\nb = c\" d \"e\n", "a.b", Some("c d e")),
            ("[a]\nb = c\\\n  d\n", "a.b", Some("c  d")),
            ("[a]\nb = c\\\\d\\te\\\"\n", "a.b", Some("c\\d\te\"")),
            ("[a]\nb =\n", "a.b", Some("")),
            ("[a]\nb = ~/my ignore\n", "a.b", Some("~/my ignore")),
        ];
        for (text, name, value) in rows {
            assert_eq!(settings_of(text), [((*name).to_owned(), value.map(str::to_owned))], "{text:?}");
        }
        for text in ["", "[a", "[a]\n1b = c\n", "[a]\nb c\n", "[a]\nb = \"c\n", "[a]\nb = \\x\n", "[a \"b]\nc = d\n"] {
            assert_eq!(settings_of(text), [], "{text:?}");
        }
    }

    #[test]
    fn true_is_written_in_several_ways() {
        let is_true = |text: &str| GitSetting::parse_all(&format!("[a]\n{text}\n")).iter().all(GitSetting::is_true);
        for text in ["b", "b = true", "b = Yes", "b = on", "b = 1", "b = -1"] {
            assert!(is_true(text), "{text}");
        }
        for text in ["b = false", "b = no", "b = off", "b = 0", "b =", "b = maybe"] {
            assert!(!is_true(text), "{text}");
        }
    }

    /// Writes these files into a home folder. Returns the path of the excludes that they name, with `~` for that
    /// folder.
    fn excludes_of(files: &[(&str, &str)]) -> Option<String> {
        let folder = tempfile::tempdir().expect("a folder");
        let home = folder.path().canonicalize().expect("it is there");
        for (name, text) in files {
            fs::write(home.join(name), text).expect("a file");
        }
        let configurations = ["system", "xdg", ".gitconfig"].map(|name| home.join(name)).into();
        let files =
            GitUserFiles { configurations, default_excludes: Some(home.join("default")), home: Some(home.clone()) };
        let found = files.find_excludes()?;
        Some(
            found
                .strip_prefix(&home)
                .map_or_else(|_| found.display().to_string(), |path| format!("~/{}", path.display())),
        )
    }

    #[test]
    fn the_last_file_names_the_excludes() {
        let named = |path: &str| format!("[core]\nexcludesFile = {path}\n");
        let (system, user) = (named("/etc/ignore"), named("~/my ignore"));
        assert_eq!(excludes_of(&[]).as_deref(), Some("~/default"));
        assert_eq!(excludes_of(&[("system", &system)]).as_deref(), Some("/etc/ignore"));
        assert_eq!(excludes_of(&[("system", &system), ("xdg", &user)]).as_deref(), Some("~/my ignore"));
        assert_eq!(excludes_of(&[(".gitconfig", &system), ("xdg", &user)]).as_deref(), Some("/etc/ignore"));
        assert_eq!(excludes_of(&[(".gitconfig", &named(""))]), None, "an empty path means no excludes");
        assert_eq!(excludes_of(&[(".gitconfig", &named("~other/x"))]).as_deref(), Some("~/default"));
        let included = format!("{system}[include]\npath = more\n");
        assert_eq!(excludes_of(&[(".gitconfig", &included), ("more", &user)]).as_deref(), Some("~/my ignore"));
        let endless = format!("[include]\npath = ~/.gitconfig\n{user}");
        assert_eq!(excludes_of(&[(".gitconfig", &endless)]).as_deref(), Some("~/my ignore"));
        let large = format!("{user}{}", " ".repeat(1 << 20));
        assert_eq!(excludes_of(&[(".gitconfig", &large)]).as_deref(), Some("~/default"), "no part of it is used");
    }
}
