//! References to a name in a file: its uses with their lines, and the definitions around them.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::documents;
use super::lines::{LineIndex, to_one_based};
use super::source_file::SourceFile;
use super::symbols;
use super::syntax::{NameUse, ReferenceKind, SIGILS, SyntaxFacts, SyntaxProblem, find_whole_word};
use types::Symbol;

/// A reference to a name. Line and column are 1-based; the column counts characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReferenceSite {
    pub line: u32,
    pub column: u32,
    pub kind: ReferenceKind,
}

/// The references to a name in a file.
#[derive(Clone, Debug, Default)]
pub struct FileReferences {
    /// References in the order of the text.
    pub sites: Vec<ReferenceSite>,
    /// Definitions of the file, in the order of the text.
    pub symbols: Vec<Symbol>,
    /// Message if time ran out or the file could not be parsed; then `sites` is incomplete or has plain occurrences
    /// of the word.
    pub problem: Option<String>,
}

/// Maximum number of plain occurrences of the name that are returned per file.
const MAX_OCCURRENCES: usize = 10_000;

/// Builds the references to `name` from the facts about a file, which must fit its text; `facts` is `None` if
/// [`SourceFile::syntax_request`] returns `None`. If the file has no facts or could not be parsed, and in Markdown, the
/// references are the first 10,000 occurrences of `name` as a whole word. In fenced code of Markdown they have the
/// kinds of the facts.
pub fn build_references(
    file: &SourceFile,
    name: &str,
    facts: Option<SyntaxFacts>,
    time_limit: Duration,
) -> FileReferences {
    let mut lines = LineIndex::new(&file.text);
    let is_fenced = file.language.0 == "markdown";
    let failure = facts.as_ref().map(SyntaxFacts::failure);
    let is_parsed = failure == Some(None);
    if !is_parsed || is_fenced {
        let defined = documents::find_without_grammar(file, &lines).unwrap_or_default();
        let mut kinds: HashMap<usize, ReferenceKind> = HashMap::new();
        if is_parsed {
            kinds.extend(facts.iter().flat_map(|facts| facts.uses.iter().map(|one| (one.at, one.kind))));
        }
        kinds.extend(defined.iter().map(|one| (one.name_start, ReferenceKind::Definition)));
        let kind = |at: usize| kinds.get(&at).copied().unwrap_or(ReferenceKind::Text);
        let found = find_whole_word(&file.text, name).map(|at| site_at(&lines, at, kind(at)));
        let problem = failure.flatten().map(|problem| problem.describe(file.language, time_limit));
        let symbols = symbols::build_symbols(&defined);
        return FileReferences { sites: found.take(MAX_OCCURRENCES).collect(), symbols, problem };
    }
    let mut facts = facts.unwrap_or_default();
    let uses = std::mem::take(&mut facts.uses);
    let cut = match facts.problem {
        Some(SyntaxProblem::NamesCut { at }) => Some(format!("time ran out after line {}", lines.line_at_byte(at))),
        _ => None,
    };
    let (found, problem) = documents::define_file(file, Some(facts), time_limit, &mut lines);
    let starts: HashSet<usize> = found.iter().map(|one| one.name_start).collect();
    let build_site = |at: usize, kind| {
        let defines = starts.contains(&at) || starts.contains(&(at - sigil_bytes(&file.text[..at])));
        site_at(&lines, at, if defines { ReferenceKind::Definition } else { kind })
    };
    // A key of a file of data that is not a definition is not a use either.
    let is_key = |one: &NameUse| one.kind == ReferenceKind::Definition && documents::is_data(file.language);
    let uses = uses.iter().filter(|one| !is_key(one) || starts.contains(&one.at));
    let sites = uses.map(|one| build_site(one.at, one.kind)).collect();
    FileReferences { sites, symbols: symbols::build_symbols(&found), problem: cut.or(problem) }
}

/// Returns the length of the sigils at the end of `before`, in bytes.
fn sigil_bytes(before: &str) -> usize {
    before.len() - before.trim_end_matches(SIGILS).len()
}

/// Returns the reference at byte `at`.
fn site_at(lines: &LineIndex<'_>, at: usize, kind: ReferenceKind) -> ReferenceSite {
    let line = lines.line_at_byte(at);
    let before = lines.full_text().get(lines.start_byte(line)..at).map_or(0, |text| text.chars().count());
    ReferenceSite { line: to_one_based(line), column: to_one_based(before), kind }
}

#[cfg(test)]
mod tests;
