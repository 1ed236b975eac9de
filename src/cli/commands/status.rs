//! `codescry status`: shows the state of an index.

use std::time::{Duration, SystemTime};

use engine::{Engine, IndexRequest, IndexStatus, Project, RunRecord, RunStatus, TunedModel};

use crate::cli::arguments::{SharedArguments, StatusArguments};
use crate::cli::exit::CommandExit;
use crate::cli::index_run::command_folder::CommandFolder;
use crate::cli::index_run::update_index;
use crate::cli::interrupts::Interrupts;
use crate::cli::json_output::status::StatusJson;
use crate::cli::printer::{self, Printer};
use crate::cli::text_output::palette::{Palette, TextRole};
use crate::cli::text_output::report;

/// Maximum number of projects listed.
const MAX_PROJECTS: usize = 10;

/// Runs `codescry status`.
///
/// # Errors
/// If the folder or the index is invalid. A missing index is not an error.
pub fn run_status(shared: &SharedArguments, arguments: &StatusArguments) -> anyhow::Result<CommandExit> {
    let CommandFolder { settings, part } = CommandFolder::resolve(shared, arguments.path.as_deref())?;
    let server = sharing::shared_server_pid(std::slice::from_ref(&settings), true);
    let engine = Engine::open(settings)?;
    let mut status = engine.status()?;
    if status.damage.is_some() {
        status = repair_index(&engine, shared, status)?;
    }
    let mut printer = Printer::new();
    if arguments.json {
        printer.json(&StatusJson::new(&status))?;
    } else {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        for line in status_lines(&status, now, shared.verbose > 0, Palette::for_stdout(shared)) {
            printer.line(&line)?;
        }
        if let Some(part) = part {
            let part = terminal_text::escape_controls(part.as_str());
            printer.line(&format!(
                "{:<10}{part} has no index of its own: searches there use this one, narrowed",
                "part"
            ))?;
        }
        if let Some(server) = server {
            printer.line(&format!(
                "{:<10}process {server} serves this folder and the worktrees of its repository to all clients",
                "server"
            ))?;
        }
    }
    printer.finish()?;
    Ok(CommandExit::Done)
}

/// Repairs a damaged index and returns its state afterwards, or `status` if another process is writing the index.
fn repair_index(engine: &Engine, shared: &SharedArguments, status: IndexStatus) -> anyhow::Result<IndexStatus> {
    let damage = status.damage.as_deref().unwrap_or_default();
    printer::print_note(&format!("the index is damaged ({damage}); repairing it from the files"));
    match update_index(engine, &IndexRequest::default(), &Interrupts::listen()?, shared) {
        Ok(_) => Ok(engine.status()?),
        Err(error) if error.is_busy() => Ok(status),
        Err(error) => Err(error.into()),
    }
}

fn status_lines(status: &IndexStatus, now: Duration, verbose: bool, palette: Palette) -> Vec<String> {
    let row = |name: &str, value: &str| format!("{name:<11}{}", terminal_text::escape_controls(value));
    let mut lines =
        vec![row("folder", &status.root.display().to_string()), row("index", &status.index_dir.display().to_string())];
    lines.extend(status.tuned.as_ref().map(|tuned| row("tuned", &tuned_text(tuned))));
    if let Some(damage) = &status.damage {
        let damage = format!("the index is damaged: {damage}; the next index run repairs it");
        lines.push(palette.paint(TextRole::Warning, &terminal_text::escape_controls(&damage)));
    }
    if !status.exists && status.damage.is_none() {
        lines.push(row(
            "state",
            "nothing is indexed yet; run `codescry index` or `codescry search`, which also indexes",
        ));
        lines.extend(run_lines(status, verbose, palette));
        return lines;
    }
    if !status.exists {
        lines.extend(run_lines(status, verbose, palette));
        return lines;
    }
    lines.push(row("state", &state_text(status)));
    let coverage = &status.coverage;
    let (files, chunks) =
        (terminal_text::pluralize(coverage.files_indexed, "file"), terminal_text::pluralize(coverage.chunks, "chunk"));
    lines.push(row(
        "content",
        &format!("{files}, {chunks}, {} on disk", terminal_text::format_bytes(status.size_bytes)),
    ));
    lines.push(row("model", &format!("{} ({} dimensions)", status.model_id, status.dimensions)));
    let ago = now.saturating_sub(Duration::from_millis(status.committed_at_ms));
    lines.push(row("written", &format!("{} ago", terminal_text::format_age(ago))));
    lines.extend(
        status.started_from.as_ref().map(|root| row("began as", &format!("a copy of the index of {}", root.display()))),
    );
    let mut languages: Vec<(&String, &u64)> = status.languages.iter().collect();
    languages.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), *name));
    let languages: Vec<String> = languages.iter().map(|(name, count)| format!("{name} {count}")).collect();
    if !languages.is_empty() {
        lines.push(row("languages", &languages.join(", ")));
    }
    lines.extend(projects_text(&status.projects).map(|projects| row("projects", &projects)));
    lines.extend(report::skipped_line(&status.skipped));
    lines.extend(report::skip_hint(&status.skipped).filter(|_| verbose));
    lines.extend(report::problem_lines(&status.problems, palette));
    if let Some(reason) = &status.redo_because {
        let reason = format!("the next index run indexes all files again: {reason}");
        lines.push(palette.paint(TextRole::Warning, &reason));
    }
    lines.extend(run_lines(status, verbose, palette));
    lines
}

