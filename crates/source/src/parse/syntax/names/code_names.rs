//! Uses of a name, found in the syntax tree by the same rules for all grammars.
//!
//! A use is a leaf of the tree whose text is the name, outside of comments and strings; code interpolated into a
//! string counts. The kind of a use follows from the names of the nodes and fields around it, and from a bracket after
//! the name; otherwise it is [`ReferenceKind::Other`]. Nothing recurses on the depth of the input.

use tree_sitter::Node;

use crate::parse::syntax::facts::{MAX_REFERENCES, NameUse, ReferenceKind};
use crate::parse::syntax::problem::SyntaxProblem;
use crate::parse::syntax::tree::SyntaxTree;

/// Sigils that some grammars include in a name.
pub(in crate::parse) const SIGILS: [char; 6] = ['@', ':', '$', '#', '\'', '`'];

/// Signs at the end of a name: `save!` and `empty?`.
const NAME_MARKS: [char; 2] = ['!', '?'];

/// Maximum number of ancestors examined above a leaf.
const MAX_ANCESTORS: usize = 12;

/// Finds the uses of `name` among its first [`MAX_REFERENCES`] occurrences; also returns where the time limit ended the
/// search.
pub(in crate::parse::syntax) fn find_uses(tree: &SyntaxTree<'_>, name: &str) -> (Vec<NameUse>, Option<SyntaxProblem>) {
    let root = tree.walk().node();
    let mut uses = Vec::new();
    // In Ruby and Elixir the mark is part of the name; in a call of a Rust macro it is not.
    let word = name.trim_end_matches(NAME_MARKS);
    for at in find_whole_word(tree.text(), name).take(MAX_REFERENCES) {
        if tree.is_out_of_time() {
            return (uses, Some(SyntaxProblem::NamesCut { at }));
        }
        let leaf = root.descendant_for_byte_range(at, at + word.len());
        let leaf_length = leaf.map_or(0, |leaf| leaf.byte_range().len());
        let name = if leaf_length > word.len() { name } else { word };
        let word = NameOccurrence { text: tree.text(), name, at };
        let kind = leaf.and_then(|leaf| word.kind(leaf));
        uses.extend(kind.map(|kind| NameUse { at, kind }));
    }
    (uses, None)
}

fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Returns the byte positions at which `name` occurs in `text` as a whole word. A word also ends after the `!` or `?`
/// of a name.
pub fn find_whole_word<'t>(text: &'t str, name: &'t str) -> impl Iterator<Item = usize> + 't {
    let found = if name.is_empty() { None } else { Some(text.match_indices(name)) };
    found.into_iter().flatten().map(|(at, _)| at).filter(move |at| {
        let before = text[..*at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        let is_end = name.ends_with(NAME_MARKS) || !after.is_some_and(is_word_char);
        !before.is_some_and(is_word_char) && is_end
    })
}

/// An occurrence of the name in the text.
struct NameOccurrence<'t> {
    text: &'t str,
    name: &'t str,
    at: usize,
}

