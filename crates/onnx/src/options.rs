//! The settings of a transformer model.

use std::path::PathBuf;

use config::{DeviceChoice, LibrarySearchPaths};

use crate::gpus::VisibleGpus;

/// Settings of an [`OnnxEmbedder`](crate::OnnxEmbedder), apart from its model.
#[derive(Clone, Debug)]
pub struct OnnxOptions {
    pub device: DeviceChoice,
    pub library: LibrarySearchPaths,
    /// The GPUs that CUDA exposes to this process.
    pub visible_gpus: VisibleGpus,
    /// The folder in which measurements of devices are stored.
    pub probes_dir: PathBuf,
    /// Memory limit of the whole process, in bytes.
    pub max_memory_bytes: u64,
    /// The number of tokens per batch, including padding. `None` uses the stored measurement, or measures the best
    /// size.
    pub batch_tokens: Option<usize>,
}
