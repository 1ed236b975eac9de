//! The served folders: their engines, their index runs, and queries to them.

pub mod percent;
pub mod query;
pub mod runs;
pub mod served;
pub mod watchers;
