//! The language table: one row and at most one query file per language.
//!
//! A query is compiled once per process, on first use, and shared by all parser threads.

mod capture;
mod choices;
mod detect;
mod grammar;
mod lookup;
mod pattern_roots;
mod table;

#[cfg(test)]
mod tests;

pub(crate) use capture::QueryCapture;
pub use choices::{LanguageChoices, LanguageChoicesError};
pub use detect::{detect_language, refine_language};
pub(crate) use grammar::{CompiledQuery, Grammar};
pub use lookup::{
    all_languages, compile_ms, grammar_fingerprint, language_aliases, language_by_name, language_content,
    language_grammar, language_row, language_title, recompile_query, text_language,
};
pub use table::LanguageRow;
