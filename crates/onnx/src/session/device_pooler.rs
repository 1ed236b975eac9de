//! Pooling on the GPU.
//!
//! Only one vector per text leaves the device, not one per token: for a small model, copying the token
//! vectors would take longer than computing them. The model's output stays in device memory
//! (`IoBinding`), and a second session with a pooling graph reads it there.

use config::Provider;
use hub::Pooling;
use ort::memory::{AllocationDevice, AllocatorType, MemoryInfo, MemoryType};
use ort::session::{NoSelectedOutputs, RunOptions, Session};
use ort::value::{DynTensor, DynValue, TensorElementType, TensorRef};

/// The pooling graph for 32-bit values, made by `tests/onnx/tiny.py`. It multiplies `hidden`
/// (`[rows, tokens, width]`) by the token weights `shares` (`[rows, tokens]`) into `pooled` (`[rows, width]`).
const POOLING_GRAPH_FP32: &[u8] = include_bytes!("../../assets/pool_fp32.onnx");
/// The same graph for 16-bit values.
const POOLING_GRAPH_FP16: &[u8] = include_bytes!("../../assets/pool_fp16.onnx");

/// Returns the pooling graph for an element type; `None` unless the type is a supported float.
pub fn pooling_graph_for(element_type: Option<TensorElementType>) -> Option<&'static [u8]> {
    match element_type? {
        TensorElementType::Float32 => Some(POOLING_GRAPH_FP32),
        TensorElementType::Float16 => Some(POOLING_GRAPH_FP16),
        _ => None,
    }
}

/// Returns the memory in which a provider's sessions can exchange tensors, and the provider that pools there.
/// `None` if outputs are pooled on the CPU.
pub fn pooling_memory(provider: Provider) -> Option<(AllocationDevice<'static>, Provider)> {
    match provider {
        // TensorRT would take a minute to compile the pooling graph.
        Provider::Cuda | Provider::TensorRt => Some((AllocationDevice::CUDA, Provider::Cuda)),
        Provider::Rocm => Some((AllocationDevice::HIP, Provider::Rocm)),
        // The outputs of these providers are in CPU memory, or pooling in their device memory is untested.
        Provider::Cpu | Provider::CoreMl | Provider::DirectMl | Provider::MiGraphX | Provider::OpenVino => None,
    }
}

/// A session that pools the output of a model in device memory.
pub struct DevicePooler {
    session: Session,
    pooling: Pooling,
    memory: MemoryInfo<'static>,
    /// Options for all calls of a window but the last, and for the last one.
    options: [RunOptions<NoSelectedOutputs>; 2],
    /// The token weights of the current call, `[rows, tokens]`, row-major.
    token_weights: Vec<f32>,
    /// Rows and tokens per row of the current call.
    shape: [usize; 2],
}

impl DevicePooler {
    /// Creates a pooler. `session` holds a graph of [`pooling_graph_for`] and runs on the given device.
    ///
    /// # Errors
    /// Fails if ONNX Runtime does not support that kind of memory.
    pub fn new(
        session: Session,
        pooling: Pooling,
        (device, index): (AllocationDevice<'static>, i32),
        options: [RunOptions<NoSelectedOutputs>; 2],
    ) -> ort::Result<Self> {
        let memory = MemoryInfo::new(device, index, AllocatorType::Device, MemoryType::Default)?;
        Ok(Self { session, pooling, memory, options, token_weights: Vec::new(), shape: [0; 2] })
    }

    /// Computes the token weights for a call of the given shape (rows, tokens per row). Rows and tokens missing
    /// from `rows` are padding.
    pub fn fill(&mut self, rows: &[&[u32]], shape: [usize; 2]) {
        self.shape = shape;
        fill_token_weights(&mut self.token_weights, rows, shape, self.pooling);
    }

    /// Runs `model` and pools its output named `output` with the weights of the last [`DevicePooler::fill`]. Returns a
    /// tensor of shape `[rows, width]`. `is_last` marks the last call of a window.
    ///
    /// # Errors
    /// Fails if the device fails, or the model's output is not in device memory.
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
        // The output still occupies the arena when this call ends, so `Encoder::release_memory` shrinks the arena
        // later.
        let mut outputs = model.run_binding_with_options(&binding, &self.options[0])?;
        let hidden = outputs.remove(output).ok_or_else(|| ort::Error::new(format!("it returned no {output}")))?;
        let hidden: DynTensor = hidden.downcast()?;
        // Binding to memory that the provider does not support silently falls back to CPU memory.
        let memory = hidden.memory_info();
        let is_on_device = memory.allocation_device() == self.memory.allocation_device();
        if !is_on_device || memory.device_id() != self.memory.device_id() {
            return Err(ort::Error::new("the model's output is not in device memory"));
        }
        let shares = TensorRef::from_array_view((self.shape, self.token_weights.as_slice()))?;
        let inputs = ort::inputs!["hidden" => &hidden, "shares" => shares];
        let mut pooled = self.session.run_with_options(inputs, &self.options[usize::from(is_last)])?;
        pooled.remove("pooled").ok_or_else(|| ort::Error::new("the pooling graph returned nothing"))
    }
}

/// Fills in the weight of each token in its row's vector; padding has weight zero.
fn fill_token_weights(weights: &mut Vec<f32>, rows: &[&[u32]], [row_count, row_tokens]: [usize; 2], pooling: Pooling) {
    weights.clear();
    weights.resize(row_count * row_tokens, 0.0);
    for (row, weights) in rows.iter().zip(weights.chunks_exact_mut(row_tokens.max(1))) {
        let tokens = row.len().clamp(1, row_tokens.max(1));
        match pooling {
            Pooling::Mean => weights[..tokens].fill((tokens as f32).recip()),
            Pooling::Last => weights[tokens - 1] = 1.0,
            Pooling::Cls | Pooling::None => weights[0] = 1.0,
        }
    }
}
