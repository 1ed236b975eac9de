//! Parsing and queries by tree-sitter, with time limits.

use std::ops::Range;

use tree_sitter::{Node, ParseOptions, QueryCursor, QueryCursorOptions, StreamingIterator, Tree};

use super::facts::{AttachableNode, DefinitionMatch, SyntaxFacts};
use super::limit::TimeLimit;
use super::problem::SyntaxProblem;
use crate::language::{CompiledQuery, Grammar, QueryCapture};
use crate::parse::lines::{INSIDE_NODE_DEPTH, LineIndex};
use types::SymbolKind;

/// A parsed text with its grammar and the time limit of the work on it.
pub(super) struct SyntaxTree<'t> {
    tree: Tree,
    grammar: &'static Grammar,
    text: &'t str,
    limit: TimeLimit,
}

impl<'t> SyntaxTree<'t> {
    /// Parses `text`; with `replaced`, which has the same length, the grammar reads that instead.
    ///
    /// # Errors
    /// When the time limit is exceeded or the grammar cannot be used.
    pub fn parse(
        parser: &mut tree_sitter::Parser,
        grammar: &'static Grammar,
        text: &'t str,
        replaced: Option<&[u8]>,
        limit: TimeLimit,
    ) -> Result<Self, SyntaxProblem> {
        parser.set_language(&grammar.language()).map_err(|_| SyntaxProblem::UnusableGrammar)?;
        let mut expired = |_: &tree_sitter::ParseState| limit.control_flow();
        let options = ParseOptions::new().progress_callback(&mut expired);
        let bytes = replaced.unwrap_or(text.as_bytes());
        let tree = parser.parse_with_options(&mut |at, _| bytes.get(at..).unwrap_or_default(), None, Some(options));
        parser.reset();
        Ok(Self { tree: tree.ok_or(SyntaxProblem::TimedOut)?, grammar, text, limit })
    }

    /// Walks the tree once. Returns the depth of every line, the matches of the query, and the comments and attributes.
    ///
    /// The depth of a line is the depth of the outermost node that begins at the line's first character that is not
    /// white space. When the time limit is exceeded, the result covers only the part of the text that was visited.
    pub fn collect_definitions(&self) -> SyntaxFacts {
        let lines = &LineIndex::new(self.text);
        let mut found = SyntaxFacts::default();
        let Ok(compiled) = self.grammar.query() else {
            found.line_depths = vec![INSIDE_NODE_DEPTH; lines.count()];
            return found;
        };
        let mut query = QueryRun { tree: self, compiled, cursor: QueryCursor::new() };
        let mut depths = LineDepths::new(lines);
        let mut cursor = self.tree.walk();
        if compiled.roots.is_none() {
            query.collect_matches(cursor.node(), None, &mut found);
        }
        // Count the depth here: the cursor would compute it on every call.
        let (mut steps, mut depth) = (0_u32, 0_u32);
        'walk: loop {
            let node = cursor.node();
            depths.visit(node.start_byte(), depth);
            if let Some(roots) = &compiled.roots {
                let kind = node.kind_id();
                if let Some(capture) = roots.plain_capture(kind) {
                    PartialMatch::default().add_capture(capture, node, &mut found.attachable);
                }
                if roots.is_searched(kind) {
                    query.collect_matches(node, Some(0), &mut found);
                }
            }
            steps += 1;
            if steps.is_multiple_of(NODES_PER_CHECK) && self.limit.is_exceeded() {
                break;
            }
            if cursor.goto_first_child() {
                depth += 1;
                continue;
            }
            while !cursor.goto_next_sibling() {
                if !cursor.goto_parent() {
                    break 'walk;
                }
                depth -= 1;
            }
        }
        found.line_depths = depths.depths;
        found
    }

    /// Returns whether the grammar could not parse a part of the text.
    pub fn has_errors(&self) -> bool {
        self.tree.root_node().has_error()
    }

    /// Returns the number of bytes in error nodes, plus one for each error node and each missing token.
    pub fn count_errors(&self) -> usize {
        let mut cursor = self.tree.walk();
        let mut count = 0;
        loop {
            let node = cursor.node();
            if node.is_error() || node.is_missing() {
                count += node.byte_range().len() + 1;
            } else if node.has_error() && cursor.goto_first_child() {
                continue;
            }
            while !cursor.goto_next_sibling() {
                if !cursor.goto_parent() {
                    return count;
                }
            }
        }
    }

    /// Returns the text.
    pub fn text(&self) -> &'t str {
        self.text
    }

    /// Returns whether the time limit is exceeded.
    pub fn is_out_of_time(&self) -> bool {
        self.limit.is_exceeded()
    }

    /// Returns a cursor at the root.
    pub fn walk(&self) -> tree_sitter::TreeCursor<'_> {
        self.tree.walk()
    }
}

/// Number of nodes between two checks of the time limit.
const NODES_PER_CHECK: u32 = 256;

