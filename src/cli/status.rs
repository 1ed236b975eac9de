//! `codescry status`: what is indexed.
//!
//! Must never import: anything of this crate but `engine` and `mcp`.

use std::time::{Duration, SystemTime};

use super::arguments::{Shared, StatusArguments};
use super::palette::{Palette, Role};
use super::printer::Printer;
use super::{Exit, report, text, wire};
use crate::engine::{Engine, Project, RunRecord, RunState, Status, TunedModel};

/// Most projects listed.
const PROJECTS: usize = 10;

/// Runs the command.
///
/// # Errors
/// When the folder or the index does not hold. No index yet is no error.
pub fn run(shared: &Shared, given: &StatusArguments) -> anyhow::Result<Exit> {
    let settings = shared.settings(given.path.as_deref())?;
    let server = crate::mcp::owner(std::slice::from_ref(&settings), true);
    let status = Engine::open(settings)?.status()?;
    let mut printer = Printer::new();
    if given.json {
        printer.json(&wire::Status::new(&status))?;
    } else {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        for line in lines(&status, now, Palette::of(shared)) {
            printer.line(&line)?;
        }
        if let Some(server) = server {
            printer.line(&format!("{:<10}process {server} serves this folder to all clients", "server"))?;
        }
    }
    printer.finish()?;
    Ok(Exit::Done)
}

fn lines(status: &Status, now: Duration, palette: Palette) -> Vec<String> {
    let row = |name: &str, value: &str| format!("{name:<10}{}", text::visible(value));
    let mut lines =
        vec![row("folder", &status.root.display().to_string()), row("index", &status.index_dir.display().to_string())];
    lines.extend(status.tuned.as_ref().map(|tuned| row("tuned", &tuned_for(tuned))));
    if !status.exists {
        lines.push(row("state", "nothing is indexed yet; run `codescry index`, or search: that indexes first"));
        lines.extend(status.run.as_ref().map(run_lines).into_iter().flatten());
        return lines;
    }
    lines.push(row("state", &state(status)));
    let coverage = &status.coverage;
    let (files, chunks) = (text::plural(coverage.files_indexed, "file"), text::plural(coverage.chunks, "chunk"));
    lines.push(row("content", &format!("{files}, {chunks}, {} on disk", text::bytes(status.size_bytes))));
    lines.push(row("model", &format!("{} ({} dimensions)", status.model_id, status.dimensions)));
    let ago = now.saturating_sub(Duration::from_millis(status.committed_at_ms));
    lines.push(row("written", &format!("{} ago", text::age(ago))));
    let mut languages: Vec<(&String, &u64)> = status.languages.iter().collect();
    languages.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), *name));
    let languages: Vec<String> = languages.iter().map(|(name, count)| format!("{name} {count}")).collect();
    if !languages.is_empty() {
        lines.push(row("languages", &languages.join(", ")));
    }
    lines.extend(projects(&status.projects).map(|projects| row("projects", &projects)));
    lines.extend(report::left_out(&status.skipped));
    lines.extend(report::problems(&status.problems, palette));
    if let Some(reason) = &status.redo_because {
        let reason = format!("the next index run does everything again: {reason}");
        lines.push(palette.paint(Role::Warning, &reason));
    }
    lines.extend(status.run.as_ref().map(run_lines).into_iter().flatten());
    lines
}

/// What `tune` keeps for the folder.
fn tuned_for(tuned: &TunedModel) -> String {
    let TunedModel { model_id, mrr_before, mrr_after, questions, .. } = tuned;
    format!("{model_id}, for this folder: MRR {mrr_before:.3} to {mrr_after:.3} on {questions} held-out doc comments")
}

