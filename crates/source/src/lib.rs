//! Reading of repositories: finding the files, detecting their languages and parsing them.
//!
//! [`walk`] decides which files are indexed, [`secrets`] recognizes credentials, [`language`] detects the language of a
//! file, [`decode_source`] turns its bytes into text, and [`parse`] turns the text into chunks, symbols and references.

mod decode;
pub mod language;
mod long_lines;
pub mod parse;
pub mod walk;

pub use decode::{chunk_text, count_lines, decode_file, decode_source, decode_source_as, has_unmasked_lines};
pub use embedded::is_notebook;
pub use secrets;
