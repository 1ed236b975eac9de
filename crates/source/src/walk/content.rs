//! Files that are skipped because of their content: binary, empty, minified, generated, or with a private
//! key.
//!
//! Reads bytes only, never the disk. A private key takes precedence over every other reason except binary.
//! Prose never counts as minified or generated, because it has one paragraph per line and mentions
//! generated code.

use super::generated::is_generated;
use types::{RepoPath, SkipReason};

/// Number of leading bytes checked for binary content.
const SNIFF_BYTES: usize = 8 * 1024;

/// Size in bytes up to which a file never counts as minified.
const MINIFIED_MIN_BYTES: usize = 4 * 1024;

/// Mean line length, in bytes, above which a file counts as minified.
const MINIFIED_MEAN_BYTES: usize = 250;

/// Length of a single line, in bytes, above which a file counts as minified.
const MINIFIED_LINE_BYTES: usize = 20 * 1024;

/// File extensions of prose.
const PROSE_EXTENSIONS: &[&str] = &["md", "markdown", "mdx", "rst", "txt", "adoc", "asciidoc", "org", "tex"];

/// Start of a private key's first line, in the formats of PEM, OpenSSH and PGP.
const KEY_BEGIN: &str = "-----BEGIN ";
/// Part of the label that follows [`KEY_BEGIN`], as in `RSA PRIVATE KEY` and `PGP PRIVATE KEY BLOCK`.
const KEY_LABEL: &str = "PRIVATE KEY";

/// Maximum length of a key's label, in bytes.
const MAX_LABEL_BYTES: usize = 48;

/// Minimum number of Base64 characters that follow a key's first line; text that merely mentions keys has fewer.
const MIN_KEY_CHARS: usize = 16;

/// Headers that may precede the Base64 text of a key.
const KEY_HEADERS: &[&str] = &["Proc-Type:", "DEK-Info:", "Version:", "Comment:"];

/// Returns why a file with these bytes is skipped; `None` if it is indexed.
pub fn inspect_content(path: &RepoPath, bytes: &[u8]) -> Option<SkipReason> {
    match inspect_published_content(path, bytes) {
        Some(SkipReason::Binary) => Some(SkipReason::Binary),
        _ if has_private_key(bytes) => Some(SkipReason::Secret { rule: format!("{KEY_BEGIN}… {KEY_LABEL}-----") }),
        other => other,
    }
}

/// Inspects a file of a public repository like [`inspect_content`], but ignores private keys.
///
/// A key in the tests of a public repository is not a secret.
pub fn inspect_published_content(path: &RepoPath, bytes: &[u8]) -> Option<SkipReason> {
    let sniffed = &bytes[..bytes.len().min(SNIFF_BYTES)];
    if is_binary(sniffed) {
        return Some(SkipReason::Binary);
    }
    if is_blank(bytes) {
        return Some(SkipReason::Empty);
    }
    let extension = path.file_name().rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
    if PROSE_EXTENSIONS.contains(&extension.as_str()) {
        return None;
    }
    if is_minified(bytes) {
        return Some(SkipReason::Minified);
    }
    is_generated(bytes).then_some(SkipReason::Generated)
}

/// Returns whether the text contains a private key: on separate lines, indented in a configuration, or as
/// a string with `\n` for line ends, as in the JSON of a service account.
fn has_private_key(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    text.match_indices(KEY_BEGIN).any(|(at, begin)| {
        let rest = &text[at + begin.len()..];
        let label = rest.find("-----").filter(|end| *end <= MAX_LABEL_BYTES);
        label.is_some_and(|end| rest[..end].contains(KEY_LABEL) && starts_with_key(&rest[end + "-----".len()..]))
    })
}

/// Returns whether the text after a key's first line starts with a key.
fn starts_with_key(mut rest: &str) -> bool {
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
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    let length = rest.bytes().take_while(is_base64).count();
    length >= MIN_KEY_CHARS || KEY_HEADERS.iter().any(|header| rest.starts_with(header))
}

/// Returns whether the bytes are only white space, after an optional UTF-8 byte order mark.
fn is_blank(bytes: &[u8]) -> bool {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0x0b)
}

/// Returns whether the bytes contain a zero byte, start with a UTF-16 byte order mark, or consist of more than a
/// tenth control characters.
fn is_binary(bytes: &[u8]) -> bool {
    let is_control = |byte: u8| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b);
    // Branchless, so that the compiler can vectorize it.
    let (zeros, controls) = bytes.iter().fold((0_usize, 0_usize), |(zeros, controls), byte| {
        (zeros + usize::from(*byte == 0), controls + usize::from(is_control(*byte)))
    });
    bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) || zeros > 0 || controls * 10 > bytes.len()
}

/// Returns whether the mean or the longest line is too long for hand-written text.
fn is_minified(bytes: &[u8]) -> bool {
    if bytes.len() <= MINIFIED_MIN_BYTES {
        return false;
    }
    // Some files use the line ending of classic Mac OS, a lone carriage return.
    let line_end = if bytes.contains(&b'\n') { b'\n' } else { b'\r' };
    let (mut count, mut longest, mut start) = (1, 0, 0);
    for at in memchr::memchr_iter(line_end, bytes) {
        (count, longest, start) = (count + 1, longest.max(at - start), at + 1);
    }
    longest = longest.max(bytes.len() - start);
    bytes.len() / count > MINIFIED_MEAN_BYTES || longest > MINIFIED_LINE_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binary_minified_and_generated_files_are_detected_by_content() {
        let of = |path: &str, bytes: &[u8]| inspect_content(&RepoPath::new(path), bytes).map(|reason| reason.label());
        assert_eq!(of("a.rs", b"fn a() {}\0"), Some("binary"));
        assert_eq!(of("a.txt", &[0xff, 0xfe, b'a', 0]), Some("binary"));
        assert_eq!(of("a.rs", b" \n\t\n"), Some("empty"));
        assert_eq!(of("a.js", "var a=1;".repeat(1000).as_bytes()), Some("minified"));
        assert_eq!(of("a.md", "a long paragraph. ".repeat(1000).as_bytes()), None);
        assert_eq!(of("a.go", b"// Code generated by protoc-gen-go. DO NOT EDIT.\npackage a\n"), Some("generated"));
        assert_eq!(of("a.ts", b"/**\n * @generated by hand\n */\n"), Some("generated"));
        assert_eq!(of("a.py", b"\"\"\"Writes generated code to disk.\"\"\"\n# The file is generated later.\n"), None);
        assert_eq!(of("a.rs", "fn größe() {}\n".as_bytes()), None);
    }
}
