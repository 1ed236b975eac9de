//! Stands in for crates.io's `libsais-rs`, which sorts the suffixes of a text.
//!
//! LanceDB needs it for indexes of substrings. codescry creates no such index. No text can be sorted here.

/// The error code of `libsais` for wrong arguments.
const REFUSED: i32 = -1;

/// Refuses every text: returns a negative code, as `libsais` does for wrong arguments.
pub fn libsais(_text: &[u8], _suffixes: &mut [i32], _extra_space: i32, _frequencies: Option<&mut [i32]>) -> i32 {
    REFUSED
}

/// Refuses every text, like [`libsais`].
pub fn libsais64(_text: &[u8], _suffixes: &mut [i64], _extra_space: i64, _frequencies: Option<&mut [i64]>) -> i64 {
    i64::from(REFUSED)
}
