//! One call of a client: its arguments, its place in a paged answer, its cancellation, its work and its result.

pub mod arguments;
pub mod blocking;
pub mod context;
pub mod cursor;
#[cfg(feature = "http")]
pub mod metrics;
pub mod result;
