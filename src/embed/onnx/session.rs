//! One model on one device: tokens in, vectors out.
//!
//! The buffers of a call are kept for the next one. Must never import: anything of this crate but
//! `embed`.

use ort::session::{RunOptions, Session, SessionInputValue};
use ort::value::{TensorElementType, TensorRef, ValueType};

use super::pool::{self, Hidden};
use crate::embed::models::{Description, Pooling};

/// How a call failed.
pub enum RunError {
    /// The device's memory: fewer rows may do.
    Memory,
    Other(String),
}

/// What an input of a model wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wants {
    Tokens,
    Mask,
    Types,
    Positions,
}

/// An input.
struct Input {
    name: String,
    wants: Wants,
    is_narrow: bool,
}

/// A loaded model.
pub struct Encoder {
    session: Session,
    /// For a call after which others come, and for the last one of a window.
    options: [RunOptions; 2],
    inputs: Vec<Input>,
    output: String,
    model: Description,
    /// Rows and tokens a row, where the model insists on them.
    pub rows: Option<usize>,
    pub row_tokens: Option<usize>,
    buffers: [Vec<i64>; 4],
    narrow: [Vec<i32>; 4],
}

impl Encoder {
    /// Looks at what the model takes and gives.
    ///
    /// # Errors
    /// Where it does not fit its description: an unknown input, no such output, another width.
    pub fn new(session: Session, options: [RunOptions; 2], model: &Description) -> Result<Self, String> {
        let inputs = session.inputs().iter().map(|outlet| input(outlet.name(), outlet.dtype()));
        let inputs = inputs.collect::<Result<Vec<_>, _>>()?;
        if !inputs.iter().any(|input| input.wants == Wants::Tokens) {
            return Err("it has no input input_ids".to_owned());
        }
        let outputs: Vec<&str> = session.outputs().iter().map(ort::value::Outlet::name).collect();
        let output = match &model.output {
            Some(name) if outputs.contains(&name.as_str()) => name.clone(),
            Some(name) => return Err(format!("it has no output {name}; it has {}", outputs.join(", "))),
            None => outputs.first().ok_or("it has no output")?.to_string(),
        };
        let shape = session.inputs().iter().find(|outlet| outlet.name() == "input_ids");
        let shape: Vec<i64> =
            shape.and_then(|outlet| outlet.dtype().tensor_shape()).map_or(vec![], |shape| shape.to_vec());
        let fixed = |at: usize| shape.get(at).and_then(|size| usize::try_from(*size).ok()).filter(|size| *size > 0);
        let (rows, row_tokens) = (fixed(0), fixed(1));
        let encoder = Self {
            inputs,
            output,
            model: model.clone(),
            rows,
            row_tokens,
            options,
            session,
            buffers: Default::default(),
            narrow: Default::default(),
        };
        encoder.check_width()?;
        Ok(encoder)
    }

    fn check_width(&self) -> Result<(), String> {
        let outlet = self.session.outputs().iter().find(|outlet| outlet.name() == self.output);
        let Some(shape) = outlet.and_then(|outlet| outlet.dtype().tensor_shape()) else {
            return Err(format!("its output {} is no tensor", self.output));
        };
        let rank = if self.model.pooling == Pooling::None { 2 } else { 3 };
        if !shape.is_empty() && shape.len() != rank {
            return Err(format!(
                "its output {} has {} axes, and with this pooling {rank} are needed",
                self.output,
                shape.len()
            ));
        }
        match shape.last() {
            Some(width) if *width > 0 && *width != self.model.dimensions as i64 => {
                Err(format!("its vectors are {width} wide, and the description says {}", self.model.dimensions))
            }
            _ => Ok(()),
        }
    }

