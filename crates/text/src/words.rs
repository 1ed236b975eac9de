//! Splitting text into words, by one rule for the embedding and for lexical search.
//!
//! An *identifier* is a run of Unicode letters, combining marks, digits and `_`. It is split into *words* at `_`, from
//! lower to upper case (`parseHeader`), before the last capital of an acronym (`HTTPHeader`), and between a script with
//! letter case and one without (`JSON格式`). Letters and digits stay together (`sha256`, `utf8`, `conv2d`); a number is a
//! word. All results are lower case, and in one form of Unicode, so that `é` is one word however it is written.
//!
//! Words of scripts without spaces between words have *segments* beside them ([`segments`](crate::segments)). Segments
//! are for lexical search only.
//!
//! Splitting takes linear time for any input. No word and no identifier is empty or longer than
//! [`MAX_WORD_BYTES`]. Equal texts give equal words. A change of the rule changes vectors and stored search
//! texts, so it requires a new model version and a new index.

use crate::segments::for_each_segment;
use crate::unicode::{is_letter_mark, unify};

/// Maximum length of a word or an identifier in lower case, in bytes. A longer run is cut at this length, between
/// characters, so that a megabyte of letters becomes many words instead of a huge one.
pub const MAX_WORD_BYTES: usize = 64;

/// A word, a segment of one, or the joined words of one identifier, in lower case.
#[derive(Clone, Copy, Debug)]
pub struct SplitWord<'t> {
    pub text: &'t str,
    /// The word's hash, as [`hash_word`] computes it.
    pub hash: u64,
    pub form: WordForm,
}

/// The form of a [`SplitWord`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WordForm {
    /// A word, as [`for_each_word`] passes it.
    Word,
    /// A segment ([`for_each_segment`]) of the [`WordForm::Word`] that follows it.
    Segment,
    /// A segment that is a single Chinese character of a longer run of them.
    Character,
    /// All words of an identifier that has several, without separators; cut to [`MAX_WORD_BYTES`].
    Joined,
}

impl<'t> SplitWord<'t> {
    fn new(text: &'t str, form: WordForm) -> Self {
        Self { text, hash: hash_word(text.as_bytes()), form }
    }
}

/// Returns the hash of a word, with which the inverted index identifies words. The hash is 64-bit FNV-1a (Fowler, Noll,
/// Vo), which can be computed byte by byte.
pub fn hash_word(word: &[u8]) -> u64 {
    word.iter().fold(WORD_HASH_START, extend_word_hash)
}

/// The [`hash_word`] of the empty word.
pub const WORD_HASH_START: u64 = 0xcbf2_9ce4_8422_2325;

