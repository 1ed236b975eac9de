//! The definitions of a file of any language.

use std::time::Duration;

use super::definition::{Definition, collect_definitions};
use super::{enclosing, markdown};
use crate::language;
use crate::parse::lines::LineIndex;
use crate::parse::source_file::SourceFile;
use crate::parse::syntax::SyntaxFacts;

/// Finds the definitions of a file, and sets the syntax depths of `lines`. Also returns a problem, if there is one.
pub(in crate::parse) fn define_file(
    file: &SourceFile,
    facts: Option<SyntaxFacts>,
    time_limit: Duration,
    lines: &mut LineIndex<'_>,
) -> (Vec<Definition>, Option<String>) {
    if file.language.0 == "markdown" {
        return (markdown::find_sections(&file.text, lines), None);
    }
    let outer = enclosing::find_enclosing(file, lines);
    let mut facts = facts.unwrap_or_default();
    // The first line of a cell is a comment, but not one about the definition below it.
    facts.attachable.retain(|one| outer.binary_search_by_key(&one.range.start, |cell| cell.node.0).is_err());
    let problem = facts.problem.map(|problem| problem.describe(file.language, time_limit));
    // Without facts, the depths of lines come from their indentation.
    if facts.line_depths.len() == lines.count() {
        lines.set_depths(facts.line_depths);
    }
    let main = embedded::main_language(file.language.0).and_then(language::language_by_name);
    let language = main.unwrap_or(file.language);
    (collect_definitions(language, facts.definitions, &facts.attachable, outer, lines), problem)
}
