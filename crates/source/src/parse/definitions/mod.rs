//! The definitions of a file: those of its syntax, the sections of Markdown, components and cells.

mod definition;
mod enclosing;
mod markdown;
mod of_file;

pub(super) use definition::{Definition, container_path, qualified_path};
pub(super) use of_file::define_file;
