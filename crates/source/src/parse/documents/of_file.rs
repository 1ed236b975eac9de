//! The definitions of a file of any language.

use std::time::Duration;

use super::data_tree::DataTree;
use super::plain::{markdown, objective_c, recipes, template_blocks};
use super::{enclosing, rules};
use crate::language;
use crate::parse::definitions::{self, Definition};
use crate::parse::lines::LineIndex;
use crate::parse::source_file::SourceFile;
use crate::parse::syntax::SyntaxFacts;
use types::Language;

/// Finds the definitions of a file. Unless they are found without a grammar, also sets the depths of `lines` to those
/// of the syntax, if `facts` has them, and returns the problem in `facts`, described for the user.
pub(in crate::parse) fn define_file(
    file: &SourceFile,
    facts: Option<SyntaxFacts>,
    time_limit: Duration,
    lines: &mut LineIndex<'_>,
) -> (Vec<Definition>, Option<String>) {
    let is_template = file.language.0 == "template";
    if !is_template && let Some(found) = find_without_grammar(file, lines) {
        return (found, None);
    }
    let mut outer = enclosing::find_enclosing(file, lines);
    let mut facts = facts.unwrap_or_default();
    // The first line of a cell is a comment, but not one about the definition below it.
    facts.attachable.retain(|one| outer.binary_search_by_key(&one.range.start, |cell| cell.node.0).is_err());
    if is_template {
        outer.extend(template_blocks::find_blocks(lines));
    }
    let problem = facts.problem.map(|problem| problem.describe(file.language, time_limit));
    // Without facts, the depths of lines come from their indentation.
    if facts.line_depths.len() == lines.count() {
        lines.set_depths(facts.line_depths);
    }
    if is_data(file.language) {
        definitions::tie_comments(&facts.attachable, lines);
        let tree = DataTree::build(&file.text, facts.definitions, file.language.0 == "toml");
        return (rules::apply_rules(file, &tree, &facts.attachable, lines), problem);
    }
    let main = embedded::main_language(file.language.0).and_then(language::language_by_name);
    let language = main.unwrap_or(file.language);
    (definitions::collect_definitions(language, facts.definitions, &facts.attachable, outer, lines), problem)
}

/// Finds the definitions of a Markdown file, a justfile, an Objective-C file or a template; `None` for any other
/// language.
pub(in crate::parse) fn find_without_grammar(file: &SourceFile, lines: &LineIndex<'_>) -> Option<Vec<Definition>> {
    match file.language.0 {
        "markdown" => Some(markdown::find_sections(&file.text, lines)),
        "just" => Some(recipes::find_recipes(lines)),
        "objective-c" => Some(objective_c::find_objective_c_definitions(lines)),
        "template" => Some(template_blocks::find_blocks(lines)),
        _ => None,
    }
}

/// Returns whether a language is one of data: only some of the pairs in its files are definitions.
pub(in crate::parse) fn is_data(language: Language) -> bool {
    matches!(language.0, "yaml" | "json" | "toml")
}
