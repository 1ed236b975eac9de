//! Splits text into words, normalizes and compares them, and counts tokens.

pub mod edit_distance;
pub mod inflections;
pub mod name_key;
pub mod words;
