//! Checks of the memory, the disk, and the folders that codescry writes to.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;

use config::Settings;
use platform::process;

use crate::check::DoctorCheck;

/// Minimum free disk space without a warning: 1 GiB.
const LOW_DISK_BYTES: u64 = 1 << 30;

/// Minimum free disk space without a failed check: 128 MiB. An index may not fit into less.
const MIN_DISK_BYTES: u64 = 128 << 20;

/// Checks the memory limit, free disk space, and the permissions of the index and cache folders.
pub fn check_machine(settings: &Settings) -> Vec<DoctorCheck> {
    let mut checks = vec![check_memory(settings)];
    let mut disks = BTreeSet::new();
    let folders =
        [("index folder", "--index-dir", &settings.index_dir), ("cache folder", "--cache-dir", &settings.cache_dir)];
    for (name, flag, dir) in folders {
        if dir.exists() {
            checks.push(check_access(name, flag, dir));
        }
        let Some(existing) = dir.ancestors().find(|folder| folder.exists()) else { continue };
        if let Some(free) = process::free_disk_bytes(existing)
            && disks.insert(name_disk(existing))
        {
            checks.push(check_disk(existing, free));
        }
    }
    checks
}

fn check_memory(settings: &Settings) -> DoctorCheck {
    let ceiling = settings.pipeline.max_memory_bytes;
    let Some(total) = process::memory_bytes() else {
        return DoctorCheck::ok(
            "memory",
            format!("an index run uses at most {}", terminal_text::format_bytes(ceiling)),
        );
    };
    let message = format!(
        "an index run uses at most {} of {}",
        terminal_text::format_bytes(ceiling),
        terminal_text::format_bytes(total)
    );
    if ceiling > total / 4 * 3 {
        return DoctorCheck::warn("memory", message, "lower --max-memory or CODESCRY_MAX_MEMORY");
    }
    DoctorCheck::ok("memory", message)
}

fn check_disk(dir: &Path, free: u64) -> DoctorCheck {
    let message = format!("{} free at {}", terminal_text::format_bytes(free), dir.display());
    let remedy = "free disk space, or set --index-dir and --cache-dir to another disk";
    match free {
        0..MIN_DISK_BYTES => DoctorCheck::fail("disk", message, remedy),
        MIN_DISK_BYTES..LOW_DISK_BYTES => DoctorCheck::warn("disk", message, remedy),
        _ => DoctorCheck::ok("disk", message),
    }
}

/// Checks that the folder is writable and not accessible to other users, because it holds the indexed code.
fn check_access(name: &'static str, flag: &str, dir: &Path) -> DoctorCheck {
    let probe = dir.join(format!(".codescry-doctor-{}", std::process::id()));
    let written = File::create_new(&probe).and_then(|_| fs::remove_file(&probe));
    if let Err(error) = written {
        let remedy = format!("get write permission, or use another folder with {flag}");
        return DoctorCheck::fail(name, format!("cannot write to {}: {error}", dir.display()), remedy);
    }
    if let Some(mode) = mode_open_to_others(dir) {
        let remedy = format!("chmod 700 {}", dir.display());
        return DoctorCheck::warn(name, format!("{} is accessible to other users ({mode:o})", dir.display()), remedy);
    }
    DoctorCheck::ok(name, dir.display().to_string())
}

/// Returns the permission bits of a folder if other users can access it; `None` if they cannot, or the folder cannot be
/// examined.
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

/// Returns a name for the disk that a folder is on, to tell disks apart; empty if the folder cannot be examined.
#[cfg(unix)]
fn name_disk(folder: &Path) -> String {
    use std::os::unix::fs::MetadataExt as _;
    folder.metadata().map_or_else(|_| String::new(), |metadata| metadata.dev().to_string())
}

#[cfg(not(unix))]
fn name_disk(folder: &Path) -> String {
    folder.components().next().map_or_else(String::new, |drive| drive.as_os_str().to_string_lossy().into_owned())
}
