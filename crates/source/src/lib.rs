//! Reading of repositories: finding the files, detecting their languages and parsing them.
//!
//! [`walk`] decides which files are indexed, [`secrets`] knows which ones hold credentials, [`language`] detects their language, [`decode_source`] turns their bytes
//! into text, and [`parse`] turns one file into chunks, symbols and references.

mod decode;
pub mod language;
pub mod parse;
pub mod secrets;
pub mod walk;

pub use decode::{count_lines, cut_lines, decode_file, decode_source, decode_text};
