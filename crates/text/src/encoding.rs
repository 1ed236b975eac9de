//! Detection of a file's text encoding, and decoding.
//!
//! These are tried in order: a byte order mark; UTF-16 without one; UTF-8; the encoding that the file declares; and
//! detection by the frequencies of characters. An encoding counts as detected only if all bytes can be decoded and the
//! result looks like text in it. Otherwise the file is decoded as UTF-8, and the bytes that are not UTF-8 become
//! U+FFFD.

pub mod percent;

use std::borrow::Cow;
use std::sync::LazyLock;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{BIG5, EUC_JP, EUC_KR, Encoding, GB18030, GBK, SHIFT_JIS, UTF_8, UTF_16BE, UTF_16LE};
use regex::bytes::Regex;

/// Number of leading bytes that decide whether a file is text.
pub const SNIFF_BYTES: usize = 8 * 1024;

/// The byte order mark of UTF-8.
const UTF_8_MARK: &[u8] = b"\xef\xbb\xbf";

/// Number of lines in which an encoding may be declared.
const DECLARATION_LINES: usize = 5;

/// Minimum number of ASCII characters in UTF-16 without a byte order mark.
const MIN_UTF16_ASCII: usize = 8;

/// Minimum number of characters outside of ASCII for the detection of an encoding with several bytes per character.
const MIN_WIDE_CHARS: usize = 3;

/// Minimum number of letters of other scripts than Latin for the detection of an encoding of such a script.
const MIN_FOREIGN_LETTERS: usize = 4;

/// Signs outside of ASCII that are common in comments and texts.
const USUAL_SIGNS: &str = "\u{a0}–—‘’“”„…•€£§©®°±²³´·«»¿¡№×÷";

/// Minimum share, in percent, of the characters outside of ASCII that are common in the detected encoding.
const MIN_COMMON_PERCENT: usize = 80;

/// The decoded text of a file, and how it was decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodedBytes {
    /// The text, without a byte order mark.
    pub text: String,
    /// The name of the encoding in the Encoding Standard (WHATWG); `None` for UTF-8.
    pub encoding: Option<&'static str>,
    /// Number of places where bytes could not be decoded.
    pub places_lost: usize,
}

/// Decodes the bytes of a file in its detected encoding, or else as UTF-8, where U+FFFD replaces invalid bytes. Removes a
/// byte order mark.
pub fn decode_bytes(bytes: Vec<u8>) -> DecodedBytes {
    let decoded = match transcode(&bytes) {
        Some((encoding, text)) => return DecodedBytes { text, encoding: Some(encoding), places_lost: 0 },
        None => String::from_utf8(bytes),
    };
    let (mut text, places_lost) = match decoded {
        Ok(text) => (text, 0),
        Err(error) => {
            let bytes = error.as_bytes();
            let lost = bytes.utf8_chunks().filter(|chunk| !chunk.invalid().is_empty()).count();
            (String::from_utf8_lossy(bytes).into_owned(), lost)
        }
    };
    if text.as_bytes().starts_with(UTF_8_MARK) {
        text.drain(..UTF_8_MARK.len());
    }
    DecodedBytes { text, encoding: None, places_lost }
}

/// Returns the bytes of a file in UTF-8 without a byte order mark. If its encoding is not known, returns the bytes as
/// they are, without a byte order mark of UTF-8.
pub fn to_utf8(bytes: &[u8]) -> Cow<'_, [u8]> {
    match transcode(bytes) {
        Some((_, text)) => Cow::Owned(text.into_bytes()),
        None => Cow::Borrowed(bytes.strip_prefix(UTF_8_MARK).unwrap_or(bytes)),
    }
}

/// Returns whether the bytes contain a zero byte, or more than a tenth of them are control characters below 0x20 other
/// than tab, line feed, form feed, carriage return and ESC.
pub fn has_binary_bytes(bytes: &[u8]) -> bool {
    let is_control = |byte: u8| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b);
    // Branchless, so that the compiler can vectorize it.
    let (zeros, controls) = bytes.iter().fold((0_usize, 0_usize), |(zeros, controls), byte| {
        (zeros + usize::from(*byte == 0), controls + usize::from(is_control(*byte)))
    });
    zeros > 0 || controls * 10 > bytes.len()
}

/// Returns the text and the encoding of a file that is not in UTF-8; `None` if it is, or if its encoding is uncertain.
fn transcode(bytes: &[u8]) -> Option<(&'static str, String)> {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return if encoding == UTF_8 { None } else { decode_utf16(encoding, &bytes[mark..]) };
    }
    let sniffed = &bytes[..bytes.len().min(SNIFF_BYTES)];
    if has_binary_bytes(sniffed) {
        return decode_utf16(unmarked_utf16(sniffed)?, bytes);
    }
    if std::str::from_utf8(bytes).is_ok() {
        return None;
    }
    let text = |encoding: &'static Encoding| Some((encoding.name(), decode_without_errors(encoding, bytes)?));
    declared_encoding(bytes).and_then(text).or_else(|| text(detect_encoding(bytes)?))
}

