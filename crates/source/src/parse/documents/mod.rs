//! Definitions in files that are no programs: sections of Markdown, and what the files of infrastructure and of contracts
//! define.
//!
//! The grammars of YAML, JSON and TOML give the pairs, items and documents of a file, which [`data_tree`] nests. The table in
//! [`kinds`] tells by the path and the keys what a document is, and lists the rules by which [`rules`] picks the nodes that are
//! definitions. Files without a grammar are read line by line.

mod data_document;
mod data_tree;
mod enclosing;
mod kinds;
mod markdown;
mod of_file;
mod recipes;
mod rules;
mod template_blocks;
mod terraform;

pub(super) use of_file::define_file;
pub(super) use terraform::describe_block;

use super::definitions::Definition;
use super::lines::LineIndex;
use super::source_file::SourceFile;
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

#[cfg(test)]
mod tests;
