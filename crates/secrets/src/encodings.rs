//! Decodes texts written as Base64, hexadecimal digits or lists of byte values.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::notation::NotationReader;

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Returns three texts, one of which occurs in the Base64 of any bytes that contain `text`: one for each position of
/// the first byte of `text` in a group of three. Characters that depend on neighbouring bytes are left out.
pub fn encode_base64_cores(text: &[u8]) -> [String; 3] {
    [0, 1, 2].map(|shift| {
        let mut padded = vec![0; shift];
        padded.extend_from_slice(text);
        let encoded = LENIENT.encode(&padded);
        // A character holds six bits: one that begins before the text, or ends after it, depends on a neighbour.
        let (start, end) = ((shift * 8).div_ceil(6), padded.len() * 8 / 6);
        encoded[start..end].to_owned()
    })
}

/// Decodes at most `max_chars` characters of Base64 from the offset `at` on, through escapes, quotes and line breaks.
/// An incomplete last group of four is left out. Returns nothing if the characters are not valid Base64.
pub fn decode_base64_at(bytes: &[u8], at: usize, max_chars: usize) -> Vec<u8> {
    // Enough for a character and a line break with quotes and marks after each few of them.
    let end = bytes.len().min(at + 4 * max_chars);
    let mut is_gap = true;
    let is_char = |byte: &u8| {
        // Behind a quote or a line end, these are operators and marks of comments or patches.
        let is_sign = b"+/".contains(byte);
        is_gap = !byte.is_ascii_alphanumeric() && (is_gap || !is_sign);
        !is_gap
    };
    let mut chars: Vec<u8> = NotationReader::new(&bytes[..end], at).filter(is_char).take(max_chars).collect();
    chars.truncate(chars.len() / 4 * 4);
    LENIENT.decode(chars).unwrap_or_default()
}

/// Parses at most `max_bytes` pairs of hexadecimal digits from the offset `at` on, up to the first pair with another
/// character.
pub fn decode_hex_at(bytes: &[u8], at: usize, max_bytes: usize) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = bytes[at..].chunks_exact(2).take(max_bytes);
    pairs.map_while(|pair| Some((digit(pair[0])? << 4) | digit(pair[1])?)).collect()
}

/// Parses at most `max_bytes` byte values from the offset `at` on, such as `0x2d, 0x2d`, `45, 45` or `\x2d\x2d`. Stops
/// at the first text that is not a byte value.
pub fn decode_byte_list_at(bytes: &[u8], at: usize, max_bytes: usize) -> Vec<u8> {
    // Enough for a value, its separator and a share of an indented line's start.
    let mut rest = &bytes[at..bytes.len().min(at + 12 * max_bytes)];
    let mut values = Vec::new();
    while values.len() < max_bytes {
        let gap = rest.iter().take_while(|byte| b" \t\r\n,;\"'\\+".contains(byte)).count();
        rest = &rest[gap..];
        let (digits, radix) = match rest {
            [b'0', b'x' | b'X', digits @ ..] | [b'x', digits @ ..] => (digits, 16),
            digits => (digits, 10),
        };
        let length = digits.iter().take_while(|byte| byte.is_ascii_hexdigit()).take(3).count();
        let value = std::str::from_utf8(&digits[..length]).ok().and_then(|text| u8::from_str_radix(text, radix).ok());
        let Some(value) = value else { break };
        values.push(value);
        rest = &digits[length..];
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_core_is_in_the_base64_of_every_text_around() {
        let cores = encode_base64_cores(b"PRIVATE KEY");
        for before in ["", "a", "ab", "abc", "\n\u{e9}x"] {
            for after in ["", "-", "--", "-----"] {
                let encoded = LENIENT.encode(format!("{before}PRIVATE KEY{after}"));
                assert!(cores.iter().any(|core| encoded.contains(core.as_str())), "{encoded}");
            }
        }
        assert!(cores.iter().all(|core| core.len() >= 12), "{cores:?}");
    }

    #[test]
    fn base64_is_decoded_through_line_breaks_and_quotes() {
        let text = b"x = \"TUlJ\" +\n    \"RXBB\" \\\n 'SUJBQUtD'";
        assert_eq!(decode_base64_at(text, 5, 64), b"MIIEpAIBAAKC");
        assert_eq!(decode_base64_at(text, 5, 4), b"MII");
        assert!(decode_base64_at(text, text.len(), 4).is_empty());
    }

    #[test]
    fn hex_digits_and_byte_lists_are_decoded() {
        assert_eq!(decode_hex_at(b"..3082FFzz", 2, 9), [0x30, 0x82, 0xff]);
        for text in ["0x30, 0x82,\n  0x04", "0x30,0x82,0x04,", "\\x30\\x82\"\n\"\\x04", "48, 130, 4 }", "48,130,4"] {
            assert_eq!(decode_byte_list_at(text.as_bytes(), 0, 9), [0x30, 0x82, 4], "{text}");
        }
        assert_eq!(decode_byte_list_at(b"45, 45, 45, 999, 1", 0, 9), [45, 45, 45]);
        assert_eq!(decode_byte_list_at(b"1, 2, 3", 0, 2), [1, 2]);
    }
}
