//! Everything a user would notice, through the built binary.

mod cli;
mod crash;
mod mcp_stdio;
mod projects;
mod support;
mod tidy;
