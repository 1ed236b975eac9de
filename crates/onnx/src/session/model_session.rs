//! The interface of a model session: takes rows of token IDs and returns vectors.

use std::borrow::Cow;
use std::time::Duration;

use hub::{ModelDescription, Pooling};

use super::pooling::{self, HiddenStates};

/// The error of a model call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionRunError {
    /// The device has too little memory. Fewer rows may fit.
    OutOfMemory,
    /// Another failure, with its message.
    Other(String),
}

/// A session that runs rows of token IDs through a model.
pub trait ModelSession: Send {
    /// Returns the number of rows per call, if the model fixes it.
    fn fixed_rows(&self) -> Option<usize>;

    /// Returns the number of tokens per row, if the model fixes it.
    fn fixed_row_tokens(&self) -> Option<usize>;

    /// Runs one call. With `is_last`, the memory kept between calls is released afterwards.
    ///
    /// # Errors
    /// Fails if the device fails or has too little memory.
    fn run(&mut self, rows: &[&[u32]], is_last: bool) -> Result<SessionOutput, SessionRunError>;

    /// Returns whether memory of an earlier call is still held.
    fn holds_memory(&self) -> bool {
        false
    }
}

/// The values that a call returned, possibly still in the memory of a device.
pub trait OutputValues: Send {
    /// Reads the values, row-major, with their shape.
    ///
    /// # Errors
    /// Fails if the values cannot be read or are not floating-point numbers.
    fn read(&self) -> Result<(Vec<i64>, Cow<'_, [f32]>), SessionRunError>;
}

/// The raw output of a call. Unless it is pooled already, it is pooled later, while the device runs its next call.
pub struct SessionOutput {
    pub values: Box<dyn OutputValues>,
    /// The number of rows, including rows of padding.
    pub rows: usize,
    /// The number of tokens per row, including padding.
    pub row_tokens: usize,
    /// Whether the output is pooled already: `[rows, width]` instead of `[rows, tokens, width]`.
    pub is_pooled: bool,
    /// The time spent in ONNX Runtime, without preparing inputs and reading outputs.
    pub elapsed: Duration,
}

impl SessionOutput {
    /// Returns the vectors of `rows`, in order. `rows` must be the input of the call.
    ///
    /// # Errors
    /// Fails if the output cannot be read, or does not have the shape that the model's description implies.
    pub fn vectors(&self, rows: &[&[u32]], model: &ModelDescription) -> Result<Vec<Vec<f32>>, SessionRunError> {
        let (shape, values) = self.values.read()?;
        let width = model.dimensions;
        let pooling = if self.is_pooled { Pooling::None } else { model.pooling };
        let per_row = if pooling == Pooling::None { 1 } else { self.row_tokens };
        let has_width = shape.last().is_some_and(|last| usize::try_from(*last) == Ok(width));
        if !has_width || values.len() < rows.len() * per_row * width {
            let problem =
                format!("its output has the shape {shape:?} for {} rows of {} tokens", self.rows, self.row_tokens);
            return Err(SessionRunError::Other(problem));
        }
        let hidden = HiddenStates { values: &values, row_tokens: self.row_tokens, width, pooling };
        let vector =
            |(at, row): (usize, &&[u32])| pooling::pool_row(&hidden, at, row.len().min(self.row_tokens), model);
        Ok(rows.iter().enumerate().map(vector).collect())
    }
}
