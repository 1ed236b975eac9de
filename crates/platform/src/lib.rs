//! Files, clocks, memory and cancellation: what every other crate takes from the operating system.
//!
//! Each of these has one home here, so that files are replaced, opened and checked the same way everywhere.

pub mod atomic_file;
pub mod cancel;
pub mod clock;
pub mod file_format;
pub mod open;
pub mod process;
