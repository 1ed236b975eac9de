//! A source file becomes chunks and symbols.
//!
//! `parse` never fails: what it cannot do is a problem beside a result that still covers the file.
//! Invariants: the chunks of a file cover each of its non-blank lines exactly once, in order; time
//! is bounded by the limit given; nothing recurses on the depth of the input.
//! Must never import: the store, the embedder, the walk.

mod carve;
mod definitions;
mod highlight;
mod lines;
mod markdown;
mod merge;
mod tree;
mod uses;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

pub use highlight::{TokenClass, highlight};
pub use uses::{Use, UseKind, Uses, uses, words as whole_words};

use crate::language;
use crate::types::{Chunk, Language, RepoPath, Span, Symbol, SymbolKind};
use carve::Piece;
use definitions::Definition;
use lines::Lines;
use tree::{Limit, SyntaxTree};

/// Raised whenever the same file would give other chunks, or other texts to embed and to search, than
/// before.
pub const CHUNKER_VERSION: u32 = 2;

/// A file's text and what it is.
#[derive(Clone, Debug)]
pub struct SourceFile {
    pub path: RepoPath,
    pub language: Language,
    pub text: String,
}

/// What a file was parsed into.
#[derive(Clone, Debug, Default)]
pub struct ParsedFile {
    /// In line order; see the module's invariants.
    pub chunks: Vec<Chunk>,
    definitions: Vec<Definition>,
    /// What went wrong, in words: a time-out, a grammar that does not load.
    pub problem: Option<String>,
}

impl ParsedFile {
    /// Its definitions, by first line.
    pub fn symbols(&self) -> Vec<Symbol> {
        symbols(&self.definitions)
    }
}

/// Bytes of a syntax tree for each byte of a text, at the most that was seen (short statements, one after the other).
const TREE_BYTES_PER_BYTE: u64 = 45;

/// One thread's parser, kept for as long as the thread lives.
pub struct Parser {
    inner: tree_sitter::Parser,
    time_limit: Duration,
    tree_bytes: u64,
    stop: Arc<AtomicBool>,
}

impl Parser {
    /// A parser that gives each file at most `time_limit`, then splits it by lines.
    pub fn new(time_limit: Duration) -> Self {
        Self { inner: tree_sitter::Parser::new(), time_limit, tree_bytes: u64::MAX, stop: Arc::default() }
    }

    /// The same for trees of at most so many bytes: a text whose tree may be larger is split by lines.
    #[must_use]
    pub fn within(self, tree_bytes: u64) -> Self {
        Self { tree_bytes, ..self }
    }

    /// Once `stop` is set, each file's time is up at once.
    pub fn stop_with(&mut self, stop: Arc<AtomicBool>) {
        self.stop = stop;
    }

    fn limit(&self) -> Limit {
        Limit::new(self.time_limit, Arc::clone(&self.stop))
    }

    /// Parses one file.
    pub fn parse(&mut self, file: &SourceFile) -> ParsedFile {
        let mut lines = Lines::new(&file.text);
        let (definitions, problem) = self.definitions(file, &mut lines);
        let pieces = merge::merge(carve::carve(&lines, &definitions), &lines, &definitions);
        let chunks = pieces.iter().map(|piece| chunk(file, &lines, &definitions, piece)).collect();
        ParsedFile { chunks, definitions, problem }
    }

    /// The definitions of a file, and what went wrong; tells `lines` how deep they are.
    fn definitions(&mut self, file: &SourceFile, lines: &mut Lines<'_>) -> (Vec<Definition>, Option<String>) {
        if file.language.0 == "markdown" {
            return (markdown::sections(&file.text, lines), None);
        }
        let Some(grammar) = language::grammar(file.language) else {
            return (Vec::new(), None);
        };
        if (file.text.len() as u64).saturating_mul(TREE_BYTES_PER_BYTE) > self.tree_bytes {
            let message = "its syntax tree may not fit into --max-memory; the file is split by lines";
            return (Vec::new(), Some(message.to_owned()));
        }
        let limit = self.limit();
        match SyntaxTree::parse(&mut self.inner, grammar, &file.text, limit) {
            Ok(tree) => {
                let (depths, matches) = tree.survey(lines);
                lines.set_depths(depths);
                (definitions::find(&tree, matches, lines), None)
            }
            Err(message) => (Vec::new(), Some(message)),
        }
    }
}

impl Parser {
    /// Only has tree-sitter parse the file, for benchmarks: what every other step is compared with.
    pub fn parse_syntax(&mut self, file: &SourceFile) {
        if let Some(grammar) = language::grammar(file.language) {
            let limit = self.limit();
            drop(SyntaxTree::parse(&mut self.inner, grammar, &file.text, limit));
        }
    }
}

/// The definitions of a text, without chunks, as [`Parser::parse`] finds them.
pub fn outline(file: &SourceFile, time_limit: Duration) -> (Vec<Symbol>, Option<String>) {
    let mut lines = Lines::new(&file.text);
    let (definitions, problem) = Parser::new(time_limit).definitions(file, &mut lines);
    (symbols(&definitions), problem)
}

fn symbols(definitions: &[Definition]) -> Vec<Symbol> {
    definitions.iter().map(|definition| symbol(definition, definitions)).collect()
}

fn symbol(definition: &Definition, all: &[Definition]) -> Symbol {
    Symbol {
        name: definition.name.clone(),
        kind: definition.kind,
        container: definitions::container(definition, all),
        signature: definition.signature.clone(),
        span: span(definition.first_line, definition.last_line),
    }
}

/// 0-based first and last line as a span.
fn span(first: usize, last: usize) -> Span {
    let line = |index: usize| u32::try_from(index + 1).unwrap_or(u32::MAX);
    Span { start_line: line(first), end_line: line(last) }
}

fn chunk(file: &SourceFile, lines: &Lines<'_>, definitions: &[Definition], piece: &Piece) -> Chunk {
    let text = lines.text(piece.start, piece.end);
    let span = span(piece.start, piece.end - 1);
    let named = piece.symbol.map(|index| &definitions[index]);
    let container = match (named, piece.scope) {
        (Some(definition), _) => definitions::container(definition, definitions),
        (None, Some(scope)) => definitions::path_of(scope, definitions),
        (None, None) => String::new(),
    };
    Chunk {
        path: file.path.clone(),
        language: file.language,
        span,
        kind: named.map_or(SymbolKind::Block, |definition| definition.kind),
        symbol: named.map(|definition| definition.name.clone()).unwrap_or_default(),
        container,
        defines: piece.defines.iter().map(|index| definitions[*index].name.clone()).collect(),
        signature: named.map(|definition| definition.signature.clone()).unwrap_or_default(),
        text: text.to_owned(),
    }
}
