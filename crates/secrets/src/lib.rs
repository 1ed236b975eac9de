//! Recognizes files that hold credentials, by their names and their contents.
//!
//! `names` has the table of the names of such files and folders. `private_keys` finds private keys in any text, however
//! they are written down: over several lines or literals, behind marks of comments, quotes and patches, escaped, or
//! encoded. `credential_files` knows files that hold credentials only sometimes, such as the `config` of a Git
//! repository, and `kubernetes` manifests of Secrets.
//!
//! A file with such credentials is left out as a whole: a mask that is too short shows the rest of the key. Tokens have
//! known forms within one line (`rules.toml`, `token_masks::token_rules`), so they are masked when a file is decoded
//! (`token_masks`), and the file is indexed. A file of data that holds nothing but tokens is left out.

mod credential_files;
mod der;
mod encodings;
mod json_web_key;
mod key_body;
mod kubernetes;
mod names;
mod notation;
mod private_keys;
mod token_masks;

pub use names::{secret_folder_pattern, secret_pattern};
pub use token_masks::{ALLOW_MARKER, MASK, TextMask, mask_tokens};

use types::RepoPath;

/// Returns a description of the credentials in a file, such as `a private key (PEM)`; `None` if none are found, or if
/// the file contains [`ALLOW_MARKER`].
pub fn find_credentials(path: &RepoPath, bytes: &[u8]) -> Option<String> {
    let found = match private_keys::find_private_key(bytes) {
        Some(form) => format!("a private key ({form})"),
        None => match credential_files::find_credentials_by_name(path, bytes) {
            Some(found) => found.to_owned(),
            None if kubernetes::is_secret_manifest(path, bytes) => "values of a Secret of Kubernetes".to_owned(),
            None => format!("nothing but credentials ({})", token_masks::find_only_tokens(path, bytes)?),
        },
    };
    let is_allowed = memchr::memmem::find(bytes, ALLOW_MARKER.as_bytes()).is_some();
    (!is_allowed).then_some(found)
}
