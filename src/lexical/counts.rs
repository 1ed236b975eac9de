//! How often a word is in each field, and how long the fields are, in a few bits.
//!
//! Small counts are exact; of large ones the scale gets coarser, for a word's weight hardly grows
//! with its tenth mention. Must never import: anything of this crate but `lexical`.

use super::{FIELDS, Field};

/// Bits of each field's count.
const BITS: [u32; FIELDS] = [5, 4, 2, 2, 1, 2];

/// What a code stands for: itself up to 8, then in steps of about a quarter.
const VALUES: [u16; 32] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 20, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384,
    448, 512, 640,
];

/// Counts of one word in one chunk: sixteen bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts(pub(super) u16);

impl Counts {
    /// Once in the body and nowhere else: what most are.
    pub const ONE: Self = Self(1);

    /// The counts of each field, rounded down to what can be kept.
    pub fn new(counts: [u32; FIELDS]) -> Self {
        let mut packed = 0;
        let mut shift = 0;
        for (count, bits) in counts.iter().zip(BITS) {
            let most = (1_usize << bits) - 1;
            let code = VALUES.partition_point(|value| u32::from(*value) <= *count).saturating_sub(1).min(most);
            packed |= u16::try_from(code).unwrap_or(0) << shift;
            shift += bits;
        }
        Self(packed)
    }

    /// Whether it is in a field at all.
    pub fn has(self, field: Field) -> bool {
        let shift: u32 = BITS[..field as usize].iter().sum();
        self.0 >> shift & ((1 << BITS[field as usize]) - 1) != 0
    }

    /// The count in one field.
    pub fn of(self, field: Field) -> f32 {
        let shift: u32 = BITS[..field as usize].iter().sum();
        f32::from(VALUES[usize::from(self.0 >> shift) & ((1 << BITS[field as usize]) - 1)])
    }
}

/// Up to here a length is kept as it is.
const EXACT_LENGTH: u32 = 32;

/// Codes for each doubling beyond.
const STEPS: f32 = 16.0;

/// A length in words as one byte, within 5 %.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "kept within a byte")]
#[expect(clippy::cast_precision_loss, reason = "lengths are rounded anyway")]
pub(super) fn length_code(words: u32) -> u8 {
    if words <= EXACT_LENGTH {
        return words as u8;
    }
    let steps = (words as f32 / EXACT_LENGTH as f32).log2() * STEPS;
    (EXACT_LENGTH as f32 + steps).round().min(255.0) as u8
}

/// The length a code stands for, in words.
#[expect(clippy::cast_precision_loss, reason = "a small number")]
pub(super) fn length(code: u8) -> f32 {
    let over = f32::from(code) - EXACT_LENGTH as f32;
    if over <= 0.0 { f32::from(code) } else { EXACT_LENGTH as f32 * (over / STEPS).exp2() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_counts_are_exact_and_large_ones_keep_their_order() {
        let counts = Counts::new([3, 7, 2, 1, 9, 0]);
        let kept = Field::ALL.map(|field| counts.of(field));
        assert!(kept.iter().zip([3.0, 7.0, 2.0, 1.0, 1.0, 0.0]).all(|(kept, given)| (kept - given).abs() < 1e-6));
        assert_eq!(Counts::new([1, 0, 0, 0, 0, 0]), Counts::ONE);
        let body = |count| Counts::new([count, 0, 0, 0, 0, 0]).of(Field::Body);
        assert!(body(1_000_000) > body(100) && body(100) > body(50));
    }

    #[test]
    fn a_length_is_kept_within_five_percent() {
        for words in [0, 1, 31, 32, 33, 50, 100, 333, 1_000, 10_000, 100_000] {
            let kept = length(length_code(words));
            assert!((kept - words as f32).abs() <= words as f32 * 0.05, "{words} became {kept}");
        }
    }
}