/// Returns the [`hash_word`] of a word with one more byte, given the word's hash.
pub fn extend_word_hash(hash: u64, byte: &u8) -> u64 {
    (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
}

/// Passes each word of `text` to `each`, in lower case and in order.
///
/// ```
/// let mut found = Vec::new();
/// codescry_text::words::for_each_word("parseHTTPHeader(sha256)", |word| found.push(word.to_owned()));
/// assert_eq!(found, ["parse", "http", "header", "sha256"]);
/// ```
pub fn for_each_word(text: &str, mut each: impl FnMut(&str)) {
    let mut buffer = String::new();
    scan_identifiers(text, |identifier, classes| {
        scan_pieces(identifier, classes, |piece| lower_and_cut(piece, &mut buffer, &mut each));
    });
}

/// Passes each whole identifier of `text` to `each`, in lower case with its underscores (`parsehttpheader`,
/// `parse_http_header`), in order. Skips runs that consist of `_` only.
pub fn for_each_identifier(text: &str, mut each: impl FnMut(&str)) {
    let mut buffer = String::new();
    scan_identifiers(text, |identifier, classes| {
        if classes != UNDERSCORE {
            lower_and_cut(identifier, &mut buffer, &mut each);
        }
    });
}

/// Passes each search word of `text` to `each`: the words of each identifier, each after its segments
/// ([`for_each_segment`]), and, if the identifier has several words, also the lower-case identifier without
/// underscores, cut to [`MAX_WORD_BYTES`]. So `parseHTTPHeader`, `ParseHttpHeader` and `parse_http_header` all give
/// `parse`, `http`, `header` and `parsehttpheader`.
pub fn for_each_search_word(text: &str, mut each: impl FnMut(&str)) {
    split_search_words(text, &mut SplitBuffers::default(), |word| each(word.text));
}

/// Passes each search word of a query to `each`. These are the words of [`for_each_search_word`], without the single
/// characters of longer runs of Chinese, which occur in too many texts.
pub fn for_each_query_word(text: &str, mut each: impl FnMut(&str)) {
    split_search_words(text, &mut SplitBuffers::default(), |word| {
        if word.form != WordForm::Character {
            each(word.text);
        }
    });
}

/// Passes each search word of `text`, with its hash, to `each`. The texts are those of
/// [`for_each_search_word`]; the words with the form [`WordForm::Word`] are those of [`for_each_word`].
pub fn split_search_words(text: &str, buffers: &mut SplitBuffers, mut each: impl FnMut(SplitWord<'_>)) {
    let SplitBuffers { lowered, whole } = buffers;
    scan_identifiers(text, |identifier, classes| {
        whole.clear();
        let mut count = 0;
        if classes & !(LOWER | DIGIT) == 0 && identifier.len() <= MAX_WORD_BYTES {
            return each(SplitWord::new(identifier, WordForm::Word)); // the common case
        }
        scan_pieces(identifier, classes, |piece| {
            for_each_segment(piece, |segment| {
                let form = if segment.is_in_pair { WordForm::Character } else { WordForm::Segment };
                each(SplitWord::new(segment.text, form));
            });
            lower_and_cut(piece, lowered, &mut |word: &str| {
                count += 1;
                whole.push_str(word);
                each(SplitWord::new(word, WordForm::Word));
            });
        });
        if count > 1 {
            each(SplitWord::new(&whole[..whole.floor_char_boundary(MAX_WORD_BYTES)], WordForm::Joined));
        }
    });
}

/// Buffers of [`split_search_words`], kept between calls to reuse their memory.
#[derive(Default)]
pub struct SplitBuffers {
    lowered: String,
    whole: String,
}

/// The class of a character in the splitting rule.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CharClass {
    Lower,
    Upper,
    Digit,
    /// A letter of a script without letter case.
    Letter,
    Underscore,
    /// A character that cannot be part of an identifier.
    Other,
}

impl CharClass {
    const fn of_ascii(byte: u8) -> Self {
        match byte {
            b'a'..=b'z' => Self::Lower,
            b'A'..=b'Z' => Self::Upper,
            b'0'..=b'9' => Self::Digit,
            b'_' => Self::Underscore,
            _ => Self::Other,
        }
    }

    fn of_char(character: char) -> Self {
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

/// A set of the classes of an identifier's bytes, one bit per class.
type CharClasses = u8;
const LOWER: CharClasses = 1;
const UPPER: CharClasses = 2;
const DIGIT: CharClasses = 4;
const UNDERSCORE: CharClasses = 8;
/// The bit of any byte of a character beyond ASCII.
const WIDE: CharClasses = 128;

/// The class bit of each byte; 0 for ASCII that cannot be part of an identifier.
const CLASSES_OF_BYTES: [CharClasses; 256] = {
    let mut classes = [WIDE; 256];
    let mut byte = 0;
    while byte < 128 {
        classes[byte] = match CharClass::of_ascii(byte as u8) {
            CharClass::Lower => LOWER,
            CharClass::Upper => UPPER,
            CharClass::Digit => DIGIT,
            CharClass::Underscore => UNDERSCORE,
            CharClass::Letter | CharClass::Other => 0,
        };
        byte += 1;
    }
    classes
};

/// Returns whether a character is part of an identifier; a mark only if a part of the identifier precedes it.
fn is_inside_identifier(character: char, follows: bool) -> bool {
    CharClass::of_char(character) != CharClass::Other || (follows && is_letter_mark(character))
}

/// Passes each maximal run of letters, digits, `_` and combining marks to `each`, with its classes. A mark cannot begin
/// a run. A run with characters beyond ASCII is passed in the form of [`unify`], an ASCII run unchanged.
fn scan_identifiers(text: &str, mut each: impl FnMut(&str, CharClasses)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        let mut classes = 0;
        while let Some(byte) = bytes.get(at) {
            let class = CLASSES_OF_BYTES[usize::from(*byte)];
            if class == 0 {
                break;
            }
            at += match class {
                WIDE => match text[at..].chars().next() {
                    Some(inside) if is_inside_identifier(inside, start < at) => inside.len_utf8(),
                    _ => break,
                },
                _ => 1,
            };
            classes |= class;
        }
        if start < at {
            let identifier = &text[start..at];
            if classes & WIDE == 0 {
                each(identifier, classes);
            } else {
                each(&unify(identifier), classes);
            }
        }
        // Skip the character that ended the run, if there is one.
        at += match bytes.get(at) {
            Some(byte) if !byte.is_ascii() => text[at..].chars().next().map_or(1, char::len_utf8),
            _ => 1,
        };
    }
}

/// Passes each word of an identifier to `each`, unchanged and of any length.
fn scan_pieces(identifier: &str, classes: CharClasses, mut each: impl FnMut(&str)) {
    if classes & !(LOWER | DIGIT) == 0 {
        return each(identifier);
    }
    if classes & !(LOWER | DIGIT | UNDERSCORE) == 0 {
        return identifier.split('_').filter(|piece| !piece.is_empty()).for_each(each);
    }
    let mut start = 0;
    let mut capitals = 0;
    let mut before = CharClass::Underscore;
    let mut rest = identifier.chars();
    let mut at = 0;
    while let Some(character) = rest.next() {
        let class = match CharClass::of_char(character) {
            CharClass::Other if is_letter_mark(character) => before,
            class => class,
        };
        // A few characters become several in another form, of which some are signs, such as the stroke of `½`.
        let is_separator = matches!(class, CharClass::Underscore | CharClass::Other);
        if is_separator || is_word_boundary(before, class, capitals, &rest) {
            if start < at {
                each(&identifier[start..at]);
            }
            start = if is_separator { at + character.len_utf8() } else { at };
        }
        capitals = if class == CharClass::Upper { capitals + 1 } else { 0 };
        before = class;
        at += character.len_utf8();
    }
    if start < at {
        each(&identifier[start..]);
    }
}

/// Returns whether a word ends between a character of class `before` and one of class `here`.
///
/// `capitals` is the number of consecutive capitals up to `before`; `rest` is the text after `here`, of which
/// at most two characters are read.
fn is_word_boundary(before: CharClass, here: CharClass, capitals: usize, rest: &std::str::Chars<'_>) -> bool {
    let cased = |class| matches!(class, CharClass::Lower | CharClass::Upper);
    match (before, here) {
        (CharClass::Lower, CharClass::Upper) => true,
        (CharClass::Upper | CharClass::Digit, CharClass::Upper) => starts_new_word(capitals, rest.clone()),
        (CharClass::Letter, here) => cased(here),
        (before, CharClass::Letter) => cased(before),
        _ => false,
    }
}

/// Returns whether a capital that follows a capital or a digit begins a new word. It does if a lower-case letter comes
/// next (`HTTPHeader`, `sha256Sum`; not `Conv2D`, `I18N`). The `s` of a plural acronym and the `v` of a version are not
/// counted as that letter (`parseURLs`, `IPv4`), unless the capital stands alone (`H2Is`).
fn starts_new_word(capitals: usize, mut rest: std::str::Chars<'_>) -> bool {
    let next = rest.next();
    if next.map(CharClass::of_char) != Some(CharClass::Lower) {
        return false;
    }
    let after = rest.next().map_or(CharClass::Other, CharClass::of_char);
    let tail = match next {
        Some('s') => after != CharClass::Lower && after != CharClass::Digit,
        Some('v') => after == CharClass::Digit,
        _ => false,
    };
    !(tail && capitals > 0)
}

/// Passes `piece`, in lower case and in parts of at most [`MAX_WORD_BYTES`], to `each`. `buffer` is scratch
/// memory.
fn lower_and_cut(piece: &str, buffer: &mut String, each: &mut impl FnMut(&str)) {
    if piece.len() <= MAX_WORD_BYTES && piece.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        return each(piece);
    }
    buffer.clear();
    if piece.is_ascii() && piece.len() <= MAX_WORD_BYTES {
        buffer.push_str(piece);
        buffer.make_ascii_lowercase();
        return each(buffer);
    }
    // Lower-cases each character without its context, so a final sigma is treated like any other.
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

    fn join_words(text: &str) -> String {
        let mut found = Vec::new();
        for_each_word(text, |word| found.push(word.to_owned()));
        found.join(" ")
    }

    fn join_identifiers(text: &str) -> String {
        let mut found = Vec::new();
        for_each_identifier(text, |identifier| found.push(identifier.to_owned()));
        found.join(" ")
    }

    fn collect_search_words(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        for_each_search_word(text, |word| found.push(word.to_owned()));
        found
    }

    fn check(cases: &[(&str, &str)]) {
        for (text, expected) in cases {
            assert_eq!(join_words(text), *expected, "{text}");
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
        assert_eq!(join_identifiers("parseHTTPHeader(parse_http_header, _, __)"), "parsehttpheader parse_http_header");
        assert_eq!(join_identifiers("ÄB.x1"), "äb x1");
        assert_eq!(join_identifiers(" \n"), "");
    }

    #[test]
    fn search_words_include_joined_identifiers() {
        let expected = ["parse", "http", "header", "parsehttpheader"];
        for name in ["parseHTTPHeader", "ParseHttpHeader", "parse_http_header", "PARSE_HTTP_HEADER"] {
            assert_eq!(collect_search_words(name), expected, "{name}");
        }
        assert_eq!(collect_search_words("let x = sha256;"), ["let", "x", "sha256"]);
        assert_eq!(collect_search_words("a_b c"), ["a", "b", "ab", "c"]);
        assert!(collect_search_words("… ___").is_empty());
    }

    #[test]
    fn a_word_is_the_same_in_every_form_of_unicode() {
        for (one, other) in [
            ("größeÄndern", "gro\u{308}ßeA\u{308}ndern"),
            ("\u{ac12}을", "\u{1100}\u{1161}\u{11b9}을"),
            ("ＡＰＩキー", "apiｷｰ"),
            ("ガイド", "カ\u{3099}イト\u{3099}"),
            ("việt_nam", "vie\u{302}\u{323}t_nam"),
        ] {
            assert_eq!(collect_search_words(one), collect_search_words(other), "{one}");
        }
        check(&[("\u{301}a \u{301}", "a"), ("½ 1\u{fe0f}\u{20e3}", "1 2 1"), ("हिन्दी भाषा", "हिन्दी भाषा")]);
    }

    #[test]
    fn segments_precede_their_word_and_queries_have_no_characters_of_pairs() {
        assert_eq!(collect_search_words("格式_x"), ["格", "式", "格式", "x", "格式x"]);
        let mut found = Vec::new();
        for_each_query_word("数据库, 鍵 値を parse 값을", |word| found.push(word.to_owned()));
        assert_eq!(found, ["数据", "据库", "数据库", "鍵", "値", "値を", "parse", "값", "값을"]);
        assert_eq!(join_words("数据库"), "数据库", "the embedding gets no segments");
        // A pair is not lost where a long run is cut.
        let long = "请求失败后自动重试三次每次等待时间加倍直到成功为止然后关闭数据库连接";
        let words = collect_search_words(long);
        assert!(
            long.char_indices()
                .zip(long.char_indices().skip(2))
                .all(|((start, _), (end, _))| { words.iter().any(|word| *word == long[start..end]) })
        );
    }

    #[test]
    fn long_runs_are_cut_between_characters() {
        let text = "é".repeat(50);
        assert_eq!(join_words(&text), format!("{} {}", "é".repeat(32), "é".repeat(18)));
        assert_eq!(join_words(&"A".repeat(130)), [64, 64, 2].map(|count| "a".repeat(count)).join(" "));
        assert_eq!(join_identifiers(&"x".repeat(65)), format!("{} x", "x".repeat(64)));
        let joined = collect_search_words(&format!("{}_{}", "a".repeat(40), "B".repeat(40))).pop();
        assert_eq!(joined, Some("a".repeat(40) + &"b".repeat(24)));
    }

    #[test]
    fn a_megabyte_of_anything_is_linear_and_bounded() {
        let started = Instant::now();
        for unit in ["a", "A", "aA", "_", "Aa0", "1", "é", "字", "😀", "İ", "\u{0}", "a_", "AAs", "\u{fb01}"] {
            let text = unit.repeat(1_000_000 / unit.len());
            for_each_word(&text, |word| assert!(!word.is_empty() && word.len() <= MAX_WORD_BYTES));
            for_each_identifier(&text, |word| assert!(!word.is_empty() && word.len() <= MAX_WORD_BYTES));
            for_each_search_word(&text, |word| assert!(!word.is_empty() && word.len() <= MAX_WORD_BYTES));
        }
        assert!(started.elapsed() < Duration::from_secs(30), "took {:?}", started.elapsed());
    }
}
