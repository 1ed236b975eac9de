//! A reader of Rust source text, limited to the syntax that the rules need.

pub mod comments;
pub mod items;
pub mod test_code;
pub mod tokens;
