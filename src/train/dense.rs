//! Dense linear algebra with a fixed order of every sum: plain loops that a compiler vectorizes, over
//! threads that share no sum. So the result does not depend on the machine's vectors or its threads.

/// Sums of a dot product that run side by side.
const LANES: usize = 16;

/// A matrix by rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Matrix {
    pub width: usize,
    pub values: Vec<f32>,
}

impl Matrix {
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

pub(super) fn dot(one: &[f32], other: &[f32]) -> f32 {
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

/// `sum += factor × vector`.
pub(super) fn add_scaled(sum: &mut [f32], factor: f32, vector: &[f32]) {
    for (total, value) in sum.iter_mut().zip(vector) {
        *total += factor * value;
    }
}

/// Rows and columns of a product that are held in registers at a time.
const TILE_ROWS: usize = 4;
const TILE_COLUMNS: usize = 16;

/// `one × other`, each value a sum in ascending order of the inner index.
pub(super) fn product(one: &Matrix, other: &Matrix, threads: usize) -> Matrix {
    let mut out = Matrix::zeros(one.rows(), other.width);
    let width = other.width;
    let panels = Panels::of(other);
    over_rows(&mut out, threads, TILE_ROWS, |first, rows| {
        for (index, tile) in rows.chunks_mut(TILE_ROWS * width).enumerate() {
            let top = first + index * TILE_ROWS;
            product_tile(one, top, &panels, tile, width);
        }
    });
    out
}

/// A matrix in strips of [`TILE_COLUMNS`] columns, filled up with zeros.
struct Panels {
    depth: usize,
    values: Vec<[f32; TILE_COLUMNS]>,
}

impl Panels {
    fn of(matrix: &Matrix) -> Self {
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

fn product_tile(one: &Matrix, top: usize, panels: &Panels, tile: &mut [f32], width: usize) {
    let height = tile.len() / width;
    // Rows that are not there repeat the last one; their sums are thrown away.
    let rows: [&[f32]; TILE_ROWS] = std::array::from_fn(|row| one.row(top + row.min(height - 1)));
    for (strip, panel) in panels.values.chunks_exact(panels.depth.max(1)).enumerate() {
        let sums = strip_sums(&rows, panel);
        let left = strip * TILE_COLUMNS;
        let right = (left + TILE_COLUMNS).min(width);
        for (row, sum) in sums.iter().take(height).enumerate() {
            tile[row * width + left..row * width + right].copy_from_slice(&sum[..right - left]);
        }
    }
}

/// The products of four rows with one strip. Four sums by name, so that they stay in registers.
fn strip_sums(rows: &[&[f32]; TILE_ROWS], panel: &[[f32; TILE_COLUMNS]]) -> [[f32; TILE_COLUMNS]; TILE_ROWS] {
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

/// Gives each thread a run of whole rows, in multiples of `step`; `work` gets its first row's number.
pub(super) fn over_rows(matrix: &mut Matrix, threads: usize, step: usize, work: impl Fn(usize, &mut [f32]) + Sync) {
    let (rows, width) = (matrix.rows(), matrix.width);
    let share = rows.div_ceil(threads.max(1)).next_multiple_of(step.max(1)).max(1);
    std::thread::scope(|scope| {
        for (index, part) in matrix.values.chunks_mut((share * width).max(1)).enumerate() {
            let work = &work;
            scope.spawn(move || work(index * share, part));
        }
    });
}
