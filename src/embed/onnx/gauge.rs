//! What the driver of NVIDIA's GPUs says of them. Absent where there is none.
//!
//! The only file that knows NVML, whose library is found at run time. Must never import anything of
//! this crate.

use std::sync::{Mutex, PoisonError};

use nvml_wrapper::Nvml;

/// Samples of all GPUs.
pub struct Gauge {
    nvml: Option<Nvml>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    samples: u64,
    /// Percent, summed over samples.
    busy: u64,
    memory_bytes: u64,
}

impl Gauge {
    /// Asks for the driver once.
    pub fn new() -> Self {
        Self { nvml: Nvml::init().ok(), seen: Mutex::default() }
    }

    /// Begins anew.
    pub fn reset(&self) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Seen::default();
    }

    /// Looks at the GPUs of these numbers.
    pub fn sample(&self, ids: &[u32]) {
        let Some(nvml) = &self.nvml else { return };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for id in ids {
            let Ok(device) = nvml.device_by_index(*id) else { continue };
            if let Ok(rates) = device.utilization_rates() {
                seen.samples += 1;
                seen.busy += u64::from(rates.gpu);
            }
            if let Ok(memory) = device.memory_info() {
                seen.memory_bytes = seen.memory_bytes.max(memory.used);
            }
        }
    }

    /// Name of a GPU.
    pub fn name(&self, id: u32) -> Option<String> {
        self.nvml.as_ref()?.device_by_index(id).ok()?.name().ok()
    }

    /// Bytes of a GPU's memory that nobody uses now.
    pub fn free_bytes(&self, id: u32) -> Option<u64> {
        Some(self.nvml.as_ref()?.device_by_index(id).ok()?.memory_info().ok()?.free)
    }

    /// Share of the time that they were busy, and the most memory in use.
    pub fn seen(&self) -> Option<(f64, u64)> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        (seen.samples > 0).then(|| (seen.busy as f64 / seen.samples as f64 / 100.0, seen.memory_bytes))
    }
}
