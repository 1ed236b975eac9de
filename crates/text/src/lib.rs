//! Splits text into words, normalizes and compares them, and counts tokens.

pub mod words;
