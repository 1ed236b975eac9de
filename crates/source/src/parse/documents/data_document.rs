//! Predicates on a document of a data file, by which the table of document kinds recognizes it.

use super::data_tree::{DataShape, DataTree};
use crate::parse::source_file::SourceFile;

/// A document of a YAML, JSON or TOML file.
pub(super) struct DataDocument<'d> {
    pub file: &'d SourceFile,
    pub tree: &'d DataTree<'d>,
    pub node: usize,
}

impl DataDocument<'_> {
    /// Returns whether the document has all these keys.
    pub fn has(&self, keys: &[&str]) -> bool {
        keys.iter().all(|key| self.tree.find(self.node, key).is_some())
    }

    /// Returns whether the document has one of these keys.
    pub fn has_any(&self, keys: &[&str]) -> bool {
        keys.iter().any(|key| self.tree.find(self.node, key).is_some())
    }

    /// Returns whether a node that a rule's path selects has one of these keys.
    pub fn has_any_below(&self, path: &str, keys: &[&str]) -> bool {
        let has = |node: &usize| keys.iter().any(|key| self.tree.find(*node, key).is_some());
        select_nodes(self.tree, self.node, path).iter().any(has)
    }

    /// Returns whether the file's name, in lower case, fits one of these patterns, in which `*` at the start or the end
    /// stands for any characters.
    pub fn is_named(&self, patterns: &[&str]) -> bool {
        let name = self.file.path.file_name().to_ascii_lowercase();
        patterns.iter().any(|pattern| match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
            (Some(end), _) => name.ends_with(end),
            (_, Some(start)) => name.starts_with(start),
            _ => name == *pattern,
        })
    }

    /// Returns whether the file lies below a folder of one of these names.
    pub fn is_below(&self, folders: &[&str]) -> bool {
        self.file.path.folder().split('/').any(|folder| folders.contains(&folder))
    }

    /// Returns whether the path of the file's folder ends with one of these texts: `/vars` fits `a/vars`, but not
    /// `vars`.
    pub fn is_in(&self, folders: &[&str]) -> bool {
        folders.iter().any(|folder| self.file.path.folder().ends_with(folder))
    }
}

/// Returns the nodes that a rule's path selects, from the node `start`.
pub(super) fn select_nodes(tree: &DataTree<'_>, start: usize, path: &str) -> Vec<usize> {
    let mut found = vec![start];
    for step in path.split('.').filter(|step| !step.is_empty()) {
        let fits = |node: &usize| match (tree.shape(*node), step) {
            (DataShape::Item, "[]") | (DataShape::Pair, "*") => true,
            (DataShape::Pair, keys) => keys.split('|').any(|key| key == tree.pair_key(*node)),
            _ => false,
        };
        found = found.iter().flat_map(|node| tree.children(*node).filter(fits)).collect();
    }
    found
}
