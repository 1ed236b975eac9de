//! Everything a user would notice, through the built binary.

mod cli;
mod crash;
mod doctor;
mod eval;
#[cfg(feature = "lance")]
mod kills;
mod mcp_stdio;
mod packaging;
mod pipeline;
mod projects;
mod questions;
mod setup;
mod support;
mod tidy;
mod tune;
