//! The rules, one file each. A rule returns its violations as lines of text.

pub mod documents;
pub mod engines;
pub mod imports;
pub mod layout;
pub mod names;
pub mod process;
pub mod prose;
