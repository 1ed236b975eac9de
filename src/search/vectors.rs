//! Vectors held resident as int8, and the scan over them.
//!
//! A unit vector is kept as int8 with one scale, so that a dot product is integer arithmetic the
//! compiler turns into SIMD. The error of a cosine stays below 0.01 at 256 dimensions. Beside it stands
//! its sketch, the signs of its values as bits: how many of them two vectors share tells roughly how
//! near they are, from an eighth of the memory.

use std::ops::Range;

/// Bits of a word of a sketch.
const WORD: usize = 64;

/// Rows of one width.
#[derive(Clone, Debug, Default)]
pub struct Matrix {
    dimensions: usize,
    /// Of int8, by their bits.
    data: Vec<u8>,
    /// One a row.
    scales: Vec<f32>,
    /// One bit a value, in whole words.
    sketches: Vec<u64>,
}

impl Matrix {
    /// An empty matrix.
    pub fn new(dimensions: usize) -> Self {
        Self { dimensions, ..Self::default() }
    }

    /// The matrix of these parts, if they fit together.
    pub fn of(dimensions: usize, data: Vec<u8>, scales: Vec<f32>, sketches: Vec<u64>) -> Option<Self> {
        let fits = data.len() == scales.len() * dimensions && sketches.len() == scales.len() * words(dimensions);
        fits.then_some(Self { dimensions, data, scales, sketches })
    }

    /// What [`Matrix::of`] takes.
    pub fn parts(&self) -> (&[u8], &[f32], &[u64]) {
        (&self.data, &self.scales, &self.sketches)
    }

    /// Makes room for further rows.
    pub fn reserve(&mut self, rows: usize) {
        self.data.reserve_exact(rows * self.dimensions);
        self.scales.reserve_exact(rows);
        self.sketches.reserve_exact(rows * words(self.dimensions));
    }

    /// Appends a vector; one of another width counts as all zeros.
    pub fn push(&mut self, vector: &[f32]) {
        let scale = largest(vector) / 127.0;
        let start = self.data.len();
        if vector.len() == self.dimensions && scale > 0.0 {
            self.data.extend(vector.iter().map(|value| quantize(*value, scale).cast_unsigned()));
            self.scales.push(scale);
        } else {
            self.data.resize(start + self.dimensions, 0);
            self.scales.push(0.0);
        }
        self.sketches.extend(sketch(&self.data[start..]));
    }

    /// Appends the mean of some rows of another matrix, made unit length.
    pub fn push_mean(&mut self, other: &Self, rows: Range<usize>) {
        let mut sum = vec![0.0; self.dimensions];
        for row in rows {
            for (sum, value) in sum.iter_mut().zip(other.bytes(row)) {
                *sum += f32::from(value.cast_signed()) * other.scales[row];
            }
        }
        normalize(&mut sum);
        self.push(&sum);
    }

    /// The same rows in another order, or some of them.
    pub fn ordered(&self, order: &[u32]) -> Self {
        let mut ordered = Self::new(self.dimensions);
        ordered.reserve(order.len());
        let width = words(self.dimensions);
        for row in order.iter().map(|row| *row as usize) {
            ordered.data.extend_from_slice(self.bytes(row));
            ordered.scales.push(self.scales[row]);
            ordered.sketches.extend_from_slice(&self.sketches[row * width..(row + 1) * width]);
        }
        ordered
    }

    fn bytes(&self, row: usize) -> &[u8] {
        &self.data[row * self.dimensions..(row + 1) * self.dimensions]
    }

    /// The row as it was pushed, up to rounding.
    pub fn row(&self, row: usize) -> Vec<f32> {
        self.bytes(row).iter().map(|value| f32::from(value.cast_signed()) * self.scales[row]).collect()
    }

    /// Width of the rows.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// The dot product of `needle` with a row; 0 for a needle of another width.
    pub fn score(&self, row: usize, needle: &Needle) -> f32 {
        if needle.values.len() != self.dimensions || needle.scale <= 0.0 {
            return 0.0;
        }
        as_f32(dot(&needle.values, self.bytes(row))) * needle.scale * self.scales[row]
    }

