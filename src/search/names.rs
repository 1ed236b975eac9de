//! What names are compared by.
//!
//! Must never import anything of this crate.

use std::hash::{DefaultHasher, Hasher};

/// What makes `parseHTTPHeader`, `parse_http_header` and `ParseHttpHeader` the same name.
pub(super) fn name_key(name: &str) -> impl Iterator<Item = char> {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase)
}

/// Hash of [`name_key`]. Different names may share it.
pub(super) fn name_hash(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name_key(name).for_each(|c| hasher.write_u32(u32::from(c)));
    hasher.finish()
}

/// What most names are told apart by: how many letters [`name_key`] gives, up to 255, and which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outline {
    pub count: u8,
    /// A bit for each, up to 64.
    pub mask: u64,
}

impl Outline {
    pub fn of(name: &str) -> Self {
        let (mut count, mut mask) = (0_u8, 0);
        for byte in name.bytes() {
            let Some(bit) = BITS.get(usize::from(byte)) else {
                return Self::of_letters(name_key(name));
            };
            count = count.saturating_add(u8::from(*bit != 0));
            mask |= bit;
        }
        Self { count, mask }
    }

    /// Of what [`name_key`] gave.
    pub fn of_letters(letters: impl Iterator<Item = char>) -> Self {
        letters.fold(Self { count: 0, mask: 0 }, |Self { count, mask }, letter| Self {
            count: count.saturating_add(1),
            mask: mask | 1 << (u32::from(letter) % 64),
        })
    }
}

/// The bit of each ASCII letter and digit, of capitals that of the small letter; 0 for others.
const BITS: [u64; 128] = {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outline_is_that_of_the_key() {
        for name in ["getUserById", "get_user_by_id", "größe_Ändern", "x", "", &"long".repeat(100)] {
            assert_eq!(Outline::of(name), Outline::of_letters(name_key(name)), "{name}");
        }
        assert_eq!(Outline::of("getUserById"), Outline::of("get_user_by_id"));
    }
}
