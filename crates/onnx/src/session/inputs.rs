//! Input tensors of a model. The buffers of a call are reused by the next one.

use ort::session::SessionInputValue;
use ort::value::{DynTensor, Outlet, Tensor, TensorElementType, TensorRef};

/// The meaning of a model input, recognized by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InputRole {
    /// `input_ids`, shape `[rows, tokens]`.
    TokenIds,
    /// `attention_mask`, shape `[rows, tokens]`: 1 for a token, 0 for padding.
    AttentionMask,
    /// `token_type_ids`, shape `[rows, tokens]`: all 0.
    TokenTypes,
    /// `position_ids`, shape `[rows, tokens]`: 0, 1, 2, …
    Positions,
    /// `past_key_values.*`, the key-value cache of a model exported for text generation. It is always
    /// empty: shape `[rows, heads, 0, values]`.
    KeyValueCache { heads: usize, values: usize },
}

/// The element type of an input tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InputType {
    Int64,
    Int32,
    Fp32,
    Fp16,
}

struct ModelInput {
    name: String,
    role: InputRole,
    element_type: InputType,
    /// The values of the current call, `[rows, tokens]`, row-major.
    values: Vec<i64>,
    /// The same values as 32-bit integers, filled only for an input of this type.
    values_i32: Vec<i32>,
}

/// All inputs of a model.
pub struct ModelInputs {
    inputs: Vec<ModelInput>,
    /// The shape of the current call: rows and tokens per row.
    shape: [usize; 2],
}

impl ModelInputs {
    /// Creates the inputs that a model declares.
    ///
    /// # Errors
    /// Fails if the model has no `input_ids`, or an input with an unknown name, type or shape.
    pub fn new(outlets: &[Outlet]) -> Result<Self, String> {
        let inputs = outlets.iter().map(ModelInput::new).collect::<Result<Vec<_>, _>>()?;
        if !inputs.iter().any(|input| input.role == InputRole::TokenIds) {
            return Err("it has no input input_ids".to_owned());
        }
        Ok(Self { inputs, shape: [0, 0] })
    }

    /// Fills the buffers for a call of shape `[row_count, row_tokens]`. Rows and tokens missing from `rows` become
    /// padding, and longer rows are truncated. A row of padding keeps one token, because some models divide by the
    /// number of tokens.
    ///
    /// # Errors
    /// Fails if a token ID does not fit a 32-bit input.
    pub fn fill(&mut self, rows: &[&[u32]], row_count: usize, row_tokens: usize) -> Result<(), String> {
        self.shape = [row_count, row_tokens];
        for input in &mut self.inputs {
            let value = |position: i64, token: Option<u32>| match input.role {
                InputRole::TokenIds => i64::from(token.unwrap_or(0)),
                InputRole::AttentionMask => i64::from(token.is_some()),
                InputRole::Positions => position,
                InputRole::TokenTypes | InputRole::KeyValueCache { .. } => 0,
            };
            if matches!(input.role, InputRole::KeyValueCache { .. }) {
                continue;
            }
            let (values, values_i32) = (&mut input.values, &mut input.values_i32);
            values.clear();
            for row in 0..row_count {
                let given = rows.get(row).copied().unwrap_or(&[0]);
                let tokens = given.iter().copied().map(Some).chain(std::iter::repeat(None)).take(row_tokens);
                values.extend((0..).zip(tokens).map(|(position, token)| value(position, token)));
            }
            if input.element_type == InputType::Int32 {
                values_i32.clear();
                for value in values {
                    let narrow = i32::try_from(*value);
                    values_i32.push(narrow.map_err(|_| format!("its input {} cannot hold {value}", input.name))?);
                }
            }
        }
        Ok(())
    }

    /// Returns each input's name and a tensor that borrows the buffer filled by [`ModelInputs::fill`].
    ///
    /// # Errors
    /// Fails if ONNX Runtime rejects a tensor.
    pub fn borrowed_tensors(&self) -> ort::Result<Vec<(&str, SessionInputValue<'_>)>> {
        self.inputs.iter().map(|input| Ok((input.name.as_str(), input.borrowed_tensor(self.shape)?))).collect()
    }

