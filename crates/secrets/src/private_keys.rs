//! Finds private keys in text, however they are written down.
//!
//! One pass looks for [`SIGNS`], texts that hardly occur outside of keys and of code that handles them. Only around a
//! sign is the text judged, within a window of fixed size or up to the next sign, so the time is linear in the length.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::der::{begins_private_key, may_begin_private_key};
use super::encodings::{decode_base64_at, decode_byte_list_at, decode_hex_at, encode_base64_cores};
use super::json_web_key::has_private_member;
use super::key_body::{BodyPosition, is_base64, is_key_body, is_random};
use super::notation::{NotationReader, SEPARATOR};

/// A kind of sign, which decides how the text around it is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    /// The word `BEGIN` in the first line of a PEM text, before the label.
    PemBegin,
    /// The word `PRIVATE` of the label in the first or the last line of a key.
    PemLabel,
    /// The label of an OpenVPN key.
    OpenVpnLabel,
    /// A part of the Base64 of a PEM file.
    Base64OfPem,
    /// A text of a PEM file in hexadecimal digits.
    HexOfPem,
    /// A Base64 text that occurs `start` characters after the beginning of an encoded DER key.
    Base64OfDer { start: usize },
    /// A text of hexadecimal digits that occurs `start` digits after the beginning of an encoded DER key.
    HexOfDer { start: usize },
    /// The first values of a key that is written as a list of bytes.
    ByteList,
    /// The first characters of a key, with the least number of letters and digits that follow.
    Prefix { min_chars: usize },
    /// The first characters of a key in Base64, with the least number of characters of the run around them, which may
    /// go on over several lines.
    Base64Prefix { min_chars: usize },
    /// The header of a PuTTY key's private part.
    PuttyLines,
    /// The element of the private exponent in an XML key.
    XmlExponent,
    /// The member that names the type of a JSON Web Key.
    JwkType,
    /// The end of a name such as `client_private_key`.
    KeyName,
}

