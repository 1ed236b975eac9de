//! The one rule for splitting text into words, shared by the embedding and by lexical search.
//!
//! An *identifier* is a run of Unicode letters, digits and `_`. It is split into *words* at `_`,
//! from lower to upper case (`parseHeader`), before the last capital of an acronym
//! (`HTTPHeader`), and between a script with case and one without (`JSON格式`). Letters and digits
//! stay together as written (`sha256`, `utf8`, `conv2d`); a number is a word. Everything handed
//! out is lower case.
//!
//! Invariants: linear time on any input; no word and no identifier is empty or longer than
//! [`MAX_WORD_BYTES`]; equal text gives equal words, wherever it is called from. A change of this
//! rule changes vectors and stored search texts, so it needs a new model version and a re-index.
//! Must never import anything of this crate.

/// Longest word or identifier in bytes, lower-cased; a longer run is cut at this length, between
/// characters, so that a megabyte of letters is many words and never one huge one.
pub const MAX_WORD_BYTES: usize = 64;

/// A word, or the words of one identifier joined, lower case.
#[derive(Clone, Copy, Debug)]
pub struct Word<'w> {
    pub text: &'w str,
    /// See [`hash`].
    pub hash: u64,
    /// Whether it is the whole of an identifier that has several words.
    pub joined: bool,
}

impl<'w> Word<'w> {
    fn new(text: &'w str) -> Self {
        Self { text, hash: hash(text.as_bytes()), joined: false }
    }
}

/// What words are told apart by, here and in the word index: FNV-1a over 64 bits (Fowler, Noll, Vo),
/// which can be stopped after any byte.
pub fn hash(word: &[u8]) -> u64 {
    word.iter().fold(HASH_START, hash_byte)
}

/// The [`hash`] of nothing.
pub const HASH_START: u64 = 0xcbf2_9ce4_8422_2325;

