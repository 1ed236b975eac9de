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
    assert_eq!(of("LICENSE.old", ""), "text");
    assert_eq!(
        [of("Dockerfile.dev", ""), of("Makefile.am", ""), of("Jenkinsfile.release", "")],
        ["docker", "make", "groovy"]
    );
    assert_eq!(of("makefile.py", ""), "python");
    assert_eq!([of("a.ino", ""), of("a.cppm", ""), of("a.pyx", "")], ["cpp", "cpp", "python"]);
    for (path, language) in [
        ("a.vb", "visual-basic"),
        ("a.bas", "visual-basic"),
        ("a.bat", "batch"),
        ("a.gd", "gdscript"),
        ("a.razor", "razor"),
        ("a.tcl", "tcl"),
        ("a.prisma", "prisma"),
        ("a.coffee", "coffeescript"),
        ("a.cbl", "cobol"),
        ("a.trigger", "apex"),
    ] {
        assert_eq!(of(path, ""), language);
    }
    assert_eq!(language_by_name("C++").map(|language| language.0), Some("cpp"));
    assert_eq!(language_by_name("rs").map(|language| language.0), Some("rust"));
    assert_eq!(language_by_name("klingon"), None);
    for (alias, language) in [
        ("ObjC", "objective-c"),
        ("python3", "python"),
        ("react", "tsx"),
        ("typescriptreact", "tsx"),
        ("C#", "csharp"),
        ("shellscript", "bash"),
        ("dockerfile", "docker"),
        ("makefile", "make"),
        ("hcl", "terraform"),
        ("latex", "tex"),
    ] {
        assert_eq!(language_by_name(alias).map(|language| language.0), Some(language), "{alias}");
    }
}

#[test]
fn other_names_are_of_known_languages_and_hide_no_name() {
    let mut seen = std::collections::HashSet::new();
    for (alias, name) in language_aliases() {
        assert!(all_languages().any(|row| row.name == name), "{name} is a language");
        assert!(!all_languages().any(|row| row.name == alias || row.extensions.contains(&alias)), "{alias} has a row");
        assert!(seen.insert(alias) && alias.to_lowercase() == alias, "{alias} is one lower-case name");
    }
}

#[test]
fn a_header_with_cpp_code_is_cpp() {
    let of = |text| refine_language(Language("c"), &RepoPath::new("a.h"), text).0;
    assert_eq!(of("namespace fmt {\n}"), "cpp");
    assert_eq!(of("#ifndef A_H\nint f(void); /* a class of its own */"), "c");
}

#[test]
fn an_objective_c_header_is_objective_c() {
    let of = |text| refine_language(Language("c"), &RepoPath::new("a.h"), text).0;
    assert_eq!(of("#import <Foundation/Foundation.h>\n\n@interface Cart : NSObject\n@end\n"), "objective-c");
    assert_eq!(of("@class Cart;\nvoid f(Cart *cart);\n"), "objective-c");
    assert_eq!(of("/* See @interface in the manual. */\nint f(void);\n"), "c");
}

#[test]
fn an_included_file_is_in_the_language_of_its_content() {
    let of = |text| refine_language(Language("include"), &RepoPath::new("a.inc"), text).0;
    assert_eq!(of("<?php\nfunction f() {}\n"), "php");
    assert_eq!(of("#define LIMIT 3\nstatic int limit(int x)\n{\n    return x;\n}\n"), "cpp");
    assert_eq!(of("; the ports\n%define PORT 0x60\n%macro out 2\n%endmacro\n"), "assembly");
    assert_eq!(of("procedure Run;\nbegin\n  Go;\nend;\n"), "pascal");
    assert_eq!(of("SOURCES := a.c\nifdef DEBUG\nCFLAGS += -g\nendif\n"), "make");
    assert_eq!(of("some words\n"), "include");
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
