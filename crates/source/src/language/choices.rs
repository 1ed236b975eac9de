//! A user's choice of languages: `languages.toml` assigns known languages to file extensions and names.
//!
//! ```toml
//! [extensions]
//! tpp = "cpp"
//! "blade.php" = "template"
//!
//! [files]
//! Buildfile = "groovy"
//! ```

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde_json::json;
use toml_edit::{Document, Item};
use types::{Language, RepoPath};

use super::lookup::{all_languages, language_by_name};

/// Path of a project's `languages.toml`, relative to the project's root.
const PROJECT_FILE: &str = ".codescry/languages.toml";

/// Maximum size of a `languages.toml`, in bytes.
const MAX_FILE_BYTES: u64 = 64 << 10;

/// Text before the choices in the stored settings of an index.
const SETTING: &str = " languages=";

/// The languages that a user chose, by file extension and by file name, in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LanguageChoices {
    extensions: BTreeMap<String, Language>,
    files: BTreeMap<String, Language>,
}

/// The reason why a `languages.toml` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LanguageChoicesError {
    /// The file could not be read.
    #[error("cannot read {}: {source}", file.display())]
    Unreadable { file: PathBuf, source: io::Error },
    /// A line, 1-based, has an error.
    #[error("{}:{line}: {problem}", file.display())]
    Invalid { file: PathBuf, line: usize, problem: String },
}

impl LanguageChoices {
    /// Reads the user's `languages.toml` and the project's, whose choices take precedence. A missing file has no
    /// choices.
    ///
    /// # Errors
    /// When a file cannot be read or a line in it is wrong.
    pub fn load(user_file: &Path, root: &Path) -> Result<Self, LanguageChoicesError> {
        let mut choices = Self::default();
        for file in [user_file.to_owned(), root.join(PROJECT_FILE)] {
            let text = match read_text(&file) {
                Ok(text) => text,
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                    continue;
                }
                Err(source) => return Err(LanguageChoicesError::Unreadable { file, source }),
            };
            let read =
                Self::parse(&text).map_err(|(line, problem)| LanguageChoicesError::Invalid { file, line, problem })?;
            choices.extensions.extend(read.extensions);
            choices.files.extend(read.files);
        }
        Ok(choices)
    }

    /// Parses the text of a `languages.toml`. An error is a 1-based line number and a description.
    fn parse(text: &str) -> Result<Self, (usize, String)> {
        let line_at = |span: Option<Range<usize>>| {
            1 + text.bytes().take(span.map_or(0, |span| span.start)).filter(|byte| *byte == b'\n').count()
        };
        let document = Document::parse(text)
            .map_err(|error| (line_at(error.span()), error.message().trim().replace('\n', "; ")))?;
        let root = document.as_table();
        let mut choices = Self::default();
        for (name, item) in root.iter() {
            let line = line_at(root.get_key_value(name).and_then(|(key, _)| key.span()));
            let (keys, is_extension) = match name {
                "extensions" => (&mut choices.extensions, true),
                "files" => (&mut choices.files, false),
                other => return Err((line, format!("`{other}` is unknown; allowed are [extensions] and [files]"))),
            };
            let table = item
                .as_table_like()
                .ok_or_else(|| (line, format!("`{name}` is no table; write [{name}] and a line for each of them")))?;
            for (key, value) in table.iter() {
                let line = line_at(table.get_key_value(key).and_then(|(key, _)| key.span()));
                let language = parse_language(key, value).map_err(|problem| (line, problem))?;
                keys.insert(parse_key(key, is_extension).map_err(|problem| (line, problem))?, language);
            }
        }
        Ok(choices)
    }

    /// Returns the language that is chosen for a file, ignoring case: by its name or, if there is no choice for the
    /// name, by its longest extension with a choice. `None` if there is no choice for it.
    pub fn find(&self, path: &RepoPath) -> Option<Language> {
        if *self == Self::default() {
            return None;
        }
        let name = path.file_name().to_lowercase();
        let by_extension = || name.match_indices('.').find_map(|(dot, _)| self.extensions.get(&name[dot + 1..]));
        self.files.get(&name).or_else(by_extension).copied()
    }

    /// Returns the choices as text to append to the stored settings of an index; empty if there are none.
    pub fn to_setting(&self) -> String {
        if *self == Self::default() {
            return String::new();
        }
        let names = |keys: &BTreeMap<String, Language>| -> BTreeMap<String, &'static str> {
            keys.iter().map(|(key, language)| (key.clone(), language.0)).collect()
        };
        format!("{SETTING}{}", json!([names(&self.extensions), names(&self.files)]))
    }

    /// Reads the choices at the end of the stored settings of an index. Leaves out languages that this program does not
    /// know. Missing or malformed choices count as none.
    pub fn from_setting(settings: &str) -> Self {
        let written = settings.split_once(SETTING).map_or("", |(_, written)| written);
        let [extensions, files]: [BTreeMap<String, String>; 2] = serde_json::from_str(written).unwrap_or_default();
        let known = |keys: BTreeMap<String, String>| {
            keys.into_iter().filter_map(|(key, name)| Some((key, language_by_name(&name)?))).collect()
        };
        Self { extensions: known(extensions), files: known(files) }
    }
}