/// The signs of private keys, in one table.
const SIGNS: &[(&str, Sign)] = &[
    ("BEGIN", Sign::PemBegin),
    ("PRIVATE", Sign::PemLabel),
    ("OpenVPN Static key V", Sign::OpenVpnLabel),
    // PKCS #1 and DSA, PKCS #8, encrypted PKCS #8, PKCS #12.
    ("IBAAK", Sign::Base64OfDer { start: 6 }),
    ("IBAAJB", Sign::Base64OfDer { start: 6 }),
    ("IBADANBgkqhkiG9w0BAQ", Sign::Base64OfDer { start: 6 }),
    ("IBADALBgkqhkiG9w0BAQ", Sign::Base64OfDer { start: 6 }),
    ("IBADBBBgkqhkiG9w0BAQ", Sign::Base64OfDer { start: 6 }),
    ("IBADCC", Sign::Base64OfDer { start: 6 }),
    ("BgkqhkiG9w0BBQ", Sign::Base64OfDer { start: 8 }),
    ("BgoqhkiG9w0BDAE", Sign::Base64OfDer { start: 8 }),
    ("GCSqGSIb3DQEF", Sign::Base64OfDer { start: 7 }),
    ("GCiqGSIb3DQEMAQ", Sign::Base64OfDer { start: 7 }),
    ("IBAzCC", Sign::Base64OfDer { start: 6 }),
    // Elliptic curves, in SEC 1 and PKCS #8.
    ("CAQEEI", Sign::Base64OfDer { start: 3 }),
    ("CAQEEH", Sign::Base64OfDer { start: 3 }),
    ("CAQEEG", Sign::Base64OfDer { start: 3 }),
    ("AgEBBD", Sign::Base64OfDer { start: 4 }),
    ("AgEBBE", Sign::Base64OfDer { start: 4 }),
    ("AgEAMBMG", Sign::Base64OfDer { start: 4 }),
    ("AgEAMBAG", Sign::Base64OfDer { start: 4 }),
    ("CAQAwEwYHKoZIzj0", Sign::Base64OfDer { start: 3 }),
    ("CAQAwEAYHKoZIzj0", Sign::Base64OfDer { start: 3 }),
    ("CAQAwBQYDK2V", Sign::Base64OfDer { start: 3 }),
    ("CAQEwBQYDK2V", Sign::Base64OfDer { start: 3 }),
    ("0201000282", Sign::HexOfDer { start: 8 }),
    ("020100300d06092a86", Sign::HexOfDer { start: 8 }),
    ("020100300D06092A86", Sign::HexOfDer { start: 8 }),
    ("30770201010420", Sign::HexOfDer { start: 0 }),
    ("30740201010420", Sign::HexOfDer { start: 0 }),
    ("0201010430", Sign::HexOfDer { start: 6 }),
    ("0201010442", Sign::HexOfDer { start: 6 }),
    ("020100301306072a86", Sign::HexOfDer { start: 6 }),
    ("020100301306072A86", Sign::HexOfDer { start: 6 }),
    ("020100301006072a86", Sign::HexOfDer { start: 6 }),
    ("020100301006072A86", Sign::HexOfDer { start: 6 }),
    ("302e020100300506032b65", Sign::HexOfDer { start: 0 }),
    ("302E020100300506032B65", Sign::HexOfDer { start: 0 }),
    // `---` of PEM, and the first two values of DER.
    ("0x2d, 0x2d, 0x2d", Sign::ByteList),
    ("0x2D, 0x2D, 0x2D", Sign::ByteList),
    ("0x2d,0x2d,0x2d", Sign::ByteList),
    ("0x2D,0x2D,0x2D", Sign::ByteList),
    ("45, 45, 45", Sign::ByteList),
    ("45,45,45", Sign::ByteList),
    ("\\x2d\\x2d\\x2d", Sign::ByteList),
    ("\\x2D\\x2D\\x2D", Sign::ByteList),
    ("0x30, 0x8", Sign::ByteList),
    ("0x30,0x8", Sign::ByteList),
    ("0x30, 0x7", Sign::ByteList),
    ("0x30,0x7", Sign::ByteList),
    ("0x30, 0x2e", Sign::ByteList),
    ("0x30, 0x2E", Sign::ByteList),
    ("0x30,0x2e", Sign::ByteList),
    ("\\x30\\x8", Sign::ByteList),
    ("\\x30\\x7", Sign::ByteList),
    ("48, 130, ", Sign::ByteList),
    ("48,130,", Sign::ByteList),
    ("48, 119, ", Sign::ByteList),
    ("48, 46, ", Sign::ByteList),
    // OpenSSH, Java key stores, minisign, signify.
    ("b3BlbnNzaC1rZXktdjE", Sign::Base64Prefix { min_chars: 64 }),
    ("/u3+7QAAAA", Sign::Base64Prefix { min_chars: 64 }),
    ("RWRTY0Iy", Sign::Base64Prefix { min_chars: 64 }),
    ("RWRCSw", Sign::Base64Prefix { min_chars: 100 }),
    ("AGE-SECRET-KEY-1", Sign::Prefix { min_chars: 30 }),
    ("AGE-SECRET-KEY-PQ-1", Sign::Prefix { min_chars: 30 }),
    ("age-secret-key-1", Sign::Prefix { min_chars: 30 }),
    ("AGE-PLUGIN-", Sign::Prefix { min_chars: 60 }),
    ("xprv", Sign::Prefix { min_chars: 100 }),
    ("nsec1", Sign::Prefix { min_chars: 50 }),
    ("Private-Lines:", Sign::PuttyLines),
    ("<D>", Sign::XmlExponent),
    ("&lt;D&gt;", Sign::XmlExponent),
    ("\\u003cD\\u003e", Sign::XmlExponent),
    ("\\u003CD\\u003E", Sign::XmlExponent),
    ("kty", Sign::JwkType),
    ("rivateKey", Sign::KeyName),
    ("rivate_key", Sign::KeyName),
    ("rivate-key", Sign::KeyName),
    ("RIVATE_KEY", Sign::KeyName),
    ("resharedKey", Sign::KeyName),
    ("client-key-data", Sign::KeyName),
];

/// Texts in files of keys, which are searched for in Base64 (once, twice, and of UTF-16) and in hexadecimal digits.
const ENCODED_SIGNS: &[&str] = &["PRIVATE KEY", "openssh-key-v1", "encrypted secret key", "AGE-SECRET-KEY-1"];

/// Longest text after a sign that is read to find the end of a key's first or last line, in bytes.
const MAX_LABEL_BYTES: usize = 160;

/// Longest text after a key's first line that is judged, in bytes.
const MAX_BODY_BYTES: usize = 4096;

/// Longest text before a key's first or last line that is judged, in bytes.
const MAX_TAIL_BYTES: usize = 512;

/// Smallest number of characters of a whole PEM file in Base64. The first and the last line alone have 71.
const MIN_ENCODED_CHARS: usize = 100;

/// Characters at both ends of each first and last line of PEM.
const DASHES: &[u8] = b"---";

/// Longest text between two lines or literals of one key, in characters.
const MAX_GAP_CHARS: usize = 24;

