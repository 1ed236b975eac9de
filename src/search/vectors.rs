//! Vectors held resident as int8, and the scan over them.
//!
//! A unit vector is kept as int8 with one scale, so that a dot product is integer arithmetic the
//! compiler turns into SIMD: what the machine has of it, which is found out when the program runs. Sums of
//! integers are the same on each. The error of a cosine stays below 0.01 at 256 dimensions. Beside it stands
//! its sketch, the signs of its values as bits: how many of them two vectors share tells roughly how
//! near they are, from an eighth of the memory.

use std::ops::Range;

use fearless_simd::{Level, dispatch};

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
        let dot = dispatch!(needle.level, _simd => dot(&needle.values, self.bytes(row)));
        as_f32(dot) * needle.scale * self.scales[row]
    }

    /// Hands over each of these rows whose sketch differs from that of `needle` in at most `most` bits, counted from
    /// the first of them, with the number of those bits. What `each` returns is `most` from there on. To a
    /// needle of another width all are equally near.
    pub fn near(&self, rows: Range<usize>, needle: &Needle, most: u16, each: &mut impl FnMut(u32, u16) -> u16) {
        let width = words(self.dimensions);
        if needle.sketch.len() != width || width == 0 {
            (0..).zip(rows).for_each(|(at, _)| _ = each(at, 0));
            return;
        }
        let sketches = &self.sketches[rows.start * width..rows.end * width];
        // Of a width that is known, the compiler makes a dozen instructions.
        dispatch!(needle.level, _simd => match <&[u64; 4]>::try_from(needle.sketch.as_slice()) {
            Ok(sketch) => near(sketches.as_chunks::<4>().0.iter().map(<[u64; 4]>::as_slice), sketch, most, each),
            Err(_) => near(sketches.chunks_exact(width), &needle.sketch, most, each),
        });
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

/// See [`Matrix::near`].
#[inline(always)]
fn near<'r>(
    rows: impl Iterator<Item = &'r [u64]>,
    needle: &[u64],
    mut most: u16,
    each: &mut impl FnMut(u32, u16) -> u16,
) {
    for (at, row) in (0..).zip(rows) {
        let bits = differing(row, needle);
        if bits <= most {
            most = each(at, bits);
        }
    }
}

#[inline(always)]
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
    /// Which SIMD the machine has.
    level: Level,
}

impl Needle {
    /// Rounds `vector` as rows are.
    pub fn new(vector: &[f32]) -> Self {
        Self::at(Level::new(), vector)
    }

    fn at(level: Level, vector: &[f32]) -> Self {
        let scale = largest(vector) / 127.0;
        let values: Vec<i8> = vector.iter().map(|value| quantize(*value, scale)).collect();
        let bytes: Vec<u8> = values.iter().map(|value| value.cast_unsigned()).collect();
        let values = values.into_iter().map(i16::from).collect();
        Self { values, scale, sketch: sketch(&bytes).collect(), level }
    }

    /// The most bits in which a sketch can differ from its own.
    pub fn bits(&self) -> usize {
        self.sketch.len() * WORD
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

#[inline(always)]
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
        let near = |most: u16| {
            let mut near = Vec::new();
            matrix.near(0..3, &Needle::new(&[0.6, 0.8, 0.0]), most, &mut |at, bits| {
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
            let mut matrix = Matrix::new(dimensions);
            (0..50).for_each(|_| matrix.push(&random()));
            let vector = random();
            let measured = |level: Level| {
                let needle = Needle::at(level, &vector);
                let scores: Vec<u32> = (0..50).map(|row| matrix.score(row, &needle).to_bits()).collect();
                let mut near = Vec::new();
                matrix.near(3..50, &needle, u16::MAX, &mut |at, bits| {
                    near.push((at, bits));
                    bits
                });
                (scores, near)
            };
            let plain = |row: usize| {
                let bytes = matrix.bytes(row).iter().map(|value| i32::from(value.cast_signed()));
                Needle::new(&vector).values.iter().zip(bytes).map(|(a, b)| i32::from(*a) * b).sum::<i32>()
            };
            let (scores, near) = measured(Level::new());
            let needle = Needle::new(&vector);
            for (row, score) in scores.iter().enumerate() {
                assert_eq!(*score, (as_f32(plain(row)) * needle.scale * matrix.scales[row]).to_bits(), "{dimensions}");
            }
            assert!(near.is_sorted_by(|a, b| a.0 < b.0 && a.1 >= b.1), "each is as near as the one before: {near:?}");
            assert_eq!((scores, near), measured(Level::baseline()), "{dimensions}");
        }
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
