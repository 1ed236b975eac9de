//! Quantized vectors in memory, and scans over them.
//!
//! A unit vector is stored as int8 values with one scale, so that a dot product is integer arithmetic, for which the
//! compiler generates SIMD instructions. The SIMD level is detected at run time; integer sums are equal on every level.
//! The error of a cosine is below 0.01 at 256 dimensions.
//!
//! Each vector also has a binary quantization: the signs of its values, one bit each. The number of differing bits
//! approximates the distance of two vectors, and computing it reads an eighth of the memory.

use std::ops::Range;

use fearless_simd::{Level, dispatch};

use super::normalize;

/// Number of bits in a word of a binary quantization.
const BITS_PER_WORD: usize = 64;

/// Quantized vectors of the same dimensions: `[rows, dimensions]`, row-major.
#[derive(Clone, Debug, Default)]
pub struct QuantizedMatrix {
    dimensions: usize,
    /// The int8 values, stored as bytes: `[rows, dimensions]`.
    data: Vec<u8>,
    /// The scale of each row: an int8 value times the scale is the original value, up to rounding.
    scales: Vec<f32>,
    /// The sign bits: `[rows, sign_words(dimensions)]`.
    signs: Vec<u64>,
}

impl QuantizedMatrix {
    /// Creates an empty matrix.
    pub fn new(dimensions: usize) -> Self {
        Self { dimensions, ..Self::default() }
    }

    /// Returns a matrix of the given parts, or `None` if their lengths do not match.
    pub fn from_parts(dimensions: usize, data: Vec<u8>, scales: Vec<f32>, signs: Vec<u64>) -> Option<Self> {
        let fits = data.len() == scales.len() * dimensions && signs.len() == scales.len() * sign_words(dimensions);
        fits.then_some(Self { dimensions, data, scales, signs })
    }

    /// Returns the values, scales and sign bits, as [`QuantizedMatrix::from_parts`] takes them.
    pub fn parts(&self) -> (&[u8], &[f32], &[u64]) {
        (&self.data, &self.scales, &self.signs)
    }

    /// Returns the size in memory, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.data.len() + size_of_val(&self.scales[..]) + size_of_val(&self.signs[..])
    }

    /// Reserves capacity for `rows` more rows.
    pub fn reserve(&mut self, rows: usize) {
        self.data.reserve_exact(rows * self.dimensions);
        self.scales.reserve_exact(rows);
        self.signs.reserve_exact(rows * sign_words(self.dimensions));
    }

    /// Appends a vector. A zero vector has the scale 0.
    ///
    /// # Panics
    /// If `vector` has other dimensions than the rows.
    pub fn push(&mut self, vector: &[f32]) {
        assert_eq!(vector.len(), self.dimensions, "the caller checks the width");
        let scale = max_abs(vector) / 127.0;
        let start = self.data.len();
        if scale > 0.0 {
            self.data.extend(vector.iter().map(|value| quantize(*value, scale).cast_unsigned()));
            self.scales.push(scale);
        } else {
            self.data.resize(start + self.dimensions, 0);
            self.scales.push(0.0);
        }
        self.signs.extend(quantize_signs(&self.data[start..]));
    }

    /// Appends the mean of some rows of `other`, scaled to unit length.
    pub fn push_mean(&mut self, other: &Self, rows: Range<usize>) {
        let mut sum = vec![0.0; self.dimensions];
        for row in rows {
            for (sum, value) in sum.iter_mut().zip(other.row_bytes(row)) {
                *sum += f32::from(value.cast_signed()) * other.scales[row];
            }
        }
        normalize(&mut sum);
        self.push(&sum);
    }

    /// Returns a matrix of the rows listed in `order`.
    pub fn reorder(&self, order: &[u32]) -> Self {
        let mut reordered = Self::new(self.dimensions);
        reordered.reserve(order.len());
        let width = sign_words(self.dimensions);
        for row in order.iter().map(|row| *row as usize) {
            reordered.data.extend_from_slice(self.row_bytes(row));
            reordered.scales.push(self.scales[row]);
            reordered.signs.extend_from_slice(&self.signs[row * width..(row + 1) * width]);
        }
        reordered
    }

    fn row_bytes(&self, row: usize) -> &[u8] {
        &self.data[row * self.dimensions..(row + 1) * self.dimensions]
    }

    /// Returns the values of a row, up to rounding.
    pub fn row(&self, row: usize) -> Vec<f32> {
        self.row_bytes(row).iter().map(|value| f32::from(value.cast_signed()) * self.scales[row]).collect()
    }

    /// Returns the dimensions of the rows.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// Returns the dot product of a row and `query`, which must have the dimensions of the rows.
    pub fn score(&self, row: usize, query: &QuantizedQuery) -> f32 {
        debug_assert_eq!(query.values.len(), self.dimensions, "the caller checks the width");
        if query.scale <= 0.0 {
            return 0.0;
        }
        let dot = dispatch!(query.level, _simd => dot_product(&query.values, self.row_bytes(row)));
        as_f32(dot) * query.scale * self.scales[row]
    }

    /// Calls `each` for every row in `rows` whose binary quantization differs from the query's in at most
    /// `max_bits` bits.
    ///
    /// `each` takes the row's offset in `rows` and its number of differing bits, and returns `max_bits` for the
    /// remaining rows. The query must have the dimensions of the rows.
    pub fn scan_signs(
        &self,
        rows: Range<usize>,
        query: &QuantizedQuery,
        max_bits: u16,
        each: &mut impl FnMut(u32, u16) -> u16,
    ) {
        let width = sign_words(self.dimensions);
        debug_assert_eq!(query.sign_bits.len(), width, "the caller checks the width");
        if width == 0 {
            (0..).zip(rows).for_each(|(at, _)| _ = each(at, 0));
            return;
        }
        let signs = &self.signs[rows.start * width..rows.end * width];
        // With a constant width, the loop body compiles to a dozen instructions.
        dispatch!(query.level, _simd => match <&[u64; 4]>::try_from(query.sign_bits.as_slice()) {
            Ok(sign_bits) => scan_sign_rows(signs.as_chunks::<4>().0.iter().map(<[u64; 4]>::as_slice), sign_bits, max_bits, each),
            Err(_) => scan_sign_rows(signs.chunks_exact(width), &query.sign_bits, max_bits, each),
        });
    }
}

