//! Checks that each third-party engine is used in one place, so that it can be replaced.

use crate::workspace::{CodeFile, Package};

/// A third-party crate and the only files and folders that may use it.
pub struct EngineRule {
    /// The name of the crate in Rust, such as `tree_sitter`. A final `*` matches any ending.
    pub crate_name: &'static str,
    /// Paths from the root of the workspace: files, folders of modules, or folders of packages.
    pub homes: &'static [&'static str],
}

/// Finds manifests and files that use an engine outside of its homes, dependencies without a rule, and homes that do
/// not use their engine. `common` names the crates that any package may use.
pub fn check_engines(packages: &[Package], engines: &[EngineRule], common: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let own: Vec<String> = packages.iter().map(|package| package.crate_name().replace('-', "_")).collect();
    for package in packages {
        for dependency in package.list_dependencies() {
            let (name, crate_name) = (&dependency, dependency.replace('-', "_"));
            if common.contains(&crate_name.as_str()) || own.contains(&crate_name) {
                continue;
            }
            let Some(engine) = engines.iter().find(|engine| is_engine(engine, &crate_name)) else {
                found.push(format!("{}: no rule says which files may use {name}", manifest_path(package)));
                continue;
            };
            if !engine.homes.iter().any(|home| owns_home(package, home)) {
                found.push(format!("{} depends on {name}: only {:?} may", manifest_path(package), engine.homes));
            }
        }
    }
    for engine in engines {
        let mut used_homes = Vec::new();
        for (package, file) in packages.iter().flat_map(|package| package.files.iter().map(move |file| (package, file)))
        {
            if let Some(line) = find_use(package, file, engine) {
                match engine.homes.iter().find(|home| is_below(&file.path, home)) {
                    Some(home) => used_homes.push(*home),
                    None => found
                        .push(format!("{}:{line} uses {}: only {:?} may", file.path, engine.crate_name, engine.homes)),
                }
            }
        }
        let unused = engine.homes.iter().filter(|home| !used_homes.contains(home));
        found.extend(unused.map(|home| format!("{home} does not use {}: remove it from the rule", engine.crate_name)));
    }
    found
}

fn manifest_path(package: &Package) -> String {
    if package.folder.is_empty() { "Cargo.toml".to_owned() } else { format!("{}/Cargo.toml", package.folder) }
}

fn is_engine(engine: &EngineRule, crate_name: &str) -> bool {
    match engine.crate_name.strip_suffix('*') {
        Some(prefix) => crate_name.starts_with(prefix),
        None => engine.crate_name == crate_name,
    }
}

fn is_below(path: &str, home: &str) -> bool {
    path.strip_prefix(home).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn owns_home(package: &Package, home: &str) -> bool {
    if package.folder.is_empty() { is_below(home, "src") } else { is_below(home, &package.folder) }
}

/// Returns the number of the first line of a file that names the engine's crate; `None` if no line does.
fn find_use(package: &Package, file: &CodeFile, engine: &EngineRule) -> Option<usize> {
    let names = |path: &[String], inside: &[String]| {
        let Some(first) = path.first().filter(|first| is_engine(engine, first)) else { return false };
        // A child module with the name of the crate takes precedence over the crate.
        let child = [file.module.as_slice(), inside, std::slice::from_ref(first)].concat();
        !package.files.iter().any(|other| other.module == child)
    };
    let imports = file.items.imports.iter().filter(|one| names(&one.path, &one.module)).map(|one| one.line);
    let paths = file.items.paths.iter().filter(|one| names(&one.path, &one.module)).map(|one| one.line);
    imports.chain(paths).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENGINES: &[EngineRule] = &[
        EngineRule { crate_name: "lance", homes: &["crates/store/src/lance"] },
        EngineRule { crate_name: "tree_sitter*", homes: &["crates/source"] },
    ];

    fn package(folder: &str, dependencies: &str, files: &[(&str, &str)]) -> Package {
        let texts = files.iter().map(|(path, text)| (format!("{folder}/src/{path}"), (*text).to_owned())).collect();
        Package::from_texts(folder, format!("[dependencies]\n{dependencies}"), texts)
    }

    #[test]
    fn uses_outside_of_the_home_are_found() {
        let source = package("crates/source", "tree-sitter-go = \"1\"", &[("lib.rs", "use tree_sitter_go::A;")]);
        let files = [("lib.rs", "mod lance; fn a() { lance::open() }"), ("lance/mod.rs", "use lance::Dataset;")];
        let store = package("crates/store", "lance.workspace = true\nserde = \"1\"\nsource = \"1\"", &files);
        assert!(check_engines(&[source, store], ENGINES, &["serde"]).is_empty());

        let source = package("crates/source", "", &[("lib.rs", "use tree_sitter::A;")]);
        let store = package("crates/store", "lance = \"1\"", &[("rows.rs", "\nfn a() { lance::open() }")]);
        let other = package("crates/other", "[target.'cfg(unix)'.dependencies]\nlance = \"1\"\nrand = \"1\"", &[]);
        let found = check_engines(&[source, store, other], ENGINES, &[]);
        let expected = [
            "crates/other/Cargo.toml depends on lance: only [\"crates/store/src/lance\"] may",
            "crates/other/Cargo.toml: no rule says which files may use rand",
            "crates/store/src/rows.rs:2 uses lance: only [\"crates/store/src/lance\"] may",
            "crates/store/src/lance does not use lance: remove it from the rule",
        ];
        assert_eq!(found, expected);
    }
}
