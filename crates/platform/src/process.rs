//! Resources of the machine and of this process: memory, disk, open files, priority, user and parent process.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use sysinfo::{MemoryRefreshKind, ProcessRefreshKind, ProcessesToUpdate, RefreshKind, System};

/// Returns the memory of the machine or of the container, whichever is smaller, in bytes; `None` if unknown.
pub fn memory_bytes() -> Option<u64> {
    let kind = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(kind);
    let limit = system.cgroup_limits().map_or(u64::MAX, |limits| limits.total_memory);
    Some(system.total_memory().min(limit)).filter(|total| *total > 0)
}

/// Returns the resident memory of this process, in bytes; `None` if unknown.
pub fn resident_bytes() -> Option<u64> {
    let this = sysinfo::get_current_pid().ok()?;
    query_process(this, ProcessRefreshKind::nothing().with_memory(), sysinfo::Process::memory)
}

/// Returns the resident anonymous memory of a process, in bytes, which does not include the program's file that it
/// shares with its parent; `None` if unknown, such as on other systems than Linux.
pub fn private_bytes(process_id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process_id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// Unit of the processor times in `/proc`: Linux has this one on all processors that are in use (`USER_HZ`, time(7)).
#[cfg(target_os = "linux")]
const TICKS_PER_SECOND: u64 = 100;

/// Returns the processor time that a process has used; `None` if unknown.
#[cfg(target_os = "linux")]
pub fn used_processor_time(process_id: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process_id}/stat")).ok()?;
    // The name of the program, in parentheses, may have spaces. The fields after it begin with the third one; the
    // times of the program and of the system for it are the fields 14 and 15 (proc_pid_stat(5)).
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks: u64 = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>).sum::<Result<_, _>>().ok()?;
    Some(Duration::from_millis(ticks * (1_000 / TICKS_PER_SECOND)))
}

/// Returns the processor time that a process has used; `None` if unknown.
#[cfg(not(target_os = "linux"))]
pub fn used_processor_time(process_id: u32) -> Option<Duration> {
    let kind = ProcessRefreshKind::nothing().with_cpu();
    let used = query_process(sysinfo::Pid::from_u32(process_id), kind, sysinfo::Process::accumulated_cpu_time);
    used.map(Duration::from_millis)
}

/// Returns the number of bytes that this user can still write to the disk of `path`, which must exist; `None` if
/// unknown.
pub fn free_disk_bytes(path: &Path) -> Option<u64> {
    #[cfg(unix)]
    {
        let disk = rustix::fs::statvfs(path).ok()?;
        disk.f_bavail.checked_mul(disk.f_frsize)
    }
    #[cfg(not(unix))]
    {
        _ = path;
        None
    }
}

/// The system's error numbers of a full disk, or an exceeded quota.
const DISK_FULL: &[i32] = &[28, 122];

/// The system's error numbers of missing permissions, of a file in place of a folder, and of a file system that cannot be
/// written.
const NOT_WRITABLE: &[i32] = &[1, 13, 20, 30];

/// The system's error numbers of too many open files.
const TOO_MANY_FILES: &[i32] = &[23, 24];

/// Returns the remedy for an error of the operating system that `message` quotes, after a semicolon; empty if none is
/// known. `operation` is the verb of what failed, such as `read`; `elsewhere` says how to use another folder.
pub fn advise_on_io_error(operation: &str, message: &str, elsewhere: &str) -> String {
    let names = |numbers: &[i32]| numbers.iter().any(|number| message.contains(&format!("(os error {number})")));
    match () {
        () if names(DISK_FULL) => format!("; make room on this disk, or {elsewhere}"),
        () if operation != "read" && names(NOT_WRITABLE) => format!("; {elsewhere}"),
        () if names(TOO_MANY_FILES) => "; raise the limit of open files (ulimit -n)".to_owned(),
        () => String::new(),
    }
}

/// Raises the limit on open files of this process to the user's maximum; returns the limit, `None` if it is unlimited
/// or unknown.
pub fn raise_open_file_limit() -> Option<u64> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        // Some systems report no maximum but enforce one, so raising fails. The current limit is kept in that case.
        let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
        if raised.is_ok() { maximum } else { current }
    }
    #[cfg(not(unix))]
    None
}

/// Gives this thread, and the threads and processes it starts, a priority below that of searches, so that indexing in
/// the background does not slow them down. Does nothing except on Linux, where threads have their own priority.
///
/// The priority is moderate, because calls of clients wait for these threads: at the lowest one, a thread gets almost no
/// time beside other programs with work for every core, and a first index run takes minutes instead of seconds.
pub fn lower_thread_priority() {
    #[cfg(target_os = "linux")]
    {
        const NICE: i32 = 5;
        // A process that was started with a lower priority keeps it. A failure is ignored, because the lower priority is
        // optional.
        if rustix::process::getpriority_process(None).is_ok_and(|current| current < NICE) {
            _ = rustix::process::setpriority_process(None, NICE);
        }
    }
}

/// Returns whether a process with this id is running.
pub fn is_process_running(process_id: u32) -> bool {
    #[cfg(unix)]
    {
        use rustix::process::{Pid, test_kill_process};
        let id = i32::try_from(process_id).ok().and_then(Pid::from_raw);
        // A process of another user cannot be signalled, but it runs.
        id.is_some_and(|id| test_kill_process(id) != Err(rustix::io::Errno::SRCH))
    }
    #[cfg(not(unix))]
    {
        query_process(sysinfo::Pid::from_u32(process_id), ProcessRefreshKind::nothing(), |_| ()).is_some()
    }
}

