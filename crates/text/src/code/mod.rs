//! Finds code in other texts: names, snippets, locations in source files, and the strings of messages.

pub mod locations;
pub mod pasted;
mod placeholders;
pub mod snippet;
pub mod written_names;