/// The [`hash`] of one byte more.
pub fn hash_byte(hash: u64, byte: &u8) -> u64 {
    (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
}

/// Hands each word of `text` to `each`, lower case, in order. A word is valid until `each` returns.
///
/// ```
/// let mut found = Vec::new();
/// codescry::embed::words::words("parseHTTPHeader(sha256)", |word| found.push(word.to_owned()));
/// assert_eq!(found, ["parse", "http", "header", "sha256"]);
/// ```
pub fn words(text: &str, mut each: impl FnMut(&str)) {
    let mut buffer = String::new();
    for_identifiers(text, |identifier, classes| {
        for_pieces(identifier, classes, |piece| for_lowered(piece, &mut buffer, &mut each));
    });
}

/// Hands each whole identifier of `text` to `each`, lower case and with its underscores
/// (`parsehttpheader`, `parse_http_header`), in order. Runs of nothing but `_` are left out.
pub fn identifiers(text: &str, mut each: impl FnMut(&str)) {
    let mut buffer = String::new();
    for_identifiers(text, |identifier, classes| {
        if classes != UNDERSCORE {
            for_lowered(identifier, &mut buffer, &mut each);
        }
    });
}

/// Hands what lexical search matches in `text` to `each`: per identifier its words, then, where it
/// has more than one, the identifier lower-cased without underscores. So `parseHTTPHeader`,
/// `ParseHttpHeader` and `parse_http_header` all give `parse`, `http`, `header` and
/// `parsehttpheader`. Of a joined identifier over [`MAX_WORD_BYTES`] the first so many bytes stand
/// for the whole.
pub fn search_words(text: &str, mut each: impl FnMut(&str)) {
    split(text, &mut Buffers::default(), |word| each(word.text));
}

/// As [`search_words`], with what else is known of each word. Those that are not joined are what
/// [`words`] hands out.
pub fn split(text: &str, buffers: &mut Buffers, mut each: impl FnMut(Word<'_>)) {
    let Buffers { lowered, whole } = buffers;
    for_identifiers(text, |identifier, classes| {
        whole.clear();
        let mut count = 0;
        if classes & !(LOWER | DIGIT) == 0 && identifier.len() <= MAX_WORD_BYTES {
            return each(Word::new(identifier)); // what most are
        }
        for_pieces(identifier, classes, |piece| {
            for_lowered(piece, lowered, &mut |word: &str| {
                count += 1;
                whole.push_str(word);
                each(Word::new(word));
            });
        });
        if count > 1 {
            each(Word { joined: true, ..Word::new(&whole[..whole.floor_char_boundary(MAX_WORD_BYTES)]) });
        }
    });
}

/// Scratch of [`split`], kept for its memory.
#[derive(Default)]
pub struct Buffers {
    lowered: String,
    whole: String,
}

/// What a character is to the splitting rule.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Lower,
    Upper,
    Digit,
    /// A letter of a script without case.
    Letter,
    Underscore,
    /// No part of an identifier.
    Other,
}

impl Class {
    const fn of_ascii(byte: u8) -> Self {
        match byte {
            b'a'..=b'z' => Self::Lower,
            b'A'..=b'Z' => Self::Upper,
            b'0'..=b'9' => Self::Digit,
            b'_' => Self::Underscore,
            _ => Self::Other,
        }
    }

    fn of(character: char) -> Self {
        match character {
            '\0'..='\x7f' => Self::of_ascii(character as u8),
            _ if character.is_lowercase() => Self::Lower,
            _ if character.is_uppercase() => Self::Upper,
            _ if character.is_alphabetic() => Self::Letter,
            _ if character.is_numeric() => Self::Digit,
            _ => Self::Other,
        }
    }
}

/// Which classes the bytes of an identifier are of, one bit each.
type Classes = u8;
const LOWER: Classes = 1;
const UPPER: Classes = 2;
const DIGIT: Classes = 4;
const UNDERSCORE: Classes = 8;
/// Of a character beyond ASCII, whatever it is.
const WIDE: Classes = 128;

/// The class of each byte; 0 for ASCII that is no part of an identifier.
const CLASSES: [Classes; 256] = {
    let mut classes = [WIDE; 256];
    let mut byte = 0;
    while byte < 128 {
        classes[byte] = match Class::of_ascii(byte as u8) {
            Class::Lower => LOWER,
            Class::Upper => UPPER,
            Class::Digit => DIGIT,
            Class::Underscore => UNDERSCORE,
            Class::Letter | Class::Other => 0,
        };
        byte += 1;
    }
    classes
};

/// Hands each maximal run of letters, digits and `_` to `each`, as written, with its classes.
fn for_identifiers(text: &str, mut each: impl FnMut(&str, Classes)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        let mut classes = 0;
        while let Some(byte) = bytes.get(at) {
            let class = CLASSES[usize::from(*byte)];
            if class == 0 {
                break;
            }
            at += match class {
                WIDE => match text[at..].chars().next() {
                    Some(inside) if Class::of(inside) != Class::Other => inside.len_utf8(),
                    _ => break,
                },
                _ => 1,
            };
            classes |= class;
        }
        if start < at {
            each(&text[start..at], classes);
        }
        // What ended the run, if it was not the text's end.
        at += match bytes.get(at) {
            Some(byte) if !byte.is_ascii() => text[at..].chars().next().map_or(1, char::len_utf8),
            _ => 1,
        };
    }
}

/// Hands each word of one identifier to `each`, as written and of any length.
fn for_pieces(identifier: &str, classes: Classes, mut each: impl FnMut(&str)) {
    if classes & !(LOWER | DIGIT) == 0 {
        return each(identifier);
    }
    if classes & !(LOWER | DIGIT | UNDERSCORE) == 0 {
        return identifier.split('_').filter(|piece| !piece.is_empty()).for_each(each);
    }
    let mut start = 0;
    let mut capitals = 0;
    let mut before = Class::Underscore;
    let mut rest = identifier.chars();
    let mut at = 0;
    while let Some(character) = rest.next() {
        let class = Class::of(character);
        if class == Class::Underscore || breaks(before, class, capitals, &rest) {
            if start < at {
                each(&identifier[start..at]);
            }
            start = if class == Class::Underscore { at + 1 } else { at };
        }
        capitals = if class == Class::Upper { capitals + 1 } else { 0 };
        before = class;
        at += character.len_utf8();
    }
    if start < at {
        each(&identifier[start..]);
    }
}

