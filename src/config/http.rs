//! What the server over HTTP takes from this machine: its secret, and how many files it may open.
//!
//! Must never import: anything of this crate but the rest of `config`.

use std::env;
use std::fs;
use std::path::Path;

use super::ConfigError;

/// Where the token is when no file is named.
const TOKEN: &str = "CODESCRY_TOKEN";

/// The secret that clients must know: of the file, or else of the environment. Its blanks around it
/// do not count.
///
/// # Errors
/// When the file cannot be read or is empty.
pub fn http_token(file: Option<&Path>) -> Result<Option<String>, ConfigError> {
    let Some(file) = file else {
        let given = env::var_os(TOKEN).map(|token| token.to_string_lossy().trim().to_owned());
        return Ok(given.filter(|token| !token.is_empty()));
    };
    let text = fs::read_to_string(file);
    let text = text.map_err(|source| ConfigError::TokenFile { path: file.to_owned(), source })?;
    match text.trim() {
        "" => Err(ConfigError::NoTokenInFile { path: file.to_owned() }),
        token => Ok(Some(token.to_owned())),
    }
}
