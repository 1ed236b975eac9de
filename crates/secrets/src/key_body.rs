//! Judges whether the text after a key's first line is a key, or only mentions one.

use std::ops::Range;

use super::notation::{ELLIPSIS, NotationReader};

/// Smallest length of the first run of Base64 after a key's first line that may count as a key by itself.
const MIN_FIRST_CHARS: usize = 16;

/// Smallest total length of several runs of Base64 that count as a key if they look random when joined. They follow a
/// key's first line, and no word or name precedes them there. Each may be shorter than [`MIN_FIRST_CHARS`].
const MIN_JOINED_CHARS: usize = 40;

/// Smallest length of a run of Base64 that counts towards [`MIN_RUNS_CHARS`]. Other words may precede such a run.
const MIN_RUN_CHARS: usize = 24;

/// Smallest total length of runs that count as a key: runs of at least [`MIN_RUN_CHARS`] that each look like a part of
/// a key.
const MIN_RUNS_CHARS: usize = 48;

/// Smallest length of a run that counts although an ellipsis cuts it off.
const MIN_CUT_CHARS: usize = 64;

/// Smallest number of different characters of a run that counts as random; placeholders such as `xxxxxxxx` have fewer.
const MIN_DIFFERENT_CHARS: usize = 5;

/// Smallest share of adjacent characters of different classes (upper case, lower case, other), in percent, of a run
/// that counts as random. Random Base64 has 62 %, names in camel case up to 40 %.
const MIN_CLASS_CHANGES_PERCENT: usize = 43;

/// Smallest length of a run in lower case that counts as a word. [`MIN_NAME_CHARS`] is that of a name in camel case.
const MIN_WORD_CHARS: usize = 5;
const MIN_NAME_CHARS: usize = 8;

/// Headers that may precede the Base64 text of a key.
const KEY_HEADERS: &[&[u8]] =
    &[b"Proc-Type:", b"DEK-Info:", b"Version:", b"Comment:", b"Subject:", b"Hash:", b"Charset:", b"MessageID:"];

/// First characters of keys in Base64: a DER sequence or an OpenSSH key.
const KEY_STARTS: &[&[u8]] = &[b"MII", b"MIG", b"MIH", b"MHc", b"MHQ", b"MC4", b"b3BlbnNza"];

/// The position of a text relative to the first or last line of a PEM key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyPosition {
    /// The text follows a key's first line. With `ends_with_mark`, a key's last line follows the text.
    AfterBegin { ends_with_mark: bool },
    /// The text precedes a key's first line, or is next to a key's last line.
    Elsewhere,
}

/// Returns whether the text in `range` of `bytes` is, or contains, the body of a key.
pub fn is_key_body(bytes: &[u8], range: Range<usize>, position: BodyPosition) -> bool {
    let clean: Vec<u8> = NotationReader::new(&bytes[..range.end.min(bytes.len())], range.start).collect();
    let mut joined: Vec<u8> = Vec::new();
    let mut runs_chars = 0;
    let (mut at, mut is_first) = (0, true);
    let mut has_quote = false;
    let mut is_joined = matches!(position, BodyPosition::AfterBegin { .. });
    while at < clean.len() {
        if KEY_HEADERS.iter().any(|header| clean[at..].starts_with(header)) {
            let value = &clean[at..];
            at += memchr::memchr3(b'\n', b'"', b'\'', value).unwrap_or(value.len());
            continue;
        }
        if !is_base64(clean[at]) {
            has_quote |= is_quote(clean[at]);
            at += 1;
            continue;
        }
        let start = at;
        at += clean[at..].iter().take_while(|byte| is_base64(**byte)).count();
        let run = trim_marks(&clean[start..at]);
        if run.is_empty() {
            continue;
        }
        let is_cut = run.len() < MIN_CUT_CHARS && is_ellipsis(&clean[at..]);
        if let BodyPosition::AfterBegin { ends_with_mark } = position
            && is_first
            && !is_cut
            && run.len() >= MIN_FIRST_CHARS
        {
            let is_in_code = has_quote && !(start > 0 && is_quote(clean[start - 1]));
            let is_word = run.iter().all(u8::is_ascii_lowercase);
            let may_be_name = is_word || is_in_code || has_quote;
            let is_plausible = count_different(run) >= MIN_DIFFERENT_CHARS;
            if is_plausible && (!may_be_name || is_key_like(run) || (ends_with_mark && !is_in_code)) {
                return true;
            }
        }
        is_first = false;
        if is_cut {
            continue;
        }
        is_joined = is_joined && !is_word_like(run);
        if is_joined && joined.len() < MIN_JOINED_CHARS {
            joined.extend_from_slice(run);
            if joined.len() >= MIN_JOINED_CHARS && is_random(&joined) {
                return true;
            }
        }
        if run.len() >= MIN_RUN_CHARS && is_key_like(run) {
            runs_chars += run.len();
            if runs_chars >= MIN_RUNS_CHARS {
                return true;
            }
        }
    }
    false
}

/// Returns whether a run of Base64 is more likely a part of a key than a name.
pub fn is_key_like(run: &[u8]) -> bool {
    KEY_STARTS.iter().any(|start| run.starts_with(start)) || is_random(run)
}

/// Returns whether a run looks random: it has characters of all classes, enough different characters, and enough
/// changes of class.
pub fn is_random(run: &[u8]) -> bool {
    let has_class = |wanted: u8| run.iter().any(|byte| class_of(*byte) == wanted);
    (0..3).all(has_class)
        && count_different(run) >= MIN_DIFFERENT_CHARS
        && !has_few_changes(run, MIN_CLASS_CHANGES_PERCENT)
}

/// Returns whether a run is more likely a word, or a name in camel case, than a piece of a key.
fn is_word_like(run: &[u8]) -> bool {
    let is_lower = run.iter().all(u8::is_ascii_lowercase);
    (is_lower && run.len() >= MIN_WORD_CHARS) || (run.len() >= MIN_NAME_CHARS && has_few_changes(run, 35))
}

/// Returns whether the share of adjacent characters of different classes is below `percent`.
fn has_few_changes(run: &[u8], percent: usize) -> bool {
    let changes = run.windows(2).filter(|pair| class_of(pair[0]) != class_of(pair[1])).count();
    changes * 100 < run.len().saturating_sub(1) * percent
}

/// Returns the class of a character: upper case, lower case or other.
fn class_of(byte: u8) -> u8 {
    match byte {
        b'A'..=b'Z' => 0,
        b'a'..=b'z' => 1,
        _ => 2,
    }
}

/// Returns whether a byte can occur in standard Base64, including its padding.
pub fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=".contains(&byte)
}

/// Removes the marks of comments, patches and concatenation, which are characters of Base64 too, from both ends.
fn trim_marks(run: &[u8]) -> &[u8] {
    let is_mark = |byte: &u8| !byte.is_ascii_alphanumeric();
    let start = run.iter().take_while(|byte| is_mark(byte)).count();
    let end = run.iter().rev().take_while(|byte| is_mark(byte)).count();
    if start == run.len() { &[] } else { &run[start..run.len() - end] }
}

fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

fn is_ellipsis(rest: &[u8]) -> bool {
    let rest = rest.trim_ascii_start();
    rest.first() == Some(&ELLIPSIS) || [&b".."[..], b"[..", b"***"].iter().any(|sign| rest.starts_with(sign))
}

fn count_different(run: &[u8]) -> usize {
    let mut seen = [false; 256];
    run.iter().for_each(|byte| seen[usize::from(*byte)] = true);
    seen.iter().filter(|seen| **seen).count()
}
