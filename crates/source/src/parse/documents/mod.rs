//! Definitions in files that are not programs: sections of Markdown, recipes of justfiles, Go templates, and entries of
//! data files, such as the jobs of a workflow.
//!
//! The grammars of YAML, JSON and TOML give the pairs, items and documents of a file, which [`data_tree`] nests. The
//! table in [`kinds`] recognizes a document by its path and keys, and lists the rules by which [`rules`] picks the
//! nodes that are definitions. Markdown, justfiles and Go templates are read without a grammar.

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
