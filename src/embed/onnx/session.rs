//! One model on one device: tokens in, what the model gives for them out.
//!
//! Must never import: anything of this crate but `embed`.

use std::time::{Duration, Instant};

use ort::session::{HasSelectedOutputs, NoSelectedOutputs, OutputSelector, RunOptions, Session};
use ort::value::DynValue;

use super::inputs::Inputs;
use super::pool::{self, Hidden};
use super::pooler::{self, Pooler};
use crate::embed::models::{Description, Pooling};

/// How a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunError {
    /// The device's memory: fewer rows may do.
    Memory,
    Other(String),
}

/// What runs rows of tokens: a session, or in tests what stands for one.
pub trait Runs: Send {
    /// Rows that the model insists on.
    fn rows(&self) -> Option<usize>;

    /// Tokens a row that it insists on.
    fn row_tokens(&self) -> Option<usize>;

    /// One call. `is_last` gives back the memory that calls share.
    ///
    /// # Errors
    /// When the device fails.
    fn run(&mut self, rows: &[&[u32]], is_last: bool) -> Result<Ran, RunError>;

    /// Whether it holds memory of a call that was not the last one.
    fn holds_memory(&self) -> bool {
        false
    }
}

/// What a call gave. Nothing is made of it yet, so that the device can have its next call meanwhile.
pub struct Ran {
    pub given: Given,
    pub rows: usize,
    pub row_tokens: usize,
    /// Whether each row has one vector already.
    pub is_pooled: bool,
    /// In the device, without what was done before and after.
    pub took: Duration,
}

/// The numbers of a call.
pub enum Given {
    Tensor(DynValue),
    #[cfg(test)]
    Numbers(Vec<f32>),
}

impl Ran {
    /// The vectors of the rows, in order.
    ///
    /// # Errors
    /// When the model gave something else than its description says.
    pub fn vectors(&self, rows: &[&[u32]], model: &Description) -> Result<Vec<Vec<f32>>, RunError> {
        let halves: Vec<f32>;
        let (axes, values): (Vec<i64>, &[f32]) = match &self.given {
            Given::Tensor(tensor) => match tensor.try_extract_tensor::<f32>() {
                Ok((axes, values)) => (axes.to_vec(), values),
                Err(_) => {
                    let (axes, values) = tensor.try_extract_tensor::<half::f16>().map_err(|error| failed(&error))?;
                    halves = values.iter().map(|value| value.to_f32()).collect();
                    (axes.to_vec(), &halves)
                }
            },
            #[cfg(test)]
            Given::Numbers(values) => (vec![i64::try_from(model.dimensions).unwrap_or(0)], values),
        };
        let width = axes.last().and_then(|width| usize::try_from(*width).ok()).unwrap_or(0);
        let pooling = if self.is_pooled { Pooling::None } else { model.pooling };
        let per_row = if pooling == Pooling::None { 1 } else { self.row_tokens };
        if width != model.dimensions || values.len() < rows.len() * per_row * width {
            let problem = format!("it gave {axes:?} for {} rows of {} tokens", self.rows, self.row_tokens);
            return Err(RunError::Other(problem));
        }
        let hidden = Hidden { values, row_tokens: self.row_tokens, width, pooling };
        let vector = |(at, row): (usize, &&[u32])| pool::pooled(&hidden, at, row.len().min(self.row_tokens), model);
        Ok(rows.iter().enumerate().map(vector).collect())
    }
}

/// A loaded model.
pub struct Encoder {
    session: Session,
    /// For a call after which others come, and for the last one of a window.
    options: [RunOptions<HasSelectedOutputs>; 2],
    inputs: Inputs,
    output: String,
    pooler: Option<Pooler>,
    rows: Option<usize>,
    row_tokens: Option<usize>,
    holds_memory: bool,
}

impl Encoder {
    /// Looks at what the model takes and gives.
    ///
    /// # Errors
    /// Where it does not fit its description: an unknown input, no such output, another width.
    pub fn new(
        session: Session,
        options: [RunOptions<NoSelectedOutputs>; 2],
        model: &Description,
    ) -> Result<Self, String> {
        let inputs = Inputs::new(session.inputs())?;
        let outputs: Vec<&str> = session.outputs().iter().map(ort::value::Outlet::name).collect();
        let output = match &model.output {
            Some(name) if outputs.contains(&name.as_str()) => name.clone(),
            Some(name) => return Err(format!("it has no output {name}; it has {}", outputs.join(", "))),
            None => outputs.first().ok_or("it has no output")?.to_string(),
        };
        check_width(&session, &output, model)?;
        let shape = session.inputs().iter().find(|outlet| outlet.name() == "input_ids");
        let shape: Vec<i64> =
            shape.and_then(|outlet| outlet.dtype().tensor_shape()).map_or(vec![], |shape| shape.to_vec());
        let fixed = |at: usize| shape.get(at).and_then(|size| usize::try_from(*size).ok()).filter(|size| *size > 0);
        // What is not asked for is not computed.
        let options = options.map(|options| options.with_outputs(OutputSelector::no_default().with(&output)));
        let (rows, row_tokens) = (fixed(0), fixed(1));
        Ok(Self { session, options, inputs, output, pooler: None, rows, row_tokens, holds_memory: false })
    }