    /// Appends for each of these rows in how many bits its sketch differs from that of `needle`.
    pub fn distances(&self, rows: Range<usize>, needle: &Needle, out: &mut Vec<u16>) {
        let width = words(self.dimensions);
        if needle.sketch.len() != width || width == 0 {
            out.resize(out.len() + rows.len(), 0);
            return;
        }
        let sketches = self.sketches[rows.start * width..rows.end * width].chunks_exact(width);
        out.extend(sketches.map(|sketch| differing(sketch, &needle.sketch)));
    }
}

/// Words of a sketch.
fn words(dimensions: usize) -> usize {
    dimensions.div_ceil(WORD)
}

/// The signs of int8 values.
fn sketch(values: &[u8]) -> impl Iterator<Item = u64> {
    values.chunks(WORD).map(|values| values.iter().rev().fold(0, |bits, value| bits << 1 | u64::from(value >> 7)))
}

fn differing(a: &[u64], b: &[u64]) -> u16 {
    let bits: u32 = a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones()).sum();
    u16::try_from(bits).unwrap_or(u16::MAX)
}

/// A vector to compare rows with.
pub struct Needle {
    /// Of int8, wide enough to be multiplied as they are.
    values: Vec<i16>,
    scale: f32,
    sketch: Vec<u64>,
}

impl Needle {
    /// Rounds `vector` as rows are.
    pub fn new(vector: &[f32]) -> Self {
        let scale = largest(vector) / 127.0;
        let values: Vec<i8> = vector.iter().map(|value| quantize(*value, scale)).collect();
        let bytes: Vec<u8> = values.iter().map(|value| value.cast_unsigned()).collect();
        let values = values.into_iter().map(i16::from).collect();
        Self { values, scale, sketch: sketch(&bytes).collect() }
    }
}

fn largest(vector: &[f32]) -> f32 {
    vector.iter().fold(0.0, |most, value| value.abs().max(most))
}

/// To the nearest integer. `f32::round` would be a call of the C library for each value.
#[expect(clippy::cast_possible_truncation, reason = "the quotient is within ±127")]
fn quantize(value: f32, scale: f32) -> i8 {
    let quotient = value / scale;
    (quotient + 0.5_f32.copysign(quotient)) as i8
}

#[expect(clippy::cast_precision_loss, reason = "scores need no more than 24 bits")]
fn as_f32(value: i32) -> f32 {
    value as f32
}

fn dot(a: &[i16], b: &[u8]) -> i32 {
    a.iter().zip(b).map(|(a, b)| i32::from(*a) * i32::from(b.cast_signed())).sum()
}

/// Scales to unit length; all zeros stay so.
pub fn normalize(vector: &mut [f32]) {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value /= length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_dot_products_up_to_rounding() {
        let mut matrix = Matrix::new(3);
        for vector in [[0.6, 0.8, 0.0], [0.0, 0.0, 0.0], [0.0, -1.0, 0.0]] {
            matrix.push(&vector);
        }
        let scores = |vector: &[f32]| [0, 1, 2].map(|row| matrix.score(row, &Needle::new(vector)));
        let (scores, narrow) = (scores(&[0.6, 0.8, 0.0]), scores(&[1.0]));
        for (score, expected) in scores.iter().zip([1.0, 0.0, -0.8]) {
            assert!((score - expected).abs() < 0.01, "{scores:?}");
        }
        assert!(narrow.iter().all(|score| *score == 0.0));
        let mut distances = Vec::new();
        matrix.distances(0..3, &Needle::new(&[0.6, 0.8, 0.0]), &mut distances);
        assert_eq!(distances, [0, 0, 1], "signs that differ");
    }

    #[test]
    fn rows_can_be_put_in_order_and_averaged() {
        let mut matrix = Matrix::new(2);
        for vector in [[1.0, 0.0], [0.0, 1.0], [0.0, -1.0], [0.6, 0.8]] {
            matrix.push(&vector);
        }
        let ordered = matrix.ordered(&[3, 0]);
        assert_eq!((ordered.row(0), ordered.row(1)), (matrix.row(3), matrix.row(0)));
        let mut means = Matrix::new(2);
        means.push_mean(&matrix, 0..2);
        assert!(means.row(0).iter().all(|value| (value - 0.5_f32.sqrt()).abs() < 0.01));
        let (data, scales, sketches) = ordered.parts();
        assert!(Matrix::of(2, data.to_vec(), scales.to_vec(), sketches.to_vec()).is_some());
        assert!(Matrix::of(3, data.to_vec(), scales.to_vec(), sketches.to_vec()).is_none());
    }
}
