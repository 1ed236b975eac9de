//! The language table: one row and at most one query file per language.
//!
//! Grammars and queries are compiled once per process, on first use, and shared by all parser threads.

mod grammar;
mod pattern_roots;
mod table;

use std::collections::HashMap;
use std::sync::LazyLock;

pub use grammar::{CompiledQuery, Grammar, QueryCapture};
pub use pattern_roots::PatternRoots;
pub use table::LanguageRow;

use table::ROWS;
use types::{ContentKind, Language, RepoPath};

/// The language of files that match no row of the table; they are split by lines.
const TEXT: Language = Language("text");

/// Indexes of the language table, built once because every file of a walk is looked up.
struct LanguageLookup {
    by_name: HashMap<&'static str, &'static LanguageRow>,
    by_extension: HashMap<&'static str, &'static LanguageRow>,
    by_file_name: HashMap<&'static str, &'static LanguageRow>,
    by_interpreter: HashMap<&'static str, &'static LanguageRow>,
}

static LOOKUP: LazyLock<LanguageLookup> = LazyLock::new(|| {
    let keys = |of: fn(&LanguageRow) -> &'static [&'static str]| {
        ROWS.iter().flat_map(move |row| of(row).iter().map(move |key| (*key, row))).collect()
    };
    LanguageLookup {
        by_name: ROWS.iter().map(|row| (row.name, row)).collect(),
        by_extension: keys(|row| row.extensions),
        by_file_name: keys(|row| row.file_names),
        by_interpreter: keys(|row| row.interpreters),
    }
});

/// Returns every row, in the order of the table.
pub fn all_languages() -> impl Iterator<Item = &'static LanguageRow> {
    ROWS.iter()
}

/// Returns the language with this name (`rust`), extension (`rs`) or common alias (`c++`), ignoring case.
pub fn language_by_name(name: &str) -> Option<Language> {
    let name = name.to_ascii_lowercase();
    let alias = match name.as_str() {
        "c++" => "cpp",
        "c#" => "csharp",
        "golang" => "go",
        "shell" | "zsh" => "bash",
        other => other,
    };
    let row = LOOKUP.by_name.get(alias).or_else(|| LOOKUP.by_extension.get(alias))?;
    Some(Language(row.name))
}

/// Returns the language of files that match no row of the table.
pub fn text_language() -> Language {
    TEXT
}

/// Returns the row of a language.
pub fn language_row(language: Language) -> &'static LanguageRow {
    LOOKUP.by_name.get(language.0).copied().unwrap_or(&ROWS[0])
}

/// Returns the kind of content of a language's files.
pub fn language_content(language: Language) -> ContentKind {
    language_row(language).content
}

/// Returns the grammar of a language, or `None` if its files are split by headings or lines.
pub fn language_grammar(language: Language) -> Option<&'static Grammar> {
    language_row(language).grammar.as_deref()
}

/// Compiles a language's query again and discards it, for benchmarks of workers that are restarted for each file.
pub fn recompile_query(language: Language) {
    if let Some(grammar) = language_grammar(language) {
        grammar.recompile_query();
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str, first_line: &str) -> &'static str {
        detect_language(&RepoPath::new(path), Some(first_line)).0
    }

    #[test]
    fn names_extensions_and_interpreters_are_known() {
        assert_eq!(of("src/main.rs", ""), "rust");
        assert_eq!(of("App.TSX", ""), "tsx");
        assert_eq!(of("bin/run", "#!/usr/bin/env -S bash -e"), "bash");
        assert_eq!(of("bin/run", "#!/usr/bin/python3.11"), "python");
        assert_eq!(of("Makefile", ""), "make");
        assert_eq!(of("LICENSE", "MIT License"), "text");
        assert_eq!(language_by_name("C++").map(|language| language.0), Some("cpp"));
        assert_eq!(language_by_name("rs").map(|language| language.0), Some("rust"));
        assert_eq!(language_by_name("klingon"), None);
    }

    #[test]
    fn a_header_with_cpp_code_is_cpp() {
        let of = |text| refine_language(Language("c"), &RepoPath::new("a.h"), text).0;
        assert_eq!(of("namespace fmt {\n}"), "cpp");
        assert_eq!(of("#ifndef A_H\nint f(void); /* a class of its own */"), "c");
    }

    #[test]
    fn no_key_is_claimed_twice() {
        for of in [
            |row: &LanguageRow| row.extensions,
            |row: &LanguageRow| row.file_names,
            |row: &LanguageRow| row.interpreters,
        ] {
            let mut keys: Vec<_> = all_languages().flat_map(of).collect();
            let count = keys.len();
            keys.sort_unstable();
            keys.dedup();
            assert_eq!(keys.len(), count);
        }
    }

    #[test]
    fn every_query_compiles() {
        for row in all_languages() {
            if let Some(grammar) = &row.grammar {
                assert!(grammar.query().is_ok(), "{}: {:?}", row.name, grammar.query().err());
            }
        }
    }
}
