//! Checks of the folder and its index.

use std::collections::BTreeSet;
use std::fs;
use std::time::Instant;

use config::Settings;
use engine::{ChangeCounts, Engine, EngineError, IndexStatus, RunStatus};

use crate::check::DoctorCheck;

/// The file with the maximum number of folders that a user may watch on Linux.
const MAX_WATCHES_FILE: &str = "/proc/sys/fs/inotify/max_user_watches";

/// Checks the folder and its index; also returns whether there is an index without a reason to rebuild it
/// ([`IndexStatus::redo_because`]).
pub fn check_index(settings: &Settings) -> (Vec<DoctorCheck>, bool) {
    let start = Instant::now();
    let opened = Engine::open(settings.clone()).and_then(|engine| Ok((engine.status()?, engine)));
    let (status, engine) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            let remedy = match error {
                EngineError::OtherRoot { .. } => "see above".to_owned(),
                _ => "codescry index --rebuild".to_owned(),
            };
            return (vec![DoctorCheck::fail("index", error.to_string(), remedy)], false);
        }
    };
    let mut checks = vec![check_index_state(&status).timed_since(start)];
    checks.extend(check_last_run(&status));
    checks.extend(check_freshness(&engine));
    (checks, status.exists && status.redo_because.is_none())
}

fn check_index_state(status: &IndexStatus) -> DoctorCheck {
    let root = status.root.display();
    if let Some(damage) = &status.damage {
        return DoctorCheck::fail("index", format!("it is damaged: {damage}"), "codescry index");
    }
    if !status.exists {
        return DoctorCheck::warn(
            "index",
            format!("nothing is indexed yet for {root}"),
            "codescry index, or codescry search, which also indexes",
        );
    }
    if let Some(reason) = &status.redo_because {
        return DoctorCheck::warn("index", format!("it is out of date: {reason}"), "codescry index");
    }
    let coverage = &status.coverage;
    let (files, chunks) =
        (terminal_text::pluralize(coverage.files_indexed, "file"), terminal_text::pluralize(coverage.chunks, "chunk"));
    let message = format!(
        "{files}, {chunks}, {} on disk, model {}",
        terminal_text::format_bytes(status.size_bytes),
        status.model_id
    );
    if coverage.complete {
        return DoctorCheck::ok("index", message);
    }
    DoctorCheck::warn("index", format!("it is not complete: {message}"), "codescry index")
}

fn check_last_run(status: &IndexStatus) -> Option<DoctorCheck> {
    if let Some(problem) = &status.run_problem {
        return Some(DoctorCheck::warn("last run", problem.clone(), "codescry index"));
    }
    let run = status.run.as_ref()?;
    let problem = match run.state {
        RunStatus::Failed => "the last index run failed",
        RunStatus::Died => "the last index run died",
        _ => return None,
    };
    let why = run.failure.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    Some(DoctorCheck::warn("last run", format!("{problem}{why}"), "codescry index"))
}

/// Compares the contents of the files with the index, and checks whether the folders can be watched.
fn check_freshness(engine: &Engine) -> Vec<DoctorCheck> {
    let start = Instant::now();
    let found = match engine.dry_run(&engine::CancelToken::default()) {
        Ok(found) => found,
        Err(error) => return vec![DoctorCheck::fail("files", error.to_string(), "give a folder that can be read")],
    };
    let folders: BTreeSet<_> = found.included.iter().map(|file| file.path.folder()).collect();
    let files = terminal_text::pluralize(found.included.len() as u64, "file");
    let message = match engine.count_changes(&found) {
        Ok(None) => format!("{files} to index"),
        Ok(Some(counts)) if counts == ChangeCounts::default() => {
            format!("{files}, none changed since they were indexed")
        }
        Ok(Some(ChangeCounts { changed, added, removed })) => format!(
            "{files}: {changed} changed, {added} added and {removed} removed since the last index run; the next search or \
             server updates the index"
        ),
        // The check of the index reports the error.
        Err(_) => files,
    };
    let files = match found.included.is_empty() {
        true => DoctorCheck::warn(
            "files",
            "there is nothing to index in the folder",
            "run codescry index --dry-run to see why",
        ),
        false => DoctorCheck::ok("files", message),
    };
    let mut checks = vec![files.timed_since(start)];
    checks.extend(check_watch_limit(folders.len()));
    checks
}

fn check_watch_limit(folders: usize) -> Option<DoctorCheck> {
    let most: usize = fs::read_to_string(MAX_WATCHES_FILE).ok()?.trim().parse().ok()?;
    if folders < most {
        return None;
    }
    let message = format!("{folders} folders exceed the limit of {most} watches; searches check for changes instead");
    Some(DoctorCheck::warn("watch", message, "sudo sysctl fs.inotify.max_user_watches=524288"))
}
