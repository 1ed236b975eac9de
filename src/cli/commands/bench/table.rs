//! The table that `codescry bench pipeline` prints.

use serde::Deserialize as _;

use engine::Stage;

use super::variants::TREE_SITTER_ALONE;
use crate::cli::json_output::bench::{RefusedRunJson, VariantRunsJson};
use crate::cli::json_output::index::MeasuredRunJson;

/// Formats the variants as a table: for each the run with the median time, or the reason why the pipeline refused its
/// settings.
pub fn bench_table(rows: &[VariantRunsJson]) -> Vec<String> {
    let mut lines = vec![format!(
        "{:<30}{:>9}{:>7}{:>9}{:>10}{:>10}  parse, embed, write: busy/waits for input/waits for output, percent of the run",
        "variant", "seconds", "ratio", "files/s", "chunks/s", "memory"
    )];
    let first = rows.first().and_then(median_run).map_or(f64::NAN, |ran| ran.seconds);
    for row in rows {
        let Some(ran) = median_run(row) else {
            let refused = row.runs.first().and_then(|run| RefusedRunJson::deserialize(run).ok());
            let refused = refused.map_or_else(|| "no result".to_owned(), |run| run.refused);
            lines.push(format!("{:<30}{}", row.name, terminal_text::escape_controls(&refused)));
            continue;
        };
        let rate = |count: u64| count as f64 / ran.seconds;
        lines.push(format!(
            "{:<30}{:>9.2}{:>7.2}{:>9.0}{:>10.0}{:>10}  {}",
            row.name,
            ran.seconds,
            ran.seconds / first,
            rate(ran.files_indexed),
            rate(ran.chunks),
            terminal_text::format_bytes(ran.peak_memory_bytes),
            [Stage::Parse, Stage::Embed, Stage::Write].map(|stage| stage_percentages(&ran, stage)).join("  "),
        ));
        lines.extend(tree_sitter_line(row, &ran, first));
    }
    lines
}

/// Returns a table line with the parse time of the "tree-sitter alone" run, without the walk and the reads; `None` for
/// other variants, and without a measurement of parsing.
fn tree_sitter_line(row: &VariantRunsJson, ran: &MeasuredRunJson, first: f64) -> Option<String> {
    let parse = ran.stages.iter().find(|stage| stage.stage == Stage::Parse && row.name == TREE_SITTER_ALONE)?;
    let seconds = parse.busy_seconds / parse.threads.max(1) as f64;
    Some(format!("{:<30}{:>9.2}{:>7.2}", "… without walk and reads", seconds, seconds / first))
}

/// Returns the run with the median time, the slower of the two in the middle of an even number; `None` if no run was
/// measured.
fn median_run(row: &VariantRunsJson) -> Option<MeasuredRunJson> {
    let mut runs: Vec<MeasuredRunJson> =
        row.runs.iter().filter_map(|run| serde_json::from_value(run.clone()).ok()).collect();
    runs.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    runs.get(runs.len() / 2).cloned()
}

/// Formats the time shares of a stage in percent, such as `parse 98/1/0`: busy / waiting for input / waiting for
/// output. Empty if the run has no such stage.
fn stage_percentages(ran: &MeasuredRunJson, name: Stage) -> String {
    let Some(stage) = ran.stages.iter().find(|stage| stage.stage == name) else { return String::new() };
    let percent = |seconds: f64| (seconds / ran.seconds / stage.threads.max(1) as f64 * 100.0).min(100.0);
    let parts = [stage.busy_seconds, stage.waiting_for_input_seconds, stage.waiting_for_output_seconds];
    let parts = parts.map(|seconds| format!("{:.0}", percent(seconds)));
    format!("{name} {}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(seconds: f64) -> serde_json::Value {
        let stage = json!({
            "stage": "parse", "threads": 2, "busy_seconds": seconds, "waiting_for_input_seconds": 0.0,
            "waiting_for_output_seconds": 0.0,
        });
        json!({ "seconds": seconds, "files_indexed": 60, "chunks": 120, "peak_memory_bytes": 2048, "stages": [stage] })
    }

    #[test]
    fn a_refused_variant_is_shown_with_its_reason_and_others_with_their_median() {
        let measured = VariantRunsJson { name: "pipeline", runs: vec![run(9.0), run(2.0), run(3.0)] };
        let reason = json!({ "refused": "too little memory\x1b" });
        let refused = VariantRunsJson { name: "everything first", runs: vec![reason] };
        let lines = bench_table(&[measured, refused]);
        assert!(lines[1].starts_with("pipeline") && lines[1].contains(" 3.00   1.00 "), "{}", lines[1]);
        assert!(lines[1].ends_with("2.0 KiB  parse 50/0/0    "), "{:?}", lines[1]);
        assert_eq!(lines[2], "everything first              too little memory\\u{1b}");
    }
}
