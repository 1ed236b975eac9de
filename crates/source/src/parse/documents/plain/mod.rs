//! Definitions of languages that are read without a grammar.

pub(in crate::parse) mod markdown;
pub(in crate::parse) mod objective_c;
pub(in crate::parse) mod recipes;
pub(in crate::parse) mod template_blocks;
