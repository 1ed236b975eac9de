//! Everything a user would notice, through the built binary.

mod cli;
mod crash;
mod doctor;
mod eval;
#[cfg(target_os = "linux")]
mod fuzz;
#[cfg(feature = "lance")]
mod kills;
mod mcp_stdio;
mod packaging;
mod pipeline;
mod projects;
mod setup;
#[cfg(target_os = "linux")]
mod share;
mod support;
mod tidy;
