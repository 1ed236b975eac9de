//! Answers requests in this process.

use super::facts::{SyntaxFacts, SyntaxRequest, SyntaxTask};
use super::limit::{ProgressCounter, TimeLimit};
use super::problem::SyntaxProblem;
use super::tree::SyntaxTree;
use super::{data_names, dialects, names, scanner_faults, tokens};
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
        _ = self.parse_tree(request, None);
    }

    fn find_facts(&mut self, request: &SyntaxRequest<'_>) -> Result<SyntaxFacts, SyntaxProblem> {
        // Macros are names too, so uses and tokens are found in the text as it is.
        let blanked = match request.language.0 {
            "c" | "cpp" if request.task != SyntaxTask::Tokens => dialects::blank_macros(request.text),
            "yaml" => dialects::blank_template_actions(request.text),
            _ => None,
        };
        let tree = self.parse_tree(request, blanked.as_deref())?;
        match request.task {
            SyntaxTask::Definitions => Ok(collect_definitions(request, &tree)),
            SyntaxTask::References { name } => {
                let mut facts = collect_definitions(request, &tree);
                if matches!(request.language.0, "yaml" | "json" | "toml") {
                    (facts.uses, facts.problem) = data_names::find_data_uses(&tree, name);
                    return Ok(facts);
                }
                let unchanged = blanked.map(|_| self.parse_tree(request, None)).transpose()?;
                (facts.uses, facts.problem) = names::find_uses(unchanged.as_ref().unwrap_or(&tree), name);
                Ok(facts)
            }
            SyntaxTask::Tokens => Ok(SyntaxFacts { tokens: tokens::find_tokens(&tree), ..SyntaxFacts::default() }),
        }
    }

    /// Parses a text. JavaScript with the types of Flow is parsed as TypeScript if that gives fewer errors.
    fn parse_tree<'t>(
        &mut self,
        request: &SyntaxRequest<'t>,
        replaced: Option<&[u8]>,
    ) -> Result<SyntaxTree<'t>, SyntaxProblem> {
        let tree = self.parse_as(request.language, request, replaced)?;
        let typed = Language("tsx");
        if request.language.0 != "javascript" || !tree.has_errors() || !dialects::is_flow(request.text) {
            return Ok(tree);
        }
        let flow = dialects::replace_flow_syntax(request.text);
        match self.parse_as(typed, request, Some(&flow)) {
            Ok(other) if other.count_errors() < tree.count_errors() => Ok(other),
            _ => Ok(tree),
        }
    }

    fn parse_as<'t>(
        &mut self,
        language: Language,
        request: &SyntaxRequest<'t>,
        replaced: Option<&[u8]>,
    ) -> Result<SyntaxTree<'t>, SyntaxProblem> {
        let Some(grammar) = language::language_grammar(language) else {
            return Err(SyntaxProblem::UnusableGrammar);
        };
        if scanner_faults::crashes_bash_scanner(grammar, request.text)
            || scanner_faults::exceeds_scanner(request.language.0, request.text)
            || (self.avoids_scanner_faults && scanner_faults::fails_in_scanner(request.language.0, request.text))
        {
            return Err(SyntaxProblem::KnownScannerFault);
        }
        // The query is compiled before the time starts: it is compiled once per process.
        prepare_language(language);
        let limit = TimeLimit::start(request.time_limit, self.cancel.clone(), self.progress.clone());
        SyntaxTree::parse(&mut self.parser, grammar, request.text, replaced, limit)
    }
}

/// Returns the definitions in a tree, and those that the grammar of the language cannot find.
fn collect_definitions(request: &SyntaxRequest<'_>, tree: &SyntaxTree<'_>) -> SyntaxFacts {
    let mut facts = tree.collect_definitions();
    if request.language.0 == "sql" {
        dialects::add_sql_definitions(request.text, &mut facts.definitions);
    }
    if request.language.0 == "make" && tree.has_errors() {
        dialects::add_make_targets(request.text, &mut facts.definitions);
    }
    facts
}