/// Returns the number of 64-bit words in a binary quantization.
fn sign_words(dimensions: usize) -> usize {
    dimensions.div_ceil(BITS_PER_WORD)
}

/// Packs the signs of int8 values into words, 1 for a negative value.
fn quantize_signs(values: &[u8]) -> impl Iterator<Item = u64> {
    values
        .chunks(BITS_PER_WORD)
        .map(|values| values.iter().rev().fold(0, |bits, value| bits << 1 | u64::from(value >> 7)))
}

/// Implements [`QuantizedMatrix::scan_signs`] for rows of sign bits.
#[inline(always)]
fn scan_sign_rows<'r>(
    rows: impl Iterator<Item = &'r [u64]>,
    query_bits: &[u64],
    mut max_bits: u16,
    each: &mut impl FnMut(u32, u16) -> u16,
) {
    for (at, row) in (0..).zip(rows) {
        let bits = hamming_distance(row, query_bits);
        if bits <= max_bits {
            max_bits = each(at, bits);
        }
    }
}

#[inline(always)]
fn hamming_distance(a: &[u64], b: &[u64]) -> u16 {
    let bits: u32 = a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones()).sum();
    u16::try_from(bits).expect("a vector has fewer than 65,536 values")
}

/// A query vector, quantized for comparison with rows.
pub struct QuantizedQuery {
    /// The int8 values, widened to i16 for multiplication.
    values: Vec<i16>,
    scale: f32,
    sign_bits: Vec<u64>,
    /// The SIMD level to use.
    level: Level,
}

impl QuantizedQuery {
    /// Quantizes `vector` as rows are quantized.
    pub fn new(vector: &[f32]) -> Self {
        Self::with_level(Level::new(), vector)
    }

    fn with_level(level: Level, vector: &[f32]) -> Self {
        let scale = max_abs(vector) / 127.0;
        let values: Vec<i8> = vector.iter().map(|value| quantize(*value, scale)).collect();
        let bytes: Vec<u8> = values.iter().map(|value| value.cast_unsigned()).collect();
        let values = values.into_iter().map(i16::from).collect();
        Self { values, scale, sign_bits: quantize_signs(&bytes).collect(), level }
    }

    /// Returns an upper bound of the number of differing bits.
    pub fn max_bits(&self) -> usize {
        self.sign_bits.len() * BITS_PER_WORD
    }
}

fn max_abs(vector: &[f32]) -> f32 {
    vector.iter().fold(0.0, |most, value| value.abs().max(most))
}