impl NameOccurrence<'_> {
    /// Returns the kind of the occurrence, whose smallest node is `leaf`; `None` if it is not a use, such as in a
    /// comment or string.
    fn kind(&self, leaf: Node<'_>) -> Option<ReferenceKind> {
        let text = self.text.get(leaf.byte_range())?;
        if ancestors(leaf).chain([leaf]).any(is_comment) {
            return None;
        }
        // The grammar does not parse the replacement text of a C macro.
        if leaf.kind() == "preproc_arg" {
            return Some(if self.is_called() { ReferenceKind::Call } else { ReferenceKind::Other });
        }
        // `--from=stage` is one leaf.
        if matches!(leaf.kind(), "param" | "mount_param_param") {
            let is_stage = text.strip_suffix(self.name).is_some_and(|before| before.ends_with("from="));
            return is_stage.then_some(ReferenceKind::Other);
        }
        // The last label of a block of HCL is its name.
        if leaf.kind() == "template_literal" && text == self.name {
            let block = ancestors(leaf).nth(1).filter(|node| node.kind() == "block");
            return block.map(|_| ReferenceKind::Definition);
        }
        // In some grammars the leaf includes the sigil of `@name`, `:name` or `$name`.
        let bare = text.trim_start_matches(SIGILS).trim_end_matches(['`', ':']);
        let bare = bare.strip_prefix("r#").unwrap_or(bare);
        if leaf.child_count() > 0 || !leaf.is_named() || bare != self.name || is_text(leaf) {
            return None;
        }
        Some(self.kind_in_code(leaf))
    }

    /// Returns the kind of an occurrence in code.
    fn kind_in_code(&self, leaf: Node<'_>) -> ReferenceKind {
        if ancestors(leaf).any(|node| is_import(node.kind())) {
            return ReferenceKind::Import;
        }
        let named = qualified_node(leaf);
        let parent = named.parent();
        let kind = parent.map_or("", |parent| parent.kind());
        let field = field_in_parent(named).unwrap_or_default();
        if is_binding(kind, field, named) {
            return ReferenceKind::Definition;
        }
        if is_written(kind, field, named) {
            return ReferenceKind::Write;
        }
        if is_callee(kind, field, named) || (self.is_called() && !kind.contains("pattern")) {
            let declares = kind.contains("declarator") || kind.ends_with("_signature");
            return if declares { ReferenceKind::Definition } else { ReferenceKind::Call };
        }
        if is_type(leaf) { ReferenceKind::Type } else { ReferenceKind::Other }
    }

    /// Returns whether an opening bracket of a call follows the name.
    fn is_called(&self) -> bool {
        let rest = self.text.get(self.at + self.name.len()..).unwrap_or_default();
        ["(", "!(", "![", "?.("].iter().any(|bracket| rest.starts_with(bracket))
    }
}

