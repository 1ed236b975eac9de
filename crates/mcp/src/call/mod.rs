//! The parts of a tool call: its arguments, cursor, cancellation, blocking work, metrics and result.

pub mod arguments;
pub mod blocking;
pub mod context;
pub mod cursor;
#[cfg(feature = "http")]
pub mod metrics;
pub mod result;
pub mod values;
