//! Normal forms of names, for comparisons that ignore case and separators, and may allow misspellings.

use crate::edit_distance::count_edits_within;
use crate::unicode::is_letter_mark;
use unicode_normalization::UnicodeNormalization;

/// Returns the letters in lower case, the digits and the combining marks of a name, so that `parseHTTPHeader`,
/// `parse_http_header` and `ParseHttpHeader` are equal. Characters beyond ASCII are in the form of
/// [`unify`](crate::unicode::unify).
pub fn name_key(name: &str) -> impl Iterator<Item = char> {
    let (ascii, wide) = if name.is_ascii() { (name, "") } else { ("", name) };
    let letters = ascii.chars().chain(wide.nfkc());
    letters.filter(|c| c.is_alphanumeric() || is_letter_mark(*c)).flat_map(char::to_lowercase)
}

/// Returns the letters in lower case and the digits of a name in ASCII.
fn ascii_letters(name: &str) -> impl Iterator<Item = u8> {
    name.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase())
}

/// Returns whether two names are equal, ignoring case and separators.
pub fn is_same_name(a: &str, b: &str) -> bool {
    if a.is_ascii() && b.is_ascii() {
        // What `name_key` does, without decoding characters: a report compares many names with many files.
        return ascii_letters(a).eq(ascii_letters(b));
    }
    name_key(a).eq(name_key(b))
}

/// The constants of the hash function FNV-1a with 64 bits (<http://www.isthe.com/chongo/tech/comp/fnv/>).
const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

/// Returns a hash of [`name_key`], which may differ between builds of the program. Different names may have the same
/// hash.
pub fn name_hash(name: &str) -> u64 {
    let add = |hash: u64, code: u32| (hash ^ u64::from(code)).wrapping_mul(FNV_PRIME);
    let hash = if name.is_ascii() {
        // What `name_key` does, without decoding characters: a snapshot hashes every name.
        ascii_letters(name).fold(FNV_START, |hash, byte| add(hash, u32::from(byte)))
    } else {
        name_key(name).fold(FNV_START, |hash, c| add(hash, u32::from(c)))
    };
    // The high half depends on all characters, and keys are sorted by it.
    hash ^ hash >> 32
}

/// The number and the set of the characters of a [`name_key`]. Names with different profiles have different keys, so
/// comparing profiles first is fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LetterProfile {
    /// The number of characters; 255 if there are more.
    pub count: u8,
    /// The set of characters as bits: bit `code point % 64` for each character.
    pub mask: u64,
}

impl LetterProfile {
    /// Computes the profile of a name.
    pub fn from_name(name: &str) -> Self {
        let (mut count, mut mask) = (0_u8, 0);
        for byte in name.bytes() {
            let Some(bit) = ASCII_BITS.get(usize::from(byte)) else {
                return Self::from_letters(name_key(name));
            };
            count = count.saturating_add(u8::from(*bit != 0));
            mask |= bit;
        }
        Self { count, mask }
    }

    /// Returns whether names with these profiles may be within `max_edits` edits; see
    /// [`count_edits`](crate::edit_distance::count_edits). An edit changes the number by at most one and the set
    /// by at most two.
    pub fn may_be_within(self, other: Self, max_edits: u8) -> bool {
        self.count.abs_diff(other.count) <= max_edits
            && (self.mask ^ other.mask).count_ones() <= 2 * u32::from(max_edits)
    }

    /// Returns a lower bound for the number of distinct characters of this name's key that `other`'s key lacks.
    pub fn missing_in(self, other: Self) -> u32 {
        (self.mask & !other.mask).count_ones()
    }

    /// Computes the profile of the characters of a [`name_key`].
    pub fn from_letters(letters: impl Iterator<Item = char>) -> Self {
        letters.fold(Self { count: 0, mask: 0 }, |Self { count, mask }, letter| Self {
            count: count.saturating_add(1),
            mask: mask | 1 << (u32::from(letter) % 64),
        })
    }
}

/// The mask bit of each ASCII letter and digit, ignoring case; 0 for other characters.
const ASCII_BITS: [u64; 128] = {
    let mut bits = [0; 128];
    let mut byte = 0;
    while byte < 128 {
        if (byte as u8).is_ascii_alphanumeric() {
            bits[byte] = 1 << ((byte as u8).to_ascii_lowercase() % 64);
        }
        byte += 1;
    }
    bits
};

