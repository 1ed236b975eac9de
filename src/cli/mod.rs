//! The command line: arguments in, text or JSON out.
//!
//! Each command is one file in [`commands`], and calls the engine or the MCP server. Standard output carries only the
//! answer, and only [`printer`] writes to it; in `serve`, the MCP server does. Text from indexed files is escaped
//! before it reaches a terminal.

pub mod arguments;
pub mod commands;
pub mod exit;
mod index_run;
mod interrupts;
mod json_output;
pub mod logging;
mod printer;
mod progress;
mod text_output;
