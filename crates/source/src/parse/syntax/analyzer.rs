//! Syntax analysis in this process.

use super::facts::{SyntaxFacts, SyntaxRequest, SyntaxTask};
use super::limit::{ProgressCounter, TimeLimit};
use super::problem::SyntaxProblem;
use super::tree::SyntaxTree;
use super::{dialects, embedded_texts, names, scanner_faults, tokens};
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

/// Answers [`SyntaxRequest`]s in this process, one after the other.
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
    /// Creates an analyzer for a process that a failing scanner may end. The analyzer advances `progress` while it
    /// works.
    pub fn expendable(progress: ProgressCounter) -> Self {
        Self { progress, avoids_scanner_faults: false, ..Self::default() }
    }

    /// Ends each analysis early once `cancel` is cancelled.
    #[must_use]
    pub fn with_cancel(self, cancel: CancelToken) -> Self {
        Self { cancel, ..self }
    }

    /// Analyzes a text. If its language has neither a grammar nor a scanner, the result is a problem without facts.
    pub fn analyze(&mut self, request: &SyntaxRequest<'_>) -> SyntaxFacts {
        let limit = TimeLimit::start(request.time_limit, self.cancel.clone(), self.progress.clone());
        let mut facts = self.find_facts(request, &limit, 0).unwrap_or_else(SyntaxFacts::failed);
        facts.make_fit(request.text);
        facts
    }

    /// Parses a text without finding anything, as a baseline for benchmarks.
    pub fn parse_only(&mut self, request: &SyntaxRequest<'_>) {
        _ = self.parse_tree(request, None);
    }

    /// Finds facts about a text and the texts embedded in it. `level` is the embedding depth of `request.text`.
    fn find_facts(
        &mut self,
        request: &SyntaxRequest<'_>,
        limit: &TimeLimit,
        level: usize,
    ) -> Result<SyntaxFacts, SyntaxProblem> {
        let name = match request.task {
            SyntaxTask::References { name } => Some(name),
            _ => None,
        };
        let has_grammar = language::language_grammar(request.language).is_some();
        let scan = if level < embedded_texts::MAX_EMBEDDING {
            embedded::scan_host(request.language.0, request.text, name)
        } else {
            None
        };
        let Some(scan) = scan else {
            return self.find_own_facts(request);
        };
        // A part of a component may be code without the tags around it.
        let is_part = request.task == SyntaxTask::Tokens && scan == embedded::HostScan::default() && !has_grammar;
        let main = embedded::main_language(request.language.0).filter(|_| is_part);
        if let Some(language) = main.and_then(language::language_by_name) {
            return self.find_own_facts(&SyntaxRequest { language, ..*request });
        }
        let mut facts = if has_grammar {
            self.find_own_facts(request)?
        } else {
            embedded_texts::host_facts(&scan, request.text, request.task)
        };
        // A cut between two texts is better than a cut in one of them, and a cut in a string is worse than one in the
        // code around it.
        let base = if has_grammar { 10 } else { 1 };
        let (mut analyzed, mut problem) = (0, None);
        // Bytes of the embedded texts, and those of them that could not be parsed.
        let (mut embedded_bytes, mut unparsed_bytes) = (0, 0);
        for one in scan.texts.iter().filter(|one| embedded_texts::is_wanted(one, request.text, request.task)) {
            let Some(language) = language::language_by_name(one.language) else { continue };
            embedded_bytes += one.range.len();
            let time_limit = limit.remaining();
            if time_limit.is_zero() {
                unparsed_bytes += one.range.len();
                problem = problem.or(Some(SyntaxProblem::TimedOut));
                continue;
            }
            let program = one.program(request.text);
            let inner = SyntaxRequest { language, text: &program, task: request.task, time_limit };
            match self.find_facts(&inner, limit, level + 1) {
                Ok(mut found) => {
                    if let Some(SyntaxProblem::MuchUnparsed { bytes }) = found.problem {
                        unparsed_bytes += bytes.min(one.range.len());
                    }
                    found.make_fit(&program);
                    embedded_texts::add_embedded(&mut facts, request.text, one, found, base);
                    analyzed += 1;
                }
                // The facts about the other texts are still found.
                Err(other) => {
                    let has_failed = other != SyntaxProblem::UnusableGrammar;
                    unparsed_bytes += if has_failed { one.range.len() } else { 0 };
                    problem = problem.or(Some(other));
                }
            }
        }
        embedded_texts::sort_facts(&mut facts);
        match problem {
            Some(problem) if analyzed == 0 && !has_grammar => Err(problem),
            _ => {
                // A host with a grammar, such as PHP, reports what that grammar cannot parse.
                if request.task == SyntaxTask::Definitions && !has_grammar {
                    facts.problem = much_unparsed(unparsed_bytes.min(request.text.len()), embedded_bytes);
                }
                Ok(facts)
            }
        }
    }

    /// Finds facts about a text with the grammar of its language, without those about texts of other languages inside
    /// of it.
    fn find_own_facts(&mut self, request: &SyntaxRequest<'_>) -> Result<SyntaxFacts, SyntaxProblem> {
        // Macros are names too, so uses and tokens are found in the text as it is.
        let blanked = match request.language.0 {
            "c" | "cpp" if request.task != SyntaxTask::Tokens => dialects::blank_macros(request.text),
            "gradle" | "groovy" => dialects::replace_task_heads(request.text),
            "wgsl" => dialects::replace_wgsl_words(request.text),
            "yaml" => dialects::blank_template_actions(request.text),
            _ => None,
        };
        let tree = self.parse_tree(request, blanked.as_deref())?;
        match request.task {
            SyntaxTask::Definitions => {
                let bytes = if tree.has_errors() { tree.count_errors().min(request.text.len()) } else { 0 };
                let problem = much_unparsed(bytes, request.text.len());
                Ok(SyntaxFacts { problem, ..collect_definitions(request, &tree) })
            }
            SyntaxTask::References { name } => {
                let mut facts = collect_definitions(request, &tree);
                if matches!(request.language.0, "yaml" | "json" | "toml") {
                    (facts.uses, facts.problem) = names::find_data_uses(&tree, name);
                    return Ok(facts);
                }
                let unchanged = blanked.map(|_| self.parse_tree(request, None)).transpose()?;
                (facts.uses, facts.problem) = names::find_uses(unchanged.as_ref().unwrap_or(&tree), name);
                Ok(facts)
            }
            SyntaxTask::Tokens => Ok(SyntaxFacts { tokens: tokens::find_tokens(&tree), ..SyntaxFacts::default() }),
        }
    }

    /// Parses a text. JavaScript with the types of Flow is parsed as TypeScript if the parser then fails on fewer
    /// bytes.
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

/// Minimum size, in bytes, of the unparsed part of a text that is reported.
const MIN_UNPARSED_BYTES: usize = 200;

/// Returns a problem if `bytes`, the unparsed part of a text of `all_bytes`, is at least a quarter of it and at least
/// [`MIN_UNPARSED_BYTES`].
fn much_unparsed(bytes: usize, all_bytes: usize) -> Option<SyntaxProblem> {
    let is_much = bytes >= MIN_UNPARSED_BYTES && bytes >= all_bytes / 4;
    is_much.then_some(SyntaxProblem::MuchUnparsed { bytes })
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
