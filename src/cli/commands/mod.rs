//! The commands, one file each.

pub mod bench;
#[cfg(feature = "locations")]
pub mod collection;
pub mod completions;
pub mod doctor;
pub mod eval;
pub mod gc;
pub mod hook;
pub mod index;
pub mod indexes;
pub mod install;
pub mod man;
pub mod models;
mod name_arguments;
pub mod outline;
pub mod publish;
pub mod read;
pub mod references;
mod result_page;
pub mod search;
pub mod serve;
pub mod similar;
pub mod status;
pub mod symbol;
pub mod tune;
pub mod uninstall;
pub mod watch;