/// Divides and rounds to the nearest integer. `f32::round` would call the C library for each value.
#[expect(clippy::cast_possible_truncation, reason = "the quotient is within ±127")]
fn quantize(value: f32, scale: f32) -> i8 {
    let quotient = value / scale;
    (quotient + 0.5_f32.copysign(quotient)) as i8
}

#[expect(clippy::cast_precision_loss, reason = "scores need no more than 24 bits")]
fn as_f32(value: i32) -> f32 {
    value as f32
}

#[inline(always)]
fn dot_product(a: &[i16], b: &[u8]) -> i32 {
    a.iter().zip(b).map(|(a, b)| i32::from(*a) * i32::from(b.cast_signed())).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_dot_products_up_to_rounding() {
        let mut matrix = QuantizedMatrix::new(3);
        for vector in [[0.6, 0.8, 0.0], [0.0, 0.0, 0.0], [0.0, -1.0, 0.0]] {
            matrix.push(&vector);
        }
        let scores = |vector: &[f32]| [0, 1, 2].map(|row| matrix.score(row, &QuantizedQuery::new(vector)));
        let (scores, zero) = (scores(&[0.6, 0.8, 0.0]), scores(&[0.0; 3]));
        for (score, expected) in scores.iter().zip([1.0, 0.0, -0.8]) {
            assert!((score - expected).abs() < 0.01, "{scores:?}");
        }
        assert!(zero.iter().all(|score| *score == 0.0));
        let near = |most: u16| {
            let mut near = Vec::new();
            matrix.scan_signs(0..3, &QuantizedQuery::new(&[0.6, 0.8, 0.0]), most, &mut |at, bits| {
                near.push((at, bits));
                most
            });
            near
        };
        assert_eq!(near(1), [(0, 0), (1, 0), (2, 1)], "signs that differ");
        assert_eq!(near(0), [(0, 0), (1, 0)]);
    }

    #[test]
    fn every_machine_computes_the_same() {
        let mut state = 7_u64;
        for dimensions in [1, 3, 64, 100, 256, 300, 384, 1_024] {
            let mut random = || -> Vec<f32> {
                let mut next = || {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (state >> 40) as f32 / (1 << 23) as f32 - 1.0
                };
                (0..dimensions).map(|_| next()).collect()
            };
            let mut matrix = QuantizedMatrix::new(dimensions);
            (0..50).for_each(|_| matrix.push(&random()));
            let vector = random();
            let measured = |level: Level| {
                let query = QuantizedQuery::with_level(level, &vector);
                let scores: Vec<u32> = (0..50).map(|row| matrix.score(row, &query).to_bits()).collect();
                let mut near = Vec::new();
                matrix.scan_signs(3..50, &query, u16::MAX, &mut |at, bits| {
                    near.push((at, bits));
                    bits
                });
                (scores, near)
            };
            let plain = |row: usize| {
                let bytes = matrix.row_bytes(row).iter().map(|value| i32::from(value.cast_signed()));
                QuantizedQuery::new(&vector).values.iter().zip(bytes).map(|(a, b)| i32::from(*a) * b).sum::<i32>()
            };
            let (scores, near) = measured(Level::new());
            let query = QuantizedQuery::new(&vector);
            for (row, score) in scores.iter().enumerate() {
                assert_eq!(*score, (as_f32(plain(row)) * query.scale * matrix.scales[row]).to_bits(), "{dimensions}");
            }
            assert!(near.is_sorted_by(|a, b| a.0 < b.0 && a.1 >= b.1), "each is as near as the one before: {near:?}");
            assert_eq!((scores, near), measured(Level::baseline()), "{dimensions}");
        }
    }

    #[test]
    fn rows_can_be_put_in_order_and_averaged() {
        let mut matrix = QuantizedMatrix::new(2);
        for vector in [[1.0, 0.0], [0.0, 1.0], [0.0, -1.0], [0.6, 0.8]] {
            matrix.push(&vector);
        }
        let reordered = matrix.reorder(&[3, 0]);
        assert_eq!((reordered.row(0), reordered.row(1)), (matrix.row(3), matrix.row(0)));
        let mut means = QuantizedMatrix::new(2);
        means.push_mean(&matrix, 0..2);
        assert!(means.row(0).iter().all(|value| (value - 0.5_f32.sqrt()).abs() < 0.01));
        let (data, scales, signs) = reordered.parts();
        assert!(QuantizedMatrix::from_parts(2, data.to_vec(), scales.to_vec(), signs.to_vec()).is_some());
        assert!(QuantizedMatrix::from_parts(3, data.to_vec(), scales.to_vec(), signs.to_vec()).is_none());
    }
}