/// Smallest length of a further line or literal of a key, in characters.
const MIN_LINE_CHARS: usize = 12;

/// Number of bytes of a DER key that are decoded to recognize it.
const DER_BYTES: usize = 36;

/// Smallest number of bytes of a DER key.
const MIN_DER_BYTES: usize = 44;

/// Longest rest of the name of a key, as in `privateKeyOfTheServer`, in bytes.
const MAX_NAME_BYTES: usize = 32;

/// Longest text in which the value of a named key or of an XML element is looked for, in bytes.
const MAX_VALUE_BYTES: usize = 512;

/// Smallest number of characters of a key that follows its name. 32 bytes have 43 in Base64, without padding.
const MIN_VALUE_CHARS: usize = 40;

/// The automaton of all signs, and the sign of each of its patterns.
static AUTOMATON: LazyLock<(Option<AhoCorasick>, Vec<Sign>)> = LazyLock::new(|| {
    let mut patterns: Vec<(Vec<u8>, Sign)> =
        SIGNS.iter().map(|(text, sign)| (text.as_bytes().to_vec(), *sign)).collect();
    let mut add = |text: String, sign: Sign| patterns.push((text.into_bytes(), sign));
    for text in ENCODED_SIGNS {
        for once in encode_base64_cores(text.as_bytes()) {
            for twice in encode_base64_cores(once.as_bytes()) {
                add(twice, Sign::Base64OfPem);
            }
            add(once, Sign::Base64OfPem);
        }
        let wide: Vec<u8> = text.bytes().flat_map(|byte| [byte, 0]).collect();
        for core in encode_base64_cores(&wide) {
            add(core, Sign::Base64OfPem);
        }
        let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        add(hex.to_ascii_uppercase(), Sign::HexOfPem);
        add(hex, Sign::HexOfPem);
    }
    let (texts, signs): (Vec<_>, Vec<_>) = patterns.into_iter().unzip();
    // Every byte of every file passes it. The automaton that is chosen by default for so many texts takes more time.
    let mut automaton = AhoCorasick::builder();
    automaton.kind(Some(AhoCorasickKind::DFA)).match_kind(MatchKind::LeftmostLongest);
    (automaton.build(texts).ok(), signs)
});

/// A first or last line of a PEM key, or the first line of another PEM text.
#[derive(Clone, Copy, Debug)]
struct PemMark {
    /// Offset of the text that the line is recognized by.
    start: usize,
    /// Offset of the first byte after the dashes at the line's end.
    end: usize,
    kind: PemMarkKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PemMarkKind {
    KeyBegin,
    KeyEnd,
    /// The first line of a certificate or another text that is not a private key.
    OtherBegin,
}

/// Returns the form of a private key in the text, such as `PEM`; `None` if there is none.
pub fn find_private_key(bytes: &[u8]) -> Option<&'static str> {
    let (automaton, signs) = &*AUTOMATON;
    let mut marks: Vec<PemMark> = Vec::new();
    let mut key_types: Vec<usize> = Vec::new();
    for found in automaton.as_ref()?.find_iter(bytes) {
        let (start, end) = (found.start(), found.end());
        let form = match signs[found.pattern().as_usize()] {
            Sign::PemBegin | Sign::PemLabel | Sign::OpenVpnLabel => {
                if marks.last().is_none_or(|mark| mark.end <= start) {
                    let sign = signs[found.pattern().as_usize()];
                    marks.extend(read_pem_mark(bytes, start, end, sign));
                }
                None
            }
            Sign::Base64OfPem => {
                (count_run(bytes, start, MIN_ENCODED_CHARS, is_base64) >= MIN_ENCODED_CHARS).then_some("Base64 of PEM")
            }
            Sign::HexOfPem => {
                let least = 2 * MIN_ENCODED_CHARS;
                let is_digit = |byte: u8| byte.is_ascii_hexdigit();
                (count_run(bytes, start, least, is_digit) >= least).then_some("hexadecimal digits of PEM")
            }
            Sign::Base64OfDer { start: back } => {
                start.checked_sub(back).is_some_and(|start| is_base64_der(bytes, start)).then_some("Base64 of DER")
            }
            Sign::HexOfDer { start: back } => {
                let start = start.checked_sub(back).filter(|start| bytes[*start..].starts_with(b"30"));
                let key = start.map(|start| decode_hex_at(bytes, start, MIN_DER_BYTES));
                key.is_some_and(|key| key.len() >= MIN_DER_BYTES && begins_private_key(&key))
                    .then_some("hexadecimal digits of DER")
            }
            Sign::ByteList => is_key_in_byte_list(bytes, start).then_some("list of bytes"),
            Sign::Prefix { min_chars } => {
                let rest = bytes[end..].iter().take(min_chars);
                (rest.take_while(|byte| byte.is_ascii_alphanumeric()).count() == min_chars)
                    .then_some("key with a prefix")
            }
            Sign::Base64Prefix { min_chars } => {
                (count_run(bytes, start, min_chars, is_base64) >= min_chars).then_some("Base64 of a key file")
            }
            Sign::PuttyLines => is_putty_body(bytes, end).then_some("PuTTY"),
            Sign::XmlExponent => {
                let value = &bytes[end..bytes.len().min(end + MAX_VALUE_BYTES)];
                let value = value.trim_ascii_start();
                (value.iter().take_while(|byte| is_base64(**byte)).count() >= MIN_VALUE_CHARS - 8).then_some("XML")
            }
            Sign::JwkType => {
                key_types.push(start);
                None
            }
            Sign::KeyName => is_named_key(bytes, end).then_some("value of a private key"),
        };
        if let Some(form) = form {
            // The marks so far tell whether the Base64 is the body of a PEM text.
            return Some(if has_pem_key(bytes, &marks) { "PEM" } else { form });
        }
    }
    if has_pem_key(bytes, &marks) {
        return Some("PEM");
    }
    has_private_member(bytes, &key_types).then_some("JSON Web Key")
}

