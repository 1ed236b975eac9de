//! Resolves paths: finds the file that defines the item.

use std::collections::{BTreeMap, BTreeSet};

use crate::rust::items::DefinitionKind;
use crate::workspace::CodeFile;

/// The modules of a package by path, including inline modules.
pub struct ModuleTree {
    modules: BTreeMap<Vec<String>, Module>,
}

#[derive(Default)]
struct Module {
    /// The number of the file that contains the module.
    file: usize,
    definitions: BTreeSet<String>,
    /// Imported names with the paths as written.
    imports: Vec<(String, Vec<String>)>,
    globs: Vec<Vec<String>>,
}

/// The outcome of resolving the path of an import or an item.
#[derive(Debug, PartialEq, Eq)]
pub enum Resolution {
    /// An item, with the number of the file that defines it.
    Item { file: usize },
    /// A module, with its path.
    Module(Vec<String>),
    /// Something outside of the package, or a local name.
    External,
    /// A path into the package without a definition.
    Unknown,
}

/// The pairs of module and name that were resolved already. Circular imports end at a repeated pair.
type Visited = BTreeSet<(Vec<String>, String)>;

impl ModuleTree {
    /// Reads the modules of a package's files.
    pub fn new(files: &[CodeFile]) -> Self {
        let mut modules: BTreeMap<Vec<String>, Module> = BTreeMap::new();
        for (number, file) in files.iter().enumerate() {
            modules.entry(file.module.clone()).or_default().file = number;
            for definition in &file.items.definitions {
                let path = [file.module.as_slice(), &definition.module].concat();
                let module = modules.entry(path.clone()).or_default();
                module.file = number;
                match definition.kind {
                    // A module is added separately, through its file or its contents.
                    DefinitionKind::Module => {}
                    DefinitionKind::Method => {}
                    _ => drop(module.definitions.insert(definition.name.clone())),
                }
            }
            for import in &file.items.imports {
                let path = [file.module.as_slice(), &import.module].concat();
                let module = modules.entry(path).or_default();
                module.file = number;
                match &import.name {
                    Some(name) => module.imports.push((name.clone(), import.path.clone())),
                    None => module.globs.push(import.path.clone()),
                }
            }
        }
        Self { modules }
    }

    /// Resolves a path that is written in a module.
    pub fn resolve_from(&self, module: &[String], path: &[String]) -> Resolution {
        self.follow(module, path, &mut Visited::new())
    }

    /// Returns whether the module itself defines the name.
    pub fn is_defined_in(&self, module: &[String], name: &str) -> bool {
        self.modules.get(module).is_some_and(|module| module.definitions.contains(name))
    }

    /// Returns whether the module defines the name or imports it by name.
    pub fn exports(&self, module: &[String], name: &str) -> bool {
        let imports = |module: &Module| module.imports.iter().any(|(imported, _)| imported == name);
        self.modules.get(module).is_some_and(|module| module.definitions.contains(name) || imports(module))
    }

    fn follow(&self, module: &[String], path: &[String], visited: &mut Visited) -> Resolution {
        let Some((first, rest)) = path.split_first() else { return Resolution::Module(module.to_vec()) };
        match first.as_str() {
            "crate" => self.descend(Vec::new(), rest, visited),
            "self" => self.descend(module.to_vec(), rest, visited),
            "super" => {
                let parent = module.split_last().map_or(&[][..], |(_, parent)| parent);
                match rest.first().map(String::as_str) {
                    Some("super") => self.follow(parent, rest, visited),
                    _ => self.descend(parent.to_vec(), rest, visited),
                }
            }
            "Self" => Resolution::External,
            name => {
                let child = [module, std::slice::from_ref(first)].concat();
                if self.modules.contains_key(&child) || self.exports(module, name) {
                    self.descend(module.to_vec(), path, visited)
                } else {
                    Resolution::External
                }
            }
        }
    }

    /// Resolves a path from a module down, through child modules and imports.
    fn descend(&self, mut module: Vec<String>, path: &[String], visited: &mut Visited) -> Resolution {
        for (at, name) in path.iter().enumerate() {
            let Some(current) = self.modules.get(&module) else { return Resolution::Unknown };
            let is_last = at + 1 == path.len();
            let child = [module.as_slice(), std::slice::from_ref(name)].concat();
            let has_child = self.modules.contains_key(&child);
            // A name can stand for a module and for an item: followed by `::` it is the module.
            if has_child && !(is_last && self.exports(&module, name)) {
                module = child;
                continue;
            }
            if current.definitions.contains(name) {
                return Resolution::Item { file: current.file };
            }
            if !visited.insert((module.clone(), name.clone())) {
                return Resolution::External;
            }
            let rest = &path[at + 1..];
            let mut outcome = Resolution::Unknown;
            for (_, target) in current.imports.iter().filter(|(imported, _)| imported == name) {
                outcome = self.follow(&module, &[target.as_slice(), rest].concat(), visited);
                if matches!(outcome, Resolution::Item { .. }) {
                    return outcome;
                }
            }
            for target in &current.globs {
                let target = [target.as_slice(), std::slice::from_ref(name), rest].concat();
                let found = self.follow(&module, &target, visited);
                if matches!(found, Resolution::Item { .. } | Resolution::Module(_)) {
                    return found;
                }
            }
            return outcome;
        }
        Resolution::Module(module)
    }
}