/// Whether a word ends between a character of class `before` and one of class `here`.
///
/// `capitals` counts the capitals in a row up to `before`; `rest` is what follows `here`, of
/// which at most two characters are looked at.
fn breaks(before: Class, here: Class, capitals: usize, rest: &std::str::Chars<'_>) -> bool {
    let cased = |class| matches!(class, Class::Lower | Class::Upper);
    match (before, here) {
        (Class::Lower, Class::Upper) => true,
        (Class::Upper | Class::Digit, Class::Upper) => starts_word(capitals, rest.clone()),
        (Class::Letter, here) => cased(here),
        (before, Class::Letter) => cased(before),
        _ => false,
    }
}

/// Whether a capital that follows a capital or a digit begins a word: a small letter follows
/// (`HTTPHeader`, `sha256Sum`; not `Conv2D`, `I18N`). The `s` of a plural acronym and the `v` of
/// a version do not count (`parseURLs`, `IPv4`), unless the capital stands alone (`H2Is`).
fn starts_word(capitals: usize, mut rest: std::str::Chars<'_>) -> bool {
    let next = rest.next();
    if next.map(Class::of) != Some(Class::Lower) {
        return false;
    }
    let after = rest.next().map_or(Class::Other, Class::of);
    let tail = match next {
        Some('s') => after != Class::Lower && after != Class::Digit,
        Some('v') => after == Class::Digit,
        _ => false,
    };
    !(tail && capitals > 0)
}

