//! A model session on one device: takes rows of token IDs and returns vectors.

use std::time::{Duration, Instant};

use ort::session::{HasSelectedOutputs, NoSelectedOutputs, OutputSelector, RunOptions, Session};
use ort::value::DynValue;

use super::device_pooling::{self, DevicePooler};
use super::inputs::ModelInputs;
use super::pooling::{self, HiddenStates};
use hub::{ModelDescription, Pooling};

/// The error of a model call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionRunError {
    /// The device has too little memory. Fewer rows may fit.
    OutOfMemory,
    Other(String),
}

/// A session that runs rows of token IDs through a model. Tests use a fake.
pub trait ModelSession: Send {
    /// Returns the number of rows per call, if the model fixes it.
    fn fixed_rows(&self) -> Option<usize>;

    /// Returns the number of tokens per row, if the model fixes it.
    fn fixed_row_tokens(&self) -> Option<usize>;

    /// Runs one call. With `is_last`, the memory kept between calls is released afterwards.
    ///
    /// # Errors
    /// When the device fails or has too little memory.
    fn run(&mut self, rows: &[&[u32]], is_last: bool) -> Result<SessionOutput, SessionRunError>;

    /// Returns whether memory of an earlier call is still held.
    fn holds_memory(&self) -> bool {
        false
    }
}

/// The raw output of a call. It is pooled later, while the device runs its next call.
pub struct SessionOutput {
    pub values: OutputValues,
    /// The number of rows, including rows of padding.
    pub rows: usize,
    /// The number of tokens per row, including padding.
    pub row_tokens: usize,
    /// Whether the output is pooled already: `[rows, width]` instead of `[rows, tokens, width]`.
    pub is_pooled: bool,
    /// The time spent in ONNX Runtime, without preparing inputs and reading outputs.
    pub elapsed: Duration,
}

/// The values that a call returned.
pub enum OutputValues {
    Tensor(DynValue),
    #[cfg(test)]
    Numbers(Vec<f32>),
}

impl SessionOutput {
    /// Returns the vectors of `rows`, the rows that the call was given, in order.
    ///
    /// # Errors
    /// When the output does not have the shape that the model's description implies.
    pub fn vectors(&self, rows: &[&[u32]], model: &ModelDescription) -> Result<Vec<Vec<f32>>, SessionRunError> {
        let halves: Vec<f32>;
        let (axes, values): (Vec<i64>, &[f32]) = match &self.values {
            OutputValues::Tensor(tensor) => match tensor.try_extract_tensor::<f32>() {
                Ok((axes, values)) => (axes.to_vec(), values),
                Err(_) => {
                    let (axes, values) =
                        tensor.try_extract_tensor::<half::f16>().map_err(|error| classify_error(&error))?;
                    halves = values.iter().map(|value| value.to_f32()).collect();
                    (axes.to_vec(), &halves)
                }
            },
            #[cfg(test)]
            OutputValues::Numbers(values) => (vec![i64::try_from(model.dimensions).unwrap_or(0)], values),
        };
        let width = axes.last().and_then(|width| usize::try_from(*width).ok()).unwrap_or(0);
        let pooling = if self.is_pooled { Pooling::None } else { model.pooling };
        let per_row = if pooling == Pooling::None { 1 } else { self.row_tokens };
        if width != model.dimensions || values.len() < rows.len() * per_row * width {
            let problem =
                format!("its output has the shape {axes:?} for {} rows of {} tokens", self.rows, self.row_tokens);
            return Err(SessionRunError::Other(problem));
        }
        let hidden = HiddenStates { values, row_tokens: self.row_tokens, width, pooling };
        let vector =
            |(at, row): (usize, &&[u32])| pooling::pool_row(&hidden, at, row.len().min(self.row_tokens), model);
        Ok(rows.iter().enumerate().map(vector).collect())
    }
}

/// A model loaded in ONNX Runtime on one device.
pub struct Encoder {
    session: Session,
    /// Options for all calls of a window but the last, and for the last one.
    options: [RunOptions<HasSelectedOutputs>; 2],
    inputs: ModelInputs,
    output: String,
    pooler: Option<DevicePooler>,
    fixed_rows: Option<usize>,
    fixed_row_tokens: Option<usize>,
    holds_memory: bool,
}

