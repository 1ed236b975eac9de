//! Classification of tokens for coloured snippets, from the syntax tree.
//!
//! Works for every grammar, and needs no highlight query: keywords are the grammar's anonymous word tokens and literals
//! such as `true` or `self`; comments, strings, numbers and types are recognized by the names of their nodes.

use tree_sitter::{Node, TreeCursor};

use super::facts::{SyntaxToken, TokenClass};
use super::tree::SyntaxTree;

/// Number of nodes between two checks of the time limit.
const NODES_PER_CHECK: u32 = 256;

/// Returns the classified tokens of a text, in order and without overlap. If the time limit is exceeded, the later
/// tokens are missing.
pub(super) fn find_tokens(tree: &SyntaxTree<'_>) -> Vec<SyntaxToken> {
    let mut found = Vec::new();
    let mut cursor = tree.walk();
    let mut steps = 0_u32;
    loop {
        steps += 1;
        if steps.is_multiple_of(NODES_PER_CHECK) && tree.is_out_of_time() {
            return found;
        }
        let class = classify_node(cursor.node(), tree.text());
        if let Some(class) = class {
            found.push((cursor.node().byte_range(), class));
        }
        if class.is_none() && cursor.goto_first_child() {
            continue;
        }
        if !skip_subtree(&mut cursor) {
            return found;
        }
    }
}

/// Moves to the next node that is not below the current one. Returns false at the end of the tree.
fn skip_subtree(cursor: &mut TreeCursor<'_>) -> bool {
    while !cursor.goto_next_sibling() {
        if !cursor.goto_parent() {
            return false;
        }
    }
    true
}

/// Returns the class of a node; `None` if it has no class, so that its children are classified instead.
fn classify_node(node: Node<'_>, text: &str) -> Option<TokenClass> {
    let kind = node.kind();
    if !node.is_named() {
        let token = text.get(node.byte_range()).unwrap_or_default();
        let word = token.len() > 1 && token.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        return word.then_some(TokenClass::Keyword);
    }
    let leaf = node.child_count() == 0;
    let ends = |suffixes: &[&str]| suffixes.iter().any(|suffix| kind.ends_with(suffix));
    if kind.contains("comment") {
        Some(TokenClass::Comment)
    } else if ends(&["string", "string_literal", "char_literal", "character_literal", "string_content", "character"])
        && !has_interpolated_code(node)
    {
        Some(TokenClass::String)
    } else if leaf
        && (ends(&["number", "integer", "float"])
            || ["number", "integer", "float"].iter().any(|word| kind.starts_with(word))
            || ends(&["number_literal", "integer_literal"]))
    {
        Some(TokenClass::Number)
    } else if leaf && (kind.contains("type_identifier") || kind == "primitive_type" || kind == "predefined_type") {
        Some(TokenClass::Type)
    } else if leaf && matches!(kind, "true" | "false" | "null" | "nil" | "none" | "self" | "this" | "super" | "crate") {
        Some(TokenClass::Keyword)
    } else {
        None
    }
}

/// Returns whether a string contains interpolated code, whose tokens are classified separately.
fn has_interpolated_code(node: Node<'_>) -> bool {
    let mut cursor = node.walk();
    node.children(&mut cursor)
        .any(|child| child.kind().contains("interpolation") || child.kind().contains("substitution"))
}
