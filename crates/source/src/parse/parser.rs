//! The results of parsing a file, built from the facts about its syntax, and the parser that runs in this process.

use std::time::Duration;

use platform::cancel::CancelToken;
use types::{Chunk, Symbol};

use super::definitions::Definition;
use super::lines::LineIndex;
use super::references::{self, FileReferences};
use super::source_file::SourceFile;
use super::syntax::{SyntaxAnalyzer, SyntaxFacts, SyntaxProblem, SyntaxRequest, SyntaxTask};
use super::{chunks, documents, symbols};
use crate::{language, long_lines};

/// Version of the chunker. It is raised when the same file yields different chunks, passages or terms than before.
pub const CHUNKER_VERSION: u32 = 7;

/// The result of parsing a file.
#[derive(Clone, Debug, Default)]
pub struct ParsedFile {
    /// Chunks in line order, which together contain every non-blank line once.
    pub chunks: Vec<Chunk>,
    definitions: Vec<Definition>,
    /// Message about a time-out, a grammar that does not load or another problem, except
    /// [`SyntaxProblem::MuchUnparsed`].
    pub problem: Option<String>,
}

impl ParsedFile {
    /// Returns the definitions of the file, in the order of the text.
    pub fn symbols(&self) -> Vec<Symbol> {
        symbols::build_symbols(&self.definitions)
    }
}

/// Highest measured ratio of the size of a syntax tree to the size of its text, in bytes per byte. It was measured
/// in a file of many short statements.
const TREE_BYTES_PER_BYTE: u64 = 45;

/// Estimates the size of the syntax tree of a text, in bytes.
pub fn estimate_tree_bytes(text: &str) -> u64 {
    (text.len() as u64).saturating_mul(TREE_BYTES_PER_BYTE)
}

impl SourceFile {
    /// Returns the request for the facts about this file; `None` if no facts for `task` can be found in its language.
    pub fn syntax_request<'f>(&'f self, task: SyntaxTask<'f>, time_limit: Duration) -> Option<SyntaxRequest<'f>> {
        let is_fenced = self.language.0 == "markdown" && task != SyntaxTask::Definitions;
        if language::language_grammar(self.language).is_none() && !embedded::is_scanned(self.language.0) && !is_fenced {
            return None;
        }
        Some(SyntaxRequest { language: self.language, text: &self.text, task, time_limit })
    }
}

/// Builds the chunks and definitions of a file from the facts about it, which must fit its text; `facts` is `None` if
/// [`SourceFile::syntax_request`] returns `None`.
pub fn build_parsed_file(file: &SourceFile, facts: Option<SyntaxFacts>, time_limit: Duration) -> ParsedFile {
    let mut lines = LineIndex::new(&file.text);
    // A search finds an unparsed part by its words, so only an outline reports this problem.
    let is_reported =
        !matches!(facts.as_ref().and_then(|facts| facts.problem), Some(SyntaxProblem::MuchUnparsed { .. }));
    let (definitions, problem) = documents::define_file(file, facts, time_limit, &mut lines);
    let problem = problem.filter(|_| is_reported);
    if let Some(max_bytes) = long_lines::max_line_bytes(file.language) {
        lines.shorten_lines(max_bytes);
    }
    let chunks = chunks::build_chunks(file, &lines, &definitions);
    ParsedFile { chunks, definitions, problem }
}

/// Builds the definitions of a file like [`build_parsed_file`], without chunks. Also returns the problem of parsing it,
/// if there is one.
pub fn build_outline(
    file: &SourceFile,
    facts: Option<SyntaxFacts>,
    time_limit: Duration,
) -> (Vec<Symbol>, Option<String>) {
    let mut lines = LineIndex::new(&file.text);
    let (definitions, problem) = documents::define_file(file, facts, time_limit, &mut lines);
    (symbols::build_symbols(&definitions), problem)
}

/// A parser of source files that runs in this process, reused by a thread for many files. A file on which a grammar
/// crashes ends the process, so programs parse with the pool of parser processes.
pub struct Parser {
    analyzer: SyntaxAnalyzer,
    time_limit: Duration,
    max_tree_bytes: u64,
}

impl Parser {
    /// Creates a parser that splits a file by lines if parsing takes longer than `time_limit`.
    pub fn new(time_limit: Duration) -> Self {
        Self { analyzer: SyntaxAnalyzer::default(), time_limit, max_tree_bytes: u64::MAX }
    }

    /// Limits the size of syntax trees: a text whose tree may be larger is split by lines.
    #[must_use]
    pub fn with_max_tree_bytes(self, max_tree_bytes: u64) -> Self {
        Self { max_tree_bytes, ..self }
    }

    /// Ends the parsing of every file early once `cancel` is cancelled.
    #[must_use]
    pub fn with_cancel(self, cancel: CancelToken) -> Self {
        Self { analyzer: self.analyzer.with_cancel(cancel), ..self }
    }

    /// Parses one file.
    pub fn parse(&mut self, file: &SourceFile) -> ParsedFile {
        let facts = self.find_facts(file, SyntaxTask::Definitions);
        build_parsed_file(file, facts, self.time_limit)
    }

    /// Finds the references to `name` in a file; see [`references::build_references`].
    pub fn find_references(&mut self, file: &SourceFile, name: &str) -> FileReferences {
        let facts = self.find_facts(file, SyntaxTask::References { name });
        references::build_references(file, name, facts, self.time_limit)
    }

    fn find_facts(&mut self, file: &SourceFile, task: SyntaxTask<'_>) -> Option<SyntaxFacts> {
        let request = file.syntax_request(task, self.time_limit)?;
        Some(if estimate_tree_bytes(&file.text) > self.max_tree_bytes {
            SyntaxFacts::failed(SyntaxProblem::TooLarge)
        } else {
            self.analyzer.analyze(&request)
        })
    }

    /// Parses the syntax of a file and discards the result, as a baseline for benchmarks.
    pub fn parse_syntax(&mut self, file: &SourceFile) {
        if let Some(request) = file.syntax_request(SyntaxTask::Tokens, self.time_limit) {
            self.analyzer.parse_only(&request);
        }
    }
}
