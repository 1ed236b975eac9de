//! tree-sitter behind one door: parsing and querying within a time limit.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use tree_sitter::{Node, ParseOptions, QueryCursor, QueryCursorOptions, StreamingIterator, Tree};

use super::lines::{INSIDE, Lines};
use crate::language::{Capture, Grammar};
use crate::types::SymbolKind;

/// A parsed text with its grammar, and the moment by which work on it ends.
pub(super) struct SyntaxTree<'t> {
    tree: Tree,
    grammar: &'static Grammar,
    text: &'t str,
    deadline: Instant,
}

/// One match of a definition pattern, in bytes.
#[derive(Clone, Debug)]
pub(super) struct Match {
    pub kind: SymbolKind,
    pub pattern: usize,
    pub node: (usize, usize),
    pub name: (usize, usize),
    pub receiver: Option<(usize, usize)>,
    pub body_start: Option<usize>,
}

/// Everything the query found.
#[derive(Default)]
pub(super) struct Matches {
    pub definitions: Vec<Match>,
    /// Comments and attributes, in order, as (start byte, end byte, whether it is a comment).
    pub attachable: Vec<(usize, usize, bool)>,
}

impl<'t> SyntaxTree<'t> {
    /// Parses `text`.
    ///
    /// The error says in words that time ran out or that the grammar does not load.
    pub fn parse(
        parser: &mut tree_sitter::Parser,
        grammar: &'static Grammar,
        text: &'t str,
        limit: Duration,
    ) -> Result<Self, String> {
        let deadline = Instant::now() + limit;
        if grammar.is_bash() && overruns_bash(text) {
            return Err("the Bash grammar cannot read a brace range with such characters; the file is split by lines"
                .to_owned());
        }
        parser.set_language(&grammar.language()).map_err(|error| format!("the grammar does not load: {error}"))?;
        let mut expired = |_: &tree_sitter::ParseState| until(deadline);
        let options = ParseOptions::new().progress_callback(&mut expired);
        let bytes = text.as_bytes();
        let tree = parser.parse_with_options(&mut |at, _| bytes.get(at..).unwrap_or_default(), None, Some(options));
        parser.reset();
        let tree = tree
            .ok_or_else(|| format!("the parser gave up after {} ms; the file is split by lines", limit.as_millis()))?;
        Ok(Self { tree, grammar, text, deadline })
    }

    /// For every line, how deep the outermost node is that begins with the line's first character.
    pub fn depths(&self, lines: &Lines<'_>) -> Vec<u32> {
        let mut depths = vec![INSIDE; lines.count()];
        let mut cursor = self.tree.walk();
        loop {
            let node = cursor.node();
            let start = node.start_position();
            let first = node.start_byte() - start.column;
            if start.row < depths.len()
                && self.text.as_bytes()[first..node.start_byte()].iter().all(u8::is_ascii_whitespace)
            {
                depths[start.row] = depths[start.row].min(cursor.depth());
            }
            let spans_lines = node.end_position().row > start.row;
            if spans_lines && Instant::now() < self.deadline && cursor.goto_first_child() {
                continue;
            }
            while !cursor.goto_next_sibling() {
                if !cursor.goto_parent() {
                    return depths;
                }
            }
        }
    }

    /// Runs the language's query. Past the deadline it returns what was found until then.
    pub fn matches(&self) -> Matches {
        let mut found = Matches::default();
        let Ok((query, captures)) = self.grammar.query() else {
            return found;
        };
        let mut cursor = QueryCursor::new();
        let deadline = self.deadline;
        let mut expired = |_: &tree_sitter::QueryCursorState| until(deadline);
        let options = QueryCursorOptions::new().progress_callback(&mut expired);
        let mut matches = cursor.matches_with_options(query, self.tree.root_node(), self.text.as_bytes(), options);
        while let Some(one) = matches.next() {
            let mut partial = Partial::default();
            for capture in one.captures {
                partial.take(captures[capture.index as usize], capture.node, &mut found.attachable);
            }
            found.definitions.extend(partial.finish(one.pattern_index));
        }
        found.attachable.sort_unstable();
        found.attachable.dedup();
        found
    }

    /// A cursor at the root.
    pub fn walk(&self) -> tree_sitter::TreeCursor<'_> {
        self.tree.walk()
    }

    /// The text of a byte range.
    pub fn slice(&self, range: (usize, usize)) -> &'t str {
        self.text.get(range.0..range.1).unwrap_or_default()
    }
}

fn until(deadline: Instant) -> ControlFlow<()> {
    if Instant::now() >= deadline { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// Whether the scanner of tree-sitter-bash 0.25 would read outside of its table: it asks C's
/// `isdigit` about whatever follows `{` or `.` and digits, and a large code point ends the process.
fn overruns_bash(text: &str) -> bool {
    let follows_range = |at: usize| text[..at].trim_end_matches(|c: char| c.is_ascii_digit()).ends_with(['{', '.']);
    text.char_indices().any(|(at, c)| !c.is_ascii() && follows_range(at))
}

/// A match whose captures are still being read.
#[derive(Default)]
struct Partial {
    definition: Option<(SymbolKind, (usize, usize))>,
    name: Option<(usize, usize)>,
    receiver: Option<(usize, usize)>,
    body_start: Option<usize>,
}

impl Partial {
    fn take(&mut self, capture: Capture, node: Node<'_>, attachable: &mut Vec<(usize, usize, bool)>) {
        let range = (node.start_byte(), node.end_byte());
        match capture {
            Capture::Definition(kind) => self.definition = Some((kind, range)),
            Capture::Name => self.name = Some(range),
            Capture::Receiver => self.receiver = Some(range),
            Capture::Body => self.body_start = Some(range.0),
            Capture::Comment => attachable.push((range.0, range.1, true)),
            Capture::Attached => attachable.push((range.0, range.1, false)),
        }
    }

    fn finish(self, pattern: usize) -> Option<Match> {
        let (kind, node) = self.definition?;
        Some(Match { kind, pattern, node, name: self.name?, receiver: self.receiver, body_start: self.body_start })
    }
}
