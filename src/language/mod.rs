//! The language table: one row, and one query file, a language.
//!
//! Grammars and queries are made once a process, on first use, and shared by every parser thread.
//! Must never import: anything but `types`.

mod grammar;
mod roots;
mod table;

use std::collections::HashMap;
use std::sync::LazyLock;

pub use grammar::{Capture, Compiled, Grammar};
pub use roots::Roots;
pub use table::Row;

use crate::types::{Content, Language, RepoPath};
use table::ROWS;

/// Name of the language of files no row claims; it is split by lines.
const TEXT: Language = Language("text");

/// What is looked up for every file of a walk, made once.
struct Lookup {
    by_name: HashMap<&'static str, &'static Row>,
    by_extension: HashMap<&'static str, &'static Row>,
    by_file_name: HashMap<&'static str, &'static Row>,
    by_interpreter: HashMap<&'static str, &'static Row>,
}

static LOOKUP: LazyLock<Lookup> = LazyLock::new(|| {
    let keys = |of: fn(&Row) -> &'static [&'static str]| {
        ROWS.iter().flat_map(move |row| of(row).iter().map(move |key| (*key, row))).collect()
    };
    Lookup {
        by_name: ROWS.iter().map(|row| (row.name, row)).collect(),
        by_extension: keys(|row| row.extensions),
        by_file_name: keys(|row| row.file_names),
        by_interpreter: keys(|row| row.interpreters),
    }
});

/// Every row, in the table's order.
pub fn all() -> impl Iterator<Item = &'static Row> {
    ROWS.iter()
}

/// The language of that name (`rust`), also by an extension (`rs`) or a usual other name (`c++`).
pub fn by_name(name: &str) -> Option<Language> {
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

/// The language of files no row claims.
pub fn text() -> Language {
    TEXT
}

/// The row of a language.
pub fn row(language: Language) -> &'static Row {
    LOOKUP.by_name.get(language.0).copied().unwrap_or(&ROWS[0])
}

/// What sort of file a language's files are.
pub fn content(language: Language) -> Content {
    row(language).content
}

/// The grammar of a language, or `None` when its files are split by lines.
pub fn grammar(language: Language) -> Option<&'static Grammar> {
    row(language).grammar.as_deref()
}

/// Compiles a language's query once more, for benchmarks of workers that are not kept.
pub fn compile_anew(language: Language) {
    if let Some(grammar) = grammar(language) {
        grammar.compile_anew();
    }
}

/// The language of a file by its name, then its extension, then its `#!` line; [`text`] otherwise.
pub fn of_path(path: &RepoPath, first_line: Option<&str>) -> Language {
    let name = path.file_name();
    let lower = name.to_ascii_lowercase();
    let extension = lower.rsplit_once('.').map(|(_, extension)| extension);
    let found = LOOKUP
        .by_file_name
        .get(lower.as_str())
        .or_else(|| LOOKUP.by_extension.get(extension?))
        .or_else(|| LOOKUP.by_interpreter.get(interpreter(first_line?)?));
    found.map_or(TEXT, |row| Language(row.name))
}

/// `language`, corrected by what is in the file: a `.h` that speaks C++ is C++.
pub fn refine(language: Language, path: &RepoPath, text: &str) -> Language {
    let marks = ["namespace ", "template <", "template<", "class ", "public:", "private:", "constexpr ", "std::"];
    let header = language.0 == "c" && path.file_name().to_ascii_lowercase().ends_with(".h");
    let speaks_cpp = || text.lines().any(|line| marks.iter().any(|mark| line.trim_start().starts_with(mark)));
    match by_name("cpp") {
        Some(cpp) if header && speaks_cpp() => cpp,
        _ => language,
    }
}

/// The program a `#!` line starts: `bash` of `#!/usr/bin/env -S bash -e`, `python` of `#!/usr/bin/python3.11`.
fn interpreter(first_line: &str) -> Option<&str> {
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
        of_path(&RepoPath::new(path), Some(first_line)).0
    }

    #[test]
    fn names_extensions_and_interpreters_are_known() {
        assert_eq!(of("src/main.rs", ""), "rust");
        assert_eq!(of("App.TSX", ""), "tsx");
        assert_eq!(of("bin/run", "#!/usr/bin/env -S bash -e"), "bash");
        assert_eq!(of("bin/run", "#!/usr/bin/python3.11"), "python");
        assert_eq!(of("Makefile", ""), "make");
        assert_eq!(of("LICENSE", "MIT License"), "text");
        assert_eq!(by_name("C++").map(|language| language.0), Some("cpp"));
        assert_eq!(by_name("rs").map(|language| language.0), Some("rust"));
        assert_eq!(by_name("klingon"), None);
    }

    #[test]
    fn a_header_is_what_it_speaks() {
        let of = |text| refine(Language("c"), &RepoPath::new("a.h"), text).0;
        assert_eq!(of("namespace fmt {\n}"), "cpp");
        assert_eq!(of("#ifndef A_H\nint f(void); /* a class of its own */"), "c");
    }

    #[test]
    fn no_key_is_claimed_twice() {
        for of in [|row: &Row| row.extensions, |row: &Row| row.file_names, |row: &Row| row.interpreters] {
            let mut keys: Vec<_> = all().flat_map(of).collect();
            let count = keys.len();
            keys.sort_unstable();
            keys.dedup();
            assert_eq!(keys.len(), count);
        }
    }

    #[test]
    fn every_query_compiles() {
        for row in all() {
            if let Some(grammar) = &row.grammar {
                assert!(grammar.query().is_ok(), "{}: {:?}", row.name, grammar.query().err());
            }
        }
    }
}
