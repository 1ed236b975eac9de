//! Sizes and front pages of files, modules and packages.

use std::collections::{BTreeMap, BTreeSet};

use crate::workspace::{CodeFile, Package};

/// Finds files with more than `limit` lines.
pub fn check_file_lengths(files: &[(String, String)], limit: usize) -> Vec<String> {
    let lengths = files.iter().map(|(path, text)| (path, text.lines().count()));
    lengths.filter(|(_, lines)| *lines > limit).map(|(path, lines)| format!("{path} has {lines} lines")).collect()
}

/// Finds packages whose `src` has more than `limit` lines, not counting tests.
pub fn check_package_lengths(packages: &[Package], limit: usize) -> Vec<String> {
    let lengths = packages.iter().map(|package| (package, count_code_lines(package)));
    lengths
        .filter(|(_, lines)| *lines > limit)
        .map(|(package, lines)| format!("{} has {lines} lines without tests", describe_folder(package)))
        .collect()
}

/// Counts the lines of a package's `src` without tests.
pub fn count_code_lines(package: &Package) -> usize {
    let production = |file: &CodeFile| {
        let end = file.text.find("\n#[cfg(test)]\nmod tests {").map_or(file.text.len(), |at| at + 1);
        file.text[..end].lines().count()
    };
    package.files.iter().map(production).sum()
}

/// Finds modules with child modules, and roots of packages, that do not begin with a `//!` comment.
pub fn check_front_pages(package: &Package) -> Vec<String> {
    let has_children = |file: &CodeFile| {
        let is_child = |other: &CodeFile| other.module.len() > file.module.len();
        package.files.iter().any(|other| is_child(other) && other.module.starts_with(&file.module))
    };
    let lacks_page = |file: &&CodeFile| {
        (file.module.is_empty() || file.path.ends_with("/mod.rs") || has_children(file))
            && !file.text.starts_with("//!")
    };
    package.files.iter().filter(lacks_page).map(|file| format!("{} does not begin with //!", file.path)).collect()
}

/// Finds modules with more than `limit` child modules, except for `families`: folders with one file per command, tool
/// or feature. A family that is missing or does not exceed the limit is reported too.
pub fn check_level_widths(packages: &[Package], limit: usize, families: &[&str]) -> Vec<String> {
    let mut levels: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for package in packages {
        let source = if package.folder.is_empty() { "src".to_owned() } else { format!("{}/src", package.folder) };
        for file in &package.files {
            for (depth, name) in file.module.iter().enumerate() {
                let parent = [std::slice::from_ref(&source), &file.module[..depth]].concat().join("/");
                levels.entry(parent).or_default().insert(name);
            }
        }
    }
    let is_wide = |level: &str| levels.get(level).is_some_and(|children| children.len() > limit);
    let wide = levels.keys().filter(|level| is_wide(level) && !families.contains(&level.as_str()));
    let wide = wide.map(|level| format!("{level} has {} modules on one level", levels[level].len()));
    let stale = families.iter().filter(|family| !is_wide(family));
    wide.chain(stale.map(|family| format!("{family} does not need to be listed as a family"))).collect()
}

fn describe_folder(package: &Package) -> &str {
    if package.folder.is_empty() { "the root package" } else { &package.folder }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(files: &[(&str, &str)]) -> Package {
        let texts = files.iter().map(|(path, text)| (format!("crates/a/src/{path}"), (*text).to_owned())).collect();
        Package::from_texts("crates/a", String::new(), texts)
    }

    #[test]
    fn long_files_and_packages_are_found() {
        let files = [("a.rs".to_owned(), "\n".repeat(3)), ("b.rs".to_owned(), "\n".repeat(2))];
        assert_eq!(check_file_lengths(&files, 2), ["a.rs has 3 lines"]);
        let tested = "fn a() {}\n#[cfg(test)]\nmod tests {\n\n\n\n}\n";
        let packages = [package(&[("lib.rs", "\n\n"), ("b.rs", tested)])];
        assert_eq!(check_package_lengths(&packages, 2), ["crates/a has 3 lines without tests"]);
        assert!(check_package_lengths(&packages, 3).is_empty());
    }

    #[test]
    fn modules_without_a_front_page_are_found() {
        let found = check_front_pages(&package(&[
            ("lib.rs", "mod b;"),
            ("b.rs", "mod c;"),
            ("b/c.rs", ""),
            ("d/mod.rs", "//! D.\n"),
        ]));
        assert_eq!(found, ["crates/a/src/b.rs does not begin with //!", "crates/a/src/lib.rs does not begin with //!"]);
    }

    #[test]
    fn wide_levels_and_stale_families_are_found() {
        let packages = [package(&[("lib.rs", ""), ("b.rs", ""), ("c/mod.rs", ""), ("c/d.rs", ""), ("c/e.rs", "")])];
        assert!(check_level_widths(&packages, 2, &[]).is_empty());
        let found = check_level_widths(&packages, 1, &["crates/a/src/c"]);
        assert_eq!(found, ["crates/a/src has 2 modules on one level"]);
        let found = check_level_widths(&packages, 2, &["crates/a/src/c"]);
        assert_eq!(found, ["crates/a/src/c does not need to be listed as a family"]);
    }
}
