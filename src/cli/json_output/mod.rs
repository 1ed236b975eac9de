//! The JSON that commands print for scripts, one file per command. Fields are never removed or renamed.
//!
//! These types are separate from the engine's, which may change without changing the output.

pub mod bench;
pub mod doctor;
pub mod eval;
pub mod index;
pub mod indexes;
pub mod models;
pub mod outline;
pub mod read;
pub mod references;
pub mod search;
pub mod status;
pub mod symbol;
pub mod tune;
