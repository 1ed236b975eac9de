//! The choice of the device that runs a model.

use std::fmt;
use std::str::FromStr;

/// An execution provider: the hardware interface that runs a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Provider {
    Cpu,
    Cuda,
    TensorRt,
    CoreMl,
    DirectMl,
    Rocm,
    MiGraphX,
    OpenVino,
}

impl Provider {
    /// All providers. `auto` tries them in this order, except TensorRT and OpenVINO.
    pub const ALL: [Self; 8] = [
        Self::Cuda,
        Self::Rocm,
        Self::MiGraphX,
        Self::DirectMl,
        Self::CoreMl,
        Self::TensorRt,
        Self::OpenVino,
        Self::Cpu,
    ];

    /// Returns whether the provider runs on NVIDIA GPUs, with the CUDA libraries.
    pub fn is_nvidia(self) -> bool {
        matches!(self, Self::Cuda | Self::TensorRt)
    }

    /// Returns the name that `--device` accepts.
    pub fn flag_value(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::TensorRt => "tensorrt",
            Self::CoreMl => "coreml",
            Self::DirectMl => "directml",
            Self::Rocm => "rocm",
            Self::MiGraphX => "migraphx",
            Self::OpenVino => "openvino",
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "CPU",
            Self::Cuda => "CUDA",
            Self::TensorRt => "TensorRT",
            Self::CoreMl => "CoreML",
            Self::DirectMl => "DirectML",
            Self::Rocm => "ROCm",
            Self::MiGraphX => "MIGraphX",
            Self::OpenVino => "OpenVINO",
        })
    }
}

/// The choice of the device that runs a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The best available device, the CPU if there is no other.
    #[default]
    Auto,
    /// Only these devices of a provider, by their numbers.
    Named { provider: Provider, ids: Vec<u32> },
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Named { provider, ids } = self else { return f.write_str("auto") };
        f.write_str(provider.flag_value())?;
        if ids == &[0] {
            return Ok(());
        }
        let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
        write!(f, ":{}", ids.join(","))
    }
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let usage = || {
            let names: Vec<&str> = Provider::ALL.iter().map(|provider| provider.flag_value()).collect();
            format!("give auto, {} or one of these with device numbers, such as cuda:0,1", names.join(", "))
        };
        let word = word.trim().to_ascii_lowercase();
        if word == "auto" {
            return Ok(Self::Auto);
        }
        let (name, ids) = word.split_once(':').map_or((word.as_str(), None), |(name, ids)| (name, Some(ids)));
        let provider = Provider::ALL.into_iter().find(|provider| provider.flag_value() == name).ok_or_else(usage)?;
        let Some(ids) = ids else { return Ok(Self::Named { provider, ids: vec![0] }) };
        let ids: Vec<u32> = ids.split(',').map(str::parse).collect::<Result<_, _>>().map_err(|_| usage())?;
        let distinct: std::collections::HashSet<&u32> = ids.iter().collect();
        if distinct.len() != ids.len() || provider == Provider::Cpu {
            return Err(usage());
        }
        Ok(Self::Named { provider, ids })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_parsed_as_documented() {
        let named = |provider, ids: &[u32]| Ok(DeviceChoice::Named { provider, ids: ids.to_vec() });
        assert_eq!("auto".parse(), Ok(DeviceChoice::Auto));
        assert_eq!("cpu".parse(), named(Provider::Cpu, &[0]));
        assert_eq!("CUDA:0,1".parse(), named(Provider::Cuda, &[0, 1]));
        assert_eq!("rocm:2".parse(), named(Provider::Rocm, &[2]));
        for word in ["", "gpu", "cuda:", "cuda:x", "cuda:1,1", "cuda:-1", "cpu:1", "auto:0"] {
            let error = word.parse::<DeviceChoice>().expect_err(word);
            assert!(error.contains("cuda:0,1"), "{error}");
        }
        for word in ["auto", "cpu", "cuda", "cuda:1", "tensorrt:0,1"] {
            assert_eq!(word.parse::<DeviceChoice>().expect("a device").to_string(), word);
        }
    }
}
