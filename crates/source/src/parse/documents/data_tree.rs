//! The pairs, items and documents of a file of data, nested by their positions.

use std::ops::Range;

use crate::parse::syntax::DefinitionMatch;
use types::SymbolKind;

/// The nodes of a file of data, in the order of the text. Nothing in it recurses on the depth of the text.
pub(super) struct DataTree<'t> {
    text: &'t str,
    nodes: Vec<DataNode>,
}

/// A pair of a mapping, an item of a sequence, or a whole document.
struct DataNode {
    shape: DataShape,
    range: Range<usize>,
    /// The key of a pair, without quotes; empty for another node.
    key: Range<usize>,
    /// Byte at which the value begins.
    value_start: Option<usize>,
    parent: Option<usize>,
    children: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum DataShape {
    Document,
    Item,
    Pair,
}

impl<'t> DataTree<'t> {
    /// Nests the matches of a query for data: modules are documents, fields are items, and all others are pairs. An
    /// array table of TOML is a pair with an item in it. With `has_dotted_keys`, a key with dots becomes nested pairs.
    pub fn build(text: &'t str, matches: Vec<DefinitionMatch>, has_dotted_keys: bool) -> Self {
        let mut found = matches;
        let shape = |one: &DefinitionMatch| match one.kind {
            SymbolKind::Module => DataShape::Document,
            SymbolKind::Field => DataShape::Item,
            _ => DataShape::Pair,
        };
        let key = |one: &DefinitionMatch| (one.node.start, std::cmp::Reverse(one.node.end), shape(one), one.name.start);
        // Of two matches of a pair, the one with the value comes first.
        found.sort_by_key(|one| (key(one), one.body_start.is_none()));
        found.dedup_by(|next, one| key(next) == key(one));
        let mut tree = Self { text, nodes: Vec::with_capacity(found.len()) };
        let mut open: Vec<usize> = Vec::new();
        for one in found {
            while open.last().is_some_and(|top| tree.nodes[*top].range.end < one.node.end) {
                open.pop();
            }
            while open.last().is_some_and(|top| tree.nodes[*top].range.end <= one.node.start) {
                open.pop();
            }
            let is_array_table = one.kind == SymbolKind::Impl;
            if shape(&one) == DataShape::Pair {
                let keys = match has_dotted_keys {
                    true => split_dotted_key(text, one.name.clone()),
                    false => vec![unquoted(text, one.name.clone())],
                };
                for part in keys {
                    open.push(tree.add(DataShape::Pair, &one, part, open.last().copied()));
                }
            }
            if shape(&one) != DataShape::Pair || is_array_table {
                let shape = if is_array_table { DataShape::Item } else { shape(&one) };
                open.push(tree.add(shape, &one, one.node.start..one.node.start, open.last().copied()));
            }
        }
        tree
    }

    fn add(&mut self, shape: DataShape, one: &DefinitionMatch, key: Range<usize>, parent: Option<usize>) -> usize {
        let (range, value_start, index) = (one.node.clone(), one.body_start, self.nodes.len());
        self.nodes.push(DataNode { shape, range, key, value_start, parent, children: Vec::new() });
        if let Some(parent) = parent {
            self.nodes[parent].children.push(index);
        }
        index
    }

    /// Returns the documents of the file.
    pub fn documents(&self) -> impl Iterator<Item = usize> {
        (0..self.nodes.len()).filter(|node| self.nodes[*node].shape == DataShape::Document)
    }

    pub fn shape(&self, node: usize) -> DataShape {
        self.nodes[node].shape
    }

    pub fn parent(&self, node: usize) -> Option<usize> {
        self.nodes[node].parent
    }

    /// Returns the pairs and items directly in a node.
    pub fn children(&self, node: usize) -> impl Iterator<Item = usize> {
        self.nodes[node].children.iter().copied()
    }

    /// Returns the range of a node. The range of a YAML document that starts with `---` begins at its first pair or
    /// item.
    pub fn node_range(&self, node: usize) -> Range<usize> {
        let DataNode { range, children, .. } = &self.nodes[node];
        match children.first() {
            Some(first) if self.slice(range.clone()).starts_with("---") => self.nodes[*first].range.start..range.end,
            _ => range.clone(),
        }
    }

    /// Returns the range of a pair's key, without quotes.
    pub fn key_range(&self, node: usize) -> Range<usize> {
        self.nodes[node].key.clone()
    }

    /// Returns the key of a pair; empty for another node.
    pub fn pair_key(&self, node: usize) -> &'t str {
        self.slice(self.key_range(node))
    }