impl Encoder {
    /// Wraps a session after checking the model's inputs and outputs.
    ///
    /// # Errors
    /// When the model does not fit its description: an unsupported input, a missing output, another width.
    pub fn new(
        session: Session,
        options: [RunOptions<NoSelectedOutputs>; 2],
        model: &ModelDescription,
    ) -> Result<Self, String> {
        let inputs = ModelInputs::new(session.inputs())?;
        let outputs: Vec<&str> = session.outputs().iter().map(ort::value::Outlet::name).collect();
        let output = match &model.output {
            Some(name) if outputs.contains(&name.as_str()) => name.clone(),
            Some(name) => return Err(format!("it has no output {name}; it has {}", outputs.join(", "))),
            None => outputs.first().ok_or("it has no output")?.to_string(),
        };
        check_output_shape(&session, &output, model)?;
        let shape = session.inputs().iter().find(|outlet| outlet.name() == "input_ids");
        let shape: Vec<i64> =
            shape.and_then(|outlet| outlet.dtype().tensor_shape()).map_or(vec![], |shape| shape.to_vec());
        let fixed = |at: usize| shape.get(at).and_then(|size| usize::try_from(*size).ok()).filter(|size| *size > 0);
        // ONNX Runtime then skips the computation of other outputs.
        let options = options.map(|options| options.with_outputs(OutputSelector::no_default().with(&output)));
        let (fixed_rows, fixed_row_tokens) = (fixed(0), fixed(1));
        Ok(Self { session, options, inputs, output, pooler: None, fixed_rows, fixed_row_tokens, holds_memory: false })
    }

    /// Releases the memory kept between calls.
    ///
    /// ONNX Runtime shrinks its arena at the end of a call, but a pooled call's output occupies the arena until
    /// later. So a call with a single token is run. Its errors are ignored: the next batch reports them.
    fn release_memory(&mut self) {
        let (rows, row_tokens) = (self.fixed_rows.unwrap_or(1), self.fixed_row_tokens.unwrap_or(1));
        self.inputs.fill(&[&[0]], rows, row_tokens);
        if let Ok(values) = self.inputs.borrowed_tensors() {
            _ = self.session.run_with_options(values, &self.options[1]);
        }
    }

    /// Returns the pooling graph for the model's output type; `None` if there is none.
    pub fn pooling_graph(&self) -> Option<&'static [u8]> {
        let outlet = self.session.outputs().iter().find(|outlet| outlet.name() == self.output)?;
        device_pooling::pooling_graph_for(outlet.dtype().tensor_type())
    }

    /// Makes later calls pool on the device, provided that two test rows keep their vectors. If the test rows
    /// cannot be run at all, nothing changes.
    ///
    /// # Errors
    /// When pooling fails or returns other vectors; the pooler is then not used.
    pub fn attach_pooler(&mut self, pooler: DevicePooler, model: &ModelDescription) -> Result<(), String> {
        let texts: [&[u32]; 2] = [&[1], &[0, 1]];
        let rows = &texts[..self.fixed_rows.unwrap_or(2).clamp(1, 2)];
        let vectors = |encoder: &mut Self| encoder.run(rows, true).and_then(|ran| ran.vectors(rows, model));
        let Ok(expected) = vectors(self) else { return Ok(()) };
        self.pooler = Some(pooler);
        let problem = match vectors(self) {
            Ok(found) if found.iter().zip(&expected).all(|(a, b)| is_near(a, b)) => return Ok(()),
            Ok(_) => "it returns other vectors than pooling on the CPU".to_owned(),
            Err(SessionRunError::OutOfMemory) => "the device has too little memory".to_owned(),
            Err(SessionRunError::Other(problem)) => problem,
        };
        self.pooler = None;
        Err(problem)
    }
}

/// Returns whether two vectors are equal up to the rounding errors of a GPU's reduced precision.
fn is_near(a: &[f32], b: &[f32]) -> bool {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let (between, lengths) = (dot(a, b), [dot(a, a).sqrt(), dot(b, b).sqrt()]);
    let is_parallel = (between - lengths[0] * lengths[1]).abs() <= lengths[0] * lengths[1] * 1e-5;
    is_parallel && (lengths[0] - lengths[1]).abs() <= lengths[1] * 1e-3
}

/// Checks the rank and width of an output against the model's description.
fn check_output_shape(session: &Session, output: &str, model: &ModelDescription) -> Result<(), String> {
    let outlet = session.outputs().iter().find(|outlet| outlet.name() == output);
    let Some(shape) = outlet.and_then(|outlet| outlet.dtype().tensor_shape()) else {
        return Err(format!("its output {output} is not a tensor"));
    };
    let rank = if model.pooling == Pooling::None { 2 } else { 3 };
    if !shape.is_empty() && shape.len() != rank {
        let axes = shape.len();
        return Err(format!("its output {output} has {axes} axes, and with this pooling {rank} are needed"));
    }
    match shape.last() {
        Some(width) if *width > 0 && *width != model.dimensions as i64 => {
            Err(format!("its vectors are {width} wide, and the description says {}", model.dimensions))
        }
        _ => Ok(()),
    }
}

