//! The report of an index run as text.

use std::collections::BTreeMap;
use std::time::Duration;

use super::palette::{Palette, TextRole};
use ::text::display::escape_name;
use engine::{IndexReport, RepoPath, StageRecord, find_bottleneck};

/// Maximum number of problems listed.
const MAX_PROBLEMS: usize = 10;

/// Returns the summary of a run, with the table of its stages if `verbose` is set.
pub fn report_lines(report: &IndexReport, verbose: bool, palette: Palette) -> Vec<String> {
    let seconds = terminal_text::format_seconds(report.elapsed);
    let mut summary = match report.files_indexed {
        0 if report.files_found == 0 => {
            format!("no files to index; is this the folder with your code? ({seconds})")
        }
        0 => format!("up to date: {} in {seconds}", terminal_text::pluralize(report.files_unchanged, "file")),
        _ => format!(
            "indexed {} ({}, {}) in {seconds}",
            palette.paint(TextRole::Name, &terminal_text::pluralize(report.files_indexed, "file")),
            terminal_text::pluralize(report.chunks, "chunk"),
            terminal_text::format_bytes(report.bytes),
        ),
    };
    let rate = terminal_text::count_per_second(report.files_indexed, report.elapsed);
    if let Some(rate) = terminal_text::format_rate(rate, "files") {
        summary.push_str(&format!(": {rate}"));
    }
    let mut lines = vec![summary];
    lines.push(found_line(report));
    if report.files_vanished > 0 {
        lines.push(format!(
            "deleted before they could be read: {}",
            terminal_text::pluralize(report.files_vanished, "file")
        ));
    }
    lines.extend(skipped_line(&report.skipped));
    // A run that changed nothing has shown the advice before.
    let is_news = report.files_indexed > 0 || report.files_removed > 0;
    lines.extend(skip_hint(&report.skipped).filter(|_| is_news || verbose));
    lines.extend(report.notes.iter().map(|note| terminal_text::escape_controls(note)));
    if let Some(reason) = &report.redone_because {
        lines.push(format!("all files were indexed again: {}", terminal_text::escape_controls(reason)));
    }
    lines.extend(problem_lines(&report.problems, palette));
    let device = report.device.as_ref().filter(|_| report.files_indexed > 0);
    if verbose || device.is_some() {
        lines.push(String::new());
    }
    if verbose && report.stages.is_empty() {
        lines.push("no stage of the pipeline had work".to_owned());
    } else if verbose {
        let records: Vec<StageRecord> = report.stages.iter().map(StageRecord::from).collect();
        lines.extend(stage_table(&records, report.elapsed));
        lines.extend(find_bottleneck(&report.stages, report.elapsed).map(|found| found.to_string()));
    }
    lines.extend(device.map(|device| terminal_text::escape_controls(&device.summary())));
    lines
}

/// Formats the counts of files so that they add up: the files that were found by name are indexed, unchanged, or left
/// out once they are read, such as binary files.
fn found_line(report: &IndexReport) -> String {
    let IndexReport { files_found, files_indexed, files_unchanged, files_vanished, files_removed, .. } = report;
    let mut line = format!("found {files_found}: indexed {files_indexed}, unchanged {files_unchanged}");
    match files_found.saturating_sub(files_indexed + files_unchanged + files_vanished) {
        0 => {}
        rest => line.push_str(&format!(", left out after reading {rest}")),
    }
    if *files_removed > 0 {
        line.push_str(&format!("; removed from the index {files_removed}"));
    }
    line
}

/// Formats the counts of excluded files as `left out 12 files and folders: binary 2, ignored 10`. `None` if there are
/// none.
pub fn skipped_line(skipped: &BTreeMap<String, u64>) -> Option<String> {
    let total: u64 = skipped.values().sum();
    let reasons: Vec<String> = skipped.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
    let paths = if total == 1 { "file or folder" } else { "files and folders" };
    (total > 0).then(|| format!("left out {total} {paths}: {}", reasons.join(", ")))
}

