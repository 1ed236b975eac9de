//! The table that `codescry bench pipeline` prints.

use serde::Deserialize as _;

use engine::Stage;

use super::variants::TREE_SITTER_ALONE;
use crate::cli::json_output::bench::{RefusedRunJson, VariantRunsJson};
use crate::cli::json_output::index::MeasuredRunJson;

/// Minimum width, in columns, at which a variant is one line.
const ONE_LINE_COLUMNS: usize = 158;

/// Minimum width, in columns, at which the numbers of a variant are beside its name.
const NUMBERS_COLUMNS: usize = 78;

/// Formats the variants as a table for a terminal of `columns` columns: for each the run with the median time, or the
/// reason why the pipeline refused its settings. On a narrow terminal, a variant has several lines.
pub fn bench_table(rows: &[VariantRunsJson], columns: usize) -> Vec<String> {
    let numbers = format!("{:>9}{:>7}{:>9}{:>10}{:>12}", "seconds", "ratio", "files/s", "chunks/s", "memory");
    let stages = "parse, embed, write: busy/waits for input/waits for output, percent of the run";
    let mut lines = fold_row("variant", &numbers, stages, columns);
    let first = rows.first().and_then(median_run).map_or(f64::NAN, |ran| ran.seconds);
    for row in rows {
        let Some(ran) = median_run(row) else {
            let refused = row.runs.first().and_then(|run| RefusedRunJson::deserialize(run).ok());
            let refused = refused.map_or_else(|| "no result".to_owned(), |run| run.refused);
            lines.extend(fold_row(row.name, "", &terminal_text::escape_controls(&refused), columns));
            continue;
        };
        let rate = |count: u64| count as f64 / ran.seconds;
        let numbers = format!(
            "{:>9.2}{:>7.2}{:>9.0}{:>10.0}{:>12}",
            ran.seconds,
            ran.seconds / first,
            rate(ran.files_indexed),
            rate(ran.chunks),
            terminal_text::format_bytes(ran.peak_memory_bytes),
        );
        let stages = [Stage::Parse, Stage::Embed, Stage::Write].map(|stage| stage_percentages(&ran, stage));
        let stages: Vec<String> = stages.into_iter().filter(|stage| !stage.is_empty()).collect();
        lines.extend(fold_row(row.name, &numbers, &stages.join("  "), columns));
        if let Some(numbers) = tree_sitter_numbers(row, &ran, first) {
            lines.extend(fold_row("… without walk and reads", &numbers, "", columns));
        }
    }
    lines
}

/// Returns a row as one line if `columns` suffice, otherwise as several lines, of which the later ones are indented.
fn fold_row(name: &str, numbers: &str, rest: &str, columns: usize) -> Vec<String> {
    let is_beside = columns >= NUMBERS_COLUMNS;
    let mut lines = match (numbers, rest) {
        ("", rest) if is_beside => return vec![format!("{name:<30}{rest}")],
        (numbers, rest) if columns >= ONE_LINE_COLUMNS => {
            return vec![format!("{name:<30}{numbers}  {rest}").trim_end().to_owned()];
        }
        (numbers, _) if is_beside => vec![format!("{name:<30}{numbers}")],
        (numbers, _) => vec![name.to_owned(), format!("  {numbers}")],
    };
    lines.push(format!("  {rest}"));
    lines.retain(|line| !line.trim().is_empty());
    lines
}

/// Returns the seconds and the ratio of the "tree-sitter alone" run without the walk and the reads; `None` for other
/// variants, and without a measurement of parsing.
fn tree_sitter_numbers(row: &VariantRunsJson, ran: &MeasuredRunJson, first: f64) -> Option<String> {
    let parse = ran.stages.iter().find(|stage| stage.stage == Stage::Parse && row.name == TREE_SITTER_ALONE)?;
    let seconds = parse.busy_seconds / parse.threads.max(1) as f64;
    Some(format!("{seconds:>9.2}{:>7.2}", seconds / first))
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
        let rows = [measured, refused];
        let lines = bench_table(&rows, usize::MAX);
        assert!(lines[1].starts_with("pipeline") && lines[1].contains(" 3.00   1.00 "), "{}", lines[1]);
        assert!(lines[1].ends_with("2.0 KiB  parse 50/0/0"), "{:?}", lines[1]);
        assert_eq!(lines[2], "everything first              too little memory\\u{1b}");
        let narrow = bench_table(&rows, 60);
        assert_eq!(
            narrow[3..],
            [
                "pipeline",
                "       3.00   1.00       20        40     2.0 KiB",
                "  parse 50/0/0",
                "everything first",
                "  too little memory\\u{1b}",
            ]
        );
    }

    #[test]
    fn a_row_of_the_table_fits_into_a_narrow_terminal() {
        let (numbers, stages) = ("1".repeat(47), "parse 100/100/100  embed 100/100/100  write 100/100/100");
        for (columns, lines) in [(60, 3), (80, 2), (120, 2), (160, 1)] {
            let row = fold_row("… workers renewed per batch", &numbers, stages, columns);
            assert_eq!(row.len(), lines, "{columns}");
            assert!(row.iter().all(|line| line.chars().count() <= columns), "{columns}: {row:?}");
        }
    }
}
