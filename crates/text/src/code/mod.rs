//! Finds code in other texts: names, snippets, and locations in source files.

pub mod locations;
pub mod snippet;
pub mod written_names;
