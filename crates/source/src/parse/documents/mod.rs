//! Definitions in files that are no programs: sections of Markdown, and what the files of infrastructure and of contracts
//! define.
//!
//! The grammars of YAML, JSON and TOML give the pairs, items and documents of a file, which [`data_tree`] nests. The table in
//! [`kinds`] tells by the path and the keys what a document is, and lists the rules by which [`rules`] picks the nodes that are
//! definitions. Files without a grammar are read line by line.

mod data_document;
mod data_tree;
mod kinds;
mod markdown;
mod recipes;
mod rules;
mod template_blocks;
mod terraform;

pub(super) use terraform::describe_block;

use super::definitions::{self, Definition};
use super::lines::LineIndex;
use super::source_file::SourceFile;
use super::syntax::{AttachableNode, DefinitionMatch};
use types::Language;

/// Finds the definitions of a file whose language has no grammar; `None` if its language has no definitions.
pub(super) fn find_without_grammar(file: &SourceFile, lines: &LineIndex<'_>) -> Option<Vec<Definition>> {
    match file.language.0 {
        "markdown" => Some(markdown::find_sections(&file.text, lines)),
        "just" => Some(recipes::find_recipes(lines)),
        "template" => Some(template_blocks::find_blocks(lines)),
        _ => None,
    }
}

/// Returns whether the files of a language are data, of whose pairs only some are definitions.
pub(super) fn is_data(language: Language) -> bool {
    matches!(language.0, "yaml" | "json" | "toml")
}

/// Builds the definitions of a file from the matches of its language's query; see [`definitions::collect_definitions`].
pub(super) fn build_definitions(
    file: &SourceFile,
    matches: Vec<DefinitionMatch>,
    attachable: &[AttachableNode],
    lines: &mut LineIndex<'_>,
) -> Vec<Definition> {
    if !is_data(file.language) {
        return definitions::collect_definitions(file.language, matches, attachable, lines);
    }
    definitions::tie_comments(attachable, lines);
    let tree = data_tree::DataTree::build(&file.text, matches, file.language.0 == "toml");
    rules::apply_rules(file, &tree, attachable, lines)
}

#[cfg(test)]
mod tests;
