//! Where a name stands in a text, and as what: from the syntax tree, for every grammar alike.
//!
//! Owns what counts as a use: a leaf of the tree whose text is the name and that is part of no
//! comment and of no string, though of the code inside of a string. What it is used as is told by
//! the words that grammars name their nodes and fields with, and by the bracket behind it; where
//! these say nothing it is [`UseKind::Other`]. Time is bounded, and nothing recurses on the input.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use tree_sitter::Node;

use super::lines::Lines;
use super::tree::SyntaxTree;
use super::{SourceFile, definitions, symbol};
use crate::language;
use crate::types::Symbol;

macro_rules! use_kinds {
    ($($(#[doc = $doc:literal])* $variant:ident $name:literal,)*) => {
        /// What a name is used as.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum UseKind { $($(#[doc = $doc])* $variant,)* }

        impl UseKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word used in answers.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

use_kinds! {
    /// It is called, or what it names is made.
    Call "call",
    /// It is brought into a file, or handed on from there.
    Import "import",
    /// It stands where a type does.
    Type "type",
    /// Something is assigned to it.
    Write "write",
    /// It is what is defined here: also a parameter or a variable of this name.
    Definition "definition",
    /// It is read, handed on, or used in a way that is not told.
    Other "other",
    /// The language has no grammar here: the word stands in the text.
    Text "text",
}

/// One use; line and column are 1-based, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    pub line: u32,
    pub column: u32,
    pub kind: UseKind,
}

/// The uses of a name in a text.
#[derive(Clone, Debug, Default)]
pub struct Uses {
    /// In the order of the text.
    pub uses: Vec<Use>,
    /// Definitions of the text, by first line.
    pub symbols: Vec<Symbol>,
    /// Whether time ran out or the grammar does not load: the words of the text are told instead.
    pub problem: Option<String>,
}

/// Most uses told of one text.
const MAX_USES: usize = 10_000;

/// What some grammars count to a name that begins with it.
const MARKS: [char; 6] = ['@', ':', '$', '#', '\'', '`'];

/// How far above a leaf is looked for what it is part of.
const MAX_ABOVE: usize = 12;

/// Finds `name`, an identifier without marks such as `@` or `$` before it.
pub fn uses(file: &SourceFile, name: &str, time_limit: Duration) -> Uses {
    let deadline = Instant::now() + time_limit;
    let mut lines = Lines::new(&file.text);
    let as_words = |lines: &Lines<'_>, problem| {
        let found = words(&file.text, name).map(|at| place(lines, at, UseKind::Text));
        Uses { uses: found.take(MAX_USES).collect(), symbols: Vec::new(), problem }
    };
    let Some(grammar) = language::grammar(file.language) else {
        return as_words(&lines, None);
    };
    let mut parser = tree_sitter::Parser::new();
    let tree = match SyntaxTree::parse(&mut parser, grammar, &file.text, time_limit.into()) {
        Ok(tree) => tree,
        Err(problem) => return as_words(&lines, Some(problem)),
    };
    let (_, matches) = tree.survey(&lines);
    let found = definitions::find(&tree, matches, &mut lines);
    let starts: HashSet<usize> = found.iter().map(|one| one.name_start).collect();
    let root = tree.walk().node();
    let (mut uses, mut problem) = (Vec::new(), None);
    for at in words(&file.text, name).take(MAX_USES) {
        if Instant::now() >= deadline {
            problem = Some(format!("time ran out after line {}", lines.of_byte(at)));
            break;
        }
        let word = Word { text: &file.text, name, at };
        let kind = root.descendant_for_byte_range(at, at + name.len()).and_then(|leaf| word.kind(leaf));
        let defines = starts.contains(&at) || starts.contains(&(at - word.marks()));
        uses.extend(kind.map(|kind| place(&lines, at, if defines { UseKind::Definition } else { kind })));
    }
    let symbols = found.iter().map(|one| symbol(one, &found)).collect();
    Uses { uses, symbols, problem }
}

fn place(lines: &Lines<'_>, at: usize, kind: UseKind) -> Use {
    let line = lines.of_byte(at);
    let before = lines.whole().get(lines.start_byte(line)..at).map_or(0, |text| text.chars().count());
    let number = |index: usize| u32::try_from(index + 1).unwrap_or(u32::MAX);
    Use { line: number(line), column: number(before), kind }
}

fn is_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Where `name` stands in `text` as a whole word.
pub fn words<'t>(text: &'t str, name: &'t str) -> impl Iterator<Item = usize> + 't {
    let found = if name.is_empty() { None } else { Some(text.match_indices(name)) };
    found.into_iter().flatten().map(|(at, _)| at).filter(move |at| {
        let before = text[..*at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

/// A place in the text at which the name stands.
struct Word<'t> {
    text: &'t str,
    name: &'t str,
    at: usize,
}

impl Word<'_> {
    /// What the name is used as in this node, which is the smallest around it; `None` for text.
    fn kind(&self, leaf: Node<'_>) -> Option<UseKind> {
        let text = self.text.get(leaf.byte_range())?;
        if above(leaf).chain([leaf]).any(is_comment) {
            return None;
        }
        // What a macro of C stands for is not parsed.
        if leaf.kind() == "preproc_arg" {
            return Some(if self.is_called() { UseKind::Call } else { UseKind::Other });
        }
        // `@name`, `:name`, `$name`: the mark is part of the leaf in some grammars.
        let bare = text.trim_start_matches(MARKS).trim_end_matches(['`', ':']);
        if leaf.child_count() > 0 || !leaf.is_named() || bare != self.name || is_text(leaf) {
            return None;
        }
        Some(self.kind_of_code(leaf))
    }

    fn kind_of_code(&self, leaf: Node<'_>) -> UseKind {
        if above(leaf).any(|node| is_import(node.kind())) {
            return UseKind::Import;
        }
        let named = whole(leaf);
        let parent = named.parent();
        let kind = parent.map_or("", |parent| parent.kind());
        let field = field(named).unwrap_or_default();
        if is_binding(kind, field, named) {
            return UseKind::Definition;
        }
        if is_written(kind, field, named) {
            return UseKind::Write;
        }
        if is_callee(kind, field, named) || (self.is_called() && !kind.contains("pattern")) {
            let declares = kind.contains("declarator") || kind.ends_with("_signature");
            return if declares { UseKind::Definition } else { UseKind::Call };
        }
        if is_type(leaf) { UseKind::Type } else { UseKind::Other }
    }

    /// Whether brackets open right behind the name.
    fn is_called(&self) -> bool {
        let behind = self.text.get(self.at + self.name.len()..).unwrap_or_default();
        ["(", "!(", "![", "?.("].iter().any(|bracket| behind.starts_with(bracket))
    }

    /// Bytes of the marks right before the name.
    fn marks(&self) -> usize {
        let before = &self.text[..self.at];
        before.len() - before.trim_end_matches(MARKS).len()
    }
}

/// What a node is part of, from the inside out.
fn above(node: Node<'_>) -> impl Iterator<Item = Node<'_>> {
    std::iter::successors(node.parent(), |node| node.parent()).take(MAX_ABOVE)
}

fn is_comment(node: Node<'_>) -> bool {
    node.kind().contains("comment")
}

/// Whether a leaf is text: inside of a string, and not of code that stands in the string.
fn is_text(leaf: Node<'_>) -> bool {
    for node in std::iter::once(leaf).chain(above(leaf)) {
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

/// The outermost node that ends with this one and only says more exactly what it names: all of
/// `a.b.name`, of `a::name`, of `name<T>`.
fn whole(leaf: Node<'_>) -> Node<'_> {
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
    ];
    let mut node = leaf;
    for parent in above(leaf) {
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

/// The field of its parent that a node is.
fn field(node: Node<'_>) -> Option<&'static str> {
    let parent = node.parent()?;
    let at = (0..parent.child_count())
        .find(|at| parent.child(u32::try_from(*at).unwrap_or(u32::MAX)).is_some_and(|child| child == node))?;
    parent.field_name_for_child(u32::try_from(at).ok()?)
}

fn is_first(node: Node<'_>) -> bool {
    node.parent().and_then(|parent| parent.named_child(0)).is_some_and(|first| first == node)
}

/// Whether a parameter or a variable gets its name here.
fn is_binding(kind: &str, field: &str, node: Node<'_>) -> bool {
    let named = matches!(field, "name" | "pattern" | "declarator") || (field.is_empty() && is_first(node));
    let binds = kind.contains("parameter") && !kind.contains("type_") && kind != "parameters"
        || kind.contains("declarator")
        || ["field_declaration", "field_definition", "property_declaration", "enum_variant", "enumerator"]
            .contains(&kind)
        || matches!(kind, "let_declaration" | "variable_declaration" | "var_spec" | "const_spec" | "for_expression");
    named && binds
}

fn is_written(kind: &str, field: &str, node: Node<'_>) -> bool {
    let first = field.is_empty() && is_first(node);
    let is_left = field == "left" || field == "target" || first;
    let is_key = matches!(field, "key" | "name" | "field") || first;
    (kind.contains("assign") && is_left)
        || kind.contains("update_expression")
        || matches!(kind, "inc_statement" | "dec_statement")
        || (["initializer", "keyed_element", "keyword_argument", "designator"].iter().any(|word| kind.contains(word))
            && is_key
            && kind != "initializer_list")
        || (kind == "pair" && field == "key")
        || (kind == "expression_list" && node.parent().is_some_and(|list| self::field(list) == Some("left")))
}

/// Whether a node is what a call calls, or what is made anew.
fn is_callee(kind: &str, field: &str, node: Node<'_>) -> bool {
    let calls = ["call", "invocation", "creation_expression", "new_expression", "instance_expression"];
    if kind == "command_name" || kind == "macro_invocation" {
        return true;
    }
    let is_call = calls.iter().any(|word| kind.contains(word)) || matches!(kind, "command" | "apply" | "decorator");
    let callee = ["function", "name", "method", "macro", "constructor", "target", "type", "callee", "func"];
    is_call && !kind.contains("argument") && (callee.contains(&field) || (field.is_empty() && is_first(node)))
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
    let by_field = |node: Node<'_>| matches!(field(node), Some("type" | "return_type" | "returns" | "trait"));
    is_one(leaf.kind())
        || by_field(whole(leaf))
        || above(leaf).take(3).take_while(|node| !node.kind().contains("expression")).any(|node| is_one(node.kind()))
}

#[cfg(test)]
mod tests;
