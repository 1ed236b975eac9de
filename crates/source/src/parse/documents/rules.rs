//! Picks the nodes of a file of data that are definitions, by the rules of its documents' kinds.

use std::ops::Range;

use super::data_tree::{DataShape, DataTree};
use super::kinds::{DOCUMENT_KINDS, DefinitionRule, NameSource, RuleHolder};
use crate::parse::definitions::{self, Definition, DefinitionPlace};
use crate::parse::lines::LineIndex;
use crate::parse::signature::collapse_whitespace;
use crate::parse::source_file::SourceFile;
use crate::parse::syntax::AttachableNode;

/// Maximum length of a name, in bytes.
const MAX_NAME_BYTES: usize = 120;

/// Maximum length of the source that is shown as a signature, in bytes.
const MAX_SIGNATURE_BYTES: usize = 160;

/// A document of a file of data.
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

    /// Returns whether a node at the end of a rule's path has one of these keys.
    pub fn has_any_below(&self, path: &str, keys: &[&str]) -> bool {
        let has = |node: &usize| keys.iter().any(|key| self.tree.find(*node, key).is_some());
        select_nodes(self.tree, self.node, path).iter().any(has)
    }

    /// Returns whether the file's name, in lower case, fits one of these patterns, in which `*` at an end stands for any
    /// characters.
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

    /// Returns whether the folder of the file ends with one of these paths.
    pub fn is_in(&self, folders: &[&str]) -> bool {
        folders.iter().any(|folder| self.file.path.folder().ends_with(folder))
    }
}

/// Returns the definitions of a file of data, by first line.
pub(super) fn find_definitions(
    file: &SourceFile,
    tree: &DataTree<'_>,
    attachable: &[AttachableNode],
    lines: &LineIndex<'_>,
) -> Vec<Definition> {
    let mut found = Vec::new();
    for node in tree.documents() {
        let document = DataDocument { file, tree, node };
        let is_kind = |kind: &&super::kinds::DocumentKind| {
            kind.languages.contains(&file.language.0) && (kind.recognizes)(&document)
        };
        for rule in DOCUMENT_KINDS.iter().find(is_kind).map_or(&[] as &[_], |kind| kind.rules) {
            let nodes = select_nodes(tree, node, rule.path);
            let nodes = nodes.into_iter().filter(|at| has_any_key(tree, *at, rule.having));
            found.extend(nodes.filter_map(|at| build_definition(tree, at, rule, attachable, lines)));
        }
    }
    definitions::nest(found)
}

fn has_any_key(tree: &DataTree<'_>, node: usize, keys: &[&str]) -> bool {
    keys.is_empty() || keys.iter().any(|key| tree.find(node, key).is_some())
}

/// Returns the nodes at the end of a rule's path.
fn select_nodes(tree: &DataTree<'_>, start: usize, path: &str) -> Vec<usize> {
    let mut found = vec![start];
    for step in path.split('.').filter(|step| !step.is_empty()) {
        let fits = |node: &usize| match (tree.shape(*node), step) {
            (DataShape::Item, "[]") | (DataShape::Pair, "*") => true,
            (DataShape::Pair, keys) => keys.split('|').any(|key| key == tree.key(*node)),
            _ => false,
        };
        found = found.iter().flat_map(|node| tree.children(*node).filter(fits)).collect();
    }
    found
}

/// Builds the definition of a node; `None` if it has no name.
fn build_definition(
    tree: &DataTree<'_>,
    node: usize,
    rule: &DefinitionRule,
    attachable: &[AttachableNode],
    lines: &LineIndex<'_>,
) -> Option<Definition> {
    let field = |path: &str| {
        let range = tree.scalar_range(tree.find(node, path)?)?;
        let name = literal_name(tree.slice(range.clone()));
        (!name.is_empty()).then_some((range, name))
    };
    let (name_range, name) = match rule.name {
        NameSource::Key => (tree.key_range(node), tree.key(node).to_owned()),
        NameSource::Fields(paths) => paths.iter().find_map(|path| field(path))?,
        NameSource::Request => {
            let path = tree.parent(node)?;
            (tree.key_range(node), format!("{} {}", tree.key(node).to_uppercase(), tree.key(path)))
        }
    };
    let holder = match rule.holder {
        RuleHolder::None => None,
        RuleHolder::Named(name) => Some(name.to_owned()),
        RuleHolder::Field(path) => tree.scalar(node, path).map(str::to_owned).filter(|holder| *holder != name),
    };
    let signature = build_signature(tree, node, rule, &name, holder.as_deref(), &name_range);
    let place = DefinitionPlace { node: tree.range(node), name: name_range };
    let name = collapse_whitespace(&name, MAX_NAME_BYTES);
    Some(Definition {
        receiver: holder,
        ..definitions::place_definition(name, rule.kind, signature, place, attachable, lines)
    })
}

/// Returns a name without the actions of a template, such as `{{ .Release.Name }}-web`, and the signs beside them.
fn literal_name(name: &str) -> String {
    let (mut out, mut rest) = (String::new(), name);
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        rest = after.split_once("}}").map_or("", |(_, after)| after);
    }
    if out.is_empty() && rest.len() == name.len() {
        return name.to_owned();
    }
    out.push_str(rest);
    out.trim_matches(|c: char| c.is_whitespace() || matches!(c, '-' | '.' | '_' | '/' | ':')).to_owned()
}

/// Returns what is shown of a definition: its first words, or for a whole document its name.
fn build_signature(
    tree: &DataTree<'_>,
    node: usize,
    rule: &DefinitionRule,
    name: &str,
    holder: Option<&str>,
    name_range: &Range<usize>,
) -> String {
    let shown = match (tree.shape(node), rule.name) {
        (_, NameSource::Request) => match tree.scalar(node, "summary") {
            Some(summary) => format!("{name}: {summary}"),
            None => name.to_owned(),
        },
        (DataShape::Document, _) => holder.map_or_else(|| name.to_owned(), |holder| format!("{holder} {name}")),
        (DataShape::Item, _) => tree.slice(tree.range(node)).trim_start_matches(['-', ' ']).to_owned(),
        (DataShape::Pair, NameSource::Fields(_)) => {
            match tree.parent(node).map(|parent| tree.key(parent)).filter(|path| !path.is_empty()) {
                Some(path) => format!("{} {path}: {name}", tree.key(node)),
                None => format!("{} {name}", tree.key(node)),
            }
        }
        (DataShape::Pair, _) => {
            let source = tree.slice(tree.range(node));
            let line_end = source.find('\n').unwrap_or(source.len());
            source.get(..line_end.max(name_range.len())).unwrap_or(source).to_owned()
        }
    };
    let shown = collapse_whitespace(&shown, MAX_SIGNATURE_BYTES);
    shown.trim_end_matches(['{', '[', ':', ',', ' ', '|', '>']).to_owned()
}
