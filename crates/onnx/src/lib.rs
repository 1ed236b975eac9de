//! Runs transformer models with ONNX Runtime.
//!
//! [`OnnxEmbedder`] is the entry point. It loads the model on first use, and bounds every batch by its token count and
//! its memory. From the bottom up:
//!
//! - `runtime` finds and loads ONNX Runtime and reads its errors.
//! - `gpus` names NVIDIA GPUs and samples their utilization.
//! - `tokenizer` turns texts into token IDs.
//! - `session` runs one model on one device and pools its output to one vector per text.
//! - `devices` selects devices and opens sessions on them.
//! - `batching` groups texts into batches and finds the best batch size.
//! - `queue` lets windows of texts and queries take turns on the devices, and counts where time is spent.
//! - `loaded_model` opens a model with all of these; `embedder` is the model as the rest of codescry uses it.

mod batching;
mod devices;
mod embedder;
mod gpus;
mod loaded_model;
mod options;
mod queue;
mod runtime;
mod session;
mod tokenizer;

#[cfg(test)]
mod tests;

pub use devices::compute_check::check_device_computes;
pub use devices::providers::{expected_provider, wanted_provider};
pub use embedder::OnnxEmbedder;
pub use gpus::{GpuSelector, VisibleGpus, first_gpu_name};
pub use options::OnnxOptions;
pub use runtime::library::{LibraryLocation, OrtLibrary, load_ort_library, loaded_library, preferred_locations};
