//! Uses of a name in a file: in code by the syntax around them, in files of data by their scalars.

mod code_names;
mod data_names;

pub(in crate::parse) use code_names::SIGILS;
pub(super) use code_names::find_uses;
pub use code_names::find_whole_word;
pub(super) use data_names::find_data_uses;
