//! What a device did in an index run.
//!
//! Must never import anything of this crate.

use serde::{Deserialize, Serialize};

/// What ran a model, and how its time went. Seconds are summed over devices.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DeviceReport {
    pub model: String,
    /// What was asked for: `--device`.
    pub asked: String,
    /// What really ran; empty before the first text.
    pub devices: Vec<String>,
    /// Why `auto` did not take something better.
    pub passed_over: Vec<String>,
    /// The ONNX Runtime library and its version.
    pub library: String,
    pub texts: u64,
    pub batches: u64,
    /// Without padding.
    pub tokens: u64,
    /// Share of tokens with padding that were padding, 0 to 1.
    pub padding: f64,
    /// Tokens with padding in a full batch.
    pub batch_tokens: u64,
    /// In calls of the model.
    pub busy_seconds: f64,
    /// Between calls, because no chunks were there: for the parsers.
    pub waits_for_chunks_seconds: f64,
    /// Between calls, while tokens were made of the next chunks: for the tokenizer.
    #[serde(default)]
    pub waits_for_tokens_seconds: f64,
    /// Between calls, while batches were handed on: for the writer.
    pub waits_for_output_seconds: f64,
    /// Making tokens, in threads of their own.
    pub tokenizing_seconds: f64,
    /// Batches halved because the device's memory was not enough.
    pub out_of_memory: u64,
    /// Mean of what the driver says the GPUs were busy, 0 to 1; `None` where there is none to ask.
    pub gpu_utilization: Option<f64>,
    /// The most memory of GPUs seen in use, by everyone.
    pub gpu_memory_bytes: Option<u64>,
}

impl DeviceReport {
    /// `all-MiniLM-L6-v2:int8 on CPU: busy 97 %, waits for chunks 1 %, for the tokenizer 1 %,
    /// for output 1 %; padding 3 %`
    pub fn sentence(&self) -> String {
        let devices = if self.devices.is_empty() { self.asked.clone() } else { self.devices.join(" and ") };
        let mut said = format!("{} on {devices}", self.model);
        if self.asked == "auto" && !self.passed_over.is_empty() {
            said.push_str(&format!(" (fell back: {})", self.passed_over.join("; ")));
        }
        let waits = self.waits_for_chunks_seconds + self.waits_for_tokens_seconds + self.waits_for_output_seconds;
        let whole = self.busy_seconds + waits;
        if self.batches == 0 || whole <= 0.0 {
            return said;
        }
        let percent = |part: f64| format!("{:.0} %", part * 100.0);
        said.push_str(&format!(
            ": busy {}, waits for chunks {}, for the tokenizer {}, for output {}; padding {}",
            percent(self.busy_seconds / whole),
            percent(self.waits_for_chunks_seconds / whole),
            percent(self.waits_for_tokens_seconds / whole),
            percent(self.waits_for_output_seconds / whole),
            percent(self.padding),
        ));
        if let Some(share) = self.gpu_utilization {
            said.push_str(&format!("; GPU utilization {}", percent(share)));
        }
        if let Some(bytes) = self.gpu_memory_bytes {
            said.push_str(&format!(", GPU memory {:.1} GiB", bytes as f64 / f64::from(1_u32 << 30)));
        }
        if self.out_of_memory > 0 {
            said.push_str(&format!("; {} batches halved for want of memory", self.out_of_memory));
        }
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_names_what_really_ran_and_for_whom_it_waits() {
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
        let said = "m on CPU (fell back: CUDA: no driver): busy 80 %, waits for chunks 15 %, for the tokenizer 5 %, \
             for output 0 %; padding 3 %; GPU utilization 93 %, GPU memory 1.5 GiB";
        assert_eq!(report.sentence(), said);
    }
}
