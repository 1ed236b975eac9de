//! No file imports upwards: the graph of the files of a package is acyclic.
//!
//! An edge leads from a file that names an item, in a `use`, in a path or after a glob import, to the file that defines
//! the item. Re-exports are followed to the definition, so importing a name through `lib.rs` counts as importing the
//! defining file.

mod cycles;
mod resolve;

use crate::workspace::Package;

use cycles::FileGraph;
use resolve::{ModuleTree, Resolution};

/// The imports of a package's files.
pub struct ImportReport {
    /// One line per described cycle. Each file that is part of a cycle is in at least one line.
    pub cycles: Vec<String>,
    /// Paths into the package whose definitions [`crate::rust`] does not find.
    pub unresolved: Vec<String>,
    pub edge_count: usize,
}

/// Builds the graph of a package's files and finds its cycles.
pub fn check_imports(package: &Package) -> ImportReport {
    let tree = ModuleTree::new(&package.files);
    let mut graph = FileGraph::default();
    let mut unresolved = Vec::new();
    for (number, file) in package.files.iter().enumerate() {
        let mut add = |module: &[String], path: &[String], line: usize| {
            let module = [file.module.as_slice(), module].concat();
            match tree.resolve_from(&module, path) {
                Resolution::Item { file: target } => graph.add(number, target, path.join("::"), line),
                Resolution::Unknown => unresolved.push(format!("{}:{line}: {}", file.path, path.join("::"))),
                Resolution::Module(_) | Resolution::External => {}
            }
        };
        for import in &file.items.imports {
            add(&import.module, &import.path, import.line);
        }
        for path in &file.items.paths {
            add(&path.module, &path.path, path.line);
        }
        for import in file.items.imports.iter().filter(|import| import.name.is_none()) {
            let module = [file.module.as_slice(), &import.module].concat();
            let Resolution::Module(target) = tree.resolve_from(&module, &import.path) else { continue };
            for (word, (line, inside)) in &file.items.words {
                let is_visible = inside.starts_with(&import.module) && tree.exports(&target, word);
                if is_visible && !tree.is_defined_in(&module, word) {
                    add(&import.module, &[import.path.as_slice(), std::slice::from_ref(word)].concat(), *line);
                }
            }
        }
    }
    let paths: Vec<&str> = package.files.iter().map(|file| file.path.as_str()).collect();
    ImportReport { cycles: graph.describe_cycles(&paths), unresolved, edge_count: graph.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[(&str, &str)]) -> ImportReport {
        let texts = files.iter().map(|(path, text)| (format!("src/{path}"), (*text).to_owned())).collect();
        check_imports(&Package::from_texts("", String::new(), texts))
    }

    #[test]
    fn imports_downwards_are_fine() {
        let report = check(&[
            ("lib.rs", "mod a; mod b; pub use a::run; pub use b::B;"),
            ("a.rs", "use crate::b::B; pub fn run() -> B { B }"),
            ("b.rs", "pub struct B; #[cfg(test)] mod tests { use crate::a::run; }"),
        ]);
        assert!(report.cycles.is_empty() && report.unresolved.is_empty(), "{:?}", report.cycles);
        assert_eq!(report.edge_count, 3, "lib to a and b, a to b");
    }

    #[test]
    fn a_child_that_imports_from_its_parent_is_a_cycle() {
        let report = check(&[
            ("lib.rs", "mod a;"),
            ("a.rs", "mod b; pub struct Options; pub fn run() { b::work(&Options) }"),
            ("a/b.rs", "use super::Options; pub fn work(_: &Options) {}"),
        ]);
        let expected = "src/a.rs names b::work (line 1) of src/a/b.rs, which names super::Options (line 1) of src/a.rs";
        assert_eq!(report.cycles, [expected]);
    }

    #[test]
    fn reexports_lead_to_the_definition() {
        let reexports = ("lib.rs", "mod a; mod b; pub use b::B;");
        let b = ("b.rs", "pub struct B;");
        let report = check(&[reexports, ("a.rs", "use crate::B; fn a(_: B) {}"), b]);
        assert!(report.cycles.is_empty(), "{:?}", report.cycles);
        let own = ("lib.rs", "mod a; mod b; pub use a::run; pub struct B;");
        let report = check(&[own, ("a.rs", "pub fn run() -> crate::B { crate::B }"), ("b.rs", "")]);
        assert_eq!(report.cycles.len(), 1, "lib.rs re-exports run and defines B");
    }

    #[test]
    fn paths_through_imported_modules_and_globs_count() {
        let modules = ("lib.rs", "mod a; mod b; mod c;");
        let through = check(&[
            modules,
            ("a.rs", "use crate::b; pub struct A; fn a() { b::work() }"),
            ("b.rs", "use crate::a::A; pub fn work() -> A { A }"),
            ("c.rs", ""),
        ]);
        assert_eq!(through.cycles.len(), 1, "{:?}", through.cycles);
        let glob = check(&[
            modules,
            ("a.rs", "use crate::b::*; pub struct A; fn a() { work() }"),
            ("b.rs", "use crate::c::C; pub fn work() -> C { C }"),
            ("c.rs", "use crate::a::A; pub struct C(A);"),
        ]);
        assert_eq!(glob.cycles.len(), 1, "{:?}", glob.cycles);
        assert!(glob.cycles[0].contains("crate::b::work"), "{:?}", glob.cycles);
        let unused = check(&[
            modules,
            ("a.rs", "use crate::b; pub struct A; fn a() { b::other() }"),
            ("b.rs", "pub use crate::c::other; pub fn work() {}"),
            ("c.rs", "pub fn other() {}"),
        ]);
        assert!(unused.cycles.is_empty(), "{:?}", unused.cycles);
    }

    #[test]
    fn paths_that_lead_nowhere_are_reported() {
        let report = check(&[("lib.rs", "mod a; use a::Missing;"), ("a.rs", "")]);
        assert_eq!(report.unresolved, ["src/lib.rs:1: a::Missing"]);
    }
}