/// Hands `piece`, lower-cased and cut to [`MAX_WORD_BYTES`], to `each`. `buffer` is only scratch.
fn for_lowered(piece: &str, buffer: &mut String, each: &mut impl FnMut(&str)) {
    if piece.len() <= MAX_WORD_BYTES && piece.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        return each(piece);
    }
    buffer.clear();
    if piece.is_ascii() && piece.len() <= MAX_WORD_BYTES {
        buffer.push_str(piece);
        buffer.make_ascii_lowercase();
        return each(buffer);
    }
    // Character by character and so without context: a final sigma is lower-cased like any other.
    for lower in piece.chars().flat_map(char::to_lowercase) {
        if buffer.len() + lower.len_utf8() > MAX_WORD_BYTES {
            each(buffer);
            buffer.clear();
        }
        buffer.push(lower);
    }
    if !buffer.is_empty() {
        each(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn split(text: &str) -> String {
        let mut found = Vec::new();
        words(text, |word| found.push(word.to_owned()));
        found.join(" ")
    }

    fn whole(text: &str) -> String {
        let mut found = Vec::new();
        identifiers(text, |identifier| found.push(identifier.to_owned()));
        found.join(" ")
    }

    fn searched(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        search_words(text, |word| found.push(word.to_owned()));
        found
    }

    fn check(cases: &[(&str, &str)]) {
        for (text, expected) in cases {
            assert_eq!(split(text), *expected, "{text}");
        }
    }

    #[test]
    fn words_end_at_underscores_and_case_changes() {
        check(&[
            ("", ""),
            ("_ __ ___", ""),
            ("parse_http_header", "parse http header"),
            ("__init__", "init"),
            ("_a__b_", "a b"),
            ("parseHTTPHeader", "parse http header"),
            ("ParseHttpHeader", "parse http header"),
            ("MAX_CHUNK_BYTES", "max chunk bytes"),
            ("XMLHttpRequest", "xml http request"),
            ("HTTP", "http"),
            ("aB", "a b"),
            ("Ab", "ab"),
            ("isA", "is a"),
            ("fooBar.bazQux(&self) -> Result<Vec<u8>>", "foo bar baz qux self result vec u8"),
        ]);
    }

    #[test]
    fn letters_and_digits_stay_together() {
        check(&[
            ("sha256 utf8 base64 v2 x509", "sha256 utf8 base64 v2 x509"),
            ("sha256Sum Base64Encoder HTTP2Server", "sha256 sum base64 encoder http2 server"),
            ("Conv2D I18N K8S Conv2DTranspose", "conv2d i18n k8s conv2d transpose"),
            ("3.14 0xff 42", "3 14 0xff 42"),
            ("vec3_add 2fa", "vec3 add 2fa"),
        ]);
    }

    #[test]
    fn plural_acronyms_and_versions_stay_whole() {
        check(&[
            ("parseURLs userIDs", "parse urls user ids"),
            ("URLsFromIDs", "urls from ids"),
            ("IPv4Address IPv6", "ipv4 address ipv6"),
            ("HTTPServer ASv", "http server a sv"),
            ("AsIs", "as is"),
        ]);
    }

    #[test]
    fn scripts_with_case_split_and_scripts_without_are_runs() {
        check(&[
            ("größeÄndern ΑλφαΒήτα", "größe ändern αλφα βήτα"),
            ("使用JSON格式解析", "使用 json 格式解析"),
            ("ソート関数_abc", "ソート関数 abc"),
            ("第3章", "第3章"),
            ("naïve—café", "naïve café"),
            ("İstanbul", "i\u{307}stanbul"),
            ("a😀b 🦀🦀", "a b"),
            ("a\0b\u{202e}c", "a b c"),
        ]);
    }

    #[test]
    fn identifiers_are_whole_and_lower_case() {
        assert_eq!(whole("parseHTTPHeader(parse_http_header, _, __)"), "parsehttpheader parse_http_header");
        assert_eq!(whole("ÄB.x1"), "äb x1");
        assert_eq!(whole(" \n"), "");
    }

    #[test]
    fn search_words_join_what_has_several_words() {
        let expected = ["parse", "http", "header", "parsehttpheader"];
        for name in ["parseHTTPHeader", "ParseHttpHeader", "parse_http_header", "PARSE_HTTP_HEADER"] {
            assert_eq!(searched(name), expected, "{name}");
        }
        assert_eq!(searched("let x = sha256;"), ["let", "x", "sha256"]);
        assert_eq!(searched("a_b c"), ["a", "b", "ab", "c"]);
        assert!(searched("… ___").is_empty());
    }

    #[test]
    fn long_runs_are_cut_between_characters() {
        let text = "é".repeat(50);
        assert_eq!(split(&text), format!("{} {}", "é".repeat(32), "é".repeat(18)));
        assert_eq!(split(&"A".repeat(130)), [64, 64, 2].map(|count| "a".repeat(count)).join(" "));
        assert_eq!(whole(&"x".repeat(65)), format!("{} x", "x".repeat(64)));
        let joined = searched(&format!("{}_{}", "a".repeat(40), "B".repeat(40))).pop();
        assert_eq!(joined, Some("a".repeat(40) + &"b".repeat(24)));
    }

    #[test]
    fn a_megabyte_of_anything_is_linear_and_bounded() {
        let started = Instant::now();
        for unit in ["a", "A", "aA", "_", "Aa0", "1", "é", "字", "😀", "İ", "\u{0}", "a_", "AAs", "\u{fb01}"] {
            let text = unit.repeat(1_000_000 / unit.len());
            words(&text, |word| assert!(!word.is_empty() && word.len() <= MAX_WORD_BYTES));
            identifiers(&text, |word| assert!(!word.is_empty() && word.len() <= MAX_WORD_BYTES));
            search_words(&text, |word| assert!(!word.is_empty() && word.len() <= MAX_WORD_BYTES));
        }
        assert!(started.elapsed() < Duration::from_secs(30), "took {:?}", started.elapsed());
    }
}
