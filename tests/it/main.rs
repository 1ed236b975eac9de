//! Integration tests: they run the built program and check its observable behavior.

mod cli;
mod crash;
mod doctor;
mod eval;
#[cfg(target_os = "linux")]
mod fuzz;
mod guard;
#[cfg(feature = "lance")]
mod kills;
mod mcp_http;
mod mcp_limits;
mod mcp_roots;
mod mcp_secrets;
mod mcp_stdio;
mod mcp_text;
mod models;
mod names;
mod onnx;
mod packaging;
mod pipeline;
mod projects;
mod questions;
mod resources;
mod retrieval;
mod setup;
#[cfg(target_os = "linux")]
mod share;
mod support;
mod tune;
