//! Splits text into words, normalizes and compares them, finds names and code, counts tokens, detects encodings, and
//! escapes characters that control a display.

pub mod code;
pub mod display;
pub mod edit_distance;
pub mod encoding;
pub mod inflections;
pub mod name_key;
pub mod segments;
pub mod tokens;
pub mod unicode;
pub mod words;