/// Where the running index run is, or how the last one went: its stages and its bottleneck.
fn run_lines(run: &RunRecord) -> Vec<String> {
    let elapsed = Duration::from_millis(run.elapsed_ms);
    let found = if run.walk_ended { String::new() } else { "at least ".to_owned() };
    let how = match run.state {
        RunState::Indexing => format!("process {} is indexing", run.process),
        RunState::Finishing => format!("process {} is finishing the full-text index", run.process),
        RunState::Done => "the last run is done".to_owned(),
        RunState::Cancelled => "the last run was cancelled".to_owned(),
        RunState::Failed => "the last run failed".to_owned(),
        RunState::Died => format!("process {} ended in the middle of the last run", run.process),
    };
    let mut line = format!(
        "{how}: {} of {found}{} in {}, {} at {:.0} chunks/s",
        run.files_done,
        text::plural(run.files_found, "file"),
        text::seconds(elapsed),
        text::plural(run.chunks, "chunk"),
        run.chunks_per_second
    );
    if let Some(left) = run.remaining_ms {
        line.push_str(&format!(", {} left", text::age(Duration::from_millis(left))));
    }
    let mut lines = vec![String::new(), line];
    lines.extend(run.failure.iter().map(|failure| text::visible(failure)));
    lines.extend(report::stages(&run.stages, elapsed));
    lines.extend(run.bottleneck.iter().map(|sentence| text::visible(sentence)));
    lines.extend(run.device.as_ref().map(|device| text::visible(&device.sentence())));
    lines
}

/// `12: app (npm, packages/app, 340 files), … and 2 more`
fn projects(projects: &[Project]) -> Option<String> {
    let project = |project: &Project| {
        let files = text::plural(project.files, "file");
        format!("{} ({}, {}, {files})", project.name, project.kind, project.place())
    };
    let listed: Vec<String> = projects.iter().take(PROJECTS).map(project).collect();
    let more = match projects.len() - listed.len() {
        0 => String::new(),
        more => format!(", and {more} more; --json lists all"),
    };
    (!listed.is_empty()).then(|| format!("{}: {}{more}", projects.len(), listed.join(", ")))
}

fn state(status: &Status) -> String {
    let coverage = &status.coverage;
    if coverage.complete {
        return "complete".to_owned();
    }
    let of = if coverage.files_found > 0 { format!(" of {}", coverage.files_found) } else { String::new() };
    format!("not complete: {}{of} files so far; run `codescry index` to complete it", coverage.files_indexed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Coverage;

    const PLAIN: Palette = Palette { on: false, columns: 80 };

    #[test]
    fn an_index_that_is_not_there_is_a_state() {
        let lines = lines(&Status { root: "/a\x1b".into(), ..Status::default() }, Duration::ZERO, PLAIN);
        assert_eq!(lines[0], "folder    /a␛");
        assert!(lines[2].contains("nothing is indexed yet"));
    }

    #[test]
    fn languages_stand_by_their_number_of_files() {
        let status = Status {
            exists: true,
            coverage: Coverage { files_indexed: 6, files_found: 9, chunks: 7, complete: false },
            languages: [("c", 1), ("go", 3), ("zig", 2)].map(|(name, count)| (name.to_owned(), count)).into(),
            committed_at_ms: 1_000,
            ..Status::default()
        };
        let lines = lines(&status, Duration::from_secs(121), PLAIN).join("\n");
        for part in ["not complete: 6 of 9 files", "6 files, 7 chunks", "2 minutes ago", "go 3, zig 2, c 1"] {
            assert!(lines.contains(part), "{part} is not in\n{lines}");
        }
    }

    #[test]
    fn ten_projects_are_listed_and_the_rest_counted() {
        let project = |at: u64| Project { name: format!("app{at}"), kind: "npm", folder: format!("p/{at}"), files: at };
        assert_eq!(projects(&[]), None);
        let root = Project { folder: String::new(), ..project(1) };
        assert_eq!(projects(&[root]).as_deref(), Some("1: app1 (npm, ., 1 file)"));
        let line = projects(&(0..12).map(project).collect::<Vec<_>>()).expect("a line");
        assert!(line.starts_with("12: app0 (npm, p/0, 0 files), app1 (npm, p/1, 1 file), "), "{line}");
        assert!(line.ends_with("app9 (npm, p/9, 9 files), and 2 more; --json lists all"), "{line}");
    }
}