fn decode_without_errors(encoding: &'static Encoding, bytes: &[u8]) -> Option<String> {
    encoding.decode_without_bom_handling_and_without_replacement(bytes).map(Cow::into_owned)
}

/// Decodes UTF-16; `None` if it has errors, or characters that do not occur in text.
fn decode_utf16(encoding: &'static Encoding, bytes: &[u8]) -> Option<(&'static str, String)> {
    let text = decode_without_errors(encoding, bytes).filter(|text| !text.chars().any(is_not_text))?;
    Some((encoding.name(), text))
}

/// Returns whether a character should not occur in text: a control character other than tab, line feed, form feed,
/// carriage return, ESC and next line (U+0085), a noncharacter, or a private-use character.
fn is_not_text(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' | '\u{c}' | '\u{1b}' | '\u{85}' => false,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{e000}'..='\u{f8ff}' | '\u{fdd0}'..='\u{fdef}' => true,
        c => u32::from(c) & 0xfffe == 0xfffe || c >= '\u{f0000}',
    }
}

/// Returns UTF-16 in the byte order of bytes without a byte order mark; `None` if they are unlikely to be UTF-16. They
/// are likely if no low byte is zero, and at least [`MIN_UTF16_ASCII`] and a quarter of the characters are printable
/// ASCII or white space.
fn unmarked_utf16(bytes: &[u8]) -> Option<&'static Encoding> {
    let units = bytes.as_chunks::<2>().0;
    let is_text = |high: usize| {
        let is_ascii = |unit: &&[u8; 2]| unit[high] == 0 && matches!(unit[1 - high], b'\t'..=b'\r' | b' '..=b'~');
        let ascii = units.iter().filter(is_ascii).count();
        units.iter().all(|unit| unit[1 - high] != 0) && ascii >= MIN_UTF16_ASCII && ascii * 4 >= units.len()
    };
    if is_text(1) {
        Some(UTF_16LE)
    } else if is_text(0) {
        Some(UTF_16BE)
    } else {
        None
    }
}

/// Returns the encoding that one of the first [`DECLARATION_LINES`] lines declares, as Python, Ruby, Emacs, Vim, XML,
/// HTML and CSS do. Declarations of UTF-8, of encodings that do not extend ASCII, such as UTF-16, and of unknown ones
/// are skipped.
fn declared_encoding(bytes: &[u8]) -> Option<&'static Encoding> {
    static DECLARATION: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"(?i)(?:coding|charset)["']?[ \t]*[:= ][ \t]*["']?([a-z][a-z0-9_.-]+)"#).expect("a valid pattern")
    });
    let head = &bytes[..bytes.len().min(SNIFF_BYTES)];
    let end = memchr::memchr_iter(b'\n', head).nth(DECLARATION_LINES - 1).unwrap_or(head.len());
    let labels = DECLARATION.captures_iter(&head[..end]).filter_map(|found| found.get(1)).map(|label| label.as_bytes());
    labels.filter_map(encoding_for_label).find(|encoding| *encoding != UTF_8 && encoding.is_ascii_compatible())
}

/// Returns the encoding with a name of the Encoding Standard, or with another common name, such as `cp932`; `None` for
/// any other label.
fn encoding_for_label(label: &[u8]) -> Option<&'static Encoding> {
    let label = label.to_ascii_lowercase();
    // Editors append the line ending, as in `gbk-unix`.
    let label = [&b"-unix"[..], b"-dos", b"-mac"].iter().find_map(|end| label.strip_suffix(*end)).unwrap_or(&label);
    Encoding::for_label(label).or_else(|| {
        let name = String::from_utf8_lossy(label).replace('_', "-");
        match name.as_str() {
            "cp932" | "ms932" | "windows-932" | "mskanji" => Some(SHIFT_JIS),
            "cp936" | "ms936" | "gb2312-80" | "euc-cn" => Some(GBK),
            "cp949" | "ms949" | "uhc" => Some(EUC_KR),
            "cp950" | "ms950" => Some(BIG5),
            "eucjp" => Some(EUC_JP),
            other => Encoding::for_label(other.as_bytes())
                .or_else(|| Encoding::for_label(other.replace('-', "").as_bytes()))
                .or_else(|| Encoding::for_label(format!("windows-{}", other.strip_prefix("cp")?).as_bytes())),
        }
    })
}