/// Describes the current or last index run, or the reason why its record cannot be used.
fn run_lines(status: &IndexStatus, verbose: bool, palette: Palette) -> Vec<String> {
    let problem = status.run_problem.iter().map(|problem| palette.paint(TextRole::Warning, problem));
    problem.chain(status.run.iter().flat_map(|run| index_run_lines(run, verbose))).collect()
}

/// Describes the tuned model of the folder.
fn tuned_text(tuned: &TunedModel) -> String {
    let TunedModel { model_id, mrr_before, mrr_after, questions, .. } = tuned;
    format!("{model_id}, for this folder: MRR {mrr_before:.3} to {mrr_after:.3} on {questions} held-out doc comments")
}

/// Describes the current or last index run: its progress, its stages and bottleneck if `verbose` is set, and its
/// device.
fn index_run_lines(run: &RunRecord, verbose: bool) -> Vec<String> {
    let elapsed = Duration::from_millis(run.elapsed_ms);
    let found = if run.walk_ended { String::new() } else { "at least ".to_owned() };
    let how = match run.state {
        RunStatus::Indexing => format!("process {} is indexing", run.process),
        RunStatus::Finishing => format!("process {} is finishing the full-text index", run.process),
        RunStatus::Done => "the last run finished".to_owned(),
        RunStatus::Cancelled => "the last run was cancelled".to_owned(),
        RunStatus::Failed => "the last run failed".to_owned(),
        RunStatus::Died => format!("process {} died during the last run", run.process),
    };
    let mut line = format!(
        "{how}: {} of {found}{} examined in {}, {}",
        run.files_done,
        terminal_text::pluralize(run.files_found, "file"),
        terminal_text::format_seconds(elapsed),
        terminal_text::pluralize(run.chunks, "chunk"),
    );
    if let Some(rate) = terminal_text::format_rate(run.chunks_per_second, "chunks") {
        line.push_str(&format!(" at {rate}"));
    }
    if let Some(left) = run.remaining_ms {
        line.push_str(&format!(", {} left", terminal_text::format_age(Duration::from_millis(left))));
    }
    let mut lines = vec![String::new(), line];
    lines.extend(run.failure.iter().map(|failure| terminal_text::escape_controls(failure)));
    if verbose {
        lines.extend(report::stage_table(&run.stages, elapsed));
        lines.extend(run.bottleneck.iter().map(|sentence| terminal_text::escape_controls(sentence)));
    }
    lines.extend(run.device.as_ref().map(|device| terminal_text::escape_controls(&device.summary())));
    lines
}

/// Formats the projects as `12: app (npm, packages/app, 340 files), …, and 2 more`; `None` without projects.
fn projects_text(projects: &[Project]) -> Option<String> {
    let project = |project: &Project| {
        let files = terminal_text::pluralize(project.files, "file");
        format!("{} ({}, {}, {files})", project.name, project.kind, project.display_folder())
    };
    let listed: Vec<String> = projects.iter().take(MAX_PROJECTS).map(project).collect();
    let more = match projects.len() - listed.len() {
        0 => String::new(),
        more => format!(", and {more} more; --json lists all"),
    };
    (!listed.is_empty()).then(|| format!("{}: {}{more}", projects.len(), listed.join(", ")))
}

