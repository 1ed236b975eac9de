//! Picks the nodes of a file of data that are definitions, by the rules of its documents' kinds.

use std::ops::Range;

use super::data_document::{DataDocument, select_nodes};
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

/// Returns the definitions of a file of data, sorted by position.
pub(super) fn apply_rules(
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
        NameSource::Key => (tree.key_range(node), tree.pair_key(node).to_owned()),
        NameSource::Fields(paths) => paths.iter().find_map(|path| field(path))?,
        NameSource::Request => {
            let path = tree.parent(node)?;
            (tree.key_range(node), format!("{} {}", tree.pair_key(node).to_uppercase(), tree.pair_key(path)))
        }
    };
    let holder = match rule.holder {
        RuleHolder::None => None,
        RuleHolder::Named(name) => Some(name.to_owned()),
        RuleHolder::Field(path) => tree.scalar(node, path).map(str::to_owned).filter(|holder| *holder != name),
    };
    let signature = build_signature(tree, node, rule, &name, holder.as_deref(), &name_range);
    let place = DefinitionPlace { node: tree.node_range(node), name: name_range };
    let name = collapse_whitespace(&name, MAX_NAME_BYTES);
    Some(Definition {
        receiver: holder,
        ..definitions::place_definition(name, rule.kind, signature, place, attachable, lines)
    })
}

/// Removes the actions of a template and the punctuation beside them from a name: `{{ .Release.Name }}-web` becomes
/// `web`.
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

/// Returns the signature of a definition: made from its name for a document, a request (with its summary) and a pair
/// with a name field, and otherwise the start of its source.
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
        (DataShape::Item, _) => tree.slice(tree.node_range(node)).trim_start_matches(['-', ' ']).to_owned(),
        (DataShape::Pair, NameSource::Fields(_)) => {
            match tree.parent(node).map(|parent| tree.pair_key(parent)).filter(|path| !path.is_empty()) {
                Some(path) => format!("{} {path}: {name}", tree.pair_key(node)),
                None => format!("{} {name}", tree.pair_key(node)),
            }
        }
        (DataShape::Pair, _) => {
            let source = tree.slice(tree.node_range(node));
            let line_end = source.find('\n').unwrap_or(source.len());
            source.get(..line_end.max(name_range.len())).unwrap_or(source).to_owned()
        }
    };
    let shown = collapse_whitespace(&shown, MAX_SIGNATURE_BYTES);
    shown.trim_end_matches(['{', '[', ':', ',', ' ', '|', '>']).to_owned()
}
