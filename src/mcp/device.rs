//! What runs a model, in answers: as data and in words.
//!
//! Must never import: anything of this crate but `engine`.

use super::answer::clean;
use super::wire::DeviceOutput;
use crate::engine::DeviceReport;

/// As it goes over the wire.
pub fn output(report: &DeviceReport) -> DeviceOutput {
    let waits = [report.waits_for_chunks_seconds, report.waits_for_tokens_seconds, report.waits_for_output_seconds];
    let whole = report.busy_seconds + waits.iter().sum::<f64>();
    let percent = |part: f64| (part * 100.0).clamp(0.0, 100.0).round();
    let of_time = |seconds: f64| if whole > 0.0 { percent(seconds / whole) } else { 0.0 };
    DeviceOutput {
        asked: clean(&report.asked),
        running: report.devices.iter().map(|device| clean(device)).collect(),
        passed_over: report.passed_over.iter().map(|reason| clean(reason)).collect(),
        library: clean(&report.library),
        texts: report.texts,
        busy_percent: of_time(report.busy_seconds),
        waiting_for_chunks_percent: of_time(report.waits_for_chunks_seconds),
        waiting_for_tokenizer_percent: of_time(report.waits_for_tokens_seconds),
        waiting_for_output_percent: of_time(report.waits_for_output_seconds),
        padding_percent: percent(report.padding),
        batch_tokens: report.batch_tokens,
        out_of_memory: report.out_of_memory,
        gpu_utilization_percent: report.gpu_utilization.map(percent),
        gpu_memory_bytes: report.gpu_memory_bytes,
    }
}

/// In a sentence.
pub fn in_words(report: &DeviceReport) -> String {
    clean(&report.sentence())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_really_ran_and_what_it_waited_for_goes_over_the_wire() {
        let report = DeviceReport {
            asked: "auto".into(),
            devices: vec!["CUDA:0".into(), "CUDA:1".into()],
            batches: 2,
            busy_seconds: 6.0,
            waits_for_chunks_seconds: 2.0,
            waits_for_tokens_seconds: 1.0,
            waits_for_output_seconds: 1.0,
            padding: 0.04,
            gpu_utilization: Some(0.93),
            gpu_memory_bytes: Some(7),
            ..DeviceReport::default()
        };
        let made = output(&report);
        let shares = [
            made.busy_percent,
            made.waiting_for_chunks_percent,
            made.waiting_for_tokenizer_percent,
            made.waiting_for_output_percent,
            made.padding_percent,
        ];
        assert_eq!(shares, [60.0, 20.0, 10.0, 10.0, 4.0]);
        assert_eq!((made.gpu_utilization_percent, made.gpu_memory_bytes), (Some(93.0), Some(7)));
        assert_eq!((made.asked.as_str(), made.running.len()), ("auto", 2));
        assert!(in_words(&report).contains("CUDA:0 and CUDA:1"));
        assert_eq!(output(&DeviceReport::default()).busy_percent, 0.0, "nothing ran");
    }
}
