//! The folder, its index, and the room there is for them.
//!
//! Must never import: anything of this crate but `config` and `engine`.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use super::{Check, text};
use crate::config::{Settings, machine};
use crate::engine::{Engine, EngineError, RunState, Status};

/// Less than this is soon full: 1 GiB.
const LITTLE_DISK_BYTES: u64 = 1 << 30;

/// Less than this does not hold an index: 128 MiB.
const NO_DISK_BYTES: u64 = 128 << 20;

/// How many folders Linux lets a user watch.
const MAX_WATCHES: &str = "/proc/sys/fs/inotify/max_user_watches";

/// Checks memory, disk and the rights of the folders that are written.
pub(super) fn of_the_machine(settings: &Settings) -> Vec<Check> {
    let mut checks = vec![memory(settings)];
    let mut disks = BTreeSet::new();
    for (name, dir) in [("index folder", &settings.index_dir), ("cache folder", &settings.cache_dir)] {
        if dir.exists() {
            checks.push(rights(name, dir));
        }
        let Some(there) = dir.ancestors().find(|folder| folder.exists()) else { continue };
        if let Some(free) = machine::free_disk_bytes(there)
            && disks.insert(free)
        {
            checks.push(disk(there, free));
        }
    }
    checks
}

fn memory(settings: &Settings) -> Check {
    let ceiling = settings.pipeline.max_memory_bytes;
    let Some(total) = machine::memory_bytes() else {
        return Check::ok("memory", format!("an index run takes at most {}", text::bytes(ceiling)));
    };
    let said = format!("an index run takes at most {} of {}", text::bytes(ceiling), text::bytes(total));
    if ceiling > total / 4 * 3 {
        return Check::warn("memory", said, "give --max-memory or CODESCRY_MAX_MEMORY less than that");
    }
    Check::ok("memory", said)
}

fn disk(dir: &Path, free: u64) -> Check {
    let said = format!("{} free at {}", text::bytes(free), dir.display());
    let remedy = "make room, or give --index-dir and --cache-dir elsewhere";
    match free {
        0..NO_DISK_BYTES => Check::fail("disk", said, remedy),
        NO_DISK_BYTES..LITTLE_DISK_BYTES => Check::warn("disk", said, remedy),
        _ => Check::ok("disk", said),
    }
}

/// Whether the folder can be written, and is shut to others: it holds the texts of the code.
fn rights(name: &'static str, dir: &Path) -> Check {
    let probe = dir.join(format!(".codescry-doctor-{}", std::process::id()));
    let written = File::create_new(&probe).and_then(|_| fs::remove_file(&probe));
    if let Err(error) = written {
        let remedy = format!("give yourself the right to write there, or use another one: --{}-dir", &name[..5]);
        return Check::fail(name, format!("{} cannot be written: {error}", dir.display()), remedy);
    }
    if let Some(mode) = open_to_others(dir) {
        let remedy = format!("chmod 700 {}", dir.display());
        return Check::warn(name, format!("{} is open to other users ({mode:o})", dir.display()), remedy);
    }
    Check::ok(name, dir.display().to_string())
}

#[cfg(unix)]
fn open_to_others(dir: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = dir.metadata().ok()?.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then_some(mode)
}

#[cfg(not(unix))]
fn open_to_others(_dir: &Path) -> Option<u32> {
    None
}

/// Checks the index; whether there is one that can be searched.
pub(super) fn of_the_index(settings: &Settings) -> (Vec<Check>, bool) {
    let begin = Instant::now();
    let opened = Engine::open(settings.clone()).and_then(|engine| Ok((engine.status()?, engine)));
    let (status, engine) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            let remedy = match error {
                EngineError::OtherRoot { .. } => "see above".to_owned(),
                _ => "codescry index --rebuild".to_owned(),
            };
            return (vec![Check::fail("index", error.to_string(), remedy)], false);
        }
    };
    let mut checks = vec![state(&status).since(begin)];
    checks.extend(last_run(&status));
    checks.extend(freshness(&engine, &status));
    (checks, status.exists && status.redo_because.is_none())
}

fn state(status: &Status) -> Check {
    let root = status.root.display();
    if !status.exists {
        return Check::warn(
            "index",
            format!("nothing is indexed yet for {root}"),
            "codescry index, or search: that indexes first",
        );
    }
    if let Some(reason) = &status.redo_because {
        return Check::warn("index", format!("it is out of date: {reason}"), "codescry index");
    }
    let coverage = &status.coverage;
    let (files, chunks) = (text::plural(coverage.files_indexed, "file"), text::plural(coverage.chunks, "chunk"));
    let said = format!("{files}, {chunks}, {} on disk, model {}", text::bytes(status.size_bytes), status.model_id);
    if coverage.complete {
        return Check::ok("index", said);
    }
    Check::warn("index", format!("it is not complete: {said}"), "codescry index")
}

fn last_run(status: &Status) -> Option<Check> {
    let run = status.run.as_ref()?;
    let problem = match run.state {
        RunState::Failed => "the last index run failed",
        RunState::Died => "the last index run ended in the middle",
        _ => return None,
    };
    let why = run.failure.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    Some(Check::warn("last run", format!("{problem}{why}"), "codescry index"))
}

/// What has changed since the last commit, and whether the folders can be followed.
fn freshness(engine: &Engine, status: &Status) -> Vec<Check> {
    let begin = Instant::now();
    let found = match engine.dry_run() {
        Ok(found) => found,
        Err(error) => return vec![Check::fail("files", error.to_string(), "give a folder that can be read")],
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
    let said = match (status.exists, newer, status.coverage.files_indexed.abs_diff(files)) {
        (false, ..) => format!("{} to index", text::plural(files, "file")),
        (true, 0, 0) => format!("{}, none changed since they were indexed", text::plural(files, "file")),
        (true, newer, more) => {
            format!(
                "{} changed, {more} came or went since; the next search or server sees to it",
                text::plural(newer, "file")
            )
        }
    };
    let files = match found.included.is_empty() {
        true => Check::warn("files", "there is nothing to index in the folder", "codescry index --dry-run tells why"),
        false => Check::ok("files", said),
    };
    let mut checks = vec![files.since(begin)];
    checks.extend(watches(folders.len()));
    checks
}

fn watches(folders: usize) -> Option<Check> {
    let most: usize = fs::read_to_string(MAX_WATCHES).ok()?.trim().parse().ok()?;
    if folders < most {
        return None;
    }
    let said =
        format!("{folders} folders are more than the {most} that may be watched: a search looks for changes instead");
    Some(Check::warn("watch", said, "sudo sysctl fs.inotify.max_user_watches=524288"))
}
