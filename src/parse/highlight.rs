//! Classes of tokens for colouring a snippet, from the syntax tree alone.
//!
//! Works for every grammar without a highlight query of its own: keywords are the grammar's
//! nameless word tokens; comments, strings and numbers are told by the names of their nodes.

use std::ops::Range;
use std::time::Duration;

use tree_sitter::{Node, TreeCursor};

use crate::language;
use crate::types::Language;

/// What a run of characters is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenClass {
    Comment,
    String,
    Number,
    Keyword,
    Type,
}

/// Longest text that is coloured.
const MAX_BYTES: usize = 64 * 1024;

/// The coloured byte ranges of `text`, in order, not overlapping. Empty where there is no grammar.
pub fn highlight(language: Language, text: &str) -> Vec<(Range<usize>, TokenClass)> {
    let mut found = Vec::new();
    let Some(grammar) = language::grammar(language).filter(|_| text.len() <= MAX_BYTES) else {
        return found;
    };
    let mut parser = tree_sitter::Parser::new();
    let limit = Duration::from_millis(100);
    let Ok(tree) = super::tree::SyntaxTree::parse(&mut parser, grammar, text, limit.into()) else {
        return found;
    };
    let mut cursor = tree.walk();
    loop {
        let class = class(cursor.node(), text);
        if let Some(class) = class {
            found.push((cursor.node().byte_range(), class));
        }
        if class.is_none() && cursor.goto_first_child() {
            continue;
        }
        if !next(&mut cursor) {
            return found;
        }
    }
}

/// The next node that is not below the current one; false at the end.
fn next(cursor: &mut TreeCursor<'_>) -> bool {
    while !cursor.goto_next_sibling() {
        if !cursor.goto_parent() {
            return false;
        }
    }
    true
}

fn class(node: Node<'_>, text: &str) -> Option<TokenClass> {
    let kind = node.kind();
    if !node.is_named() {
        let token = &text[node.byte_range()];
        let word = token.len() > 1 && token.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        return word.then_some(TokenClass::Keyword);
    }
    let leaf = node.child_count() == 0;
    let ends = |suffixes: &[&str]| suffixes.iter().any(|suffix| kind.ends_with(suffix));
    if kind.contains("comment") {
        Some(TokenClass::Comment)
    } else if ends(&["string", "string_literal", "char_literal", "character_literal", "string_content", "character"])
        && !node_has_code(node)
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

/// Whether a string holds interpolated code, whose parts are coloured one by one.
fn node_has_code(node: Node<'_>) -> bool {
    let mut cursor = node.walk();
    node.children(&mut cursor)
        .any(|child| child.kind().contains("interpolation") || child.kind().contains("substitution"))
}
