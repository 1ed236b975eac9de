//! The transports: how messages of clients come in and go out.

#[cfg(feature = "http")]
pub mod http;
pub mod json_lines;
#[cfg(feature = "http")]
mod legacy_sse;
pub mod lifecycle;
pub mod parent_process;
pub mod stdio;
