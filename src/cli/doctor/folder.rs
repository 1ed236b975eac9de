//! Checks of the folder, its index, and the memory and disk space for them.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use super::{DoctorCheck, text};
use config::Settings;
use engine::{Engine, EngineError, IndexStatus, RunStatus};
use platform::process;

/// A warning is printed below this free disk space: 1 GiB.
const LOW_DISK_BYTES: u64 = 1 << 30;

/// The check fails below this free disk space, which is too small for an index: 128 MiB.
const MIN_DISK_BYTES: u64 = 128 << 20;

/// The file with the maximum number of folders that a user may watch on Linux.
const MAX_WATCHES_FILE: &str = "/proc/sys/fs/inotify/max_user_watches";

/// Checks the memory limit, free disk space, and the permissions of the index and cache folders.
pub(super) fn check_machine(settings: &Settings) -> Vec<DoctorCheck> {
    let mut checks = vec![check_memory(settings)];
    let mut disks = BTreeSet::new();
    for (name, dir) in [("index folder", &settings.index_dir), ("cache folder", &settings.cache_dir)] {
        if dir.exists() {
            checks.push(check_access(name, dir));
        }
        let Some(existing) = dir.ancestors().find(|folder| folder.exists()) else { continue };
        if let Some(free) = process::free_disk_bytes(existing)
            && disks.insert(free)
        {
            checks.push(check_disk(existing, free));
        }
    }
    checks
}

fn check_memory(settings: &Settings) -> DoctorCheck {
    let ceiling = settings.pipeline.max_memory_bytes;
    let Some(total) = process::memory_bytes() else {
        return DoctorCheck::ok("memory", format!("an index run uses at most {}", text::format_bytes(ceiling)));
    };
    let message = format!("an index run uses at most {} of {}", text::format_bytes(ceiling), text::format_bytes(total));
    if ceiling > total / 4 * 3 {
        return DoctorCheck::warn("memory", message, "lower --max-memory or CODESCRY_MAX_MEMORY");
    }
    DoctorCheck::ok("memory", message)
}

fn check_disk(dir: &Path, free: u64) -> DoctorCheck {
    let message = format!("{} free at {}", text::format_bytes(free), dir.display());
    let remedy = "free disk space, or set --index-dir and --cache-dir to another disk";
    match free {
        0..MIN_DISK_BYTES => DoctorCheck::fail("disk", message, remedy),
        MIN_DISK_BYTES..LOW_DISK_BYTES => DoctorCheck::warn("disk", message, remedy),
        _ => DoctorCheck::ok("disk", message),
    }
}

/// Checks that the folder is writable and closed to other users, because it holds the indexed code.
fn check_access(name: &'static str, dir: &Path) -> DoctorCheck {
    let probe = dir.join(format!(".codescry-doctor-{}", std::process::id()));
    let written = File::create_new(&probe).and_then(|_| fs::remove_file(&probe));
    if let Err(error) = written {
        let remedy = format!("get write permission, or use another folder with --{}-dir", &name[..5]);
        return DoctorCheck::fail(name, format!("cannot write to {}: {error}", dir.display()), remedy);
    }
    if let Some(mode) = mode_open_to_others(dir) {
        let remedy = format!("chmod 700 {}", dir.display());
        return DoctorCheck::warn(name, format!("{} is accessible to other users ({mode:o})", dir.display()), remedy);
    }
    DoctorCheck::ok(name, dir.display().to_string())
}

/// Returns the permission bits of a folder that other users can access.
#[cfg(unix)]
fn mode_open_to_others(dir: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = dir.metadata().ok()?.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then_some(mode)
}

#[cfg(not(unix))]
fn mode_open_to_others(_dir: &Path) -> Option<u32> {
    None
}

/// Checks the index; also returns whether the folder has an up-to-date index.
pub(super) fn check_index(settings: &Settings) -> (Vec<DoctorCheck>, bool) {
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
    checks.extend(check_freshness(&engine, &status));
    (checks, status.exists && status.redo_because.is_none())
}

fn check_index_state(status: &IndexStatus) -> DoctorCheck {
    let root = status.root.display();
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
    let (files, chunks) = (text::pluralize(coverage.files_indexed, "file"), text::pluralize(coverage.chunks, "chunk"));
    let message =
        format!("{files}, {chunks}, {} on disk, model {}", text::format_bytes(status.size_bytes), status.model_id);
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

/// Counts the changes since the last commit, and checks whether the folders can be watched.
fn check_freshness(engine: &Engine, status: &IndexStatus) -> Vec<DoctorCheck> {
    let start = Instant::now();
    let found = match engine.dry_run() {
        Ok(found) => found,
        Err(error) => return vec![DoctorCheck::fail("files", error.to_string(), "give a folder that can be read")],
    };
    let (root, committed) = (engine.root(), SystemTime::UNIX_EPOCH + Duration::from_millis(status.committed_at_ms));
    let mut folders = BTreeSet::new();
    let mut newer = 0;
    for (path, _) in &found.included {
        folders.insert(path.folder());
        let modified = fs::metadata(path.under(root)).and_then(|file| file.modified());
        newer += u64::from(modified.is_ok_and(|modified| modified > committed));
    }
    let files = found.included.len() as u64;
    let message = match (status.exists, newer, status.coverage.files_indexed.abs_diff(files)) {
        (false, ..) => format!("{} to index", text::pluralize(files, "file")),
        (true, 0, 0) => format!("{}, none changed since they were indexed", text::pluralize(files, "file")),
        (true, newer, moved) => {
            format!(
                "{} changed, {moved} added or removed since; the next search or server updates the index",
                text::pluralize(newer, "file")
            )
        }
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
