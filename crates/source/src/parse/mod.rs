//! Parsing of source files into chunks, symbols and references.
//!
//! Parsing never fails: a problem is reported beside a result that still covers the file. The chunks of a
//! file contain each non-blank line exactly once, in order. The time is bounded by a given limit, and
//! nothing recurses on the depth of the input.

mod definitions;
mod highlight;
mod lines;
mod markdown;
mod merge;
mod pieces;
mod references;
mod tree;

#[cfg(test)]
mod tests;

use std::time::Duration;

pub use highlight::{TokenClass, highlight_tokens};
pub use references::{FileReferences, ReferenceKind, ReferenceSite, find_references_in_file, find_whole_word};

use crate::language;
use definitions::Definition;
use lines::LineIndex;
use pieces::ChunkPiece;
use platform::cancel::CancelToken;
use tree::{SyntaxTree, TimeLimit};
use types::{Chunk, Language, RepoPath, Span, Symbol, SymbolKind};

/// Version of the chunker, raised when the same file yields different chunks, passages or terms than before.
pub const CHUNKER_VERSION: u32 = 2;

/// The text of a file with its path and language.
#[derive(Clone, Debug)]
pub struct SourceFile {
    pub path: RepoPath,
    pub language: Language,
    pub text: String,
}

/// The result of parsing a file.
#[derive(Clone, Debug, Default)]
pub struct ParsedFile {
    /// Chunks in line order, which together contain every non-blank line once.
    pub chunks: Vec<Chunk>,
    definitions: Vec<Definition>,
    /// Message about a time-out, a grammar that does not load or another problem.
    pub problem: Option<String>,
}

impl ParsedFile {
    /// Returns the definitions of the file, by first line.
    pub fn symbols(&self) -> Vec<Symbol> {
        build_symbols(&self.definitions)
    }
}

/// Highest ratio of syntax tree size to text size that was measured, in a file of many short statements.
const TREE_BYTES_PER_BYTE: u64 = 45;

/// A parser of source files, reused by a thread for many files.
pub struct Parser {
    inner: tree_sitter::Parser,
    time_limit: Duration,
    max_tree_bytes: u64,
    cancel: CancelToken,
}

impl Parser {
    /// Creates a parser that splits a file by lines if parsing takes longer than `time_limit`.
    pub fn new(time_limit: Duration) -> Self {
        Self { inner: tree_sitter::Parser::new(), time_limit, max_tree_bytes: u64::MAX, cancel: CancelToken::default() }
    }

    /// Limits the size of syntax trees: a text whose tree may be larger is split by lines.
    #[must_use]
    pub fn with_max_tree_bytes(self, max_tree_bytes: u64) -> Self {
        Self { max_tree_bytes, ..self }
    }

    /// Ends the parsing of every file early once `cancel` is cancelled.
    #[must_use]
    pub fn with_cancel(self, cancel: CancelToken) -> Self {
        Self { cancel, ..self }
    }

    fn limit(&self) -> TimeLimit {
        TimeLimit::start(self.time_limit, self.cancel.clone())
    }

    /// Parses one file.
    pub fn parse(&mut self, file: &SourceFile) -> ParsedFile {
        let mut lines = LineIndex::new(&file.text);
        let (definitions, problem) = self.find_definitions(file, &mut lines);
        let pieces = merge::merge_pieces(pieces::cut_pieces(&lines, &definitions), &lines, &definitions);
        let chunks = pieces.iter().map(|piece| build_chunk(file, &lines, &definitions, piece)).collect();
        ParsedFile { chunks, definitions, problem }
    }

    /// Finds the definitions of a file, and sets the syntax depths of `lines`. Also returns a problem, if there is one.
    fn find_definitions(&mut self, file: &SourceFile, lines: &mut LineIndex<'_>) -> (Vec<Definition>, Option<String>) {
        if file.language.0 == "markdown" {
            return (markdown::find_sections(&file.text, lines), None);
        }
        let Some(grammar) = language::language_grammar(file.language) else {
            return (Vec::new(), None);
        };
        if (file.text.len() as u64).saturating_mul(TREE_BYTES_PER_BYTE) > self.max_tree_bytes {
            let message = "its syntax tree may not fit into --max-memory; the file is split by lines";
            return (Vec::new(), Some(message.to_owned()));
        }
        let limit = self.limit();
        match SyntaxTree::parse(&mut self.inner, grammar, &file.text, limit) {
            Ok(tree) => {
                let (depths, matches) = tree.collect_depths_and_matches(lines);
                lines.set_depths(depths);
                (definitions::collect_definitions(&tree, matches, lines), None)
            }
            Err(message) => (Vec::new(), Some(message)),
        }
    }
}

impl Parser {
    /// Parses the file with tree-sitter only, as a baseline for benchmarks.
    pub fn parse_syntax(&mut self, file: &SourceFile) {
        if let Some(grammar) = language::language_grammar(file.language) {
            let limit = self.limit();
            drop(SyntaxTree::parse(&mut self.inner, grammar, &file.text, limit));
        }
    }
}

/// Finds the definitions of a file like [`Parser::parse`], without chunks. Also returns a problem, if there is one.
pub fn outline_file(file: &SourceFile, time_limit: Duration) -> (Vec<Symbol>, Option<String>) {
    let mut lines = LineIndex::new(&file.text);
    let (definitions, problem) = Parser::new(time_limit).find_definitions(file, &mut lines);
    (build_symbols(&definitions), problem)
}

fn build_symbols(definitions: &[Definition]) -> Vec<Symbol> {
    definitions.iter().map(|definition| build_symbol(definition, definitions)).collect()
}

fn build_symbol(definition: &Definition, all: &[Definition]) -> Symbol {
    Symbol {
        name: definition.name.clone(),
        kind: definition.kind,
        container: definitions::container_path(definition, all),
        signature: definition.signature.clone(),
        span: line_span(definition.first_line, definition.last_line),
    }
}

/// Converts a 0-based first and last line to a span.
fn line_span(first: usize, last: usize) -> Span {
    let line = |index: usize| u32::try_from(index + 1).unwrap_or(u32::MAX);
    Span { start_line: line(first), end_line: line(last) }
}

fn build_chunk(file: &SourceFile, lines: &LineIndex<'_>, definitions: &[Definition], piece: &ChunkPiece) -> Chunk {
    let text = lines.text(piece.start, piece.end);
    let span = line_span(piece.start, piece.end - 1);
    let named = piece.symbol.map(|index| &definitions[index]);
    let container = match (named, piece.scope) {
        (Some(definition), _) => definitions::container_path(definition, definitions),
        (None, Some(scope)) => definitions::qualified_path(scope, definitions),
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
