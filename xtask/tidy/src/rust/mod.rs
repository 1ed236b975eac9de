//! A reader of Rust source text that knows as much of the syntax as the rules need.

pub mod comments;
pub mod items;
pub mod test_code;
pub mod tokens;
