//! Integration tests: they run the built program and check its observable behavior.

#[cfg(target_os = "linux")]
mod assistants;
#[cfg(target_os = "linux")]
mod bit_flips;
mod branches;
mod cli;
mod collection;
mod command_line;
mod crash;
mod doctor;
mod embedded_files;
mod eval;
mod field_faults;
mod filters;
#[cfg(target_os = "linux")]
mod fuzz;
#[cfg(target_os = "linux")]
mod grammars;
mod groups;
mod guard;
mod guidance;
mod ignore_files;
mod infrastructure;
#[cfg(unix)]
mod invisible_text;
#[cfg(feature = "lance")]
mod kills;
mod languages;
mod large_index;
mod masked_tokens;
mod mcp_http;
mod mcp_limits;
mod mcp_roots;
mod mcp_secrets;
mod mcp_stdio;
mod mcp_text;
mod messages;
mod models;
mod names;
mod odd_requests;
mod onnx;
mod packaging;
#[cfg(target_os = "linux")]
mod parsers;
mod pipeline;
mod projects;
#[cfg(feature = "locations")]
mod published_base;
mod questions;
mod readers;
mod reports;
mod resources;
#[cfg(unix)]
mod restored_files;
mod retrieval;
#[cfg(unix)]
mod scripts;
mod secret_keys;
mod setup;
#[cfg(target_os = "linux")]
mod share;
mod support;
#[cfg(target_os = "linux")]
mod terminal;
mod tune;
mod worktrees;
