//! What the driver of NVIDIA's GPUs says of them. Absent where there is none.
//!
//! The only file that knows NVML, whose library is found at run time. It numbers all GPUs of the
//! machine, and CUDA only those that `CUDA_VISIBLE_DEVICES` shows: see [`Visible`]. Must never import
//! anything of this crate.

use std::sync::{Mutex, OnceLock, PoisonError};

use nvml_wrapper::{Device, Nvml};

/// The GPUs that CUDA shows this process, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Visible {
    All,
    These(Vec<Which>),
}

/// A GPU as `CUDA_VISIBLE_DEVICES` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    Number(u32),
    /// The beginning of it does.
    Uuid(String),
}

impl Visible {
    /// What the variable says. As CUDA reads it: what stands after a word that names no GPU is not shown.
    pub fn read(variable: Option<&str>) -> Self {
        let Some(words) = variable else { return Self::All };
        let which = |word: &str| match word.trim() {
            uuid if uuid.starts_with("GPU-") || uuid.starts_with("MIG-") => Some(Which::Uuid(uuid.to_owned())),
            number => number.parse().ok().map(Which::Number),
        };
        Self::These(words.split(',').map_while(which).collect())
    }

    /// What CUDA numbers so.
    fn which(&self, id: u32) -> Option<Which> {
        match self {
            Self::All => Some(Which::Number(id)),
            Self::These(shown) => shown.get(usize::try_from(id).ok()?).cloned(),
        }
    }
}

fn nvml() -> Option<&'static Nvml> {
    static NVML: OnceLock<Option<Nvml>> = OnceLock::new();
    NVML.get_or_init(|| Nvml::init().ok()).as_ref()
}

fn device(visible: &Visible, id: u32) -> Option<Device<'static>> {
    let nvml = nvml()?;
    match visible.which(id)? {
        Which::Number(number) => nvml.device_by_index(number).ok(),
        Which::Uuid(start) => {
            let mut all = (0..nvml.device_count().ok()?).filter_map(|at| nvml.device_by_index(at).ok());
            all.find(|device| device.uuid().is_ok_and(|uuid| uuid.starts_with(&start)))
        }
    }
}

/// The name of the first GPU that CUDA shows.
pub fn first(visible: &Visible) -> Option<String> {
    device(visible, 0)?.name().ok()
}

/// Samples of all GPUs.
pub struct Gauge {
    visible: Visible,
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
    /// Nothing was seen yet.
    pub fn new(visible: Visible) -> Self {
        Self { visible, seen: Mutex::default() }
    }

    /// Begins anew.
    pub fn reset(&self) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Seen::default();
    }

    /// Looks at the GPUs that CUDA numbers so.
    pub fn sample(&self, ids: &[u32]) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for id in ids {
            let Some(device) = device(&self.visible, *id) else { continue };
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
        device(&self.visible, id)?.name().ok()
    }

    /// Bytes of a GPU's memory that nobody uses now.
    pub fn free_bytes(&self, id: u32) -> Option<u64> {
        Some(device(&self.visible, id)?.memory_info().ok()?.free)
    }

    /// Share of the time that they were busy, and the most memory in use.
    pub fn seen(&self) -> Option<(f64, u64)> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        (seen.samples > 0).then(|| (seen.busy as f64 / seen.samples as f64 / 100.0, seen.memory_bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_gpus_that_cuda_shows() {
        let shown = Visible::read(Some("3, GPU-8932f937,1,x,0"));
        assert_eq!(shown.which(0), Some(Which::Number(3)));
        assert_eq!(shown.which(1), Some(Which::Uuid("GPU-8932f937".into())));
        assert_eq!(shown.which(2), Some(Which::Number(1)));
        assert_eq!(shown.which(3), None, "what stands after a word that is none is not shown");
        assert_eq!(Visible::read(None).which(7), Some(Which::Number(7)));
        for none in ["", "-1", "none"] {
            assert_eq!(Visible::read(Some(none)).which(0), None, "{none:?}");
        }
    }
}
