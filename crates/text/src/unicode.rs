//! Normal forms of Unicode text, and scripts that are written without spaces between words.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, char::is_combining_mark, is_nfc_quick, is_nfkc_quick};

/// Returns a text with its characters composed (NFC), so that `é` is one character however it is written.
pub fn compose(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.nfc().collect())
}

/// Returns a text with its characters decomposed (NFD): an accent follows its letter as a separate character.
pub fn decompose(text: &str) -> String {
    text.nfd().collect()
}

/// Returns whether two texts are equal when their characters are composed. A few characters beyond ASCII, such as the
/// Kelvin sign, then become characters of ASCII.
pub fn is_same_text(a: &str, b: &str) -> bool {
    a == b || (!(a.is_ascii() && b.is_ascii()) && compose(a) == compose(b))
}

/// Returns whether two texts are equal when their characters are composed, ignoring the case of letters of ASCII.
pub fn is_same_ignoring_ascii_case(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b) || (!(a.is_ascii() && b.is_ascii()) && compose(a).eq_ignore_ascii_case(&compose(b)))
}

/// Returns a text in the form in which words are compared (NFKC): composed, and with full-width, half-width and other
/// variants of a character replaced by the character.
pub fn unify(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || is_nfkc_quick(text.chars()) == IsNormalized::Yes {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.nfkc().collect())
}

/// Returns whether a character is an accent or another mark that belongs to the letter before it. Marks that choose the
/// look of a symbol or enclose it do not belong to a letter.
pub fn is_letter_mark(c: char) -> bool {
    c >= '\u{300}' && is_combining_mark(c) && !matches!(c, '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe0f}')
}

/// A script in which words follow each other without spaces, or in which particles follow a word without a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunningScript {
    /// Chinese characters, which Japanese and Korean use as well.
    Han,
    Hiragana,
    Katakana,
    Hangul,
    /// Thai, Lao, Burmese and Khmer: alphabets without spaces between words.
    Thai,
}

impl RunningScript {
    /// Returns whether a text has a letter of such a script.
    pub fn is_in(text: &str) -> bool {
        !text.is_ascii() && text.chars().any(|c| Self::of_char(c).is_some())
    }

    /// Returns the script of a letter; `None` for all other scripts.
    ///
    /// The long vowel mark `ー` counts as Katakana.
    pub fn of_char(c: char) -> Option<Self> {
        match c {
            '\0'..='\u{dff}' => None,
            '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' => Some(Self::Thai),
            '\u{1100}'..='\u{11ff}' | '\u{3130}'..='\u{318f}' | '\u{ac00}'..='\u{d7ff}' => Some(Self::Hangul),
            '\u{3041}'..='\u{309f}' => Some(Self::Hiragana),
            '\u{30a0}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' => Some(Self::Katakana),
            '々' | '〇' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' => {
                Some(Self::Han)
            }
            '\u{20000}'..='\u{3ffff}' => Some(Self::Han),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decomposed_text_equals_composed_text() {
        assert!(
            is_same_text("cafe\u{301}", "café") && is_same_text("\u{1100}\u{1161}", "가") && !is_same_text("é", "e")
        );
        assert!(is_same_ignoring_ascii_case("Cafe\u{301}.RS", "café.rs") && !is_same_ignoring_ascii_case("É", "é"));
        // The Kelvin sign, the Greek question mark and the Greek grave accent.
        for (other, ascii) in [("\u{212a}", "K"), ("a\u{37e}", "a;"), ("\u{1fef}b", "`b")] {
            assert!(is_same_text(other, ascii) && is_same_text(ascii, other), "{ascii}");
            assert!(is_same_ignoring_ascii_case(&ascii.to_lowercase(), other), "{ascii}");
        }
        assert_eq!(unify("ＡＰＩ ﾊﾟｽﾜｰﾄﾞ ﬁ"), "API パスワード fi");
        assert!(matches!(compose("größe"), Cow::Borrowed(_)) && matches!(unify("格式"), Cow::Borrowed(_)));
    }
}
