//! Common syntax that a grammar cannot parse: macros of C and C++, types of Flow, dialects of SQL, tasks of Gradle,
//! rules of makefiles, new words of WGSL, and templates in YAML.

mod flow;
mod gradle_tasks;
mod macro_words;
mod make_rules;
mod sql_routines;
mod wgsl_words;
mod yaml_templates;

pub(super) use flow::{is_flow, replace_flow_syntax};
pub(super) use gradle_tasks::replace_task_heads;
pub(super) use macro_words::blank_macros;
pub(super) use make_rules::add_make_targets;
pub(super) use sql_routines::add_sql_definitions;
pub(super) use wgsl_words::replace_wgsl_words;
pub(super) use yaml_templates::{blank_template_actions, find_template_actions};
