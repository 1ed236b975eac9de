//! Access to files, clocks, memory and processes of the operating system, and cancellation, for all other crates.
//!
//! All crates use these functions, so that files are replaced, opened and checked in the same way everywhere.

pub mod atomic_file;
pub mod cancel;
pub mod clock;
pub mod confinement;
pub mod file_format;
pub mod open;
pub mod permits;
pub mod process;
pub mod sealed_json;
pub mod threads;