/// Returns at most [`MAX_ANCESTORS`] ancestors of a node, innermost first.
fn ancestors(node: Node<'_>) -> impl Iterator<Item = Node<'_>> {
    std::iter::successors(node.parent(), |node| node.parent()).take(MAX_ANCESTORS)
}

fn is_comment(node: Node<'_>) -> bool {
    node.kind().contains("comment")
}

/// Returns whether a leaf is literal text: inside a string, but not in code interpolated into it.
fn is_text(leaf: Node<'_>) -> bool {
    for node in std::iter::once(leaf).chain(ancestors(leaf)) {
        let kind = node.kind();
        let is_code = ["substitution", "expansion", "variable_name"].iter().any(|word| kind.contains(word))
            || kind == "interpolation"
            || (kind.starts_with("interpolated_") && !kind.contains("string"))
            || kind.ends_with("_interpolation")
            || kind.contains("statement")
            || kind.contains("expression_list");
        if is_code {
            return false;
        }
        let texts = ["string", "char_literal", "character", "heredoc", "quoted", "charlist", "sigil", "regex"];
        if texts.iter().any(|word| kind.contains(word)) || matches!(kind, "text" | "jsx_text" | "raw_text") {
            return true;
        }
    }
    false
}

fn is_import(kind: &str) -> bool {
    let begins = ["use_", "import", "using_", "namespace_use", "export_specifier", "export_clause", "library_import"];
    begins.iter().any(|word| kind.starts_with(word)) || kind.contains("import_")
}

/// Returns the outermost node that only qualifies the name: all of `a.b.name`, `a::name` or `name<T>`.
fn qualified_node(leaf: Node<'_>) -> Node<'_> {
    let wraps = [
        "member",
        "field_expression",
        "scoped",
        "attribute",
        "selector",
        "navigation",
        "qualified",
        "generic_function",
        "dot_",
        "index_expression",
        "template_function",
        "suffix",
        "access",
        "variable_name",
        "generic_name",
        "remote",
        "attrpath",
        "select_expression",
        "variable_expression",
        "value_expr",
        "_qid",
    ];
    let mut node = leaf;
    for parent in ancestors(leaf) {
        let kind = parent.kind();
        let is_wrap = wraps.iter().any(|word| kind.contains(word)) || matches!(kind, "dot" | "path" | "variable");
        let is_last = parent.end_byte() == node.end_byte() || kind.contains("generic") || kind == "template_function";
        let declares = kind.contains("declaration") || kind.contains("definition") || kind.contains("call");
        if !is_wrap || !is_last || declares {
            break;
        }
        node = parent;
    }
    node
}

/// Returns the field name of a node in its parent; `None` if it has none.
fn field_in_parent(node: Node<'_>) -> Option<&'static str> {
    let parent = node.parent()?;
    // tree-sitter counts children with 32 bits.
    let at = (0..parent.child_count() as u32).find(|at| parent.child(*at) == Some(node))?;
    parent.field_name_for_child(at)
}

/// Returns whether a node is its parent's first named child.
fn is_first_child(node: Node<'_>) -> bool {
    node.parent().and_then(|parent| parent.named_child(0)).is_some_and(|first| first == node)
}

/// Returns whether the node is the name of a parameter, variable or member in its declaration.
fn is_binding(kind: &str, field: &str, node: Node<'_>) -> bool {
    let named = matches!(field, "name" | "pattern" | "declarator") || (field.is_empty() && is_first_child(node));
    let binds = kind.contains("parameter") && !kind.contains("type_") && kind != "parameters"
        || kind.contains("declarator")
        || ["field_declaration", "field_definition", "property_declaration", "enum_variant", "enumerator"]
            .contains(&kind)
        || matches!(kind, "let_declaration" | "variable_declaration" | "var_spec" | "const_spec" | "for_expression");
    named && binds
}

/// Returns whether the node is the target of an assignment.
fn is_written(kind: &str, field: &str, node: Node<'_>) -> bool {
    let first = field.is_empty() && is_first_child(node);
    let is_left = field == "left" || field == "target" || first;
    let is_key = matches!(field, "key" | "name" | "field") || first;
    (kind.contains("assign") && is_left)
        || kind.contains("update_expression")
        || matches!(kind, "inc_statement" | "dec_statement")
        || (["initializer", "keyed_element", "keyword_argument", "designator"].iter().any(|word| kind.contains(word))
            && is_key
            && kind != "initializer_list")
        || (kind == "pair" && field == "key")
        || (kind == "expression_list" && node.parent().is_some_and(|list| field_in_parent(list) == Some("left")))
}

/// Returns whether the node is the callee of a call or the class of a constructor.
fn is_callee(kind: &str, field: &str, node: Node<'_>) -> bool {
    let calls = ["call", "invocation", "creation_expression", "new_expression", "instance_expression"];
    if kind == "command_name" || kind == "macro_invocation" {
        return true;
    }
    let is_call = calls.iter().any(|word| kind.contains(word))
        || matches!(
            kind,
            "command" | "apply" | "apply_expression" | "decorator" | "jsx_opening_element" | "jsx_self_closing_element"
        );
    let callee =
        ["function", "command_name", "name", "method", "macro", "constructor", "target", "type", "callee", "func"];
    is_call && !kind.contains("argument") && (callee.contains(&field) || (field.is_empty() && is_first_child(node)))
}

fn is_type(leaf: Node<'_>) -> bool {
    let words = ["superclass", "base_list", "heritage", "extends", "implements", "inheritance", "delegation"];
    let is_one = |kind: &str| {
        kind == "type"
            || kind.ends_with("_type")
            || kind.contains("type_identifier")
            || kind.contains("type_annotation")
            || kind.contains("type_argument")
            || words.iter().any(|word| kind.contains(word))
    };
    let by_field = |node: Node<'_>| matches!(field_in_parent(node), Some("type" | "return_type" | "returns" | "trait"));
    is_one(leaf.kind())
        || by_field(qualified_node(leaf))
        || ancestors(leaf)
            .take(3)
            .take_while(|node| !node.kind().contains("expression"))
            .any(|node| is_one(node.kind()))
}
