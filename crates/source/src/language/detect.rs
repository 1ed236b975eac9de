//! Detection of a file's language.

use types::{Language, RepoPath};

use super::lookup::{LOOKUP, TEXT, language_by_name};

/// Detects the language of a file by its name, its extension or its `#!` line, in this order; [`text_language`]
/// otherwise.
pub fn detect_language(path: &RepoPath, first_line: Option<&str>) -> Language {
    let name = path.file_name();
    let lower = name.to_ascii_lowercase();
    let extension = lower.rsplit_once('.').map(|(_, extension)| extension);
    let found = LOOKUP
        .by_file_name
        .get(lower.as_str())
        .or_else(|| LOOKUP.by_extension.get(extension?))
        .or_else(|| LOOKUP.by_interpreter.get(parse_interpreter(first_line?)?));
    found.map_or(TEXT, |row| Language(row.name))
}

/// Corrects a language by the content of the file: a `.h` file with C++ code is C++.
pub fn refine_language(language: Language, path: &RepoPath, text: &str) -> Language {
    let markers = ["namespace ", "template <", "template<", "class ", "public:", "private:", "constexpr ", "std::"];
    let header = language.0 == "c" && path.file_name().to_ascii_lowercase().ends_with(".h");
    let is_cpp = || text.lines().any(|line| markers.iter().any(|marker| line.trim_start().starts_with(marker)));
    match language_by_name("cpp") {
        Some(cpp) if header && is_cpp() => cpp,
        _ => language,
    }
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
    Some(program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.'))
}