/// Explains how to list the skipped paths with their reasons, what data are, and how to include the paths that a user may
/// include. `None` if a user may include none of them and none is data.
pub fn skip_hint(skipped: &BTreeMap<String, u64>) -> Option<String> {
    let has = |reasons: &[&str]| reasons.iter().any(|reason| skipped.contains_key(*reason));
    let remedies = [
        (
            has(&["hidden", "ignored", "packages", "repository-copy"]),
            "a rule such as `!FOLDER/` in .codescryignore includes one",
        ),
        (has(&["secret"]), "`codescry index --help` tells how to include a file that only looks like a secret"),
        (has(&["other-file-system"]), "--cross-file-systems includes folders on other file systems (mounts)"),
        (has(&["data"]), "data are rows, logs and other records, which are never indexed"),
    ];
    let due: Vec<&str> = remedies.into_iter().filter(|(is_due, _)| *is_due).map(|(_, remedy)| remedy).collect();
    let hint = || format!("`codescry index --dry-run` lists each path with its reason; {}", due.join("; "));
    (!due.is_empty()).then(hint)
}

/// Lists the first [`MAX_PROBLEMS`] problems, one per line, below their number; empty if there are none.
pub fn problem_lines(problems: &[(RepoPath, String)], palette: Palette) -> Vec<String> {
    if problems.is_empty() {
        return Vec::new();
    }
    let count = terminal_text::pluralize(problems.len() as u64, "problem");
    let mut lines =
        vec![palette.paint(TextRole::Warning, &format!("{count} (these files can still be searched as text)"))];
    for (path, problem) in problems.iter().take(MAX_PROBLEMS) {
        lines.push(terminal_text::escape_controls(&format!("  {}: {problem}", escape_name(path.as_str()))));
    }
    if problems.len() > MAX_PROBLEMS {
        lines.push(format!("  … and {} more; --json lists all", problems.len() - MAX_PROBLEMS));
    }
    lines
}

