//! Parses YAML into nodes with their positions.

use std::borrow::Cow;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use crate::error::EditError;

/// Maximum depth of nested values.
const MAX_DEPTH: usize = 64;

/// A value and its byte range.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub start: usize,
    /// The position after the content: after the last scalar of a block collection, after the closing bracket of one in
    /// brackets.
    pub end: usize,
    pub kind: NodeKind,
}

#[derive(Clone, Debug)]
pub(super) enum NodeKind {
    Scalar { text: String, is_plain: bool },
    Mapping(Vec<(Node, Node)>),
    Sequence(Vec<Node>),
    Alias(usize),
}

/// A value without its position, for comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PlainNode {
    Scalar(String, bool),
    Mapping(Vec<(PlainNode, PlainNode)>),
    Sequence(Vec<PlainNode>),
    Alias(usize),
}

impl Node {
    /// Returns the text of a scalar; `None` for another value.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Returns whether this is `null`, in one of its forms.
    pub fn is_null(&self) -> bool {
        matches!(&self.kind, NodeKind::Scalar { text, is_plain: true } if ["", "~", "null"].contains(&text.as_str()))
    }

    /// Returns the pairs of a mapping; `None` for another value.
    pub fn pairs(&self) -> Option<&[(Self, Self)]> {
        match &self.kind {
            NodeKind::Mapping(pairs) => Some(pairs),
            _ => None,
        }
    }

    /// Returns the items of a sequence; `None` for another value.
    pub fn items(&self) -> Option<&[Self]> {
        match &self.kind {
            NodeKind::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// Returns the value of a key of a mapping; `None` if there is no such key, or for another value than a mapping.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.pairs()?.iter().find(|(name, _)| name.text() == Some(key)).map(|(_, value)| value)
    }

    /// Returns the value without positions.
    pub fn to_plain(&self) -> PlainNode {
        match &self.kind {
            NodeKind::Scalar { text, is_plain } => PlainNode::Scalar(text.clone(), *is_plain),
            NodeKind::Mapping(pairs) => {
                PlainNode::Mapping(pairs.iter().map(|(key, value)| (key.to_plain(), value.to_plain())).collect())
            }
            NodeKind::Sequence(items) => PlainNode::Sequence(items.iter().map(Self::to_plain).collect()),
            NodeKind::Alias(anchor) => PlainNode::Alias(*anchor),
        }
    }
}

/// Parses YAML of at most one document; `None` if there is no value.
pub(super) fn parse_yaml(text: &str) -> Result<Option<Node>, EditError> {
    let mut events = Events { text, parser: Parser::new_from_str(text), offsets: char_offsets(text) };
    let mut root = None;
    loop {
        match events.next_event()? {
            (Event::StreamEnd | Event::Nothing, _, _) => return Ok(root),
            (Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd, _, _) => {}
            (_, start, _) if root.is_some() => {
                return Err(EditError::at(text, start, "this has several documents"));
            }
            (event, start, end) => root = Some(events.read_node(event, start, end, 0)?),
        }
    }
}

/// The events of a parser, with byte positions.
struct Events<'t> {
    text: &'t str,
    parser: Parser<'t, saphyr_parser::StrInput<'t>>,
    /// The byte position of each character, and the length of the text.
    offsets: Vec<usize>,
}

impl<'t> Events<'t> {
    /// Returns the next event with the offsets of its first byte and of the byte after its last; after the last event,
    /// `StreamEnd`.
    fn next_event(&mut self) -> Result<(Event<'t>, usize, usize), EditError> {
        match self.parser.next() {
            None => Ok((Event::StreamEnd, self.text.len(), self.text.len())),
            Some(Err(error)) => Err(self.describe(&error)),
            Some(Ok((event, Span { start, end }))) => Ok((event, self.offset(start.index()), self.offset(end.index()))),
        }
    }

    fn offset(&self, index: usize) -> usize {
        self.offsets.get(index).copied().unwrap_or(self.text.len())
    }

    fn describe(&self, error: &ScanError) -> EditError {
        EditError::at(self.text, self.offset(error.marker().index()), format!("this is not YAML ({})", error.info()))
    }

    /// Reads the value that begins with `event`.
    fn read_node(&mut self, event: Event<'t>, start: usize, end: usize, depth: usize) -> Result<Node, EditError> {
        if depth > MAX_DEPTH {
            return Err(EditError::at(self.text, start, "this is nested too deeply"));
        }
        match event {
            Event::Scalar(text, style, _, _) => Ok(self.scalar(text, style, start, end)),
            Event::Alias(anchor) => Ok(Node { start, end, kind: NodeKind::Alias(anchor) }),
            Event::MappingStart(..) => {
                let (mut pairs, mut last) = (Vec::new(), end);
                loop {
                    let (event, at, past) = self.next_event()?;
                    if event == Event::MappingEnd {
                        let end = self.end_of_collection(start, past, last);
                        return Ok(Node { start, end, kind: NodeKind::Mapping(pairs) });
                    }
                    let key = self.read_node(event, at, past, depth + 1)?;
                    let (event, at, past) = self.next_event()?;
                    let mut value = self.read_node(event, at, past, depth + 1)?;
                    if at == past && value.is_null() {
                        // An empty value is reported at the next token.
                        (value.start, value.end) = (key.end, key.end);
                    }
                    last = key.end.max(value.end);
                    pairs.push((key, value));
                }
            }
            Event::SequenceStart(..) => {
                let (mut items, mut last) = (Vec::new(), end);
                loop {
                    let (event, at, past) = self.next_event()?;
                    if event == Event::SequenceEnd {
                        let end = self.end_of_collection(start, past, last);
                        return Ok(Node { start, end, kind: NodeKind::Sequence(items) });
                    }
                    let mut item = self.read_node(event, at, past, depth + 1)?;
                    if at == past && item.is_null() {
                        (item.start, item.end) = (last, last);
                    }
                    last = item.end;
                    items.push(item);
                }
            }
            _ => Err(EditError::at(self.text, start, "this is not YAML (a value is missing)")),
        }
    }

    fn scalar(&self, text: Cow<'_, str>, style: ScalarStyle, start: usize, end: usize) -> Node {
        let is_plain = style == ScalarStyle::Plain;
        let end = if end > start { start + self.text[start..end].trim_end_matches([' ', '\t']).len() } else { end };
        Node { start, end, kind: NodeKind::Scalar { text: text.into_owned(), is_plain } }
    }

    /// Returns the end of a collection: after its closing bracket, or after the content of its last member.
    fn end_of_collection(&self, start: usize, past: usize, last: usize) -> usize {
        if self.text[start..].starts_with(['{', '[']) { past } else { last }
    }
}

/// Returns the byte position of each character, and the length of the text.
fn char_offsets(text: &str) -> Vec<usize> {
    text.char_indices().map(|(at, _)| at).chain([text.len()]).collect()
}
