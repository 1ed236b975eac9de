use types::{Language, RepoPath};

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
    for of in
        [|row: &LanguageRow| row.extensions, |row: &LanguageRow| row.file_names, |row: &LanguageRow| row.interpreters]
    {
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