/// Describes whether the index is complete. An index that is being updated, or whose last update did not finish, may
/// miss changes although it was complete before.
fn state_text(status: &IndexStatus) -> String {
    let coverage = &status.coverage;
    if coverage.complete {
        let update = status.run.as_ref().map(|run| (run.state, run.process));
        return match update {
            None | Some((RunStatus::Done, _)) => "complete".to_owned(),
            Some((RunStatus::Indexing | RunStatus::Finishing, process)) => {
                format!("complete before the run of process {process}, which is updating it")
            }
            Some((RunStatus::Cancelled | RunStatus::Failed | RunStatus::Died, _)) => {
                "complete before the last run, which did not finish; run `codescry index` to finish it".to_owned()
            }
        };
    }
    let of = coverage.files_found.map(|found| format!(" of {found}")).unwrap_or_default();
    format!("not complete: {}{of} files so far; run `codescry index` to complete it", coverage.files_indexed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::IndexCoverage;

    const PLAIN: Palette = Palette { is_coloured: false, columns: 80 };

    #[test]
    fn a_missing_index_is_reported() {
        let lines = status_lines(
            &IndexStatus { root: "/a\x1b".into(), ..IndexStatus::default() },
            Duration::ZERO,
            false,
            PLAIN,
        );
        assert_eq!(lines[0], "folder     /a\\u{1b}");
        assert!(lines[2].contains("nothing is indexed yet"));
    }

    #[test]
    fn an_index_is_not_called_complete_while_or_after_a_run_that_did_not_finish() {
        let coverage = IndexCoverage { files_indexed: 6, files_found: Some(6), chunks: 7, complete: true };
        let state = |state| {
            let run = RunRecord {
                state,
                process: 7,
                written_at_ms: 0,
                elapsed_ms: 0,
                files_found: 6,
                walk_ended: true,
                files_done: 6,
                chunks: 0,
                files_per_second: 0.0,
                chunks_per_second: 0.0,
                remaining_ms: None,
                bottleneck: None,
                stages: Vec::new(),
                device: None,
                failure: None,
            };
            state_text(&IndexStatus {
                exists: true,
                coverage: coverage.clone(),
                run: Some(run),
                ..IndexStatus::default()
            })
        };
        assert_eq!(state(RunStatus::Done), "complete");
        assert!(state(RunStatus::Indexing).contains("the run of process 7, which is updating it"));
        for ended in [RunStatus::Cancelled, RunStatus::Failed, RunStatus::Died] {
            assert!(state(ended).contains("did not finish; run `codescry index`"), "{ended:?}");
        }
    }

    #[test]
    fn languages_are_sorted_by_their_number_of_files() {
        let status = IndexStatus {
            exists: true,
            coverage: IndexCoverage { files_indexed: 6, files_found: Some(9), chunks: 7, complete: false },
            languages: [("c", 1), ("go", 3), ("zig", 2)].map(|(name, count)| (name.to_owned(), count)).into(),
            committed_at_ms: 1_000,
            ..IndexStatus::default()
        };
        let lines = status_lines(&status, Duration::from_secs(121), false, PLAIN).join("\n");
        for part in ["not complete: 6 of 9 files", "6 files, 7 chunks", "2 minutes ago", "go 3, zig 2, c 1"] {
            assert!(lines.contains(part), "{part} is not in\n{lines}");
        }
    }

    #[test]
    fn ten_projects_are_listed_and_the_rest_counted() {
        let project = |at: u64| Project { name: format!("app{at}"), kind: "npm", folder: format!("p/{at}"), files: at };
        assert_eq!(projects_text(&[]), None);
        let root = Project { folder: String::new(), ..project(1) };
        assert_eq!(projects_text(&[root]).as_deref(), Some("1: app1 (npm, ., 1 file)"));
        let line = projects_text(&(0..12).map(project).collect::<Vec<_>>()).expect("a line");
        assert!(line.starts_with("12: app0 (npm, p/0, 0 files), app1 (npm, p/1, 1 file), "), "{line}");
        assert!(line.ends_with("app9 (npm, p/9, 9 files), and 2 more; --json lists all"), "{line}");
    }
}
