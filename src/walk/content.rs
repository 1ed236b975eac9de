//! Files that are out by what is in them.
//!
//! Owns the limits beyond which a text is none that a person wrote, and what a private key looks like.
//! Invariants: looks at bytes only, never at the disk; a secret is told before anything else; prose is never minified nor generated, since it has a paragraph a line and
//! speaks of generated code. Never imports the store, the embedder, `index` or `search`.

use super::generated::is_generated;
use crate::types::{RepoPath, SkipReason};

/// Bytes looked at for signs of binary content.
const SNIFF_BYTES: usize = 8 * 1024;

/// Files up to this size are never called minified.
const MINIFIED_LEAST_BYTES: usize = 4 * 1024;

/// Mean line length above which a text was not written by a person.
const MINIFIED_MEAN_BYTES: usize = 250;

/// A single line above which it was not either.
const MINIFIED_LINE_BYTES: usize = 20 * 1024;

/// Extensions of prose.
const PROSE: &[&str] = &["md", "markdown", "mdx", "rst", "txt", "adoc", "asciidoc", "org", "tex"];

/// Where a private key begins, in a file of its own or amid another: PEM, OpenSSH and PGP.
const KEY_BEGIN: &str = "-----BEGIN ";
const KEY_LABEL: &str = "PRIVATE KEY";

/// Longest label of a key, in bytes.
const MAX_LABEL_BYTES: usize = 48;

/// So many signs of Base64 after its first line are a key; a text that only speaks of keys has none.
const LEAST_KEY_SIGNS: usize = 16;

/// What may stand between the first line of a key and the key.
const KEY_HEADERS: &[&str] = &["Proc-Type:", "DEK-Info:", "Version:", "Comment:"];

/// Why a file with these bytes is not indexed; `None` when it is.
pub fn inspect(path: &RepoPath, bytes: &[u8]) -> Option<SkipReason> {
    match inspect_published(path, bytes) {
        Some(SkipReason::Binary) => Some(SkipReason::Binary),
        _ if has_private_key(bytes) => Some(SkipReason::Secret { rule: format!("{KEY_BEGIN}… {KEY_LABEL}-----") }),
        other => other,
    }
}

/// As [`inspect`], for what anyone can read: a key in the tests of a public repository is no secret.
pub fn inspect_published(path: &RepoPath, bytes: &[u8]) -> Option<SkipReason> {
    let sniffed = &bytes[..bytes.len().min(SNIFF_BYTES)];
    if is_binary(sniffed) {
        return Some(SkipReason::Binary);
    }
    if is_blank(bytes) {
        return Some(SkipReason::Empty);
    }
    let extension = path.file_name().rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
    if PROSE.contains(&extension.as_str()) {
        return None;
    }
    if is_minified(bytes) {
        return Some(SkipReason::Minified);
    }
    is_generated(bytes).then_some(SkipReason::Generated)
}

/// Whether a private key stands anywhere in the text: on lines of its own, indented in a configuration, or
/// as a string with `\n` for its line ends, as in the JSON of a service account.
fn has_private_key(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    text.match_indices(KEY_BEGIN).any(|(at, begin)| {
        let rest = &text[at + begin.len()..];
        let label = rest.find("-----").filter(|end| *end <= MAX_LABEL_BYTES);
        label.is_some_and(|end| rest[..end].contains(KEY_LABEL) && is_key(&rest[end + "-----".len()..]))
    })
}

/// Whether what follows the first line of a key is one.
fn is_key(mut rest: &str) -> bool {
    loop {
        let before = rest.len();
        rest = rest.trim_start();
        for line_end in ["\\r", "\\n"] {
            rest = rest.strip_prefix(line_end).unwrap_or(rest);
        }
        if rest.len() == before {
            break;
        }
    }
    let is_sign = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    let signs = rest.bytes().take_while(is_sign).count();
    signs >= LEAST_KEY_SIGNS || KEY_HEADERS.iter().any(|header| rest.starts_with(header))
}

/// White space and nothing else, after the mark of UTF-8 if there is one.
fn is_blank(bytes: &[u8]) -> bool {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0x0b)
}

/// A zero byte, the mark of UTF-16 or UTF-32, or one control character in ten.
fn is_binary(bytes: &[u8]) -> bool {
    let is_control = |byte: u8| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b);
    // Without a branch, so that many bytes are looked at in one step.
    let (zeros, controls) = bytes.iter().fold((0_usize, 0_usize), |(zeros, controls), byte| {
        (zeros + usize::from(*byte == 0), controls + usize::from(is_control(*byte)))
    });
    bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) || zeros > 0 || controls * 10 > bytes.len()
}

fn is_minified(bytes: &[u8]) -> bool {
    if bytes.len() <= MINIFIED_LEAST_BYTES {
        return false;
    }
    // Some files still end their lines as old Macs did.
    let end = if bytes.contains(&b'\n') { b'\n' } else { b'\r' };
    let (mut count, mut longest, mut start) = (1, 0, 0);
    for at in memchr::memchr_iter(end, bytes) {
        (count, longest, start) = (count + 1, longest.max(at - start), at + 1);
    }
    longest = longest.max(bytes.len() - start);
    bytes.len() / count > MINIFIED_MEAN_BYTES || longest > MINIFIED_LINE_BYTES
}
