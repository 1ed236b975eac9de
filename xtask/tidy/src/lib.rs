//! Checks the rules of this workspace's code that cargo cannot enforce.
//!
//! [`workspace`] reads the packages, [`rust`] reads Rust source text, and [`rules`] has one file per rule. A rule
//! returns its violations as lines of text; `tests/workspace.rs` applies all rules to this workspace. The package
//! depends on nothing else in the workspace, so `cargo test -p tidy` takes seconds.

pub mod rules;
pub mod rust;
pub mod workspace;
