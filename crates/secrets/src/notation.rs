//! Reads text through the notations that a key is written in: escapes, entities, tags and line continuations.

/// Longest tag of HTML or XML that is read as one separator, in bytes.
const MAX_TAG_BYTES: usize = 160;

/// Reads one logical character at a time, as an ASCII byte.
///
/// Escapes (`\n`, `\\n`, `\x0a`, `\u000a`, `\012`, `\"`), percent-encoding (`%0A`) and entities (`&#10;`) become the
/// character that they stand for, and other escapes [`SEPARATOR`]. Typographic dashes, quotes and spaces become those
/// of ASCII, and `…` becomes [`ELLIPSIS`]. Tags, and other characters outside of ASCII, become [`SEPARATOR`]. A carriage
/// return becomes a line feed, and a tab a space, also as an escape. Line continuations (`\`, `^` or a backtick and the
/// line end) and zero-width characters are left out.
#[derive(Clone)]
pub struct NotationReader<'t> {
    bytes: &'t [u8],
    at: usize,
}

/// The character that stands for a tag, an unknown escape, or a character outside of ASCII without a counterpart in it.
pub const SEPARATOR: u8 = 1;

/// The character that stands for `…`.
pub const ELLIPSIS: u8 = 2;

impl<'t> NotationReader<'t> {
    /// Creates a reader of `bytes` from the offset `at` on.
    pub fn new(bytes: &'t [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// Returns the offset of the next byte.
    pub fn offset(&self) -> usize {
        self.at
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn rest(&self) -> &'t [u8] {
        &self.bytes[self.at.min(self.bytes.len())..]
    }

    /// Reads an escape: one or more backslashes and the characters that they escape. Returns `None` for a line
    /// continuation and for a character of zero width.
    fn read_escape(&mut self) -> Option<u8> {
        while self.peek(0) == Some(b'\\') {
            self.at += 1;
        }
        let Some(kind) = self.peek(0) else { return Some(SEPARATOR) };
        let (digits_at, max_digits, radix) = match kind {
            b'n' | b'r' | b't' => {
                self.at += 1;
                return Some(if kind == b't' { b' ' } else { b'\n' });
            }
            b'\n' | b'\r' => {
                self.skip_line_end();
                return None;
            }
            b'x' => (1, 2, 16),
            b'u' if self.peek(1) == Some(b'{') => (2, 6, 16),
            b'u' => (1, 4, 16),
            b'U' => (1, 8, 16),
            b'0'..=b'3' => (0, 3, 8),
            b'"' | b'\'' | b'/' | b'`' => {
                self.at += 1;
                return Some(kind);
            }
            _ => return Some(SEPARATOR),
        };
        let Some((code, used)) = parse_digits(&self.rest()[digits_at..], max_digits, radix) else {
            return Some(SEPARATOR);
        };
        self.at += digits_at + used;
        if digits_at == 2 && self.peek(0) == Some(b'}') {
            self.at += 1;
        }
        to_logical(code)
    }

    /// Reads an entity such as `&#10;`, `&#xA;`, `&quot;` or `&amp;#10;`. Returns `None` if there is none, and
    /// `Some(None)` for a character of zero width.
    fn read_entity(&mut self) -> Option<Option<u8>> {
        let rest = self.rest();
        let mut name = &rest[1..rest.len().min(40)];
        while let Some(inner) = name.strip_prefix(b"amp;") {
            name = inner;
        }
        let before = rest.len().min(40) - name.len();
        let (code, used) = if let Some(number) = name.strip_prefix(b"#") {
            let (digits, radix, skipped) = match number.first() {
                Some(b'x' | b'X') => (&number[1..], 16, 2),
                _ => (number, 10, 1),
            };
            let (code, used) = parse_digits(digits, 7, radix)?;
            (to_logical(code), skipped + used)
        } else {
            let known: &[(&[u8], u8)] = &[
                (b"quot", b'"'),
                (b"apos", b'\''),
                (b"nbsp", b' '),
                (b"lt", b'<'),
                (b"gt", b'>'),
                (b"NewLine", b'\n'),
            ];
            let (entity, byte) = known.iter().find(|(entity, _)| name.starts_with(entity))?;
            (Some(*byte), entity.len())
        };
        let end = before + used;
        self.at += end + usize::from(rest.get(end) == Some(&b';'));
        Some(code)
    }

    /// Skips a tag that ends on the same line and within [`MAX_TAG_BYTES`]; returns whether there was one.
    fn skip_tag(&mut self) -> bool {
        let rest = self.rest();
        if !rest.get(1).is_some_and(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'/' | b'!')) {
            return false;
        }
        let room = &rest[..rest.len().min(MAX_TAG_BYTES)];
        match memchr::memchr2(b'>', b'\n', room) {
            Some(end) if room[end] == b'>' => {
                self.at += end + 1;
                true
            }
            _ => false,
        }
    }