/// Returns the encoding that the frequencies of characters show; `None` if it is uncertain.
fn detect_encoding(bytes: &[u8]) -> Option<&'static Encoding> {
    let (mut lost, mut decoded) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        decoded += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        lost += usize::from(!chunk.invalid().is_empty());
    }
    // UTF-8 with some broken characters; in other encodings, few sequences look like UTF-8.
    if decoded >= lost {
        return None;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    let encoding = detector.guess(None, Utf8Detection::Deny);
    let text = decode_without_errors(encoding, bytes)?;
    if text.chars().any(is_not_text) {
        return None;
    }
    let is_certain = if encoding.is_single_byte() { has_words(&text) } else { has_common_characters(encoding, &text) };
    is_certain.then_some(encoding)
}

/// Returns whether at least [`MIN_COMMON_PERCENT`] of the characters outside of ASCII are letters that form words with
/// the letters beside them, or [`USUAL_SIGNS`].
///
/// A Latin letter outside of ASCII must be in a word with a letter of ASCII; a letter of another script must not. There
/// must be no letter of another script than Latin, or at least [`MIN_FOREIGN_LETTERS`].
fn has_words(text: &str) -> bool {
    let is_latin = |c: char| c <= '\u{24f}';
    let (mut count, mut odd, mut foreign) = (0, 0, 0);
    for word in text.split(|c: char| !c.is_alphabetic()) {
        let others = word.chars().filter(|c| !c.is_ascii()).count();
        let latin = word.chars().filter(|c| !c.is_ascii() && is_latin(*c)).count();
        let has_ascii = others < word.chars().count();
        count += others;
        foreign += others - latin;
        odd += if has_ascii { others - latin } else { latin };
    }
    let signs = text.chars().filter(|c| !c.is_ascii() && !c.is_alphabetic());
    let (usual, unusual): (Vec<char>, Vec<char>) = signs.partition(|c| USUAL_SIGNS.contains(*c));
    let (count, odd) = (count + usual.len() + unusual.len(), odd + unusual.len());
    odd * 100 <= count * (100 - MIN_COMMON_PERCENT) && (foreign == 0 || foreign >= MIN_FOREIGN_LETTERS)
}

