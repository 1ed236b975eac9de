//! Formats the report about the device that runs a model.

use engine::DeviceReport;
use mcp_schema::project::DeviceOutput;
use text::display::sanitize_line;

/// Converts a device report to its wire type; times become percentages of their sum.
pub fn to_device_output(report: &DeviceReport) -> DeviceOutput {
    let waits = [report.waits_for_chunks_seconds, report.waits_for_tokens_seconds, report.waits_for_output_seconds];
    let total_seconds = report.busy_seconds + waits.iter().sum::<f64>();
    let percent = |share: f64| (share * 100.0).clamp(0.0, 100.0).round();
    let percent_of_time = |seconds: f64| if total_seconds > 0.0 { percent(seconds / total_seconds) } else { 0.0 };
    DeviceOutput {
        asked: sanitize_line(&report.asked),
        running: report.devices.iter().map(|device| sanitize_line(device)).collect(),
        passed_over: report.passed_over.iter().map(|reason| sanitize_line(reason)).collect(),
        library: sanitize_line(&report.library),
        texts: report.texts,
        busy_percent: percent_of_time(report.busy_seconds),
        waiting_for_chunks_percent: percent_of_time(report.waits_for_chunks_seconds),
        waiting_for_tokenizer_percent: percent_of_time(report.waits_for_tokens_seconds),
        waiting_for_output_percent: percent_of_time(report.waits_for_output_seconds),
        padding_percent: percent(report.padding),
        batch_tokens: report.batch_tokens,
        out_of_memory: report.out_of_memory,
        gpu_utilization_percent: report.gpu_utilization.map(percent),
        gpu_memory_bytes: report.gpu_memory_bytes,
    }
}

/// Returns a sentence about the device.
pub fn format_device(report: &DeviceReport) -> String {
    sanitize_line(&report.summary())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_names_the_devices_and_their_waiting_times() {
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
        let output = to_device_output(&report);
        let shares = [
            output.busy_percent,
            output.waiting_for_chunks_percent,
            output.waiting_for_tokenizer_percent,
            output.waiting_for_output_percent,
            output.padding_percent,
        ];
        assert_eq!(shares, [60.0, 20.0, 10.0, 10.0, 4.0]);
        assert_eq!((output.gpu_utilization_percent, output.gpu_memory_bytes), (Some(93.0), Some(7)));
        assert_eq!((output.asked.as_str(), output.running.len()), ("auto", 2));
        assert!(format_device(&report).contains("CUDA:0 and CUDA:1"));
        assert_eq!(to_device_output(&DeviceReport::default()).busy_percent, 0.0, "nothing ran");
    }
}