/// Maximum number of descendants of a node that is queried without checking the time limit.
const UNCHECKED_NODES: usize = 500;

/// A query that is run on many nodes of a tree.
struct QueryRun<'s, 't> {
    tree: &'s SyntaxTree<'t>,
    compiled: &'static CompiledQuery,
    cursor: QueryCursor,
}

impl QueryRun<'_, '_> {
    /// Adds the matches of patterns that begin at most `depth` levels below `node`, or at any level if `depth` is
    /// `None`.
    fn collect_matches(&mut self, node: Node<'_>, depth: Option<u32>, found: &mut SyntaxFacts) {
        let tree = self.tree;
        let mut expired = |_: &tree_sitter::QueryCursorState| tree.limit.control_flow();
        let mut options = QueryCursorOptions::new();
        // For small nodes the walk checks the time limit often enough; a callback would cost more than the query.
        if node.descendant_count() > UNCHECKED_NODES {
            options = options.progress_callback(&mut expired);
        }
        self.cursor.set_max_start_depth(depth);
        let CompiledQuery { query, captures, finds_body, .. } = self.compiled;
        let mut matches = self.cursor.matches_with_options(query, node, self.tree.text.as_bytes(), options);
        while let Some(one) = matches.next() {
            let mut partial = PartialMatch::default();
            for capture in one.captures {
                let kind = captures[capture.index as usize];
                partial.add_capture(kind, capture.node, &mut found.attachable);
                if finds_body[one.pattern_index] && matches!(kind, QueryCapture::Definition(_)) {
                    partial.body_start = capture.node.child_by_field_name("body").map(|body| body.start_byte());
                }
            }
            found.definitions.extend(partial.finish(one.pattern_index));
        }
    }
}

/// The depths of lines, collected while walking the tree in the order of the text.
struct LineDepths<'l, 't> {
    lines: &'l LineIndex<'t>,
    depths: Vec<u32>,
    /// Line of the last visited node.
    line: usize,
    /// Byte at which the line ends.
    end: usize,
    /// Byte of the line's first character that is not white space.
    code: usize,
}

impl<'l, 't> LineDepths<'l, 't> {
    fn new(lines: &'l LineIndex<'t>) -> Self {
        let mut depths = Self { lines, depths: vec![INSIDE_NODE_DEPTH; lines.count()], line: 0, end: 0, code: 0 };
        depths.move_to(0);
        depths
    }

    /// Records a node that begins at `byte`.
    fn visit(&mut self, byte: usize, depth: u32) {
        if byte >= self.end || byte < self.lines.start_byte(self.line) {
            self.move_to(byte);
        }
        if byte <= self.code
            && let Some(least) = self.depths.get_mut(self.line)
        {
            *least = depth.min(*least);
        }
    }

    /// Moves to the line that contains `byte`.
    fn move_to(&mut self, byte: usize) {
        let text = self.lines.full_text();
        // There is no line after the last line end.
        let is_past = byte >= text.len() && (text.is_empty() || text.ends_with('\n'));
        self.line = match self.lines.range(self.line + 1) {
            _ if is_past => self.lines.count(),
            Some(next) if next.contains(&byte) => self.line + 1, // the usual case in a walk
            _ => self.lines.line_at_byte(byte),
        };
        let start = self.lines.start_byte(self.line.min(self.lines.count()));
        self.end = self.lines.start_byte((self.line + 1).min(self.lines.count()));
        let white = text.as_bytes()[start..self.end].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.code = (start + white).min(self.end.saturating_sub(usize::from(white > 0 && start + white == self.end)));
    }
}

/// A match whose captures have not all been added.
#[derive(Default)]
struct PartialMatch {
    definition: Option<(SymbolKind, Range<usize>)>,
    name: Option<Range<usize>>,
    receiver: Option<Range<usize>>,
    body_start: Option<usize>,
}

impl PartialMatch {
    fn add_capture(&mut self, capture: QueryCapture, node: Node<'_>, attachable: &mut Vec<AttachableNode>) {
        let range = node.byte_range();
        match capture {
            QueryCapture::Definition(kind) => self.definition = Some((kind, range)),
            QueryCapture::Name => self.name = Some(range),
            QueryCapture::Receiver => self.receiver = Some(range),
            QueryCapture::Body => self.body_start = Some(range.start),
            QueryCapture::Comment => attachable.push(AttachableNode { range, is_comment: true }),
            QueryCapture::Attached => attachable.push(AttachableNode { range, is_comment: false }),
            QueryCapture::Examined => {}
        }
    }

    /// Returns the match; `None` if it has no definition or no name.
    fn finish(self, pattern: usize) -> Option<DefinitionMatch> {
        let (kind, node) = self.definition?;
        Some(DefinitionMatch {
            kind,
            pattern,
            node,
            name: self.name?,
            receiver: self.receiver,
            body_start: self.body_start,
        })
    }
}
