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

pub(super) use of_file::{define_file, find_without_grammar, is_data};
pub(super) use terraform::describe_block;

#[cfg(test)]
mod tests;