/// Returns a table of the time that each stage was busy, starved (waiting for input) and blocked (waiting for output),
/// in percent of the run, and of the mean length of the queue in front of it.
pub fn stage_table(stages: &[StageRecord], elapsed: Duration) -> Vec<String> {
    let mut lines = vec![format!(
        "{:<6}{:>8}{:>9}{:>7}{:>9}{:>9}{:>11}",
        "stage", "threads", "items", "busy", "starved", "blocked", "queue"
    )];
    for stage in stages {
        let whole = elapsed.as_secs_f64() * stage.threads.max(1) as f64;
        let percent = |part: f64| if whole > 0.0 { (part / whole * 100.0).min(100.0) } else { 0.0 };
        let (busy, input) = (percent(stage.busy_seconds), percent(stage.waiting_for_input_seconds));
        let output = percent(stage.waiting_for_output_seconds);
        let queue = match stage.queue_capacity {
            0 => String::new(),
            capacity => format!("{:.1}/{capacity}", stage.queue_mean),
        };
        let (name, threads, items) = (stage.stage, stage.threads, stage.items);
        lines.push(format!("{name:<6}{threads:>8}{items:>9}{busy:>5.0} %{input:>7.0} %{output:>7.0} %{queue:>11}"));
        // The walk has no queue.
        lines.last_mut().into_iter().for_each(|line| line.truncate(line.trim_end().len()));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Palette = Palette { is_coloured: false, columns: 80 };

    fn report() -> IndexReport {
        IndexReport {
            files_found: 12,
            files_indexed: 10,
            files_unchanged: 2,
            files_removed: 1,
            files_vanished: 0,
            skipped: BTreeMap::from([("binary".to_owned(), 2), ("ignored".to_owned(), 3)]),
            problems: (0..12).map(|n| (RepoPath::new(format!("{n}.c")), "gave up\x1b".to_owned())).collect(),
            ignore_faults: Vec::new(),
            unread: Vec::new(),
            changed: engine::ChangedFiles::default(),
            notes: vec!["too large for --max-memory: 1".to_owned()],
            chunks: 40,
            bytes: 2048,
            redone_because: Some("a rebuild was requested".to_owned()),
            elapsed: Duration::from_secs(2),
            stages: Vec::new(),
            vectors_computed: 30,
            vectors_reused: 10,
            embed_batch: 64,
            in_flight_peak_bytes: 4096,
            peak_memory_bytes: Some(8192),
            device: None,
        }
    }

    #[test]
    fn the_summary_lists_counts_and_reasons() {
        let lines = report_lines(&report(), false, PLAIN);
        assert_eq!(
            lines[..6],
            [
                "indexed 10 files (40 chunks, 2.0 KiB) in 2.00 s: 5 files/s",
                "found 12: indexed 10, unchanged 2; removed from the index 1",
                "left out 5 files and folders: binary 2, ignored 3",
                "`codescry index --dry-run` lists each path with its reason; a rule such as `!FOLDER/` in .codescryignore \
                 includes one",
                "too large for --max-memory: 1",
                "all files were indexed again: a rebuild was requested",
            ]
        );
    }

    #[test]
    fn counts_add_up_and_a_run_without_changes_says_so() {
        let read = IndexReport { files_found: 15, files_removed: 0, ..report() };
        assert_eq!(report_lines(&read, false, PLAIN)[1], "found 15: indexed 10, unchanged 2, left out after reading 3");
        let none = IndexReport { files_found: 2, files_indexed: 0, files_removed: 0, ..report() };
        assert_eq!(
            report_lines(&none, false, PLAIN)[..2],
            ["up to date: 2 files in 2.00 s", "found 2: indexed 0, unchanged 2"]
        );
        let advises = |verbose| report_lines(&none, verbose, PLAIN).iter().any(|line| line.contains("--dry-run"));
        assert_eq!([advises(false), advises(true)], [false, true], "a run before has advised");
        let empty = IndexReport { files_found: 0, files_indexed: 0, files_removed: 0, ..report() };
        assert!(report_lines(&empty, false, PLAIN)[0].starts_with("no files to index; is this the folder"));
    }

    #[test]
    fn a_rate_of_zero_is_left_out() {
        let slow = IndexReport { files_indexed: 1, elapsed: Duration::from_secs(9), ..report() };
        assert_eq!(report_lines(&slow, false, PLAIN)[0], "indexed 1 file (40 chunks, 2.0 KiB) in 9.00 s");
    }

    #[test]
    fn a_run_without_changes_has_its_stages_with_verbose() {
        let stages = vec![engine::StageReport { items: 2, ..engine::StageReport::new(engine::Stage::Walk) }];
        let unchanged = IndexReport { files_found: 2, files_indexed: 0, stages, ..report() };
        let verbose = report_lines(&unchanged, true, PLAIN);
        assert!(verbose.iter().any(|line| line.starts_with("stage ")), "{verbose:?}");
        assert!(verbose.iter().any(|line| line.starts_with("walk ")), "{verbose:?}");
        assert!(!report_lines(&unchanged, false, PLAIN).iter().any(|line| line.starts_with("stage ")));
        let none = IndexReport { stages: Vec::new(), ..unchanged };
        assert!(report_lines(&none, true, PLAIN).contains(&"no stage of the pipeline had work".to_owned()));
    }

    #[test]
    fn there_is_one_hint_for_all_reasons() {
        let hint = |reasons: &[&str]| skip_hint(&reasons.iter().map(|reason| ((*reason).to_owned(), 1)).collect());
        assert_eq!(hint(&["binary"]), None);
        let data = hint(&["data"]).expect("a hint");
        assert!(data.ends_with("; data are rows, logs and other records, which are never indexed"), "{data}");
        let both = hint(&["secret", "ignored"]).expect("a hint");
        assert_eq!(both.matches("--dry-run").count(), 1);
        assert!(both.contains(".codescryignore") && both.contains("index --help"), "{both}");
    }

    #[test]
    fn the_table_of_stages_fits_into_a_narrow_terminal() {
        let stage = StageRecord {
            threads: 64,
            items: 12_345_678,
            busy_seconds: 640.0,
            waiting_for_input_seconds: 640.0,
            waiting_for_output_seconds: 640.0,
            queue_mean: 31.9,
            queue_capacity: 65_536,
            ..StageRecord::from(&engine::StageReport::new(engine::Stage::Parse))
        };
        let table = stage_table(&[stage], Duration::from_secs(10));
        assert!(table.iter().all(|line| line.len() < 60), "{table:?}");
        assert_eq!(table[1], "parse       64 12345678  100 %    100 %    100 % 31.9/65536");
    }

    #[test]
    fn ten_problems_are_listed_and_the_rest_counted() {
        let lines = problem_lines(&report().problems, PLAIN);
        assert_eq!((lines.len(), lines[1].as_str()), (12, "  0.c: gave up\\u{1b}"));
        assert!(lines[11].contains("2 more"));
    }
}
