//! Finds the files that git changes between the working tree and its objects: line ends, encodings, filters and `$Id$`.
//!
//! The rules are those of `gitattributes(5)`, read for one question only: could a conversion apply to a path? Every
//! line that sets a conversion counts, also if a later one unsets it, and every file of attributes that git might read.
//! So the answer "no" is certain, and "yes" may be wrong.

use std::collections::{HashMap, HashSet};
use std::io::ErrorKind;
use std::path::Path;

use crate::files::GitFiles;
use crate::patterns::GitPatterns;
use config::GitSettings;
use platform::open::{read_small_file, read_small_file_beneath};

/// The name of the files with attributes in working trees.
const ATTRIBUTES: &str = ".gitattributes";

/// Maximum size of a file with attributes, in bytes. A larger one counts as a conversion of all files that it applies
/// to.
const MAX_ATTRIBUTES_BYTES: u64 = 1 << 20;

/// The start of a line that defines a macro.
const MACRO: &[u8] = b"[attr]";

/// The conversions of a working tree.
#[derive(Debug)]
pub struct Conversions {
    /// Whether any file may be converted, because a setting says so or cannot be read.
    applies_to_all: bool,
    /// Patterns of converted files by the path of the folder that they are relative to, with a slash at its end; empty
    /// for the top.
    folders: HashMap<Vec<u8>, GitPatterns>,
}

/// The patterns and macros in one file with attributes.
#[derive(Default)]
struct AttributeFile {
    /// Each pattern with the attributes that its line sets.
    lines: Vec<(Vec<u8>, Vec<Vec<u8>>)>,
    /// Each macro with the attributes that it sets.
    macros: Vec<(Vec<u8>, Vec<Vec<u8>>)>,
}

impl Conversions {
    /// Reads the settings and attributes that apply to the tree that begins at `top`. `folders` are the folders whose
    /// files with attributes are read, and `tracked` those in which such a file is tracked: paths relative to `top`
    /// with a slash at the end; empty for `top`. If a file cannot be read, every file that it applies to counts as
    /// converted.
    pub fn read(top: &Path, files: &GitFiles, folders: &HashSet<Vec<u8>>, tracked: &HashSet<Vec<u8>>) -> Self {
        let settings = GitSettings::read(&files.setting_files());
        let converts_line_ends = settings.values("core.autocrlf").any(|setting| {
            let is_input = setting.value.as_ref().is_some_and(|value| value.eq_ignore_ascii_case("input"));
            is_input || setting.is_true()
        });
        let mut applies_to_all =
            settings.has_unread_file || converts_line_ends || settings.values("attr.tree").next().is_some();
        let mut read: Vec<(Vec<u8>, AttributeFile)> = Vec::new();
        for file in settings.attribute_files.iter().chain([&files.attributes_file()]) {
            match file.canonicalize().and_then(|file| read_small_file(&file, MAX_ATTRIBUTES_BYTES)) {
                Ok(bytes) => read.push((Vec::new(), AttributeFile::parse(&bytes))),
                Err(error) => applies_to_all |= !is_absent(error.kind()),
            }
        }
        for folder in folders {
            let Ok(below) = std::str::from_utf8(folder) else {
                // The files below it are never looked up.
                continue;
            };
            let path = format!("{below}{ATTRIBUTES}");
            if top.join(&path).symlink_metadata().is_err_and(|error| is_absent(error.kind())) {
                // While a tracked file is absent, git uses the one in its index.
                if tracked.contains(folder) {
                    read.push((folder.to_vec(), AttributeFile::all()));
                }
                continue;
            }
            let file = match read_small_file_beneath(top, &path, MAX_ATTRIBUTES_BYTES) {
                Ok(bytes) => AttributeFile::parse(&bytes),
                Err(_) => AttributeFile::all(),
            };
            read.push((folder.to_vec(), file));
        }
        let converting = find_converting(&read);
        let mut texts: HashMap<Vec<u8>, Vec<u8>> = HashMap::new();
        for (folder, file) in read {
            for (pattern, _) in
                file.lines.iter().filter(|(_, attributes)| attributes.iter().any(|name| converting.contains(name)))
            {
                let text = texts.entry(folder.clone()).or_default();
                text.extend_from_slice(pattern);
                text.push(b'\n');
            }
        }
        let fold_case = files.ignores_case();
        let folders = texts.into_iter().map(|(folder, text)| (folder, GitPatterns::parse(text, fold_case))).collect();
        Self { applies_to_all, folders }
    }

    /// Returns whether git may convert the file at `path`, relative to the top.
    pub fn may_convert(&self, path: &[u8]) -> bool {
        if self.applies_to_all || self.folders.is_empty() {
            return self.applies_to_all;
        }
        let ends = memchr::memchr_iter(b'/', path).map(|slash| slash + 1);
        [0].into_iter().chain(ends).any(|end| {
            let patterns = self.folders.get(&path[..end]);
            patterns.is_some_and(|patterns| patterns.find_match(&path[end..], false).is_some())
        })
    }
}

