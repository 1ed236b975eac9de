//! Tokens: one for all clients, or one per client from a file that may change while the server runs.
//!
//! Each line of the file has the name of a client and its token, separated by white space. Empty lines and lines that
//! begin with `#` are ignored. The file is read again when its size or its modification time changes, so a removed line
//! revokes a token without a restart. While a changed file cannot be read or is malformed, the tokens read before stay
//! valid, and the problem is logged once.

use std::fmt;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use subtle::ConstantTimeEq as _;

use crate::error::McpError;

/// Minimum length of a token, in characters; shorter tokens are too easy to guess.
const MIN_TOKEN_CHARS: usize = 16;

/// The secret of the `Authorization: Bearer` header, kept as its BLAKE3 hash.
#[derive(Clone)]
pub struct BearerToken(blake3::Hash);

impl BearerToken {
    /// Creates a token from `secret`.
    ///
    /// # Errors
    /// When it is shorter than 16 characters or has characters that are not visible ASCII.
    pub fn new(secret: &str) -> Result<Self, McpError> {
        let printable = secret.chars().all(|c| c.is_ascii_graphic());
        if secret.len() < MIN_TOKEN_CHARS || !printable {
            return Err(McpError::WeakToken { least: MIN_TOKEN_CHARS });
        }
        Ok(Self(blake3::hash(secret.as_bytes())))
    }

    /// Returns whether `secret` is this token; the time depends only on the length of `secret`.
    pub fn matches(&self, secret: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(blake3::hash(secret).as_bytes()).into()
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(…)")
    }
}

/// The tokens of several clients.
#[derive(Clone)]
pub struct ClientTokens(Arc<TokensFile>);

struct TokensFile {
    path: PathBuf,
    state: Mutex<TokensState>,
}

struct TokensState {
    /// The version of the file that was last read.
    version: FileVersion,
    clients: Vec<(Arc<str>, BearerToken)>,
}

/// The size and the modification time of a file; `None` if it cannot be examined.
type FileVersion = Option<(u64, SystemTime)>;

impl ClientTokens {
    /// Reads the tokens in the file at `path`.
    ///
    /// # Errors
    /// When the file cannot be read, a line is not a name and a token, a token is weak, or a name or token appears
    /// twice.
    pub fn read(path: &Path) -> Result<Self, McpError> {
        let state = TokensState { version: file_version(path), clients: read_clients(path)? };
        Ok(Self(Arc::new(TokensFile { path: path.to_owned(), state: Mutex::new(state) })))
    }

    /// Returns the name of the client with this token, by the current contents of the file; `None` if no client has it.
    pub fn find_client(&self, secret: &[u8]) -> Option<Arc<str>> {
        let TokensFile { path, state } = &*self.0;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let version = file_version(path);
        if version != state.version {
            state.version = version;
            match read_clients(path) {
                Ok(clients) => {
                    tracing::info!("read the tokens of {} clients from {}", clients.len(), path.display());
                    state.clients = clients;
                }
                Err(error) => tracing::warn!("the tokens read before stay valid: {error}"),
            }
        }
        // Every token is compared, so that the time does not tell which clients there are.
        let matching = state.clients.iter().filter(|(_, token)| token.matches(secret));
        matching.fold(None, |_, (name, _)| Some(Arc::clone(name)))
    }
}

impl fmt::Debug for ClientTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientTokens({})", self.0.path.display())
    }
}

fn file_version(path: &Path) -> FileVersion {
    let version = |metadata: Metadata| Some((metadata.len(), metadata.modified().ok()?));
    fs::metadata(path).ok().and_then(version)
}

fn read_clients(path: &Path) -> Result<Vec<(Arc<str>, BearerToken)>, McpError> {
    let malformed = |line: usize, problem: String| McpError::TokensFile { path: path.to_owned(), line, problem };
    let text = fs::read_to_string(path).map_err(|error| malformed(0, error.to_string()))?;
    let mut clients: Vec<(Arc<str>, BearerToken)> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let [name, secret] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            return Err(malformed(
                number,
                "a line has a name and a token, such as `alice 0123456789abcdef`".to_owned(),
            ));
        };
        if clients.iter().any(|(known, token)| known.as_ref() == name || token.matches(secret.as_bytes())) {
            return Err(malformed(number, format!("the name or the token of {name} appears twice")));
        }
        let token = BearerToken::new(secret).map_err(|error| malformed(number, error.to_string()))?;
        clients.push((name.into(), token));
    }
    Ok(clients)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: &[u8] = b"alice-0123456789";
    const BOB: &[u8] = b"bob-0123456789abc";

    fn found(tokens: &ClientTokens, secret: &[u8]) -> Option<String> {
        tokens.find_client(secret).map(|name| name.to_string())
    }

    #[test]
    fn a_changed_file_adds_and_revokes_clients() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tokens");
        fs::write(&path, "# team\nalice alice-0123456789\n\n").expect("written");
        let tokens = ClientTokens::read(&path).expect("tokens");
        assert_eq!((found(&tokens, ALICE).as_deref(), found(&tokens, BOB)), (Some("alice"), None));
        fs::write(&path, "alice alice-0123456789\nbob\tbob-0123456789abc\n").expect("written");
        assert_eq!(found(&tokens, BOB).as_deref(), Some("bob"));
        fs::write(&path, "bob").expect("written");
        assert_eq!(found(&tokens, ALICE).as_deref(), Some("alice"), "a malformed file changes nothing");
        fs::write(&path, "bob bob-0123456789abc\n").expect("written");
        assert_eq!((found(&tokens, ALICE), found(&tokens, BOB).as_deref()), (None, Some("bob")));
        fs::write(&path, "").expect("written");
        assert_eq!(found(&tokens, BOB), None, "an empty file revokes every token");
        assert!(!format!("{tokens:?}").contains("0123"));
    }

    #[test]
    fn a_malformed_file_is_an_error_that_names_the_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tokens");
        for (text, line) in [
            ("alice", 1),
            ("\nalice short", 2),
            ("a 0123456789abcdef x", 1),
            ("a 0123456789abcdef\na 0123456789abcdeg", 2),
            ("a 0123456789abcdef\nb 0123456789abcdef", 2),
        ] {
            fs::write(&path, text).expect("written");
            let message = ClientTokens::read(&path).expect_err(text).to_string();
            assert!(message.contains(&format!("line {line}")) && !message.contains("0123456789abcdeg"), "{message}");
        }
        assert!(ClientTokens::read(&folder.path().join("missing")).is_err());
    }
}
