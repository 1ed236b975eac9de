//! Compact encodings of term counts and field lengths.
//!
//! Small values are exact. Large ones are rounded, because the tenth occurrence of a term hardly changes the
//! term's weight.

use super::field::{ChunkField, FIELDS};

/// Number of bits of each field's count, in the order of [`ChunkField::ALL`].
const COUNT_BITS: [u32; FIELDS] = [5, 4, 2, 2, 1, 2];

/// The count of each code: equal to the code up to 8, then in steps of 14 % to 33 %.
const COUNT_OF_CODE: [u16; 32] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 20, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384,
    448, 512, 640,
];

/// The counts of a term in each field of a chunk, packed into 16 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TermCounts(pub(super) u16);

impl TermCounts {
    /// Counts of a term that occurs once in the body and nowhere else, the most frequent case.
    pub const ONE: Self = Self(1);

    /// Packs the count of each field, rounded down to the nearest count that the field can represent.
    pub fn new(counts: [u32; FIELDS]) -> Self {
        let mut packed = 0;
        let mut shift = 0;
        for (count, bits) in counts.iter().zip(COUNT_BITS) {
            let most = (1_usize << bits) - 1;
            let code = COUNT_OF_CODE.partition_point(|value| u32::from(*value) <= *count).saturating_sub(1).min(most);
            packed |= u16::try_from(code).unwrap_or(0) << shift;
            shift += bits;
        }
        Self(packed)
    }

    /// Returns whether the term occurs in a field.
    pub fn contains(self, field: ChunkField) -> bool {
        let shift: u32 = COUNT_BITS[..field as usize].iter().sum();
        self.0 >> shift & ((1 << COUNT_BITS[field as usize]) - 1) != 0
    }

    /// Returns the number of occurrences in a field, rounded down to a representable count.
    pub fn count(self, field: ChunkField) -> f32 {
        let shift: u32 = COUNT_BITS[..field as usize].iter().sum();
        f32::from(COUNT_OF_CODE[usize::from(self.0 >> shift) & ((1 << COUNT_BITS[field as usize]) - 1)])
    }
}

/// Maximum field length, in words, that is encoded exactly.
const EXACT_LENGTH: u32 = 32;

/// Number of codes per doubling of the length, above [`EXACT_LENGTH`].
const STEPS_PER_DOUBLING: f32 = 16.0;

/// Encodes a field length in words as one byte, within 5 % up to 500,000 words; longer fields get the highest code.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "kept within a byte")]
#[expect(clippy::cast_precision_loss, reason = "lengths are rounded anyway")]
pub(super) fn encode_length(words: u32) -> u8 {
    if words <= EXACT_LENGTH {
        return words as u8;
    }
    let steps = (words as f32 / EXACT_LENGTH as f32).log2() * STEPS_PER_DOUBLING;
    (EXACT_LENGTH as f32 + steps).round().min(255.0) as u8
}

/// Returns the field length of a code, in words.
#[expect(clippy::cast_precision_loss, reason = "a small number")]
pub(super) fn decode_length(code: u8) -> f32 {
    let over = f32::from(code) - EXACT_LENGTH as f32;
    if over <= 0.0 { f32::from(code) } else { EXACT_LENGTH as f32 * (over / STEPS_PER_DOUBLING).exp2() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_counts_are_exact_and_large_ones_keep_their_order() {
        let counts = TermCounts::new([3, 7, 2, 1, 9, 0]);
        let kept = ChunkField::ALL.map(|field| counts.count(field));
        assert!(kept.iter().zip([3.0, 7.0, 2.0, 1.0, 1.0, 0.0]).all(|(kept, given)| (kept - given).abs() < 1e-6));
        assert_eq!(TermCounts::new([1, 0, 0, 0, 0, 0]), TermCounts::ONE);
        let body = |count| TermCounts::new([count, 0, 0, 0, 0, 0]).count(ChunkField::Body);
        assert!(body(1_000_000) > body(100) && body(100) > body(50));
    }

    #[test]
    fn a_length_is_kept_within_five_percent() {
        for words in [0, 1, 31, 32, 33, 50, 100, 333, 1_000, 10_000, 100_000] {
            let kept = decode_length(encode_length(words));
            assert!((kept - words as f32).abs() <= words as f32 * 0.05, "{words} became {kept}");
        }
    }
}