    /// Gives back the memory that calls share, by one of a token: it goes back at a call's end, and what was
    /// pooled has stood in it until now. A device that fails at that fails again at the next batch.
    fn give_back(&mut self) {
        let (rows, row_tokens) = (self.rows.unwrap_or(1), self.row_tokens.unwrap_or(1));
        self.inputs.fill(&[&[0]], rows, row_tokens);
        if let Ok(values) = self.inputs.values() {
            _ = self.session.run_with_options(values, &self.options[1]);
        }
    }

    /// The graph that pools what this model gives.
    pub fn pooling_graph(&self) -> Option<&'static [u8]> {
        let outlet = self.session.outputs().iter().find(|outlet| outlet.name() == self.output)?;
        pooler::graph(outlet.dtype().tensor_type())
    }

    /// From now on a call gives pooled vectors, if those of two texts are then what they were before. A device
    /// that does not run them at all is left as it is.
    ///
    /// # Errors
    /// Why they are not.
    pub fn pool_with(&mut self, pooler: Pooler, model: &Description) -> Result<(), String> {
        let texts: [&[u32]; 2] = [&[1], &[0, 1]];
        let rows = &texts[..self.rows.unwrap_or(2).clamp(1, 2)];
        let vectors = |encoder: &mut Self| encoder.run(rows, true).and_then(|ran| ran.vectors(rows, model));
        let Ok(expected) = vectors(self) else { return Ok(()) };
        self.pooler = Some(pooler);
        let problem = match vectors(self) {
            Ok(found) if found.iter().zip(&expected).all(|(a, b)| is_near(a, b)) => return Ok(()),
            Ok(_) => "it gives other vectors than the model".to_owned(),
            Err(RunError::Memory) => "its memory does not do".to_owned(),
            Err(RunError::Other(problem)) => problem,
        };
        self.pooler = None;
        Err(problem)
    }
}

/// Whether two vectors are the same but for what a GPU's shorter numbers round off.
fn is_near(a: &[f32], b: &[f32]) -> bool {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let (between, lengths) = (dot(a, b), [dot(a, a).sqrt(), dot(b, b).sqrt()]);
    let is_one_way = (between - lengths[0] * lengths[1]).abs() <= lengths[0] * lengths[1] * 1e-5;
    is_one_way && (lengths[0] - lengths[1]).abs() <= lengths[1] * 1e-3
}

fn check_width(session: &Session, output: &str, model: &Description) -> Result<(), String> {
    let outlet = session.outputs().iter().find(|outlet| outlet.name() == output);
    let Some(shape) = outlet.and_then(|outlet| outlet.dtype().tensor_shape()) else {
        return Err(format!("its output {output} is no tensor"));
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

impl Runs for Encoder {
    fn rows(&self) -> Option<usize> {
        self.rows
    }

    fn row_tokens(&self) -> Option<usize> {
        self.row_tokens
    }

    fn run(&mut self, rows: &[&[u32]], is_last: bool) -> Result<Ran, RunError> {
        let longest = rows.iter().map(|row| row.len()).max().unwrap_or(0);
        let (count, row_tokens) = (self.rows.unwrap_or(rows.len()), self.row_tokens.unwrap_or(longest));
        self.inputs.fill(rows, count, row_tokens);
        self.holds_memory = !is_last;
        let (given, took) = match &mut self.pooler {
            Some(pooler) => {
                pooler.fill(rows, [count, row_tokens]);
                let inputs = self.inputs.owned().map_err(|error| failed(&error))?;
                let begun = Instant::now();
                let pooled = pooler.run((&mut self.session, &self.output), &inputs, is_last).map(Some);
                (pooled, begun.elapsed())
            }
            None => {
                let values = self.inputs.values().map_err(|error| failed(&error))?;
                let begun = Instant::now();
                let outputs = self.session.run_with_options(values, &self.options[usize::from(is_last)]);
                let took = begun.elapsed();
                (outputs.map(|mut outputs| outputs.remove(&self.output)), took)
            }
        };
        if is_last && self.pooler.is_some() && given.is_ok() {
            self.give_back();
        }
        let given = given.map_err(|error| failed(&error))?;
        let given = Given::Tensor(given.ok_or_else(|| RunError::Other("it gave no output".to_owned()))?);
        Ok(Ran { given, rows: count, row_tokens, is_pooled: self.pooler.is_some(), took })
    }

    fn holds_memory(&self) -> bool {
        self.holds_memory
    }
}

fn failed(error: &ort::Error) -> RunError {
    if is_memory(error.message()) { RunError::Memory } else { RunError::Other(error.message().to_owned()) }
}

/// Tells want of memory from everything else by what ONNX Runtime's arena, the C++ library and the
/// drivers say: providers have no code for it.
pub fn is_memory(message: &str) -> bool {
    let lower = message.to_ascii_lowercase();
    let signs = [
        "out of memory",
        "outofmemory",
        "not enough memory",
        "failed to allocate memory",
        // An arena with a limit, which a GPU's has: `Available memory of 5 is smaller than requested bytes of 7`.
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
    fn want_of_memory_is_told_by_what_arenas_and_drivers_say() {
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
            assert!(is_memory(message), "{message}");
        }
        for message in [
            "indices element out of data bounds, idx=99 must be within the inclusive range [-16,15]",
            "CUDA failure 100: no CUDA-capable device is detected",
            "Got invalid dimensions for input: input_ids",
        ] {
            assert!(!is_memory(message), "{message}");
        }
    }
}