/// Reads the first line of a PEM text, or the last line of a key, around a sign at `start..end`; `None` if there is no
/// such line.
fn read_pem_mark(bytes: &[u8], start: usize, end: usize, sign: Sign) -> Option<PemMark> {
    if bytes.get(end).is_some_and(u8::is_ascii_alphanumeric) && sign != Sign::OpenVpnLabel {
        return None;
    }
    let window = &bytes[..bytes.len().min(end + MAX_LABEL_BYTES)];
    let mut reader = NotationReader::new(window, end);
    let mut label: Vec<u8> = if sign == Sign::PemBegin { Vec::new() } else { bytes[start..end].to_vec() };
    let is_private = |label: &[u8]| sign == Sign::OpenVpnLabel || memchr::memmem::find(label, b"PRIVATEKEY").is_some();
    let mut dashes = 0;
    loop {
        let before = reader.offset();
        match reader.next() {
            Some(b'-') => dashes += 1,
            // A line of the key may begin right after the dashes.
            _ if dashes >= 3 => {
                let kind = match sign {
                    Sign::PemLabel if !is_private(&label) => return None,
                    Sign::PemLabel if is_after_end(bytes, start) => PemMarkKind::KeyEnd,
                    _ if is_private(&label) => PemMarkKind::KeyBegin,
                    _ => PemMarkKind::OtherBegin,
                };
                return Some(PemMark { start, end: before, kind });
            }
            // Labels are in capitals. Quotes and operators stand between the parts of a label in code.
            Some(byte @ (b'A'..=b'Z' | b'0'..=b'9')) if label.len() < 64 => label.push(byte),
            Some(byte) if byte == SEPARATOR || b" \n\"'`+.,&_()<>{}[]".contains(&byte) => {}
            _ => return None,
        }
    }
}

/// Returns whether `END` occurs shortly before the label at `start`, without a `BEGIN` after it.
fn is_after_end(bytes: &[u8], start: usize) -> bool {
    let before = &bytes[start.saturating_sub(48)..start];
    let last = |word: &[u8]| memchr::memmem::rfind(before, word);
    last(b"END").is_some_and(|end| last(b"BEGIN").is_none_or(|begin| begin < end))
}

/// Returns whether the body of a key is next to one of the `marks` that are a key's first or last line.
fn has_pem_key(bytes: &[u8], marks: &[PemMark]) -> bool {
    marks.iter().enumerate().filter(|(_, mark)| mark.kind != PemMarkKind::OtherBegin).any(|(at, mark)| {
        let next = marks.get(at + 1);
        let after = mark.end..next.map_or(bytes.len(), |next| next.start).min(mark.end + MAX_BODY_BYTES);
        let position = match mark.kind {
            PemMarkKind::KeyBegin => {
                let ends_with_mark = next.is_some_and(|next| next.kind == PemMarkKind::KeyEnd);
                BodyPosition::AfterBegin { ends_with_mark }
            }
            _ => BodyPosition::Elsewhere,
        };
        let least = at.checked_sub(1).map_or(0, |at| marks[at].end);
        is_key_body(bytes, after, position)
            || is_key_body(bytes, find_text_before(bytes, least, mark.start), BodyPosition::Elsewhere)
    })
}

