//! The parser of source files.

use std::time::Duration;

use platform::cancel::CancelToken;
use types::{Chunk, Symbol};

use super::definitions::{self, Definition};
use super::lines::LineIndex;
use super::source_file::SourceFile;
use super::tree::{SyntaxTree, TimeLimit};
use super::{chunks, markdown, symbols};
use crate::language;

/// Maximum time for parsing the text of a single chunk.
pub const CHUNK_PARSE_LIMIT: Duration = Duration::from_millis(50);

/// Version of the chunker. It is raised when the same file yields different chunks, passages or terms than before.
pub const CHUNKER_VERSION: u32 = 2;

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
        symbols::build_symbols(&self.definitions)
    }
}

/// Highest measured ratio of the size of a syntax tree to the size of its text, in bytes per byte. It was measured
/// in a file of many short statements.
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
        let chunks = chunks::build_chunks(file, &lines, &definitions);
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
    (symbols::build_symbols(&definitions), problem)
}
