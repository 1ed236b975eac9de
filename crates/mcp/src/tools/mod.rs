//! The tools, one file each, and their [`table`].

mod entry;
mod find_references;
mod find_similar;
mod find_symbol;
#[cfg(test)]
mod fuzz;
mod index_project;
mod index_status;
mod outline;
mod read_code;
mod search_code;
pub mod table;