fn read_text(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    let size = File::open(file)?.take(MAX_FILE_BYTES + 1).read_to_string(&mut text)?;
    if size as u64 > MAX_FILE_BYTES {
        return Err(io::Error::other(format!("it is larger than {MAX_FILE_BYTES} bytes")));
    }
    Ok(text)
}

fn parse_key(key: &str, is_extension: bool) -> Result<String, String> {
    let bare = if is_extension { key.strip_prefix('.').unwrap_or(key) } else { key };
    if bare.is_empty() || bare.contains(['/', '\\', '*', '?']) {
        let allowed = match is_extension {
            true => "an extension such as `tpp` or `blade.php`",
            false => "a whole file name such as `Buildfile`",
        };
        return Err(format!("`{key}` must have no folders and no patterns: allowed is {allowed}"));
    }
    Ok(bare.to_lowercase())
}

fn parse_language(key: &str, value: &Item) -> Result<Language, String> {
    let Some(name) = value.as_str() else {
        return Err(format!("the language of `{key}` is no text in quotes; write for example `{key} = \"cpp\"`"));
    };
    language_by_name(name).ok_or_else(|| {
        let known: Vec<&str> = all_languages().map(|row| row.name).collect();
        format!("`{name}` is no known language; allowed are {}", known.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        let (line, problem) = LanguageChoices::parse(text).expect_err(text);
        format!("{line}: {problem}")
    }

    #[test]
    fn a_choice_by_name_comes_before_the_longest_extension() {
        let text = "[extensions]\ntpp = \"c++\"\n\"blade.php\" = \"template\"\n\".TXT\" = \"rust\"\n[files]\nBuildfile = \"ruby\"\n\"notes.txt\" = \"markdown\"\n";
        let choices = LanguageChoices::parse(text).expect("valid");
        let of = |path: &str| choices.find(&RepoPath::new(path)).map(|language| language.0);
        assert_eq!([of("a/b.tpp"), of("view.blade.php"), of("b.Txt")], [Some("cpp"), Some("template"), Some("rust")]);
        assert_eq!([of("a/buildfile"), of("notes.txt")], [Some("ruby"), Some("markdown")]);
        assert_eq!([of("a.php"), of("tpp"), of("blade.php/a.rs")], [None; 3]);
        assert_eq!(LanguageChoices::from_setting(&format!("max_file_bytes=1{}", choices.to_setting())), choices);
        assert_eq!(LanguageChoices::from_setting("max_file_bytes=1"), LanguageChoices::default());
        assert_eq!(LanguageChoices::default().to_setting(), "");
    }

    #[test]
    fn an_error_has_the_line_and_what_is_allowed() {
        assert!(
            problem("[extensions]\na = \"rust\"\ntpp = \"klingon\"\n")
                .starts_with("3: `klingon` is no known language; allowed are text, python,")
        );
        assert_eq!(problem("\n[extension]\n"), "2: `extension` is unknown; allowed are [extensions] and [files]");
        assert_eq!(
            problem("extensions = 3\n"),
            "1: `extensions` is no table; write [extensions] and a line for each of them"
        );
        assert!(
            problem("[files]\n\"src/*.x\" = \"rust\"\n")
                .starts_with("2: `src/*.x` must have no folders and no patterns")
        );
        assert!(problem("[extensions]\nx = 1\n").starts_with("2: the language of `x` is no text in quotes"));
        assert!(problem("[extensions]\nx = \n").starts_with("2: "));
    }

    #[test]
    fn a_projects_choice_comes_before_the_users() {
        let dir = tempfile::tempdir().expect("a folder");
        let user = dir.path().join("user.toml");
        let of = |path: &str| {
            let choices = LanguageChoices::load(&user, dir.path()).expect("valid");
            choices.find(&RepoPath::new(path)).map(|language| language.0)
        };
        assert_eq!(of("a.x"), None);
        std::fs::write(&user, "[extensions]\nx = \"rust\"\ny = \"go\"\n").expect("written");
        std::fs::create_dir(dir.path().join(".codescry")).expect("a folder");
        std::fs::write(dir.path().join(PROJECT_FILE), "[extensions]\nx = \"java\"\n").expect("written");
        assert_eq!([of("a.x"), of("a.y")], [Some("java"), Some("go")]);
        std::fs::write(dir.path().join(PROJECT_FILE), "[extensions]\nx = java\n").expect("written");
        let error = LanguageChoices::load(&user, dir.path()).expect_err("no quotes").to_string();
        assert!(error.contains("languages.toml:2: "), "{error}");
    }
}
