//! Renders the run in progress and the report of a finished run.

use engine::{IndexReport, find_bottleneck};
use mcp_schema::project::{ActiveRunOutput, RunReportOutput};
use platform::clock::duration_ms;

use super::device;
use crate::roots::runs::IndexRunState;

/// Formats a finished run, such as `3 files indexed, 120 unchanged, 1 removed, 45 chunks in 0.8 s`, followed by the
/// device that ran the model, if it needed one.
pub fn format_run_report(report: &IndexReport) -> String {
    let device = report.device.as_ref().map(|report| format!("; {}", device::format_device(report)));
    format!(
        "{} files indexed, {} unchanged, {} removed, {} chunks in {:.1} s{}",
        report.files_indexed,
        report.files_unchanged,
        report.files_removed,
        report.chunks,
        report.elapsed.as_secs_f64(),
        device.unwrap_or_default()
    )
}

/// Returns the wire type of the run in progress; `None` if there is none.
pub fn to_active_run_output(state: &IndexRunState) -> Option<ActiveRunOutput> {
    let running = state.running.as_ref()?;
    let progress = running.progress.as_ref();
    Some(ActiveRunOutput {
        files_done: progress.map_or(0, |progress| progress.files_done),
        files_found: progress.map_or(0, |progress| progress.files_found),
        walk_ended: progress.is_some_and(|progress| progress.walk_ended),
        chunks: progress.map_or(0, |progress| progress.chunks),
        elapsed_ms: duration_ms(running.started_at.elapsed()),
    })
}

/// Converts the report of a run to its wire type.
pub fn to_run_report_output(report: &IndexReport) -> RunReportOutput {
    let slowest = find_bottleneck(&report.stages, report.elapsed);
    RunReportOutput {
        files_found: report.files_found,
        files_indexed: report.files_indexed,
        files_unchanged: report.files_unchanged,
        files_removed: report.files_removed,
        chunks: report.chunks,
        elapsed_ms: duration_ms(report.elapsed),
        bottleneck: slowest.map_or_else(String::new, |slowest| slowest.to_string()),
        device: report.device.as_ref().map(device::to_device_output),
        redone_because: report.redone_because.clone(),
    }
}
