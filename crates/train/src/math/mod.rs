//! Dense matrices, pseudorandom numbers and number conversions.

mod convert;
mod dense;
mod random;

pub(crate) use convert::{as_f64, round_to_f32};
pub(crate) use dense::{DenseMatrix, add_scaled, dot_in_fixed_order, for_row_ranges, multiply};
pub(crate) use random::RandomStream;