/// Minimum length of a corrected name, in letters and digits. Shorter names have too many similar ones.
const MIN_NAME_LETTERS: usize = 4;

/// Maximum length of a corrected name, in letters and digits. Longer names are rarely typed.
const MAX_NAME_LETTERS: usize = 64;

/// Minimum length of a name that may have two errors, in letters and digits.
const MIN_LETTERS_FOR_TWO_ERRORS: usize = 8;

/// A name prepared for comparison with many others, which may be misspelled.
pub struct FuzzyName {
    /// The [`name_key`] of the name.
    pub key: String,
    pub profile: LetterProfile,
    /// The maximum edit distance of a similar name.
    pub max_errors: u8,
}

impl FuzzyName {
    /// Prepares a name; returns `None` if it has fewer than 4 or more than 64 letters and digits.
    pub fn new(name: &str) -> Option<Self> {
        Self::with_min_letters(name, MIN_NAME_LETTERS)
    }

    /// Prepares a name; returns `None` if it has fewer than `min_letters` or more than 64 letters and digits.
    pub fn with_min_letters(name: &str, min_letters: usize) -> Option<Self> {
        let key: String = name_key(name).collect();
        let letters = key.chars().count();
        if !(min_letters..=MAX_NAME_LETTERS).contains(&letters) {
            return None;
        }
        let max_errors = if letters < MIN_LETTERS_FOR_TWO_ERRORS { 1 } else { 2 };
        Some(Self { profile: LetterProfile::from_letters(key.chars()), key, max_errors })
    }

    /// Returns whether a name with this profile may be within the maximum distance. Nearly all names are rejected by
    /// this quick test.
    pub fn may_match(&self, profile: LetterProfile) -> bool {
        profile.may_be_within(self.profile, self.max_errors)
    }

    /// Returns the distance as [`FuzzyName::bounded_distance`] does, but tests the letter profile first.
    pub fn distance_to(&self, other: &str) -> Option<usize> {
        if self.may_match(LetterProfile::from_name(other)) { self.bounded_distance(other) } else { None }
    }

    /// Returns the edit distance to another name, ignoring case and separators; `None` above the maximum.
    pub fn bounded_distance(&self, other: &str) -> Option<usize> {
        let key: String = name_key(other).collect();
        count_edits_within(&self.key, &key, usize::from(self.max_errors))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn composed_and_decomposed_names_are_equal() {
        assert!(is_same_name("größe_Ändern", "gro\u{308}ßea\u{308}ndern") && !is_same_name("größe", "große"));
        assert_eq!(name_hash("café"), name_hash("cafe\u{301}"));
        assert_eq!(name_hash("parseHTTP_2"), name_hash("ｐarse_http2"), "a wide letter has the key of a plain one");
        assert_ne!(name_hash("parseHTTP_2"), name_hash("parse_http1"));
        assert_eq!(LetterProfile::from_name("café"), LetterProfile::from_name("cafe\u{301}"));
    }

    #[test]
    fn the_profile_of_a_name_is_that_of_its_key() {
        for name in ["getUserById", "get_user_by_id", "größe_Ändern", "x", "", &"long".repeat(100)] {
            assert_eq!(LetterProfile::from_name(name), LetterProfile::from_letters(name_key(name)), "{name}");
        }
        assert_eq!(LetterProfile::from_name("getUserById"), LetterProfile::from_name("get_user_by_id"));
    }

    #[test]
    fn errors_are_counted_up_to_a_limit() {
        for (wanted, other, errors) in [
            ("getUserByld", "getUserById", Some(1)),
            ("getUserByld", "get_user_by_id", Some(1)),
            ("getUesrById", "getUserById", Some(1)),
            ("getUsrByIdd", "getUserById", Some(2)),
            ("getUserById", "getOrderById", None),
            ("pool", "poll", Some(1)),
            ("pool", "bowl", None),
            ("retry", "retries", None),
        ] {
            let wanted = FuzzyName::new(wanted).expect("long enough");
            assert_eq!(wanted.bounded_distance(other), errors, "{other}");
            assert!(errors.is_none() || wanted.may_match(LetterProfile::from_name(other)), "{other}");
        }
        assert!(FuzzyName::new("abc").is_none());
    }
}
