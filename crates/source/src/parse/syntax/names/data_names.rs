//! Uses of a name in files of data: YAML, JSON and TOML.
//!
//! A scalar uses a name as a whole, or as one part of a path or command (`#/components/schemas/Pet`,
//! `python -m shop.cli`). Prose, such as a description, does not count. A key is a definition, unless it stands where
//! names of other parts are listed. In a template's action every whole word counts.

use tree_sitter::Node;

use super::code_names::find_whole_word;
use crate::parse::syntax::dialects::find_template_actions;
use crate::parse::syntax::facts::{MAX_REFERENCES, NameUse, ReferenceKind};
use crate::parse::syntax::problem::SyntaxProblem;
use crate::parse::syntax::tree::SyntaxTree;

/// Keys whose values are prose.
const PROSE: &[&str] =
    &["description", "title", "summary", "name", "displayName", "message", "comment", "help", "notes"];

/// Keys below which the keys are names of other parts.
const LISTS: &[&str] = &["depends_on", "networks", "volumes", "secrets", "configs", "jobs", "requires", "needs"];

/// Maximum number of ancestors examined above a scalar.
const MAX_ANCESTORS: usize = 12;

/// Finds the uses of `name` among its first [`MAX_REFERENCES`] occurrences; also returns where the time limit ended the
/// search.
pub(in crate::parse::syntax) fn find_data_uses(
    tree: &SyntaxTree<'_>,
    name: &str,
) -> (Vec<NameUse>, Option<SyntaxProblem>) {
    let text = tree.text();
    let root = tree.walk().node();
    let actions = find_template_actions(text);
    let mut uses = Vec::new();
    for at in find_whole_word(text, name).take(MAX_REFERENCES) {
        if tree.is_out_of_time() {
            return (uses, Some(SyntaxProblem::NamesCut { at }));
        }
        let action = actions.partition_point(|action| action.end <= at);
        let is_in_action = actions.get(action).is_some_and(|action| action.start <= at);
        let kind = match root.descendant_for_byte_range(at, at + name.len()) {
            _ if is_in_action => Some(ReferenceKind::Other),
            leaf => leaf.and_then(|leaf| use_kind(text, leaf, at, name)),
        };
        uses.extend(kind.map(|kind| NameUse { at, kind }));
    }
    (uses, None)
}

/// Returns the kind of the occurrence of a name in a leaf; `None` if it is neither a use nor a key.
fn use_kind(text: &str, leaf: Node<'_>, at: usize, name: &str) -> Option<ReferenceKind> {
    let above = || std::iter::successors(Some(leaf), |node| node.parent()).take(MAX_ANCESTORS);
    if above().any(|node| node.kind().contains("comment")) {
        return None;
    }
    let is_pair = |node: &Node<'_>| matches!(node.kind(), "block_mapping_pair" | "flow_pair" | "pair");
    let is_table = |node: &Node<'_>| matches!(node.kind(), "table" | "table_array_element");
    let bare = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default().trim_matches(['"', '\'']);
    let key_of =
        |pair: Node<'_>| pair.child_by_field_name("key").or_else(|| pair.named_child(0)).map(|key| key.byte_range());
    let other = Some(ReferenceKind::Other);
    let mut holders = above().filter(|node| is_pair(node) || is_table(node)).filter_map(key_of);
    let Some(key) = holders.next() else {
        return other.filter(|_| is_token_part(text, at, name));
    };
    if key.contains(&at) {
        let is_listed = holders.next().is_some_and(|outer| LISTS.contains(&bare(outer)));
        let kind = if is_listed { ReferenceKind::Other } else { ReferenceKind::Definition };
        return Some(kind).filter(|_| bare(key) == name);
    }
    // The scalar, which has one leaf or more.
    let scalar = above().take_while(|node| !is_pair(node) && !is_table(node));
    let is_scalar = |kind: &str| kind.ends_with("scalar") || kind == "string";
    let scalar = scalar.filter(|node| is_scalar(node.kind())).last().unwrap_or(leaf);
    let is_use = bare(scalar.byte_range()) == name || (!PROSE.contains(&bare(key)) && is_token_part(text, at, name));
    other.filter(|_| is_use)
}

/// Returns whether a name is a whole part of a path or word of a command, not of a longer name with hyphens.
fn is_token_part(text: &str, at: usize, name: &str) -> bool {
    let before = text[..at].chars().next_back();
    let after = text[at + name.len()..].chars().next();
    before != Some('-') && after != Some('-')
}