    /// Returns the pair at the end of a path of keys, such as `metadata.name`; `None` if a key is missing.
    pub fn find(&self, node: usize, path: &str) -> Option<usize> {
        path.split('.').try_fold(node, |at, key| {
            self.children(at).find(|child| self.shape(*child) == DataShape::Pair && self.pair_key(*child) == key)
        })
    }

    /// Returns the range of the scalar that is the value of a pair or an item, without quotes, anchor and tag; `None`
    /// for a block scalar, a collection or no value. A template action (`{{ … }}`) counts as a scalar.
    pub fn scalar_range(&self, node: usize) -> Option<Range<usize>> {
        let DataNode { shape, range, value_start, children, .. } = &self.nodes[node];
        if !children.is_empty() {
            return None;
        }
        let start = match shape {
            DataShape::Item => range.start,
            _ => (*value_start)?,
        };
        let mut value = trimmed(self.text, start..range.end.max(start));
        if *shape == DataShape::Item && self.slice(value.clone()).starts_with("- ") {
            value = trimmed(self.text, value.start + 2..value.end);
        }
        while self.slice(value.clone()).starts_with(['&', '!'])
            && let Some(space) = self.slice(value.clone()).find(char::is_whitespace)
        {
            value = trimmed(self.text, value.start + space..value.end);
        }
        let value = unquoted(self.text, value);
        let is_scalar = !value.is_empty() && !self.slice(value.clone()).starts_with(['|', '>', '{', '[']);
        (is_scalar || self.slice(value.clone()).starts_with("{{")).then_some(value)
    }

    /// Returns the scalar at the end of a path of keys; `None` if a key is missing, or [`Self::scalar_range`] finds no
    /// scalar.
    pub fn scalar(&self, node: usize, path: &str) -> Option<&'t str> {
        self.scalar_range(self.find(node, path)?).map(|range| self.slice(range))
    }

    pub fn slice(&self, range: Range<usize>) -> &'t str {
        self.text.get(range).unwrap_or_default()
    }
}

/// Returns a range without white space at its ends.
fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let Some(part) = text.get(range.clone()) else { return range.start..range.start };
    let start = range.start + part.len() - part.trim_start().len();
    start..start + part.trim().len()
}

/// Returns the range of a key or scalar without its quotes.
fn unquoted(text: &str, range: Range<usize>) -> Range<usize> {
    let range = trimmed(text, range);
    let part = text.get(range.clone()).unwrap_or_default();
    let is_quoted =
        part.len() >= 2 && ['"', '\''].iter().any(|quote| part.starts_with(*quote) && part.ends_with(*quote));
    if is_quoted { range.start + 1..range.end - 1 } else { range }
}

/// Splits a key of TOML (`tool.poetry."a.b"`) at the dots outside of its quotes. The quotes around a part are left out.
fn split_dotted_key(text: &str, key: Range<usize>) -> Vec<Range<usize>> {
    let source = text.get(key.clone()).unwrap_or_default();
    let (mut parts, mut start, mut quote, mut is_escaped) = (Vec::new(), 0, None, false);
    for (at, byte) in source.bytes().enumerate() {
        match (byte, quote) {
            _ if is_escaped => is_escaped = false,
            // Only double quotes have escapes.
            (b'\\', Some(b'"')) => is_escaped = true,
            (b'.', None) => {
                parts.push(start..at);
                start = at + 1;
            }
            (b'"' | b'\'', None) => quote = Some(byte),
            (byte, Some(open)) if byte == open => quote = None,
            _ => {}
        }
    }
    parts.push(start..source.len());
    parts.into_iter().map(|part| unquoted(text, key.start + part.start..key.start + part.end)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_split_at_the_dots_outside_of_their_quotes() {
        let split = |key: &'static str| -> Vec<&str> {
            split_dotted_key(key, 0..key.len()).into_iter().map(|part| &key[part]).collect()
        };
        assert_eq!(split("tool . poetry"), ["tool", "poetry"]);
        assert_eq!(split(r#"tool."a.b".'c."d'"#), ["tool", "a.b", "c.\"d"]);
        assert_eq!(split(r#""a\".b".c"#), [r#"a\".b"#, "c"], "an escaped quote ends nothing");
        assert_eq!(split(r#""a\\".b"#), [r"a\\", "b"], "an escaped backslash escapes nothing");
        assert_eq!(split(r"'a\'.b"), [r"a\", "b"], "single quotes have no escapes");
    }
}
