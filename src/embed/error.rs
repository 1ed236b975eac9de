//! Why a model gives no vectors. Each message says what to do.
//!
//! Must never import anything of this crate.

use std::path::PathBuf;

/// A model that cannot be used, or a device that failed. Cheap to clone, for a run tells it from
/// several threads.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EmbedError {
    /// There is no ONNX Runtime.
    #[error(
        "no ONNX Runtime library was found ({looked}), and the model {model} needs one; `pip install onnxruntime` (with an NVIDIA GPU: 'onnxruntime-gpu[cuda,cudnn]'), or set CODESCRY_ORT_LIB to the library; `codescry doctor` shows each place looked at"
    )]
    NoLibrary { model: String, looked: String },
    /// The library is there and cannot be used.
    #[error("cannot use the ONNX Runtime library {path}: {problem}; {remedy}")]
    Library { path: PathBuf, problem: String, remedy: &'static str },
    /// A device that was asked for by name is not to be had.
    #[error(
        "--device {device} is not to be had: {problem}; give another one, or --device auto to fall back to the CPU"
    )]
    Device { device: String, problem: String },
    /// The model's file is broken, or is no model.
    #[error(
        "cannot load the model {path}: {problem}; `codescry models verify {model}` checks its files, `codescry models install {model}` fetches them again"
    )]
    Model { model: String, path: PathBuf, problem: String },
    /// The model does not do what its description says.
    #[error("the model {path} does not fit its description: {problem}; correct codescry-model.toml in its folder")]
    Misfit { path: PathBuf, problem: String },
    /// The tokenizer is broken or of another model.
    #[error("the tokenizer {path} does not fit: {problem}; take the tokenizer.json that came with the model")]
    Tokenizer { path: PathBuf, problem: String },
    /// A call failed.
    #[error("the model {model} failed on {device}: {problem}")]
    Run { model: String, device: String, problem: String },
    /// Not even one text fits the device's memory.
    #[error(
        "{device} has too little memory for one text of {tokens} tokens with the model {model}; close what else uses it, lower max_tokens in the model's description, or give --device cpu"
    )]
    OutOfMemory { model: String, device: String, tokens: usize },
    /// Its weights alone are more than the process may have.
    #[error(
        "the model {model} ({path}) has {} of weights, and --max-memory is {}; raise --max-memory, or take a smaller model or precision ({model}:int8)",
        mebibytes(*weights_bytes), mebibytes(*max_memory_bytes)
    )]
    TooLarge { model: String, path: PathBuf, weights_bytes: u64, max_memory_bytes: u64 },
}

fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}
