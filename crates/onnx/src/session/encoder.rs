//! A model in ONNX Runtime on one device.

use std::borrow::Cow;
use std::time::Instant;

use hub::{ModelDescription, Pooling};
use ort::session::{HasSelectedOutputs, NoSelectedOutputs, OutputSelector, RunOptions, Session};
use ort::value::DynValue;

use super::device_pooler::{self, DevicePooler};
use super::inputs::ModelInputs;
use super::model_session::{ModelSession, OutputValues, SessionOutput, SessionRunError};
use crate::runtime::errors::{self, MessageCause};

/// The output tensor of a call.
struct OutputTensor(DynValue);

impl OutputValues for OutputTensor {
    fn read(&self) -> Result<(Vec<i64>, Cow<'_, [f32]>), SessionRunError> {
        if let Ok((shape, values)) = self.0.try_extract_tensor::<f32>() {
            return Ok((shape.to_vec(), Cow::Borrowed(values)));
        }
        let (shape, values) = self.0.try_extract_tensor::<half::f16>().map_err(|error| to_run_error(&error))?;
        Ok((shape.to_vec(), values.iter().map(|value| value.to_f32()).collect()))
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
    /// Fails if the model has an unsupported input or no `input_ids`, or if it contradicts its description: it lacks
    /// the output, or the output is not a tensor, or has another hidden size or another number of axes.
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
    /// ONNX Runtime shrinks its arena at the end of a call, but a pooled call's output is still in the arena then. So
    /// this function runs another call with a single token. Its errors are ignored, because the next batch reports
    /// them.
    fn release_memory(&mut self) {
        let (rows, row_tokens) = (self.fixed_rows.unwrap_or(1), self.fixed_row_tokens.unwrap_or(1));
        if self.inputs.fill(&[&[0]], rows, row_tokens).is_ok()
            && let Ok(values) = self.inputs.borrowed_tensors()
        {
            _ = self.session.run_with_options(values, &self.options[1]);
        }
    }

    /// Returns the pooling graph for the model's output type; `None` if there is none.
    pub fn pooling_graph(&self) -> Option<&'static [u8]> {
        let outlet = self.session.outputs().iter().find(|outlet| outlet.name() == self.output)?;
        device_pooler::pooling_graph_for(outlet.dtype().tensor_type())
    }

    /// Makes later calls pool on the device, after checking that this does not change the vectors of one or two test
    /// rows. Does nothing if the test rows cannot be run at all.
    ///
    /// # Errors
    /// Fails if the pooling session cannot be run, or if its vectors differ from those pooled on the CPU; the pooler is
    /// then not used.
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

/// Checks the number of axes and the hidden size of an output against the model's description.
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
        self.inputs.fill(rows, row_count, row_tokens).map_err(SessionRunError::Other)?;
        self.holds_memory = !is_last;
        let (output, elapsed) = match &mut self.pooler {
            Some(pooler) => {
                pooler.fill(rows, [row_count, row_tokens]);
                let inputs = self.inputs.owned_tensors().map_err(|error| to_run_error(&error))?;
                let started = Instant::now();
                let pooled = pooler.run((&mut self.session, &self.output), &inputs, is_last).map(Some);
                (pooled, started.elapsed())
            }
            None => {
                let values = self.inputs.borrowed_tensors().map_err(|error| to_run_error(&error))?;
                let started = Instant::now();
                let outputs = self.session.run_with_options(values, &self.options[usize::from(is_last)]);
                let elapsed = started.elapsed();
                (outputs.map(|mut outputs| outputs.remove(&self.output)), elapsed)
            }
        };
        if is_last && self.pooler.is_some() && output.is_ok() {
            self.release_memory();
        }
        let output = output.map_err(|error| to_run_error(&error))?;
        let output = output.ok_or_else(|| SessionRunError::Other("it returned no output".to_owned()))?;
        let values = Box::new(OutputTensor(output));
        Ok(SessionOutput { values, rows: row_count, row_tokens, is_pooled: self.pooler.is_some(), elapsed })
    }

    fn holds_memory(&self) -> bool {
        self.holds_memory
    }
}

/// Converts an error of ONNX Runtime.
fn to_run_error(error: &ort::Error) -> SessionRunError {
    match errors::recognize_cause(error.message()) {
        Some(MessageCause::OutOfMemory) => SessionRunError::OutOfMemory,
        _ => SessionRunError::Other(error.message().to_owned()),
    }
}