/// Returns whether a signal that ended a process usually comes from another process or from the system, rather than
/// from a fault of the process itself.
#[cfg(unix)]
pub fn is_sent_by_others(signal: i32) -> bool {
    use rustix::process::Signal;
    [Signal::KILL, Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT, Signal::PIPE]
        .iter()
        .any(|other| other.as_raw() == signal)
}

/// Returns the effective user id of this process; 0 on systems without user ids.
pub fn user_id() -> u32 {
    #[cfg(unix)]
    {
        rustix::process::geteuid().as_raw()
    }
    #[cfg(not(unix))]
    {
        0
    }
}

/// Returns the path of a folder `name` for this user's runtime files; it may not exist.
///
/// The path is in `/run/user/UID` if that belongs to the user, otherwise `/tmp/NAME-UID`. On Unix, environment
/// variables have no influence. On other systems, the path is in the folder of temporary files.
pub fn user_runtime_dir(name: &str) -> PathBuf {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let user = user_id();
        let by_system = PathBuf::from(format!("/run/user/{user}"));
        // A symbolic link or a folder of another user is not used: it may not be private.
        match fs::symlink_metadata(&by_system) {
            Ok(metadata) if metadata.is_dir() && metadata.uid() == user => by_system.join(name),
            _ => PathBuf::from(format!("/tmp/{name}-{user}")),
        }
    }
    #[cfg(not(unix))]
    {
        std::env::temp_dir().join(name)
    }
}

/// Returns the length and modification time of this program's file, which differ between versions; `None` if
/// unknown.
pub fn program_fingerprint() -> Option<String> {
    let file = fs::metadata(std::env::current_exe().ok()?).ok()?;
    let written = file.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(format!("{} {}", file.len(), written.as_nanos()))
}

/// The process that started this one.
pub struct ParentProcess {
    id: u32,
    /// Start time, which distinguishes the process from a later process with the same id.
    #[cfg(not(unix))]
    start: u64,
}

impl ParentProcess {
    /// Returns the parent of this process; `None` if it is unknown, or, on Unix, if it is process 1, which is also the
    /// parent of a process whose parent has ended.
    pub fn detect() -> Option<Self> {
        #[cfg(unix)]
        {
            Some(Self { id: std::os::unix::process::parent_id() }).filter(|parent| parent.id > 1)
        }
        #[cfg(not(unix))]
        {
            let id = query_process(
                sysinfo::get_current_pid().ok()?,
                ProcessRefreshKind::nothing(),
                sysinfo::Process::parent,
            )??;
            let start = query_process(id, ProcessRefreshKind::nothing(), sysinfo::Process::start_time)?;
            Some(Self { id: id.as_u32(), start })
        }
    }

    /// Opens a descriptor of the process that becomes readable when the process ends.
    ///
    /// # Errors
    /// When the process has ended, or on Linux before 5.3 and in sandboxes that forbid it.
    #[cfg(target_os = "linux")]
    pub fn open_pidfd(&self) -> std::io::Result<std::os::fd::OwnedFd> {
        use rustix::process::{Pid, PidfdFlags, pidfd_open};
        let id = i32::try_from(self.id).ok().and_then(Pid::from_raw).ok_or(std::io::ErrorKind::InvalidInput)?;
        Ok(pidfd_open(id, PidfdFlags::empty())?)
    }

    /// Returns whether the process is still running.
    pub fn is_alive(&self) -> bool {
        #[cfg(unix)]
        {
            // When a parent ends, the system assigns another parent to the process.
            std::os::unix::process::parent_id() == self.id
        }
        #[cfg(not(unix))]
        {
            query_process(sysinfo::Pid::from_u32(self.id), ProcessRefreshKind::nothing(), sysinfo::Process::start_time)
                == Some(self.start)
        }
    }
}

/// Loads the values of `kind` of the process `id` and returns the result of `read` on it; `None` if the process is not
/// running.
fn query_process<T>(id: sysinfo::Pid, kind: ProcessRefreshKind, read: impl Fn(&sysinfo::Process) -> T) -> Option<T> {
    let mut system = System::new();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[id]), true, kind);
    system.process(id).map(read)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_processor_time_of_a_process_is_known() {
        let used = || used_processor_time(std::process::id()).expect("it is known");
        let own = || cpu_time::ProcessTime::now().as_duration();
        while own() < Duration::from_millis(100) {
            std::hint::spin_loop();
        }
        // The system counts in steps of 10 ms, for the program and for itself.
        let (before, counted, after) = (own(), used(), own());
        let step = Duration::from_millis(20);
        assert!(before <= counted + step && counted <= after + step, "{before:?} {counted:?} {after:?}");
        assert_eq!(used_processor_time(u32::MAX / 2), None, "there is no such process");
    }

    #[test]
    fn a_lowered_thread_still_gets_time_beside_other_programs() {
        let priority = || rustix::process::getpriority_process(None).expect("the priority of this thread");
        let before = priority();
        let lowered = std::thread::spawn(move || {
            lower_thread_priority();
            let lowered = priority();
            lower_thread_priority();
            let started = std::thread::spawn(priority).join().expect("no panic");
            (lowered, priority(), started)
        });
        // At 10 and above, a busy machine leaves a thread almost no time. A priority that is lower already stays.
        let (lowered, again, started) = lowered.join().expect("no panic");
        assert!(lowered == before.max(5) && lowered >= before, "{before} {lowered}");
        assert_eq!((again, started), (lowered, lowered), "it is lowered once, and threads inherit it");
        assert_eq!(priority(), before, "this thread keeps its priority");
    }
}
