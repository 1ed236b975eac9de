//! Finds code in other texts: names, snippets, locations in source files, comments, and the strings of messages.

pub mod comments;
pub mod locations;
pub mod pasted;
mod placeholders;
pub mod snippet;
pub mod written_names;
