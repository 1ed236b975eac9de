//! Helpers shared by the tests: temporary projects, and clients of the server.

pub mod cli;
pub mod http;
pub mod mcp;
pub mod random;

use std::sync::OnceLock;

/// Returns the path of the program under test: the one that `CODESCRY_TEST_PROGRAM` names, such as a program to be
/// released, or the one that cargo built with the tests.
pub fn tested_program() -> &'static str {
    static PROGRAM: OnceLock<String> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let Ok(named) = std::env::var("CODESCRY_TEST_PROGRAM") else {
            return env!("CARGO_BIN_EXE_codescry").to_owned();
        };
        // The tests start it in other folders.
        let path =
            std::fs::canonicalize(&named).unwrap_or_else(|error| panic!("CODESCRY_TEST_PROGRAM={named}: {error}"));
        path.into_os_string().into_string().expect("CODESCRY_TEST_PROGRAM is UTF-8")
    })
}