/// Returns whether a text has at least [`MIN_WIDE_CHARS`] characters outside of ASCII, and at least
/// [`MIN_COMMON_PERCENT`] of them are among the common ones of a Chinese, Japanese or Korean encoding.
fn has_common_characters(encoding: &'static Encoding, text: &str) -> bool {
    let (mut count, mut common) = (0, 0);
    let mut buffer = [0; 4];
    for c in text.chars().filter(|c| !c.is_ascii()) {
        count += 1;
        let (bytes, ..) = encoding.encode(c.encode_utf8(&mut buffer));
        // The first level of each character set, ordered by use; and its punctuation, kana or syllables.
        let is_common = match (encoding, bytes.as_ref()) {
            (other, [first, second]) if other == GBK || other == GB18030 => {
                matches!(first, 0xa1..=0xa3 | 0xb0..=0xd7) && *second >= 0xa1
            }
            (other, [first, _]) if other == BIG5 => matches!(first, 0xa1..=0xc6),
            (other, [first, _]) if other == SHIFT_JIS => matches!(first, 0x81..=0x83 | 0x88..=0x98),
            (other, [first, second]) if other == EUC_JP => {
                matches!(first, 0xa1..=0xa5 | 0xb0..=0xcf) && *second >= 0xa1
            }
            (other, [first, second]) if other == EUC_KR => {
                matches!(first, 0xa1..=0xa3 | 0xb0..=0xc8) && *second >= 0xa1
            }
            _ => false,
        };
        common += usize::from(is_common);
    }
    count >= MIN_WIDE_CHARS && common * 100 >= count * MIN_COMMON_PERCENT
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the name of the encoding, and the text.
    fn decode(bytes: &[u8]) -> (&'static str, String) {
        let decoded = decode_bytes(bytes.to_vec());
        (decoded.encoding.unwrap_or("utf-8"), decoded.text)
    }

    fn encode(label: &str, text: &str) -> Vec<u8> {
        let encoding = Encoding::for_label(label.as_bytes()).expect("a label");
        let (bytes, _, has_errors) = encoding.encode(text);
        assert!(!has_errors, "{label} {text}");
        bytes.into_owned()
    }

    fn utf16(text: &str, is_big: bool) -> Vec<u8> {
        let bytes = |unit: u16| if is_big { unit.to_be_bytes() } else { unit.to_le_bytes() };
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn utf16_is_decoded_with_and_without_a_mark() {
        let text = "// Größe 大小\r\nint size() { return 1; }\r\n";
        for (is_big, name) in [(false, "UTF-16LE"), (true, "UTF-16BE")] {
            assert_eq!(decode(&utf16(text, is_big)), (name, text.to_owned()));
            assert_eq!(decode(&utf16(&format!("\u{feff}{text}"), is_big)), (name, text.to_owned()));
        }
        assert_eq!(decode(b"\xef\xbb\xbfint a;"), ("utf-8", "int a;".to_owned()));
    }

    #[test]
    fn binary_files_are_not_taken_for_utf16() {
        let numbers: Vec<u8> = (0..600_u16).flat_map(u16::to_le_bytes).collect();
        let wide: Vec<u8> = "abc\n".encode_utf16().flat_map(|unit| [unit.to_le_bytes(), [0, 0]].concat()).collect();
        let mut odd = utf16("\u{feff}text", false);
        odd.push(b'a');
        let broken = [&b"\xff\xfe"[..], &0xd800_u16.to_le_bytes(), b"a\0"].concat();
        for bytes in
            [&numbers[..], &wide, b"fn a() {}\0", &[0, 0, 0, 0], &odd, &broken, &[0xff, 0xfe, 0, 0, b'a', 0, 0, 0]]
        {
            assert_eq!(transcode(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn old_encodings_are_detected_from_a_short_comment() {
        for (label, comment) in [
            ("gbk", "请求失败后重试"),
            ("gbk", "关闭数据库连接，释放所有资源"),
            ("big5", "關閉資料庫連線並釋放所有資源"),
            ("shift_jis", "ユーザーに確認メールを送信する"),
            ("shift_jis", "古い一時ファイルを削除する"),
            ("euc-jp", "接続を閉じて、もう一度やり直す"),
            ("euc-kr", "결제를 취소하고 환불을 처리한다"),
            ("windows-1252", "berechnet die Größe des Puffers, üblich"),
            ("windows-1252", "Copyright © 2009 Société Générale"),
            ("windows-1252", "the “smart” quotes – and a dash"),
            ("windows-1251", "Удаляет учётную запись пользователя"),
            ("koi8-r", "Удаляет учетную запись пользователя и его заказы"),
            ("windows-1250", "Zażółć gęślą jaźń, usuń użytkownika"),
            ("windows-1253", "Διαγράφει τον λογαριασμό του χρήστη"),
        ] {
            let text = format!("/* {comment} */\nint run(int n) {{\n    return n;\n}}\n");
            let (name, decoded) = decode(&encode(label, &text));
            assert_eq!(decoded, text, "{label} was taken for {name}");
        }
    }

    #[test]
    fn a_declared_encoding_is_believed_if_it_decodes() {
        for (label, declaration) in [
            ("shift_jis", "# -*- coding: shift_jis -*-"),
            ("shift_jis", "# -*- coding: cp932 -*-"),
            ("gbk", "# vim: set fileencoding=gbk :"),
            ("euc-kr", "<?xml version=\"1.0\" encoding=\"euc-kr\"?>"),
            ("windows-1251", "@charset \"windows-1251\";"),
            ("latin1", "# -*- coding: latin-1 -*-"),
        ] {
            let word = match label {
                "shift_jis" => "再",
                "gbk" => "重",
                "euc-kr" => "값",
                "latin1" => "é",
                _ => "Ж",
            };
            let text = format!("{declaration}\nx = '{word}'\n");
            assert_eq!(decode(&encode(label, &text)).1, text, "{declaration}");
        }
        let wrong = [&b"# coding: gbk\n# "[..], "größer als null".as_bytes()].concat();
        assert_eq!(decode(&wrong).0, "utf-8", "valid UTF-8 needs no declaration");
    }

    #[test]
    fn what_is_uncertain_stays_utf8_and_is_counted() {
        let mostly_utf8 = [&"// 请求失败后自动重试三次 ".as_bytes()[..31], b"\n"].concat();
        for (bytes, lost) in [
            (&b"print('\xff')\n"[..], 1),
            (b"x = \"\x80\x81\xfe\" + \"\xff\xfe\"\n", 5),
            (&mostly_utf8, 1),
            ("größe".as_bytes(), 0),
            (b"// \xd6\xd8\n", 2),
            (b"caf\xe9\xe8\xe7\xdf\xf7\xfe\xf0\xd0\x81\n", 7),
        ] {
            let decoded = decode_bytes(bytes.to_vec());
            assert_eq!((decoded.encoding, decoded.places_lost), (None, lost), "{}", decoded.text);
            assert_eq!(decoded.text, String::from_utf8_lossy(bytes));
        }
    }
}
