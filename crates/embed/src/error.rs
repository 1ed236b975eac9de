//! Errors of embedding models. A message names the remedy if one is known.

use std::path::PathBuf;

/// A model that cannot be used, or a device that failed. Cheap to clone, since several threads of a run report
/// the same error.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EmbedError {
    /// The program was built without the part that runs transformers.
    #[error(
        "this codescry was built without ONNX Runtime, which the model {model} needs; use the built-in model, or a codescry built with the feature `onnx`"
    )]
    NotBuilt { model: String },
    /// No ONNX Runtime library was found.
    #[error(
        "no ONNX Runtime library was found ({searched}), and the model {model} needs one; `pip install onnxruntime` (with an NVIDIA GPU: 'onnxruntime-gpu[cuda,cudnn]'), or set CODESCRY_ORT_LIB to the library; `codescry doctor` lists the places searched"
    )]
    NoLibrary { model: String, searched: String },
    /// The ONNX Runtime library was found but cannot be used.
    #[error("cannot use the ONNX Runtime library {path}: {problem}; {remedy}")]
    Library { path: PathBuf, problem: String, remedy: &'static str },
    /// The requested device is not available, or `auto` found no device that works.
    #[error(
        "--device {device} is not available: {problem}; name another device, or use --device auto to fall back to the CPU"
    )]
    Device { device: String, problem: String },
    /// A file of the model is broken, differs from the installed one, or is not a model.
    #[error(
        "cannot load the model {path}: {problem}; `codescry models verify {model}` checks its files, `codescry models install {model}` fetches them again"
    )]
    Model { model: String, path: PathBuf, problem: String },
    /// The model contradicts its description.
    #[error("the model {path} does not fit its description: {problem}; correct the codescry-model.toml in its folder")]
    Misfit { path: PathBuf, problem: String },
    /// The tokenizer is broken or belongs to another model.
    #[error("the tokenizer {path} does not fit: {problem}; use the tokenizer.json that came with the model")]
    Tokenizer { path: PathBuf, problem: String },
    /// A call of the model failed.
    #[error("the model {model} failed on {device}: {problem}")]
    Run { model: String, device: String, problem: String },
    /// The device's memory does not hold one text, or a batch of a model that fixes its number of rows.
    #[error(
        "{device} has too little memory for one text of {tokens} tokens with the model {model}; close other programs that use it, lower max_tokens in the model's description, or use --device cpu"
    )]
    OutOfMemory { model: String, device: String, tokens: usize },
    /// The model's weights alone exceed the memory limit of the process.
    #[error(
        "the model {model} ({path}) has {} of weights, and --max-memory is {}; raise --max-memory, or use a smaller model or precision ({model}:int8)",
        mebibytes(*weights_bytes), mebibytes(*max_memory_bytes)
    )]
    TooLarge { model: String, path: PathBuf, weights_bytes: u64, max_memory_bytes: u64 },
}

fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}