    /// The vectors of rows of tokens, in order. `is_last` gives back the memory that calls share.
    ///
    /// # Errors
    /// When the device fails.
    pub fn run(&mut self, rows: &[&[u32]], is_last: bool) -> Result<Vec<Vec<f32>>, RunError> {
        let longest = rows.iter().map(|row| row.len()).max().unwrap_or(0);
        let (count, row_tokens) = (self.rows.unwrap_or(rows.len()), self.row_tokens.unwrap_or(longest));
        self.fill(rows, count, row_tokens);
        let shape = [count, row_tokens];
        let mut values: Vec<(&str, SessionInputValue<'_>)> = Vec::new();
        for input in &self.inputs {
            let at = input.wants as usize;
            let value = if input.is_narrow {
                TensorRef::from_array_view((shape, self.narrow[at].as_slice())).map(Into::into)
            } else {
                TensorRef::from_array_view((shape, self.buffers[at].as_slice())).map(Into::into)
            };
            values.push((&input.name, value.map_err(|error| failed(&error))?));
        }
        let outputs = self
            .session
            .run_with_options(values, &self.options[usize::from(is_last)])
            .map_err(|error| failed(&error))?;
        let output = outputs.get(&self.output).ok_or_else(|| RunError::Other("it gave no output".to_owned()))?;
        let halves: Vec<f32>;
        let (axes, values): (Vec<i64>, &[f32]) = match output.try_extract_tensor::<f32>() {
            Ok((axes, values)) => (axes.to_vec(), values),
            Err(_) => {
                let (axes, values) = output.try_extract_tensor::<half::f16>().map_err(|error| failed(&error))?;
                halves = values.iter().map(|value| value.to_f32()).collect();
                (axes.to_vec(), &halves)
            }
        };
        let width = axes.last().and_then(|width| usize::try_from(*width).ok()).unwrap_or(0);
        let per_row = if self.model.pooling == Pooling::None { 1 } else { row_tokens };
        if width != self.model.dimensions || values.len() < rows.len() * per_row * width {
            return Err(RunError::Other(format!("it gave {axes:?} for {count} rows of {row_tokens} tokens")));
        }
        let hidden = Hidden { values, row_tokens, width };
        let vector = |(at, row): (usize, &&[u32])| pool::pooled(&hidden, at, row.len().min(row_tokens), &self.model);
        Ok(rows.iter().enumerate().map(vector).collect())
    }

    /// Writes the inputs of a call. Rows and tokens beyond those given are padding; so is, in a row
    /// of padding, all but one token, for some models divide by the number of tokens.
    fn fill(&mut self, rows: &[&[u32]], count: usize, row_tokens: usize) {
        let [tokens, mask, types, positions] = &mut self.buffers;
        for buffer in [&mut *tokens, &mut *mask, &mut *types, &mut *positions] {
            buffer.clear();
            buffer.resize(count * row_tokens, 0);
        }
        for row in 0..count {
            let given = rows.get(row).copied().unwrap_or(&[0]);
            let start = row * row_tokens;
            for (at, token) in given.iter().take(row_tokens).enumerate() {
                tokens[start + at] = i64::from(*token);
                mask[start + at] = 1;
            }
            for at in 0..row_tokens {
                positions[start + at] = i64::try_from(at).unwrap_or(0);
            }
        }
        for input in self.inputs.iter().filter(|input| input.is_narrow) {
            let at = input.wants as usize;
            self.narrow[at].clear();
            self.narrow[at].extend(self.buffers[at].iter().map(|value| i32::try_from(*value).unwrap_or(0)));
        }
    }
}

fn input(name: &str, kind: &ValueType) -> Result<Input, String> {
    let wants = match name {
        "input_ids" => Wants::Tokens,
        "attention_mask" => Wants::Mask,
        "token_type_ids" => Wants::Types,
        "position_ids" => Wants::Positions,
        other => {
            return Err(format!("it wants an input {other}, which no text gives; export it for feature extraction"));
        }
    };
    let is_narrow = match kind.tensor_type() {
        Some(TensorElementType::Int64) => false,
        Some(TensorElementType::Int32) => true,
        other => return Err(format!("its input {name} is {other:?}, not int64 or int32")),
    };
    Ok(Input { name: name.to_owned(), wants, is_narrow })
}

/// Tells want of memory from everything else: providers have no code for it.
fn failed(error: &ort::Error) -> RunError {
    let message = error.message();
    let lower = message.to_ascii_lowercase();
    let is_memory = ["out of memory", "failed to allocate memory", "bad_alloc", "alloc_failed", "memory_allocation"]
        .iter()
        .any(|sign| lower.contains(sign));
    if is_memory { RunError::Memory } else { RunError::Other(message.to_owned()) }
}