    fn skip_line_end(&mut self) {
        while matches!(self.peek(0), Some(b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Reads a character outside of ASCII. Returns its logical character; `None` for one of zero width.
    fn read_wide(&mut self) -> Option<u8> {
        let rest = self.rest();
        let length = match rest[0] {
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xff => 4,
            _ => 1,
        };
        let length = length.min(rest.len());
        self.at += length;
        let is_zero_width = matches!(
            &rest[..length],
            [0xe2, 0x80, 0x8b..=0x8f] | [0xe2, 0x81, 0xa0..=0xaf] | [0xef, 0xbb, 0xbf] | [0xc2, 0xad]
        );
        match &rest[..length] {
            _ if is_zero_width => None,
            [0xc2, 0xa0] => Some(b' '),
            [0xe2, 0x80, 0xa6] => Some(ELLIPSIS),
            // Dashes and quotes of typography.
            [0xe2, 0x80, 0x90..=0x95] | [0xe2, 0x88, 0x92] => Some(b'-'),
            [0xe2, 0x80, 0x98..=0x9f] => Some(b'"'),
            _ => Some(SEPARATOR),
        }
    }
}

impl Iterator for NotationReader<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        loop {
            let byte = self.peek(0)?;
            match byte {
                b'\\' => {
                    if let Some(read) = self.read_escape() {
                        return Some(read);
                    }
                }
                b'^' | b'`' if matches!(self.peek(1), Some(b'\n' | b'\r')) => {
                    self.at += 1;
                    self.skip_line_end();
                }
                b'%' => {
                    if let Some((code, 2)) = parse_digits(&self.rest()[1..], 2, 16) {
                        self.at += 3;
                        if let Some(read) = to_logical(code) {
                            return Some(read);
                        }
                        continue;
                    }
                    self.at += 1;
                    return Some(byte);
                }
                b'&' => match self.read_entity() {
                    Some(Some(read)) => return Some(read),
                    Some(None) => {}
                    None => {
                        self.at += 1;
                        return Some(byte);
                    }
                },
                b'<' if self.skip_tag() => return Some(SEPARATOR),
                b'\t' | b'\r' | 0x0b | 0x0c => {
                    self.at += 1;
                    return Some(if byte == b'\r' { b'\n' } else { b' ' });
                }
                0x80.. => {
                    if let Some(read) = self.read_wide() {
                        return Some(read);
                    }
                }
                _ => {
                    self.at += 1;
                    return Some(byte);
                }
            }
        }
    }
}

/// Returns the character that [`NotationReader`] reads for a code point; `None` for one of zero width.
fn to_logical(code: u32) -> Option<u8> {
    match code {
        0x0d => Some(b'\n'),
        0x09 | 0x0b | 0x0c | 0xa0 => Some(b' '),
        0x2026 => Some(ELLIPSIS),
        0x2010..=0x2015 | 0x2212 => Some(b'-'),
        0x2018..=0x201f => Some(b'"'),
        0x200b..=0x200f | 0x2060..=0x206f | 0xfeff | 0xad => None,
        _ => Some(u8::try_from(code).ok().filter(u8::is_ascii).unwrap_or(SEPARATOR)),
    }
}

/// Parses at most `max_digits` digits. Returns the number and the count of its digits; `None` if there is no digit.
fn parse_digits(bytes: &[u8], max_digits: usize, radix: u32) -> Option<(u32, usize)> {
    let digits = bytes.iter().take(max_digits).map_while(|byte| char::from(*byte).to_digit(radix));
    let (code, count) = digits.fold((0, 0), |(code, count), digit| (code * radix + digit, count + 1));
    (count > 0).then_some((code, count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        NotationReader::new(text.as_bytes(), 0).map(char::from).collect()
    }

    #[test]
    fn escapes_become_the_characters_they_stand_for() {
        for text in ["a\nb", "a\\nb", "a\\\\nb", "a\\r\nb", "a%0Ab", "a&#10;b", "a&#xA;b", "a&amp;#10;b", "a\\x0ab"] {
            assert_eq!(read(text).replace("\n\n", "\n"), "a\nb", "{text}");
        }
        for text in ["a\\u000ab", "a\\u{a}b", "a\\012b", "a&NewLine;b"] {
            assert_eq!(read(text), "a\nb", "{text}");
        }
        for text in
            ["a\tb", "a\\tb", "a\\\\tb", "a%09b", "a&#9;b", "a\\x09b", "a\u{a0}b", "a\\u00a0b", "a&#xa0;b", "a&nbsp;b"]
        {
            assert_eq!(read(text), "a b", "{text}");
        }
        assert_eq!(read("a\\\"b\\\\\"c"), "a\"b\"c");
        assert_eq!(read("a%2Fb\\/c\\u002fd%2bE&quot;"), "a/b/c/d+E\"");
    }

    #[test]
    fn continued_lines_and_zero_width_characters_are_left_out() {
        for text in ["a\\\nb", "a^\r\nb", "a`\nb", "a\u{200b}b", "a\u{feff}b", "a\\u200bb", "a&#8203;b"] {
            assert_eq!(read(text), "ab", "{text}");
        }
    }

    #[test]
    fn tags_are_separators_and_incomplete_notations_are_text() {
        assert_eq!(read("a<br/>b</td>c"), "a\u{1}b\u{1}c");
        assert_eq!(read("a < b %zz &x \u{e9}"), "a < b %zz &x \u{1}");
        for text in ["\\", "\\x", "%", "%4", "&", "&#", "&#x", "<", "<a", "\\u{", "\u{e9}", "&amp;"] {
            assert!(read(text).len() <= text.len(), "{text}");
        }
    }
}
