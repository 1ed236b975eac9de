//! Checks which files access the environment, the working folder, the arguments and the output of the process.

use crate::rust::tokens::{Token, TokenKind};
use crate::workspace::{CodeFile, Package};

/// Functions of `std::env` that read or change the environment, the working folder or the arguments.
const ENVIRONMENT: &[&str] =
    &["var", "var_os", "vars", "vars_os", "set_var", "remove_var", "current_dir", "set_current_dir", "args", "args_os"];

/// Macros that print.
const PRINTING: &[&str] = &["print", "println", "eprint", "eprintln", "dbg"];

/// Reports files outside of `homes` that read or change the environment or the working folder, or read the arguments,
/// and homes that do not.
pub fn check_environment(packages: &[Package], homes: &[&str]) -> Vec<String> {
    check(packages, homes, "the environment", |tokens| {
        let [module, separator, function, ..] = tokens else { return false };
        module.is_word("env")
            && separator.kind == TokenKind::PathSeparator
            && (function.word().is_some_and(|word| ENVIRONMENT.contains(&word)) || function.is_symbol('{'))
    })
}

/// Reports files outside of `homes` that print or use the standard output or the standard error, and homes that do not.
/// A check whether one of them is a terminal does not count.
pub fn check_printing(packages: &[Package], homes: &[&str]) -> Vec<String> {
    check(packages, homes, "the output", |tokens| {
        let is_macro = |name: &Token, mark: &Token| {
            name.word().is_some_and(|word| PRINTING.contains(&word)) && mark.is_symbol('!')
        };
        match tokens {
            [module, separator, stream, rest @ ..] if module.is_word("io") => {
                let is_stream = stream.is_word("stdout") || stream.is_word("stderr");
                let asks = rest.get(3).is_some_and(|method| method.is_word("is_terminal"));
                is_stream && separator.kind == TokenKind::PathSeparator && !asks
            }
            [name, mark, ..] => is_macro(name, mark),
            _ => false,
        }
    })
}

/// Reports each file outside of `homes` in which `matches` accepts the tokens from some position to the file's end, and
/// each home without such a file.
fn check(packages: &[Package], homes: &[&str], what: &str, matches: impl Fn(&[Token]) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    let mut used = Vec::new();
    let files: Vec<&CodeFile> = packages.iter().flat_map(|package| &package.files).collect();
    for file in files {
        let first = (0..file.tokens.len()).find(|at| matches(&file.tokens[*at..]));
        let Some(line) = first.map(|at| file.tokens[at].line) else { continue };
        let home = homes.iter().find(|home| file.path.starts_with(*home));
        match home {
            Some(home) => used.push(*home),
            None => found.push(format!("{}:{line} uses {what} of the process: only {homes:?} may", file.path)),
        }
    }
    let unused = homes.iter().filter(|home| !used.contains(home));
    found.extend(unused.map(|home| format!("{home} does not use {what} of the process: remove it from the rule")));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(text: &str) -> [Package; 1] {
        let home = "use std::env; fn a() { env::var(\"A\"); std::io::stdout(); }".to_owned();
        let texts = vec![("src/a.rs".to_owned(), text.to_owned()), ("src/home.rs".to_owned(), home)];
        [Package::from_texts("", String::new(), texts)]
    }

    #[test]
    fn uses_of_the_environment_are_found() {
        for bad in ["fn a() { std::env::var_os(\"B\") }", "use std::env::{self, var};", "fn a() { env::current_dir() }"]
        {
            let found = check_environment(&package(bad), &["src/home.rs"]);
            assert_eq!(found, ["src/a.rs:1 uses the environment of the process: only [\"src/home.rs\"] may"], "{bad}");
        }
        for good in ["fn a() { env!(\"A\"); std::env::temp_dir(); }", "#[cfg(test)] mod tests { use std::env::var; }"] {
            assert!(check_environment(&package(good), &["src/home.rs"]).is_empty(), "{good}");
        }
        assert_eq!(check_environment(&package(""), &["src/home.rs", "src/b.rs"]).len(), 1, "src/b.rs is no home");
    }

    #[test]
    fn printing_is_found() {
        for bad in ["fn a() { println!(\"b\") }", "fn a() { writeln!(std::io::stderr(), \"b\") }"] {
            let found = check_printing(&package(bad), &["src/home.rs"]);
            assert_eq!(found, ["src/a.rs:1 uses the output of the process: only [\"src/home.rs\"] may"], "{bad}");
        }
        let good = "fn a() { io::stderr().is_terminal(); print(); Target::stderr(); }";
        assert!(check_printing(&package(good), &["src/home.rs"]).is_empty());
    }
}
