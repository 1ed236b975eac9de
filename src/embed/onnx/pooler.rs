//! Pooling on the GPU: vectors of tokens become those of texts where the model runs, so that one vector
//! a text leaves the device and not one a token. For a small model the copy would take longer than the model.
//!
//! The model's output is bound to the device's memory (`IoBinding`), and a second session reads it there.
//! Must never import: anything of this crate but `embed`.

use ort::memory::{AllocationDevice, AllocatorType, MemoryInfo, MemoryType};
use ort::session::{NoSelectedOutputs, RunOptions, Session};
use ort::value::{DynTensor, DynValue, TensorElementType, TensorRef};

use crate::config::Provider;
use crate::embed::models::Pooling;

/// Made by `tests/onnx/tiny.py`: `hidden` (rows, tokens, width) and the `shares` (rows, tokens) that a
/// row's tokens have in its vector give `pooled` (rows, width).
const OF_FP32: &[u8] = include_bytes!("../../../assets/pool_fp32.onnx");
const OF_FP16: &[u8] = include_bytes!("../../../assets/pool_fp16.onnx");

/// The graph that pools such values; `None` for others than floating-point numbers.
pub fn graph(values: Option<TensorElementType>) -> Option<&'static [u8]> {
    match values? {
        TensorElementType::Float32 => Some(OF_FP32),
        TensorElementType::Float16 => Some(OF_FP16),
        _ => None,
    }
}

/// Whose memory a provider's sessions share, and the provider that pools there.
pub fn place(provider: Provider) -> Option<(AllocationDevice<'static>, Provider)> {
    match provider {
        // TensorRT would compile the graph for a minute.
        Provider::Cuda | Provider::TensorRt => Some((AllocationDevice::CUDA, Provider::Cuda)),
        Provider::Rocm => Some((AllocationDevice::HIP, Provider::Rocm)),
        // What they give is in the CPU's memory, or has not been tried.
        Provider::Cpu | Provider::CoreMl | Provider::DirectMl | Provider::MiGraphX | Provider::OpenVino => None,
    }
}

/// Pools on a device.
pub struct Pooler {
    session: Session,
    pooling: Pooling,
    memory: MemoryInfo<'static>,
    /// For a call after which others come, and for the last one of a window.
    options: [RunOptions<NoSelectedOutputs>; 2],
    /// Of the last call, which had this shape.
    shares: Vec<f32>,
    shape: [usize; 2],
}

impl Pooler {
    /// `session` has one of the graphs here and runs where `memory` is.
    ///
    /// # Errors
    /// When ONNX Runtime does not know such memory.
    pub fn new(
        session: Session,
        pooling: Pooling,
        (device, id): (AllocationDevice<'static>, u32),
        options: [RunOptions<NoSelectedOutputs>; 2],
    ) -> ort::Result<Self> {
        let id = i32::try_from(id).unwrap_or(i32::MAX);
        let memory = MemoryInfo::new(device, id, AllocatorType::Device, MemoryType::Default)?;
        Ok(Self { session, pooling, memory, options, shares: Vec::new(), shape: [0; 2] })
    }

    /// Readies a call of rows of tokens. Rows and tokens beyond those of `rows`, up to `shape`, are padding.
    pub fn fill(&mut self, rows: &[&[u32]], shape: [usize; 2]) {
        self.shape = shape;
        share_out(&mut self.shares, rows, shape, self.pooling);
    }

    /// Runs `model`, whose `output` is pooled: (rows, width).
    ///
    /// # Errors
    /// When the device fails, or the output is not in its memory.
    pub fn run(
        &mut self,
        (model, output): (&mut Session, &str),
        inputs: &[(&str, DynTensor)],
        is_last: bool,
    ) -> ort::Result<DynValue> {
        let mut binding = model.create_binding()?;
        for (name, value) in inputs {
            binding.bind_input(*name, value)?;
        }
        binding.bind_output_to_device(output, &self.memory)?;
        // What it gives is still in its memory when it ends, so that nothing could be given back yet: see
        // `Encoder::run`.
        let mut given = model.run_binding_with_options(&binding, &self.options[0])?;
        let hidden = given.remove(output).ok_or_else(|| ort::Error::new(format!("it gave no {output}")))?;
        let hidden: DynTensor = hidden.downcast()?;
        // Binding to a memory that a provider does not know falls back to the CPU's without a word.
        let place = hidden.memory_info();
        let is_there = place.allocation_device() == self.memory.allocation_device();
        if !is_there || place.device_id() != self.memory.device_id() {
            return Err(ort::Error::new("what it gives is not in the device's memory"));
        }
        let shares = TensorRef::from_array_view((self.shape, self.shares.as_slice()))?;
        let inputs = ort::inputs!["hidden" => &hidden, "shares" => shares];
        let mut pooled = self.session.run_with_options(inputs, &self.options[usize::from(is_last)])?;
        pooled.remove("pooled").ok_or_else(|| ort::Error::new("the graph that pools gave nothing"))
    }
}

/// Which share each token has in its row's vector.
fn share_out(shares: &mut Vec<f32>, rows: &[&[u32]], [count, row_tokens]: [usize; 2], pooling: Pooling) {
    shares.clear();
    shares.resize(count * row_tokens, 0.0);
    for (row, shares) in rows.iter().zip(shares.chunks_exact_mut(row_tokens.max(1))) {
        let tokens = row.len().clamp(1, row_tokens.max(1));
        match pooling {
            Pooling::Mean => shares[..tokens].fill((tokens as f32).recip()),
            Pooling::Last => shares[tokens - 1] = 1.0,
            Pooling::Cls | Pooling::None => shares[0] = 1.0,
        }
    }
}
