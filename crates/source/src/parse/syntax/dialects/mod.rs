//! What people write and a grammar cannot parse: macros of C and C++, types of Flow, other dialects of SQL.

mod flow;
mod macro_words;
mod sql_routines;

pub(super) use flow::{is_flow, replace_flow_syntax};
pub(super) use macro_words::blank_macros;
pub(super) use sql_routines::add_sql_definitions;
