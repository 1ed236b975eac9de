//! Which files hold credentials: by their names, and by what is in them.
//!
//! `names` is the one table of names. `private_keys` finds private keys in any text, however they are written down:
//! over several lines or literals, behind marks of comments, quotes and patches, escaped, or encoded.
//! `credential_files` knows files that hold credentials only sometimes, such as the `config` of a Git repository.
//!
//! A file with credentials is left out as a whole. Each answer reads its text again, so a mask would have to hold in all
//! of them, and a mask that is too short shows the rest of the key.

mod credential_files;
mod der;
mod encodings;
mod json_web_key;
mod key_body;
mod names;
mod notation;
mod private_keys;

pub use names::{secret_folder_pattern, secret_pattern};

use types::RepoPath;

/// A line with this text in a file says that what looks like a private key there is none, or is not secret.
pub const ALLOW_MARKER: &str = "codescry:allow-secret";

/// Returns what credentials a file holds, such as `a private key (PEM)`; `None` if none are found, or if the text has
/// an [`ALLOW_MARKER`].
pub fn find_credentials(path: &RepoPath, bytes: &[u8]) -> Option<String> {
    let found = match private_keys::find_private_key(bytes) {
        Some(form) => format!("a private key ({form})"),
        None => credential_files::find_credentials_by_name(path, bytes)?.to_owned(),
    };
    let is_allowed = memchr::memmem::find(bytes, ALLOW_MARKER.as_bytes()).is_some();
    (!is_allowed).then_some(found)
}
