//! Detection of a file's language.

use types::{Language, RepoPath};

use super::lookup::{LOOKUP, TEXT, language_by_name};

/// Detects the language of a file by its name, its extension, the first part of its name (`Dockerfile.dev`,
/// `Makefile.am`) or its `#!` line, in this order; [`text_language`] otherwise.
pub fn detect_language(path: &RepoPath, first_line: Option<&str>) -> Language {
    let name = path.file_name();
    let lower = name.to_ascii_lowercase();
    let extension = lower.rsplit_once('.').map(|(_, extension)| extension);
    let found = LOOKUP
        .by_file_name
        .get(lower.as_str())
        .or_else(|| LOOKUP.by_extension.get(extension?))
        .or_else(|| LOOKUP.by_file_name.get(lower.split_once('.')?.0).filter(|row| row.name != TEXT.0))
        .or_else(|| LOOKUP.by_interpreter.get(parse_interpreter(first_line?)?));
    found.map_or(TEXT, |row| Language(row.name))
}

/// Corrects a language by the content of the file: a `.h` file may be in C++ or Objective-C, and an `.inc` file in any
/// of several languages.
pub fn refine_language(language: Language, path: &RepoPath, text: &str) -> Language {
    let is_header = language.0 == "c" && path.file_name().to_ascii_lowercase().ends_with(".h");
    let refined = match language.0 {
        "include" => included_language(text),
        _ if is_header => header_language(text),
        _ => None,
    };
    refined.and_then(language_by_name).unwrap_or(language)
}

/// Returns `objective-c` or `cpp` if a line of a C header begins with a word of that language; `None` otherwise.
fn header_language(text: &str) -> Option<&'static str> {
    let objective_c = ["@interface ", "@protocol ", "@class ", "@import ", "#import ", "NS_ASSUME_NONNULL_BEGIN"];
    let cpp = ["namespace ", "template <", "template<", "class ", "public:", "private:", "constexpr ", "std::"];
    let begins_with =
        |marks: &[&str]| marks.iter().any(|mark| text.lines().any(|line| line.trim_start().starts_with(mark)));
    if begins_with(&objective_c) {
        Some("objective-c")
    } else if begins_with(&cpp) {
        Some("cpp")
    } else {
        None
    }
}

/// Guesses the language of an `.inc` file from its content; `None` if no line is typical of a language.
fn included_language(text: &str) -> Option<&'static str> {
    if text.contains("<?php") {
        return Some("php");
    }
    let words = |line: &str, marks: &[&str]| marks.iter().any(|mark| line.starts_with(mark));
    let (mut c, mut assembly, mut pascal, mut make) = (0, 0, 0, 0);
    for line in text.lines().map(str::trim_start).filter(|line| !line.is_empty()).take(400) {
        let is_c = words(line, &["#include", "#define", "#if", "#endif", "#pragma", "//", "/*", "static ", "inline "]);
        c += u32::from(is_c || line.ends_with([';', '{', '}']));
        assembly += u32::from(words(line, &[".macro", ".equ", ".section", ".global", "%define", "%macro", ";"]));
        pascal += u32::from(words(line, &["{$", "procedure ", "begin", "end;"]));
        make += u32::from(
            words(line, &["ifeq", "ifdef", "endif", "include "]) || line.contains(":= ") || line.contains("+= "),
        );
    }
    let best = c.max(assembly).max(pascal).max(make);
    match best {
        0 => None,
        _ if pascal * 4 > c && pascal > assembly => Some("pascal"),
        _ if best == assembly => Some("assembly"),
        _ if best == make => Some("make"),
        _ => header_language(text).or(Some("cpp")),
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
