//! Dense linear algebra in which every sum has a fixed order: plain loops that the compiler vectorizes, with
//! threads that share no sum. So results do not depend on the vector width of the processor or on the number of
//! threads.

use std::sync::{Mutex, PoisonError};

use platform::threads::run_on_threads;

/// Number of partial sums of a dot product.
const LANES: usize = 16;

/// A matrix, row-major: `[rows, width]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct DenseMatrix {
    pub width: usize,
    pub values: Vec<f32>,
}

impl DenseMatrix {
    pub fn zeros(rows: usize, width: usize) -> Self {
        Self { width, values: vec![0.0; rows * width] }
    }

    pub fn rows(&self) -> usize {
        self.values.len().checked_div(self.width).unwrap_or(0)
    }

    pub fn row(&self, at: usize) -> &[f32] {
        &self.values[at * self.width..(at + 1) * self.width]
    }

    pub fn row_mut(&mut self, at: usize) -> &mut [f32] {
        &mut self.values[at * self.width..(at + 1) * self.width]
    }

    pub fn transposed(&self) -> Self {
        const TILE: usize = 32;
        let (rows, width) = (self.rows(), self.width);
        let mut out = Self::zeros(width, rows);
        for top in (0..rows).step_by(TILE) {
            for left in (0..width).step_by(TILE) {
                for row in top..(top + TILE).min(rows) {
                    for column in left..(left + TILE).min(width) {
                        out.values[column * rows + row] = self.values[row * width + column];
                    }
                }
            }
        }
        out
    }
}

pub(crate) fn dot_in_fixed_order(one: &[f32], other: &[f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let (one, other) = (one.as_chunks::<LANES>(), other.as_chunks::<LANES>());
    for (a, b) in one.0.iter().zip(other.0) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    let rest: f32 = one.1.iter().zip(other.1).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

/// Computes `sum += factor × vector`.
pub(crate) fn add_scaled(sum: &mut [f32], factor: f32, vector: &[f32]) {
    for (total, value) in sum.iter_mut().zip(vector) {
        *total += factor * value;
    }
}

/// Number of rows of the product that are computed in registers at a time.
const TILE_ROWS: usize = 4;
/// Number of columns of the product that are computed in registers at a time.
const TILE_COLUMNS: usize = 16;

/// Returns `one × other`. Each value is summed in ascending order of the inner index.
pub(crate) fn multiply(one: &DenseMatrix, other: &DenseMatrix, threads: usize) -> DenseMatrix {
    let mut out = DenseMatrix::zeros(one.rows(), other.width);
    let width = other.width;
    let strips = ColumnStrips::from_matrix(other);
    for_row_ranges(&mut out, threads, TILE_ROWS, |first, rows| {
        for (index, tile) in rows.chunks_mut(TILE_ROWS * width).enumerate() {
            let top = first + index * TILE_ROWS;
            multiply_tile(one, top, &strips, tile, width);
        }
    });
    out
}

/// A matrix in strips of [`TILE_COLUMNS`] columns, padded with zeros.
struct ColumnStrips {
    depth: usize,
    values: Vec<[f32; TILE_COLUMNS]>,
}

impl ColumnStrips {
    fn from_matrix(matrix: &DenseMatrix) -> Self {
        let depth = matrix.rows();
        let strips = matrix.width.div_ceil(TILE_COLUMNS);
        let mut values = vec![[0.0; TILE_COLUMNS]; strips * depth];
        for row in 0..depth {
            for (strip, part) in matrix.row(row).chunks(TILE_COLUMNS).enumerate() {
                values[strip * depth + row][..part.len()].copy_from_slice(part);
            }
        }
        Self { depth, values }
    }
}

fn multiply_tile(one: &DenseMatrix, top: usize, strips: &ColumnStrips, tile: &mut [f32], width: usize) {
    let height = tile.len() / width;
    // Rows beyond the last one repeat it; their sums are discarded.
    let rows: [&[f32]; TILE_ROWS] = std::array::from_fn(|row| one.row(top + row.min(height - 1)));
    for (strip, panel) in strips.values.chunks_exact(strips.depth.max(1)).enumerate() {
        let sums = multiply_strip(&rows, panel);
        let left = strip * TILE_COLUMNS;
        let right = (left + TILE_COLUMNS).min(width);
        for (row, sum) in sums.iter().take(height).enumerate() {
            tile[row * width + left..row * width + right].copy_from_slice(&sum[..right - left]);
        }
    }
}

/// Returns the products of four rows with one strip. The four sums have separate names so that they stay in
/// registers.
fn multiply_strip(rows: &[&[f32]; TILE_ROWS], panel: &[[f32; TILE_COLUMNS]]) -> [[f32; TILE_COLUMNS]; TILE_ROWS] {
    let [mut first, mut second, mut third, mut fourth] = [[0.0_f32; TILE_COLUMNS]; TILE_ROWS];
    let factors = rows[0].iter().zip(rows[1]).zip(rows[2]).zip(rows[3]);
    for (values, (((a, b), c), d)) in panel.iter().zip(factors) {
        for lane in 0..TILE_COLUMNS {
            first[lane] += a * values[lane];
            second[lane] += b * values[lane];
            third[lane] += c * values[lane];
            fourth[lane] += d * values[lane];
        }
    }
    [first, second, third, fourth]
}

/// Divides the rows among threads, in multiples of `step` rows. `work` receives the number of its first row and
/// the rows' values.
pub(crate) fn for_row_ranges(
    matrix: &mut DenseMatrix,
    threads: usize,
    step: usize,
    work: impl Fn(usize, &mut [f32]) + Sync,
) {
    let (rows, width) = (matrix.rows(), matrix.width);
    let share = rows.div_ceil(threads.max(1)).next_multiple_of(step.max(1)).max(1);
    let parts = Mutex::new(matrix.values.chunks_mut((share * width).max(1)).enumerate());
    let take = || parts.lock().unwrap_or_else(PoisonError::into_inner).next();
    run_on_threads("train", threads, || {
        while let Some((index, part)) = take() {
            work(index * share, part);
        }
    });
}