/// Returns whether an error says that a file does not exist.
fn is_absent(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Returns the attributes that convert files: those of git, and macros that set one of them.
fn find_converting(files: &[(Vec<u8>, AttributeFile)]) -> HashSet<Vec<u8>> {
    let own = ["text", "crlf", "eol", "ident", "filter", "working-tree-encoding"];
    let mut converting: HashSet<Vec<u8>> = own.iter().map(|name| name.as_bytes().to_vec()).collect();
    let macros: Vec<_> = files.iter().flat_map(|(_, file)| &file.macros).collect();
    loop {
        let found = macros.iter().filter(|(name, sets)| {
            !converting.contains(name) && sets.iter().any(|attribute| converting.contains(attribute))
        });
        let found: Vec<Vec<u8>> = found.map(|(name, _)| name.clone()).collect();
        if found.is_empty() {
            return converting;
        }
        converting.extend(found);
    }
}

impl AttributeFile {
    /// Returns a file that converts everything below its folder.
    fn all() -> Self {
        Self { lines: vec![(b"*".to_vec(), vec![b"filter".to_vec()])], macros: Vec::new() }
    }

    fn parse(bytes: &[u8]) -> Self {
        let mut file = Self::default();
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        for line in bytes.split(|byte| *byte == b'\n') {
            let line = line.trim_ascii();
            if line.is_empty() || line[0] == b'#' {
                continue;
            }
            if let Some(definition) = line.strip_prefix(MACRO) {
                let mut words = split_words(definition);
                if let Some(name) = words.next() {
                    file.macros.push((name.to_vec(), words.filter_map(set_attribute).collect()));
                }
                continue;
            }
            let (pattern, rest) = read_pattern(line);
            let attributes: Vec<Vec<u8>> = split_words(rest).filter_map(set_attribute).collect();
            if !attributes.is_empty() {
                file.lines.push((pattern, attributes));
            }
        }
        file
    }
}

fn split_words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty())
}

/// Returns the name of the attribute that a word sets, to any value; `None` if the word unsets it.
fn set_attribute(word: &[u8]) -> Option<Vec<u8>> {
    if matches!(word.first(), Some(b'-' | b'!')) {
        return None;
    }
    word.split(|byte| *byte == b'=').next().map(<[u8]>::to_vec)
}

/// Returns the pattern at the start of a line, as a line of an ignore file, and the rest of the line. A quoted pattern
/// with an escape becomes one that matches every file.
fn read_pattern(line: &[u8]) -> (Vec<u8>, &[u8]) {
    if let Some(quoted) = line.strip_prefix(b"\"") {
        let end = memchr::memchr2(b'"', b'\\', quoted).unwrap_or(quoted.len());
        let (text, rest) = quoted.split_at(end);
        return match rest.first() {
            Some(b'"') => (escape_pattern(text), &rest[1..]),
            // The attributes of a line that is not understood count wherever they are in it.
            _ => (b"*".to_vec(), rest),
        };
    }
    let end = line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len());
    let (text, rest) = line.split_at(end);
    (escape_pattern(text), rest)
}

/// Escapes the characters with a meaning in ignore files only: `#` and `!` at the start, and spaces.
fn escape_pattern(pattern: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(pattern.len() + 1);
    for (at, byte) in pattern.iter().enumerate() {
        if *byte == b' ' || (at == 0 && matches!(byte, b'#' | b'!')) {
            text.push(b'\\');
        }
        text.push(*byte);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns which of the paths may be converted by these files of attributes.
    fn converted(files: &[(&str, &str)], paths: &[&str]) -> Vec<bool> {
        let top = tempfile::tempdir().expect("a folder");
        let path = top.path().canonicalize().expect("a folder");
        std::fs::create_dir(path.join(".git")).expect("a folder");
        let folders: HashSet<Vec<u8>> = files.iter().map(|(folder, _)| folder.as_bytes().to_vec()).collect();
        for (folder, text) in files {
            std::fs::create_dir_all(path.join(folder)).expect("a folder");
            std::fs::write(path.join(folder).join(ATTRIBUTES), text).expect("a file");
        }
        let files = GitFiles::find(&path).expect("no error").expect("a repository");
        let conversions = Conversions::read(&path, &files, &folders, &HashSet::new());
        paths.iter().map(|path| conversions.may_convert(path.as_bytes())).collect()
    }

    #[test]
    fn attributes_that_convert_files_are_found() {
        for attributes in
            ["text", "text=auto", "eol=lf", "crlf", "crlf=input", "ident", "filter=lfs", "working-tree-encoding=UTF-16"]
        {
            let text = format!("# text\n*.a\t-diff {attributes}\n*.b -text !eol diff=text linguist-vendored\n");
            assert_eq!(
                converted(&[("", &text)], &["x.a", "d/x.a", "x.b", "x"]),
                [true, true, false, false],
                "{attributes}"
            );
        }
        assert_eq!(converted(&[("", "* -text\n")], &["x"]), [false]);
    }

    #[test]
    fn patterns_are_relative_to_their_folder_and_macros_count() {
        let found = converted(
            &[("d/", "/x.a text\ny/*.b eol=lf\n"), ("", "[attr]m filter=f\n[attr]n m\n\"my x\" n\n")],
            &["d/x.a", "x.a", "d/e/x.a", "d/y/1.b", "y/1.b", "my x", "q/my x", "my"],
        );
        assert_eq!(found, [true, false, false, true, false, true, true, false]);
        assert_eq!(converted(&[("", "\"a\\tb\" text\n")], &["any"]), [true], "an escape is not read");
    }
}
