//! Answers requests in this process.

use super::facts::{SyntaxFacts, SyntaxRequest, SyntaxTask};
use super::limit::{ProgressCounter, TimeLimit};
use super::problem::SyntaxProblem;
use super::tree::SyntaxTree;
use super::{names, scanner_faults, tokens};
use crate::language;
use platform::cancel::CancelToken;
use types::Language;

/// Compiles the query of a language, unless it is compiled already.
pub fn prepare_language(language: Language) {
    if let Some(grammar) = language::language_grammar(language) {
        // A query that does not compile is reported where it is used; a test rules it out.
        _ = grammar.query();
    }
}

/// Answers requests in this process, one after the other.
pub struct SyntaxAnalyzer {
    parser: tree_sitter::Parser,
    progress: ProgressCounter,
    cancel: CancelToken,
    avoids_scanner_faults: bool,
}

impl Default for SyntaxAnalyzer {
    /// Creates an analyzer that refuses texts on which a scanner is known to fail.
    fn default() -> Self {
        Self {
            parser: tree_sitter::Parser::new(),
            progress: ProgressCounter::default(),
            cancel: CancelToken::default(),
            avoids_scanner_faults: true,
        }
    }
}

impl SyntaxAnalyzer {
    /// Creates an analyzer for a process that may end by a scanner's fault. It advances `progress` while it works.
    pub fn expendable(progress: ProgressCounter) -> Self {
        Self { progress, avoids_scanner_faults: false, ..Self::default() }
    }

    /// Ends each analysis early once `cancel` is cancelled.
    #[must_use]
    pub fn with_cancel(self, cancel: CancelToken) -> Self {
        Self { cancel, ..self }
    }

    /// Analyzes a text. Without a grammar for its language, nothing is found.
    pub fn analyze(&mut self, request: &SyntaxRequest<'_>) -> SyntaxFacts {
        let mut facts = self.find_facts(request).unwrap_or_else(SyntaxFacts::failed);
        facts.make_fit(request.text);
        facts
    }

    /// Parses a text without finding anything, as a baseline for benchmarks.
    pub fn parse_only(&mut self, request: &SyntaxRequest<'_>) {
        _ = self.parse_tree(request);
    }

    fn find_facts(&mut self, request: &SyntaxRequest<'_>) -> Result<SyntaxFacts, SyntaxProblem> {
        let tree = self.parse_tree(request)?;
        match request.task {
            SyntaxTask::Definitions => Ok(tree.collect_definitions()),
            SyntaxTask::References { name } => {
                let mut facts = tree.collect_definitions();
                (facts.uses, facts.problem) = names::find_uses(&tree, name);
                Ok(facts)
            }
            SyntaxTask::Tokens => Ok(SyntaxFacts { tokens: tokens::find_tokens(&tree), ..SyntaxFacts::default() }),
        }
    }
    fn parse_tree<'t>(&mut self, request: &SyntaxRequest<'t>) -> Result<SyntaxTree<'t>, SyntaxProblem> {
        let Some(grammar) = language::language_grammar(request.language) else {
            return Err(SyntaxProblem::UnusableGrammar);
        };
        if scanner_faults::crashes_bash_scanner(grammar, request.text)
            || (self.avoids_scanner_faults && scanner_faults::fails_in_scanner(request.language.0, request.text))
        {
            return Err(SyntaxProblem::KnownScannerFault);
        }
        // The query is compiled before the time starts: it is compiled once per process.
        prepare_language(request.language);
        let limit = TimeLimit::start(request.time_limit, self.cancel.clone(), self.progress.clone());
        SyntaxTree::parse(&mut self.parser, grammar, request.text, limit)
    }
}