/// Returns the range of the text before the mark at `end`: at most [`MAX_TAIL_BYTES`], from `least` on, and only what
/// follows the last line of another PEM text.
fn find_text_before(bytes: &[u8], least: usize, end: usize) -> Range<usize> {
    let start = end.saturating_sub(MAX_TAIL_BYTES).max(least).min(end);
    let text = &bytes[start..end];
    let own = memchr::memmem::rfind(text, DASHES).unwrap_or(text.len());
    let text = text[..own].trim_ascii_end();
    let text = &text[..text.len() - text.iter().rev().take_while(|byte| **byte == b'-').count()];
    let other = memchr::memmem::rfind(text, DASHES).map_or(0, |at| at + DASHES.len());
    start + other..start + text.len()
}

/// Returns whether a private key in DER, encoded in Base64, begins at `start`.
fn is_base64_der(bytes: &[u8], start: usize) -> bool {
    bytes[start] == b'M'
        && begins_private_key(&decode_base64_at(bytes, start, DER_BYTES * 4 / 3))
        && count_run(bytes, start, MIN_DER_BYTES * 4 / 3, is_base64) >= MIN_DER_BYTES * 4 / 3
}

/// Returns whether the byte values from `start` on begin a private key in DER or PEM.
fn is_key_in_byte_list(bytes: &[u8], start: usize) -> bool {
    let head = decode_byte_list_at(bytes, start, 5);
    if !head.starts_with(DASHES) && !may_begin_private_key(&head) {
        return false;
    }
    let values = decode_byte_list_at(bytes, start, 96);
    if values.len() < MIN_DER_BYTES {
        return false;
    }
    let is_pem = memchr::memmem::find(&values, b"PRIVATE KEY-").is_some() && values.len() >= 64;
    is_pem || begins_private_key(&values)
}

/// Returns whether the private part of a PuTTY key follows `end`: the number of its lines, and Base64.
fn is_putty_body(bytes: &[u8], end: usize) -> bool {
    let window = &bytes[..bytes.len().min(end + MAX_LABEL_BYTES)];
    let reader = NotationReader::new(window, end).skip_while(|byte| !byte.is_ascii_digit());
    let rest: Vec<u8> = reader.skip_while(u8::is_ascii_digit).collect();
    let body = rest.iter().skip_while(|byte| !byte.is_ascii_alphanumeric());
    body.take_while(|byte| is_base64(**byte)).count() >= 16
}

/// Returns whether the name with a [`Sign::KeyName`] up to `end` is followed by a key in Base64.
fn is_named_key(bytes: &[u8], end: usize) -> bool {
    let window = &bytes[..bytes.len().min(end + MAX_VALUE_BYTES)];
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let name = bytes[end..].iter().take_while(|byte| is_name(byte)).take(MAX_NAME_BYTES).count();
    let mut rest = NotationReader::new(window, end + name).peekable();
    let mut has_sign = false;
    while let Some(byte) = rest.next_if(|byte| b" \"'`:=>(,[{\n|".contains(byte)) {
        has_sign |= matches!(byte, b':' | b'=' | b',' | b'(' | b' ');
    }
    if !has_sign {
        return false;
    }
    let is_value = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=_-".contains(byte);
    let value: Vec<u8> = rest.take_while(is_value).take(MAX_VALUE_BYTES).collect();
    value.len() >= MIN_VALUE_CHARS && is_random(&value)
}

/// Counts the characters for which `is_part` is true around `at`, up to about `least` in each direction. After `at`,
/// the run may go on over several lines or literals, if each has at least [`MIN_LINE_CHARS`] characters.
fn count_run(bytes: &[u8], at: usize, least: usize, is_part: impl Fn(u8) -> bool) -> usize {
    let before = bytes[..at].iter().rev().take(least).take_while(|byte| is_part(**byte)).count();
    let window = &bytes[..bytes.len().min(at + 3 * least)];
    let text: Vec<u8> = NotationReader::new(window, at).collect();
    let mut count = text.iter().take_while(|byte| is_part(**byte)).count();
    let mut rest = &text[count..];
    while count < least {
        let gap = rest.iter().take_while(|byte| !byte.is_ascii_alphanumeric()).count();
        let line = rest[gap..].iter().take_while(|byte| is_part(**byte)).count();
        if gap > MAX_GAP_CHARS || line < MIN_LINE_CHARS {
            break;
        }
        (count, rest) = (count + line, &rest[gap + line..]);
    }
    before + count
}

#[cfg(test)]
mod tests;
