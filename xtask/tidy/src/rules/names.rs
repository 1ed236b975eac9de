//! Names with several definitions, each with the reason why it is allowed.
//!
//! A name is ambiguous if at least two types have it, at least two public functions outside of an `impl` or trait, or
//! at least three public functions and methods. Types or functions with the same name in one module count once.
//! `xtask/names.toml` has a row for each ambiguous name:
//!
//! ```toml
//! [types]
//! Settings = "each crate has settings"
//! [functions]
//! [methods]
//! new = "constructors"
//! ```

use std::collections::BTreeMap;

use crate::rust::items::DefinitionKind;
use crate::workspace::Package;

/// The tables of `names.toml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NameTable {
    Types,
    Functions,
    Methods,
}

/// A name that is defined several times.
#[derive(Debug, PartialEq, Eq)]
pub struct AmbiguousName {
    pub table: NameTable,
    pub name: String,
    /// The definitions as `path:line`.
    pub places: Vec<String>,
    /// The reason in `names.toml` why several definitions have this name; `None` if the file has no row for it.
    pub reason: Option<String>,
}

/// The ambiguous names of packages, and the faults of the table of reasons.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct NameReport {
    pub names: Vec<AmbiguousName>,
    pub faults: Vec<String>,
}

impl NameTable {
    const ALL: [Self; 3] = [Self::Types, Self::Functions, Self::Methods];

    /// Returns the key of the table in `names.toml`.
    pub fn table_name(self) -> &'static str {
        match self {
            Self::Types => "types",
            Self::Functions => "functions",
            Self::Methods => "methods",
        }
    }
}

/// Lists the ambiguous names of packages and compares them with the text of `names.toml`.
pub fn check_names(packages: &[Package], reasons: &str) -> NameReport {
    let mut report = NameReport::default();
    let table = match reasons.parse::<toml_edit::DocumentMut>() {
        Ok(table) => table,
        Err(error) => {
            report.faults.push(format!("cannot read the table of names: {error}"));
            return report;
        }
    };
    let reason = |key: NameTable, name: &str| {
        let reason = table.get(key.table_name()).and_then(|rows| rows.get(name)).and_then(|reason| reason.as_str());
        reason.map(str::to_owned)
    };
    for mut name in list_ambiguous_names(packages) {
        name.reason = reason(name.table, &name.name);
        if name.reason.as_ref().is_none_or(|reason| reason.trim().is_empty()) {
            let (key, places) = (name.table.table_name(), name.places.join(", "));
            report.faults.push(format!(
                "{} ({key}) is defined {} times without a reason: {places}",
                name.name,
                name.places.len()
            ));
        }
        report.names.push(name);
    }
    for key in NameTable::ALL {
        let rows = table.get(key.table_name()).and_then(|rows| rows.as_table_like());
        for (name, _) in rows.iter().flat_map(|rows| rows.iter()) {
            if !report.names.iter().any(|found| found.table == key && found.name == name) {
                report.faults.push(format!("{name} ({}) is not ambiguous any more: remove its row", key.table_name()));
            }
        }
    }
    report
}

fn list_ambiguous_names(packages: &[Package]) -> Vec<AmbiguousName> {
    let mut places: BTreeMap<(NameTable, &str), Vec<String>> = BTreeMap::new();
    for file in packages.iter().flat_map(|package| &package.files) {
        let mut alternatives = Vec::new();
        for definition in &file.items.definitions {
            let tables: &[NameTable] = match definition.kind {
                DefinitionKind::Type => &[NameTable::Types],
                DefinitionKind::Function if definition.is_public => &[NameTable::Functions, NameTable::Methods],
                DefinitionKind::Method if definition.is_public => &[NameTable::Methods],
                _ => continue,
            };
            // Items of a module with equal names are alternatives for different platforms or features: count one.
            let item = (definition.kind, &definition.name, &definition.module);
            if definition.kind != DefinitionKind::Method && alternatives.contains(&item) {
                continue;
            }
            alternatives.push(item);
            for table in tables {
                let place = format!("{}:{}", file.path, definition.line);
                places.entry((*table, &definition.name)).or_default().push(place);
            }
        }
    }
    let is_ambiguous = |table: NameTable, count: usize| count > if table == NameTable::Methods { 2 } else { 1 };
    let mut names: Vec<AmbiguousName> = Vec::new();
    for ((table, name), places) in places {
        // A name that is listed among the functions is not listed again among the methods.
        let is_listed = names.iter().any(|other| other.name == name && other.table == NameTable::Functions);
        if is_ambiguous(table, places.len()) && !(table == NameTable::Methods && is_listed) {
            names.push(AmbiguousName { table, name: name.to_owned(), places, reason: None });
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[(&str, &str)], reasons: &str) -> Vec<String> {
        let texts = files.iter().map(|(path, text)| (format!("src/{path}"), (*text).to_owned())).collect();
        check_names(&[Package::from_texts("", String::new(), texts)], reasons).faults
    }

    #[test]
    fn ambiguous_names_need_a_reason() {
        let files = [
            ("a.rs", "struct A; pub fn b() {} impl A { pub fn c() {} pub fn d() {} fn e() {} }"),
            (
                "b.rs",
                "pub enum A {} pub(crate) fn b() {} impl A { pub fn c() {} } pub struct F; impl F { pub fn c() {} }",
            ),
            ("c.rs", "fn b() {} impl F { pub fn d() {} fn e() {} } struct G; fn e() {}"),
        ];
        let expected = [
            "A (types) is defined 2 times without a reason: src/a.rs:1, src/b.rs:1",
            "b (functions) is defined 2 times without a reason: src/a.rs:1, src/b.rs:1",
            "c (methods) is defined 3 times without a reason: src/a.rs:1, src/b.rs:1, src/b.rs:1",
        ];
        assert_eq!(check(&files, ""), expected);
        let reasons = "[types]\nA = \"x\"\n[functions]\nb = \"y\"\n[methods]\nc = \"z\"\n";
        assert!(check(&files, reasons).is_empty());
        assert_eq!(check(&files, &reasons.replace("\"y\"", "\"\"")), expected[1..2]);
    }

    #[test]
    fn stale_rows_and_bad_tables_are_faults() {
        let files = [("a.rs", "pub struct A;")];
        assert_eq!(check(&files, "[types]\nA = \"x\"\n"), ["A (types) is not ambiguous any more: remove its row"]);
        assert!(check(&files, "[types")[0].starts_with("cannot read the table of names"));
    }

    #[test]
    fn alternatives_for_other_platforms_are_one_definition() {
        let files = [("a.rs", "#[cfg(unix)] pub fn a() {} #[cfg(not(unix))] pub fn a() {}")];
        assert!(check(&files, "").is_empty());
    }
}
