//! The commands, one file each.

pub mod bench;
pub mod completions;
pub mod doctor;
pub mod eval;
pub mod hook;
pub mod index;
pub mod install;
pub mod man;
pub mod models;
pub mod references;
pub mod search;
pub mod serve;
pub mod status;
pub mod symbol;
pub mod tune;
pub mod uninstall;
pub mod watch;
