//! The secret token of the HTTP server.

use std::fs;
use std::path::Path;

use super::error::ConfigError;
use super::variables::variable_text;

/// The variable that holds the token when no file is given.
const TOKEN_VARIABLE: &str = "CODESCRY_TOKEN";

/// Reads the token that HTTP clients must send, from `file` or else from `CODESCRY_TOKEN`.
///
/// White space around the token is removed. `None` if no file is given and the variable is unset or empty.
///
/// # Errors
/// When the file cannot be read or contains only white space.
pub fn read_http_token(file: Option<&Path>) -> Result<Option<String>, ConfigError> {
    let Some(file) = file else {
        let given = variable_text(TOKEN_VARIABLE).map(|token| token.trim().to_owned());
        return Ok(given.filter(|token| !token.is_empty()));
    };
    let text = fs::read_to_string(file);
    let text = text.map_err(|source| ConfigError::TokenFile { path: file.to_owned(), source })?;
    match text.trim() {
        "" => Err(ConfigError::NoTokenInFile { path: file.to_owned() }),
        token => Ok(Some(token.to_owned())),
    }
}