impl ModelSession for Encoder {
    fn fixed_rows(&self) -> Option<usize> {
        self.fixed_rows
    }

    fn fixed_row_tokens(&self) -> Option<usize> {
        self.fixed_row_tokens
    }

    fn run(&mut self, rows: &[&[u32]], is_last: bool) -> Result<SessionOutput, SessionRunError> {
        let longest = rows.iter().map(|row| row.len()).max().unwrap_or(0);
        let (row_count, row_tokens) = (self.fixed_rows.unwrap_or(rows.len()), self.fixed_row_tokens.unwrap_or(longest));
        self.inputs.fill(rows, row_count, row_tokens);
        self.holds_memory = !is_last;
        let (output, elapsed) = match &mut self.pooler {
            Some(pooler) => {
                pooler.fill(rows, [row_count, row_tokens]);
                let inputs = self.inputs.owned_tensors().map_err(|error| classify_error(&error))?;
                let started = Instant::now();
                let pooled = pooler.run((&mut self.session, &self.output), &inputs, is_last).map(Some);
                (pooled, started.elapsed())
            }
            None => {
                let values = self.inputs.borrowed_tensors().map_err(|error| classify_error(&error))?;
                let started = Instant::now();
                let outputs = self.session.run_with_options(values, &self.options[usize::from(is_last)]);
                let elapsed = started.elapsed();
                (outputs.map(|mut outputs| outputs.remove(&self.output)), elapsed)
            }
        };
        if is_last && self.pooler.is_some() && output.is_ok() {
            self.release_memory();
        }
        let output = output.map_err(|error| classify_error(&error))?;
        let values =
            OutputValues::Tensor(output.ok_or_else(|| SessionRunError::Other("it returned no output".to_owned()))?);
        Ok(SessionOutput { values, rows: row_count, row_tokens, is_pooled: self.pooler.is_some(), elapsed })
    }

    fn holds_memory(&self) -> bool {
        self.holds_memory
    }
}

/// Converts an error of ONNX Runtime.
fn classify_error(error: &ort::Error) -> SessionRunError {
    if is_out_of_memory(error.message()) {
        SessionRunError::OutOfMemory
    } else {
        SessionRunError::Other(error.message().to_owned())
    }
}

/// Returns whether an error message reports a lack of memory. ONNX Runtime has no error code for this, so the
/// messages of its arena, the C++ library and the drivers are recognized.
pub fn is_out_of_memory(message: &str) -> bool {
    let lower = message.to_ascii_lowercase();
    let signs = [
        "out of memory",
        "outofmemory",
        "not enough memory",
        "failed to allocate memory",
        // The message of an arena with a limit: `Available memory of 5 is smaller than requested bytes of 7`.
        "is smaller than requested bytes",
        "bad_alloc",
        "alloc_failed",
        "memory_allocation",
        "hipmalloc failed",
    ];
    signs.iter().any(|sign| lower.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lack_of_memory_is_recognized_in_messages_of_arenas_and_drivers() {
        let arena = "Non-zero status code returned while running Gather node. Name:'node_embedding_1' Status Message: \
            /onnxruntime_src/onnxruntime/core/framework/bfc_arena.cc:360 void* onnxruntime::BFCArena::AllocateRawInternal(\
            size_t, bool, onnxruntime::Stream*) ";
        let limited = format!("{arena}Available memory of 622080 is smaller than requested bytes of 3145728");
        let refused = format!("{arena}Failed to allocate memory for requested buffer of size 281474976710656");
        for message in [
            limited.as_str(),
            refused.as_str(),
            "CUDA failure 2: out of memory ; GPU=0 ; hostname=a ; file=cuda_allocator.cc ; expr=cudaMalloc((void**)&p, size);",
            "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0 ; expr=cublasCreate(&cublas_handle_);",
            "HIP failure 2: hipErrorOutOfMemory",
            "std::bad_alloc",
        ] {
            assert!(is_out_of_memory(message), "{message}");
        }
        for message in [
            "indices element out of data bounds, idx=99 must be within the inclusive range [-16,15]",
            "CUDA failure 100: no CUDA-capable device is detected",
            "Got invalid dimensions for input: input_ids",
        ] {
            assert!(!is_out_of_memory(message), "{message}");
        }
    }
}
