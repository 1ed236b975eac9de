//! Names, utilization and memory of NVIDIA GPUs, read through the driver's NVML library.
//!
//! NVML is loaded at run time; without it, there are no names, no memory sizes and no samples. NVML numbers all GPUs of
//! the machine, but CUDA numbers only the GPUs listed in `CUDA_VISIBLE_DEVICES`. [`VisibleGpus`] maps CUDA's numbers to
//! NVML's.

use std::sync::{Mutex, OnceLock, PoisonError};

use nvml_wrapper::{Device, Nvml};

/// The GPUs that CUDA exposes to this process, in CUDA's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VisibleGpus {
    /// All GPUs: `CUDA_VISIBLE_DEVICES` is not set.
    All,
    Listed(Vec<GpuSelector>),
}

/// One entry of `CUDA_VISIBLE_DEVICES`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GpuSelector {
    Index(u32),
    /// A UUID, or the beginning of one.
    Uuid(String),
}

impl VisibleGpus {
    /// Parses the value of `CUDA_VISIBLE_DEVICES` the way CUDA does: the first invalid entry ends the list. `None`
    /// means that the variable is not set.
    pub fn parse(variable: Option<&str>) -> Self {
        let Some(entries) = variable else { return Self::All };
        let selector = |entry: &str| match entry.trim() {
            uuid if uuid.starts_with("GPU-") || uuid.starts_with("MIG-") => Some(GpuSelector::Uuid(uuid.to_owned())),
            number => number.parse().ok().map(GpuSelector::Index),
        };
        Self::Listed(entries.split(',').map_while(selector).collect())
    }

    /// Returns the entry of the GPU with the CUDA device number `id`; `None` if the list is shorter.
    fn selector(&self, id: u32) -> Option<GpuSelector> {
        match self {
            Self::All => Some(GpuSelector::Index(id)),
            Self::Listed(selectors) => selectors.get(id as usize).cloned(),
        }
    }
}

/// Returns the driver's library, loaded on first use; `None` if it does not load.
fn nvml() -> Option<&'static Nvml> {
    static NVML: OnceLock<Option<Nvml>> = OnceLock::new();
    NVML.get_or_init(|| Nvml::init().ok()).as_ref()
}

fn gpu_device(visible: &VisibleGpus, id: u32) -> Option<Device<'static>> {
    let nvml = nvml()?;
    match visible.selector(id)? {
        GpuSelector::Index(index) => nvml.device_by_index(index).ok(),
        GpuSelector::Uuid(prefix) => {
            let mut all = (0..nvml.device_count().ok()?).filter_map(|at| nvml.device_by_index(at).ok());
            all.find(|device| device.uuid().is_ok_and(|uuid| uuid.starts_with(&prefix)))
        }
    }
}

/// Returns the name of the first GPU that CUDA exposes, or `None` without a GPU or a driver.
pub fn first_gpu_name(visible: &VisibleGpus) -> Option<String> {
    gpu_device(visible, 0)?.name().ok()
}

/// Collects utilization and memory samples of GPUs during an index run.
///
/// NVML reports only the utilization of its last measuring period, which lasts 1/6 to 1 second, and has no notification
/// of a new value. So callers take samples periodically, at about that rate.
pub struct GpuSampler {
    visible: VisibleGpus,
    totals: Mutex<GpuTotals>,
}

#[derive(Default)]
struct GpuTotals {
    samples: u64,
    /// Utilization in percent, summed over samples.
    busy_percent: u64,
    /// Maximum memory in use on one GPU in any sample, in bytes.
    peak_memory_bytes: u64,
}

impl GpuSampler {
    /// Creates a sampler without samples.
    pub fn new(visible: VisibleGpus) -> Self {
        Self { visible, totals: Mutex::default() }
    }

    /// Discards all samples.
    pub fn reset(&self) {
        *self.totals.lock().unwrap_or_else(PoisonError::into_inner) = GpuTotals::default();
    }

    /// Takes one sample of each GPU, given CUDA device numbers.
    pub fn sample(&self, ids: &[u32]) {
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        for id in ids {
            let Some(device) = gpu_device(&self.visible, *id) else { continue };
            if let Ok(rates) = device.utilization_rates() {
                totals.samples += 1;
                totals.busy_percent += u64::from(rates.gpu);
            }
            if let Ok(memory) = device.memory_info() {
                totals.peak_memory_bytes = totals.peak_memory_bytes.max(memory.used);
            }
        }
    }

    /// Returns the name of a GPU, given its CUDA device number; `None` if NVML does not report it.
    pub fn gpu_name(&self, id: u32) -> Option<String> {
        gpu_device(&self.visible, id)?.name().ok()
    }

    /// Returns the free memory of a GPU in bytes, given its CUDA device number; `None` if NVML does not report it.
    pub fn free_bytes(&self, id: u32) -> Option<u64> {
        Some(gpu_device(&self.visible, id)?.memory_info().ok()?.free)
    }

    /// Returns the mean utilization of the GPUs (0 to 1) and the peak memory in use on one of them (bytes); `None`
    /// without samples.
    pub fn totals(&self) -> Option<(f64, u64)> {
        let totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        (totals.samples > 0)
            .then(|| (totals.busy_percent as f64 / totals.samples as f64 / 100.0, totals.peak_memory_bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_numbers_follow_cuda_visible_devices() {
        let visible = VisibleGpus::parse(Some("3, GPU-8932f937,1,x,0"));
        assert_eq!(visible.selector(0), Some(GpuSelector::Index(3)));
        assert_eq!(visible.selector(1), Some(GpuSelector::Uuid("GPU-8932f937".into())));
        assert_eq!(visible.selector(2), Some(GpuSelector::Index(1)));
        assert_eq!(visible.selector(3), None, "an invalid entry ends the list");
        assert_eq!(VisibleGpus::parse(None).selector(7), Some(GpuSelector::Index(7)));
        for none in ["", "-1", "none"] {
            assert_eq!(VisibleGpus::parse(Some(none)).selector(0), None, "{none:?}");
        }
    }
}
