//! A report of the work of a model's devices in an index run.

use serde::{Deserialize, Serialize};

/// The devices that ran a model and how their time was spent. Seconds are summed over devices.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DeviceReport {
    pub model: String,
    /// The device that `--device` requested.
    pub asked: String,
    /// The devices that run the model; empty before the model is loaded.
    pub devices: Vec<String>,
    /// Reasons why `auto` passed over preferred devices.
    pub passed_over: Vec<String>,
    /// The ONNX Runtime library and its version; empty before the model is loaded.
    pub library: String,
    pub texts: u64,
    pub batches: u64,
    /// Tokens without padding.
    pub tokens: u64,
    /// Share of padding in all tokens, 0 to 1.
    pub padding: f64,
    /// Tokens in a full batch, including padding.
    pub batch_tokens: u64,
    /// Seconds spent in calls of the model.
    pub busy_seconds: f64,
    /// Seconds between calls, waiting for chunks from the parsers.
    pub waits_for_chunks_seconds: f64,
    /// Seconds between calls, waiting for the tokenizer.
    #[serde(default)]
    pub waits_for_tokens_seconds: f64,
    /// Seconds between calls, pooling vectors and handing them on.
    pub waits_for_output_seconds: f64,
    /// Seconds spent in calls of the tokenizer, summed over the threads that embed.
    pub tokenizing_seconds: f64,
    /// Number of batches that did not fit in the device's memory.
    pub out_of_memory: u64,
    /// Mean GPU utilization as the driver reports it, 0 to 1; `None` without a driver that reports it.
    pub gpu_utilization: Option<f64>,
    /// Highest measured memory use of a GPU, by all processes together; `None` if it was not measured.
    pub gpu_memory_bytes: Option<u64>,
}

impl DeviceReport {
    /// Returns a one-line summary, such as `all-MiniLM-L6-v2:int8 on CPU: busy 97 %, waits for chunks 1 %, for
    /// the tokenizer 1 %, for output 1 %; padding 3 %`.
    pub fn summary(&self) -> String {
        let devices = if self.devices.is_empty() { self.asked.clone() } else { self.devices.join(" and ") };
        let mut summary = format!("{} on {devices}", self.model);
        if self.asked == "auto" && !self.passed_over.is_empty() {
            summary.push_str(&format!(" (fell back: {})", self.passed_over.join("; ")));
        }
        let waits = self.waits_for_chunks_seconds + self.waits_for_tokens_seconds + self.waits_for_output_seconds;
        let total = self.busy_seconds + waits;
        if self.batches == 0 || total <= 0.0 {
            return summary;
        }
        let percent = |part: f64| format!("{:.0} %", part * 100.0);
        summary.push_str(&format!(
            ": busy {}, waits for chunks {}, for the tokenizer {}, for output {}; padding {}",
            percent(self.busy_seconds / total),
            percent(self.waits_for_chunks_seconds / total),
            percent(self.waits_for_tokens_seconds / total),
            percent(self.waits_for_output_seconds / total),
            percent(self.padding),
        ));
        if let Some(share) = self.gpu_utilization {
            summary.push_str(&format!("; GPU utilization {}", percent(share)));
        }
        if let Some(bytes) = self.gpu_memory_bytes {
            summary.push_str(&format!(", GPU memory {:.1} GiB", bytes as f64 / f64::from(1_u32 << 30)));
        }
        if self.out_of_memory > 0 {
            summary.push_str(&format!("; {} batches halved for lack of memory", self.out_of_memory));
        }
        summary
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_names_the_devices_that_ran_and_what_they_waited_for() {
        let report = DeviceReport {
            model: "m".into(),
            asked: "auto".into(),
            devices: vec!["CPU".into()],
            passed_over: vec!["CUDA: no driver".into()],
            batches: 3,
            busy_seconds: 8.0,
            waits_for_chunks_seconds: 1.5,
            waits_for_tokens_seconds: 0.5,
            padding: 0.034,
            gpu_utilization: Some(0.93),
            gpu_memory_bytes: Some(3 << 29),
            ..DeviceReport::default()
        };
        let expected = "m on CPU (fell back: CUDA: no driver): busy 80 %, waits for chunks 15 %, for the tokenizer 5 %, \
             for output 0 %; padding 3 %; GPU utilization 93 %, GPU memory 1.5 GiB";
        assert_eq!(report.summary(), expected);
    }
}
