//! Detection of a file's language.

use types::{Language, RepoPath};

use super::lookup::{LOOKUP, TEXT, language_by_name};

/// Detects the language of a file by its name, its extension, the first part of its name (`Dockerfile.dev`,
/// `Makefile.am`) or its `#!` line, in this order; [`text_language`](super::text_language) otherwise. The `#!` line of a
/// file without an extension comes first.
pub fn detect_language(path: &RepoPath, first_line: Option<&str>) -> Language {
    let name = path.file_name();
    let lower = name.to_ascii_lowercase();
    let by_interpreter = || LOOKUP.by_interpreter.get(parse_interpreter(first_line?)?);
    let by_extension = || LOOKUP.by_extension.get(lower.rsplit_once('.')?.1);
    let by_first_part = || {
        let row = LOOKUP.by_file_name.get(lower.split_once('.')?.0)?;
        // `build.ninja` is no file of Bazel, and `BUILD.boost` is.
        let is_other = row.name == TEXT.0 || (row.name == "bazel" && name.starts_with(char::is_lowercase));
        (!is_other).then_some(row)
    };
    let found = if lower.contains('.') { None } else { by_interpreter() };
    let found = found
        .or_else(|| LOOKUP.by_file_name.get(lower.as_str()))
        // `Makefile.inc` is a makefile.
        .or_else(|| by_extension().filter(|row| row.name != "include"))
        .or_else(by_first_part)
        .or_else(by_extension)
        .or_else(by_interpreter)
        .or_else(|| LOOKUP.by_name.get(SETTINGS.0).filter(|_| is_settings_name(&lower)));
    found.map_or(TEXT, |row| Language(row.name))
}

/// The language of small files that hold settings of a tool, such as `.gitignore` and `.prettierrc`.
const SETTINGS: Language = Language("settings");

/// Returns whether a file name, in lower case, is that of a list of ignore rules or of a tool's settings.
fn is_settings_name(lower: &str) -> bool {
    lower.starts_with('.') && (lower.ends_with("ignore") || lower.ends_with("rc"))
}

/// Corrects a language that only the extension of the file decides, by the first part of its text; several languages
/// share `.h`, `.m`, `.pl` and others. Settings in braces are JSON.
pub fn refine_language(language: Language, path: &RepoPath, text: &str) -> Language {
    let name = path.file_name();
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    let row = extension.and_then(|extension| LOOKUP.by_extension.get(extension.as_str()));
    let refined = if row.is_some_and(|row| row.name == language.0) {
        embedded::language_by_content(name, text)
    } else if language == SETTINGS && text.trim_start().starts_with('{') {
        Some("json")
    } else {
        None
    };
    refined.and_then(language_by_name).unwrap_or(language)
}

/// Returns the program of a `#!` line without its version: `bash` for `#!/usr/bin/env -S bash -e`, `python` for
/// `#!/usr/bin/python3.11`.
fn parse_interpreter(first_line: &str) -> Option<&str> {
    let mut words = first_line.strip_prefix("#!")?.split_whitespace();
    let mut program = words.next()?;
    if program.ends_with("/env") {
        program = words.find(|word| !word.starts_with('-') && !word.contains('='))?;
    }
    let program = program.rsplit('/').next()?;
    if program == "perl6" {
        return Some("raku");
    }
    Some(program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.'))
}