    /// Returns each input's name and tensor like [`ModelInputs::borrowed_tensors`], but with owned tensors. An
    /// `IoBinding` needs these: binding a borrowed tensor deadlocks in ort 2.0.0-rc.15.
    ///
    /// # Errors
    /// Fails if ONNX Runtime rejects a tensor.
    pub fn owned_tensors(&self) -> ort::Result<Vec<(&str, DynTensor)>> {
        self.inputs.iter().map(|input| Ok((input.name.as_str(), input.owned_tensor(self.shape)?))).collect()
    }
}

/// Returns the shape of an empty key-value cache.
fn empty_cache_shape([rows, _]: [usize; 2], heads: usize, values: usize) -> [usize; 4] {
    [rows, heads, 0, values]
}

impl ModelInput {
    fn borrowed_tensor(&self, shape: [usize; 2]) -> ort::Result<SessionInputValue<'_>> {
        Ok(match (self.role, self.element_type) {
            (InputRole::KeyValueCache { heads, values }, InputType::Fp16) => {
                TensorRef::from_array_view((empty_cache_shape(shape, heads, values), &[] as &[half::f16]))?.into()
            }
            (InputRole::KeyValueCache { heads, values }, _) => {
                TensorRef::from_array_view((empty_cache_shape(shape, heads, values), &[] as &[f32]))?.into()
            }
            (_, InputType::Int32) => TensorRef::from_array_view((shape, self.values_i32.as_slice()))?.into(),
            _ => TensorRef::from_array_view((shape, self.values.as_slice()))?.into(),
        })
    }

    fn owned_tensor(&self, shape: [usize; 2]) -> ort::Result<DynTensor> {
        Ok(match (self.role, self.element_type) {
            (InputRole::KeyValueCache { heads, values }, InputType::Fp16) => {
                Tensor::from_array((empty_cache_shape(shape, heads, values), Vec::<half::f16>::new()))?.upcast()
            }
            (InputRole::KeyValueCache { heads, values }, _) => {
                Tensor::from_array((empty_cache_shape(shape, heads, values), Vec::<f32>::new()))?.upcast()
            }
            (_, InputType::Int32) => Tensor::from_array((shape, self.values_i32.clone()))?.upcast(),
            _ => Tensor::from_array((shape, self.values.clone()))?.upcast(),
        })
    }

    fn new(outlet: &Outlet) -> Result<Self, String> {
        let (name, dtype) = (outlet.name(), outlet.dtype());
        let shape: Vec<i64> = dtype.tensor_shape().map_or(Vec::new(), |shape| shape.to_vec());
        let role = match name {
            "input_ids" => InputRole::TokenIds,
            "attention_mask" => InputRole::AttentionMask,
            "token_type_ids" => InputRole::TokenTypes,
            "position_ids" => InputRole::Positions,
            past if past.starts_with("past_key_values.") => {
                let fixed = |at: usize| shape.get(at).and_then(|size| usize::try_from(*size).ok()).filter(|at| *at > 0);
                match (fixed(1), fixed(3)) {
                    (Some(heads), Some(values)) if shape.len() == 4 => InputRole::KeyValueCache { heads, values },
                    _ => {
                        return Err(format!(
                            "its input {name} has the shape {shape:?}, not [rows, heads, past, values]"
                        ));
                    }
                }
            }
            other => {
                return Err(format!("its input {other} is not supported; export the model for feature extraction"));
            }
        };
        let is_cache = matches!(role, InputRole::KeyValueCache { .. });
        let element_type = match dtype.tensor_type() {
            Some(TensorElementType::Int64) if !is_cache => InputType::Int64,
            Some(TensorElementType::Int32) if !is_cache => InputType::Int32,
            Some(TensorElementType::Float32) if is_cache => InputType::Fp32,
            Some(TensorElementType::Float16) if is_cache => InputType::Fp16,
            other => {
                let supported = if is_cache { "float32 or float16" } else { "int64 or int32" };
                return Err(format!("its input {name} is {other:?}, not {supported}"));
            }
        };
        Ok(Self { name: name.to_owned(), role, element_type, values: Vec::new(), values_i32: Vec::new() })
    }
}
