//! The transports, which carry messages between clients and the server.

#[cfg(fuzzing)]
pub mod fuzzing;
#[cfg(feature = "http")]
pub mod http;
pub mod json_lines;
#[cfg(feature = "http")]
mod legacy_sse;
pub mod lifecycle;
pub mod parent_process;
pub mod stdio;
