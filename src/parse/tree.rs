//! tree-sitter behind one door: parsing and querying within a time limit.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tree_sitter::{Node, ParseOptions, QueryCursor, QueryCursorOptions, StreamingIterator, Tree};

use super::lines::{INSIDE, Lines};
use crate::language::{Capture, Compiled, Grammar};
use crate::types::SymbolKind;

/// A parsed text with its grammar, and the moment by which work on it ends.
pub(super) struct SyntaxTree<'t> {
    tree: Tree,
    grammar: &'static Grammar,
    text: &'t str,
    limit: Limit,
}

/// The moment by which work on a file ends.
pub(super) struct Limit {
    deadline: Instant,
    time: Duration,
    /// Set when nobody wants the result.
    stop: Arc<AtomicBool>,
}

impl Limit {
    /// From now on.
    pub fn new(time: Duration, stop: Arc<AtomicBool>) -> Self {
        Self { deadline: Instant::now() + time, time, stop }
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || Instant::now() >= self.deadline
    }

    /// For tree-sitter.
    fn flow(&self) -> ControlFlow<()> {
        if self.is_over() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

impl From<Duration> for Limit {
    fn from(time: Duration) -> Self {
        Self::new(time, Arc::default())
    }
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
        limit: Limit,
    ) -> Result<Self, String> {
        if grammar.is_bash() && overruns_bash(text) {
            return Err("the Bash grammar cannot read a brace range with such characters; the file is split by lines"
                .to_owned());
        }
        parser.set_language(&grammar.language()).map_err(|error| format!("the grammar does not load: {error}"))?;
        let mut expired = |_: &tree_sitter::ParseState| limit.flow();
        let options = ParseOptions::new().progress_callback(&mut expired);
        let bytes = text.as_bytes();
        let tree = parser.parse_with_options(&mut |at, _| bytes.get(at..).unwrap_or_default(), None, Some(options));
        parser.reset();
        let tree = tree.ok_or_else(|| {
            format!("the parser gave up after {} ms; the file is split by lines", limit.time.as_millis())
        })?;
        Ok(Self { tree, grammar, text, limit })
    }

    /// Walks the tree once: for every line, how deep the outermost node is that begins with the line's
    /// first character, and everything the query finds. Past the deadline, what was found until then.
    pub fn survey(&self, lines: &Lines<'_>) -> (Vec<u32>, Matches) {
        let mut found = Matches::default();
        let Ok(compiled) = self.grammar.query() else {
            return (vec![INSIDE; lines.count()], found);
        };
        let mut search = Search { tree: self, compiled, cursor: QueryCursor::new() };
        let mut depths = Depths::new(lines);
        let mut cursor = self.tree.walk();
        if compiled.roots.is_none() {
            search.run(cursor.node(), None, &mut found);
        }
        // The cursor counts its depth anew each time it is asked.
        let (mut steps, mut depth) = (0_u32, 0_u32);
        'walk: loop {
            let node = cursor.node();
            depths.visit(node.start_byte(), depth);
            if let Some(roots) = &compiled.roots {
                let kind = node.kind_id();
                if let Some(capture) = roots.plain(kind) {
                    Partial::default().take(capture, node, &mut found.attachable);
                }
                if roots.is_searched(kind) {
                    search.run(node, Some(0), &mut found);
                }
            }
            steps += 1;
            if steps.is_multiple_of(STEPS_PER_LOOK) && self.limit.is_over() {
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
        found.attachable.sort_unstable();
        found.attachable.dedup();
        (depths.depths, found)
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

/// Nodes between two looks at the clock.
const STEPS_PER_LOOK: u32 = 4_096;

/// A node with so many below it is searched without a look at the clock.
const SMALL_NODES: usize = 500;

/// The query, run on one node after another.
struct Search<'s, 't> {
    tree: &'s SyntaxTree<'t>,
    compiled: &'static Compiled,
    cursor: QueryCursor,
}

impl Search<'_, '_> {
    /// Adds the matches of patterns that begin at most `depth` below `node`.
    fn run(&mut self, node: Node<'_>, depth: Option<u32>, found: &mut Matches) {
        let tree = self.tree;
        let mut expired = |_: &tree_sitter::QueryCursorState| tree.limit.flow();
        let mut options = QueryCursorOptions::new();
        // The walk looks at the clock often enough for small nodes; asking costs more than they do.
        if node.descendant_count() > SMALL_NODES {
            options = options.progress_callback(&mut expired);
        }
        self.cursor.set_max_start_depth(depth);
        let Compiled { query, captures, finds_body, .. } = self.compiled;
        let mut matches = self.cursor.matches_with_options(query, node, self.tree.text.as_bytes(), options);
        while let Some(one) = matches.next() {
            let mut partial = Partial::default();
            for capture in one.captures {
                let what = captures[capture.index as usize];
                partial.take(what, capture.node, &mut found.attachable);
                if finds_body[one.pattern_index] && matches!(what, Capture::Definition(_)) {
                    partial.body_start = capture.node.child_by_field_name("body").map(|body| body.start_byte());
                }
            }
            found.definitions.extend(partial.finish(one.pattern_index));
        }
    }
}

/// Depths of lines, gathered in a walk in the order of the text.
struct Depths<'l, 't> {
    lines: &'l Lines<'t>,
    depths: Vec<u32>,
    /// The line of the last visit, where it ends, and where white space ends at its start.
    line: usize,
    end: usize,
    code: usize,
}

impl<'l, 't> Depths<'l, 't> {
    fn new(lines: &'l Lines<'t>) -> Self {
        let mut depths = Self { lines, depths: vec![INSIDE; lines.count()], line: 0, end: 0, code: 0 };
        depths.go_to(0);
        depths
    }

    /// A node that begins at `byte`.
    fn visit(&mut self, byte: usize, depth: u32) {
        if byte >= self.end || byte < self.lines.start_byte(self.line) {
            self.go_to(byte);
        }
        if byte <= self.code
            && let Some(least) = self.depths.get_mut(self.line)
        {
            *least = depth.min(*least);
        }
    }

    fn go_to(&mut self, byte: usize) {
        let whole = self.lines.whole();
        // Behind a last line end there is no line.
        let is_past = byte >= whole.len() && (whole.is_empty() || whole.ends_with('\n'));
        self.line = match self.lines.range(self.line + 1) {
            _ if is_past => self.lines.count(),
            Some(next) if next.contains(&byte) => self.line + 1, // where a walk mostly goes
            _ => self.lines.of_byte(byte),
        };
        let start = self.lines.start_byte(self.line.min(self.lines.count()));
        self.end = self.lines.start_byte((self.line + 1).min(self.lines.count()));
        let white = whole.as_bytes()[start..self.end].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.code = (start + white).min(self.end.saturating_sub(usize::from(white > 0 && start + white == self.end)));
    }
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
