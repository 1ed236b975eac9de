//! What a model is given for rows of tokens. The buffers of a call are kept for the next one.
//!
//! Must never import anything of this crate but `embed::onnx`.

use ort::session::SessionInputValue;
use ort::value::{DynTensor, Outlet, Tensor, TensorElementType, TensorRef};

/// What an input of a model wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wants {
    Tokens,
    Mask,
    Types,
    Positions,
    /// What a model exported for generation keeps of earlier tokens, of which there are none: so many
    /// heads of so many values, for no token.
    Past {
        heads: usize,
        values: usize,
    },
}

/// How its numbers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Int64,
    Int32,
    Fp32,
    Fp16,
}

struct Input {
    name: String,
    wants: Wants,
    kind: Kind,
    wide: Vec<i64>,
    narrow: Vec<i32>,
}

/// All inputs of a model.
pub struct Inputs {
    inputs: Vec<Input>,
    /// Rows and tokens a row of the last call.
    shape: [usize; 2],
}

impl Inputs {
    /// Looks at what a model wants.
    ///
    /// # Errors
    /// When that is something no text gives.
    pub fn new(outlets: &[Outlet]) -> Result<Self, String> {
        let inputs = outlets.iter().map(Input::new).collect::<Result<Vec<_>, _>>()?;
        if !inputs.iter().any(|input| input.wants == Wants::Tokens) {
            return Err("it has no input input_ids".to_owned());
        }
        Ok(Self { inputs, shape: [0, 0] })
    }

    /// Writes the inputs of a call. Rows and tokens beyond those given are padding; so is, in a row
    /// of padding, all but one token, for some models divide by the number of tokens.
    pub fn fill(&mut self, rows: &[&[u32]], count: usize, row_tokens: usize) {
        self.shape = [count, row_tokens];
        for input in &mut self.inputs {
            let value = |at: usize, token: Option<u32>| match input.wants {
                Wants::Tokens => i64::from(token.unwrap_or(0)),
                Wants::Mask => i64::from(token.is_some()),
                Wants::Positions => i64::try_from(at).unwrap_or(0),
                Wants::Types | Wants::Past { .. } => 0,
            };
            if matches!(input.wants, Wants::Past { .. }) {
                continue;
            }
            let (wide, narrow) = (&mut input.wide, &mut input.narrow);
            wide.clear();
            for row in 0..count {
                let given = rows.get(row).copied().unwrap_or(&[0]);
                wide.extend((0..row_tokens).map(|at| value(at, given.get(at).copied())));
            }
            if input.kind == Kind::Int32 {
                narrow.clear();
                narrow.extend(wide.iter().map(|value| i32::try_from(*value).unwrap_or(0)));
            }
        }
    }

    /// What [`Inputs::fill`] wrote.
    ///
    /// # Errors
    /// When ONNX Runtime does not take it.
    pub fn values(&self) -> ort::Result<Vec<(&str, SessionInputValue<'_>)>> {
        self.inputs.iter().map(|input| Ok((input.name.as_str(), input.value(self.shape)?))).collect()
    }

    /// The same in tensors of their own, which is what can be bound: ort copies a borrowed one by
    /// binding it, and waits for itself (2.0.0-rc.15).
    ///
    /// # Errors
    /// When ONNX Runtime does not take it.
    pub fn owned(&self) -> ort::Result<Vec<(&str, DynTensor)>> {
        self.inputs.iter().map(|input| Ok((input.name.as_str(), input.owned(self.shape)?))).collect()
    }
}

/// The shape of what is kept of no token.
fn past([rows, _]: [usize; 2], heads: usize, values: usize) -> [usize; 4] {
    [rows, heads, 0, values]
}

impl Input {
    fn value(&self, shape: [usize; 2]) -> ort::Result<SessionInputValue<'_>> {
        Ok(match (self.wants, self.kind) {
            (Wants::Past { heads, values }, Kind::Fp16) => {
                TensorRef::from_array_view((past(shape, heads, values), &[] as &[half::f16]))?.into()
            }
            (Wants::Past { heads, values }, _) => {
                TensorRef::from_array_view((past(shape, heads, values), &[] as &[f32]))?.into()
            }
            (_, Kind::Int32) => TensorRef::from_array_view((shape, self.narrow.as_slice()))?.into(),
            _ => TensorRef::from_array_view((shape, self.wide.as_slice()))?.into(),
        })
    }

    fn owned(&self, shape: [usize; 2]) -> ort::Result<DynTensor> {
        Ok(match (self.wants, self.kind) {
            (Wants::Past { heads, values }, Kind::Fp16) => {
                Tensor::from_array((past(shape, heads, values), Vec::<half::f16>::new()))?.upcast()
            }
            (Wants::Past { heads, values }, _) => {
                Tensor::from_array((past(shape, heads, values), Vec::<f32>::new()))?.upcast()
            }
            (_, Kind::Int32) => Tensor::from_array((shape, self.narrow.clone()))?.upcast(),
            _ => Tensor::from_array((shape, self.wide.clone()))?.upcast(),
        })
    }

    fn new(outlet: &Outlet) -> Result<Self, String> {
        let (name, dtype) = (outlet.name(), outlet.dtype());
        let shape: Vec<i64> = dtype.tensor_shape().map_or(Vec::new(), |shape| shape.to_vec());
        let wants = match name {
            "input_ids" => Wants::Tokens,
            "attention_mask" => Wants::Mask,
            "token_type_ids" => Wants::Types,
            "position_ids" => Wants::Positions,
            past if past.starts_with("past_key_values.") => {
                let fixed = |at: usize| shape.get(at).and_then(|size| usize::try_from(*size).ok()).filter(|at| *at > 0);
                match (fixed(1), fixed(3)) {
                    (Some(heads), Some(values)) if shape.len() == 4 => Wants::Past { heads, values },
                    _ => {
                        return Err(format!(
                            "its input {name} has the shape {shape:?}, not [rows, heads, past, values]"
                        ));
                    }
                }
            }
            other => {
                return Err(format!(
                    "it wants an input {other}, which no text gives; export it for feature extraction"
                ));
            }
        };
        let is_past = matches!(wants, Wants::Past { .. });
        let kind = match dtype.tensor_type() {
            Some(TensorElementType::Int64) if !is_past => Kind::Int64,
            Some(TensorElementType::Int32) if !is_past => Kind::Int32,
            Some(TensorElementType::Float32) if is_past => Kind::Fp32,
            Some(TensorElementType::Float16) if is_past => Kind::Fp16,
            other => {
                let good = if is_past { "float32 or float16" } else { "int64 or int32" };
                return Err(format!("its input {name} is {other:?}, not {good}"));
            }
        };
        Ok(Self { name: name.to_owned(), wants, kind, wide: Vec::new(), narrow: Vec::new() })
    }
}
