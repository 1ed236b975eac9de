//! Definitions in files without a grammar of definitions: sections of Markdown, recipes of justfiles, Go templates,
//! Objective-C, and entries of data files, such as the jobs of a workflow.
//!
//! The grammars of YAML, JSON and TOML give the pairs, items and documents of a file, which [`data_tree`] nests. The
//! table in [`kinds`] recognizes a document by its path and keys, and lists the rules by which [`rules`] picks the
//! nodes that are definitions. [`plain`] reads the others.

mod data_document;
mod data_tree;
mod enclosing;
mod kinds;
mod of_file;
mod plain;
mod rules;
mod terraform;

pub(super) use of_file::{define_file, find_without_grammar, is_data};
pub(super) use terraform::describe_block;

#[cfg(test)]
mod tests;
