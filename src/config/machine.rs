//! What the machine has, and what this process takes of it.
//!
//! The only module that imports `sysinfo`. Must never import: anything of this crate.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use sysinfo::{MemoryRefreshKind, ProcessRefreshKind, ProcessesToUpdate, RefreshKind, System};

/// Memory of the machine or of the container, whichever is less, in bytes; `None` where it is not
/// told.
pub fn memory_bytes() -> Option<u64> {
    let what = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(what);
    let limit = system.cgroup_limits().map_or(u64::MAX, |limits| limits.total_memory);
    Some(system.total_memory().min(limit)).filter(|total| *total > 0)
}

/// Memory of this process that is resident, in bytes; `None` where it is not told.
pub fn resident_bytes() -> Option<u64> {
    let this = sysinfo::get_current_pid().ok()?;
    let mut system = System::new();
    system.refresh_processes_specifics(
        ProcessesToUpdate::Some(&[this]),
        false,
        ProcessRefreshKind::nothing().with_memory(),
    );
    system.process(this).map(sysinfo::Process::memory)
}

/// Bytes that this user may still write on the disk of `path`, which must be there; `None` where it
/// is not told.
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

/// Lets this process open as many files as its user may; how many, or `None` where it is not told.
pub fn raise_open_files() -> Option<u64> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        // Some systems tell of no limit and have one; what is there already is kept then.
        let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
        if raised.is_ok() { maximum } else { current }
    }
    #[cfg(not(unix))]
    None
}

/// Lets this thread, and those it starts, work when others do not want to: searches are waited for, an
/// index run in the background is not. Where threads have no priority of their own, does nothing.
pub fn yield_to_others() {
    #[cfg(target_os = "linux")]
    {
        const NICE: i32 = 19;
        // Without it the work is the same, only less polite.
        _ = rustix::process::setpriority_process(None, NICE);
    }
}

/// The number of the user that this process runs as; 0 where users have no numbers.
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

/// A folder by this name that lives as long as this user is logged in, or one for temporary files that is
/// named by the user; whatever the environment says. It need not be there.
pub fn user_runtime_dir(name: &str) -> PathBuf {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let user = user_id();
        let by_system = PathBuf::from(format!("/run/user/{user}"));
        // Of another user's, or of a link, nothing is known.
        match fs::symlink_metadata(&by_system) {
            Ok(found) if found.is_dir() && found.uid() == user => by_system.join(name),
            _ => PathBuf::from(format!("/tmp/{name}-{user}")),
        }
    }
    #[cfg(not(unix))]
    {
        std::env::temp_dir().join(name)
    }
}

/// Tells this program's file from another version of it: its length and when it was written.
/// `None` where the system does not say.
pub fn program_stamp() -> Option<String> {
    let file = fs::metadata(std::env::current_exe().ok()?).ok()?;
    let written = file.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(format!("{} {}", file.len(), written.as_nanos()))
}

/// The process that started this one.
pub struct Parent {
    id: u32,
    /// Tells it from a later process by the same number.
    #[cfg(not(unix))]
    start: u64,
}

impl Parent {
    /// `None` where it is not told, or has ended already and left this process to the system.
    pub fn of_this_process() -> Option<Self> {
        #[cfg(unix)]
        {
            Some(Self { id: std::os::unix::process::parent_id() }).filter(|parent| parent.id > 1)
        }
        #[cfg(not(unix))]
        {
            let id = process(sysinfo::get_current_pid().ok()?, sysinfo::Process::parent)??;
            let start = process(id, sysinfo::Process::start_time)?;
            Some(Self { id: id.as_u32(), start })
        }
    }

    /// Whether it is still there.
    pub fn is_alive(&self) -> bool {
        #[cfg(unix)]
        {
            // A process whose parent has ended gets another one.
            std::os::unix::process::parent_id() == self.id
        }
        #[cfg(not(unix))]
        {
            process(sysinfo::Pid::from_u32(self.id), sysinfo::Process::start_time) == Some(self.start)
        }
    }
}

/// What `ask` says of a process.
#[cfg(not(unix))]
fn process<T>(id: sysinfo::Pid, ask: impl Fn(&sysinfo::Process) -> T) -> Option<T> {
    let mut system = System::new();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[id]), true, ProcessRefreshKind::nothing());
    system.process(id).map(ask)
}

/// Bounds what glibc keeps of freed memory, by beginning this process anew with the variable that says
/// so: it is read only then.
///
/// glibc gives threads heaps of their own, up to eight a core, and each keeps what was freed in it; index
/// runs come with new threads each time. A server that indexed 59,000 chunks anew five times held 980
/// MiB, with a heap a core 450. Must be called before anything is read or opened. Where it cannot be
/// done, the program goes on as it is.
pub fn bound_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        use std::os::unix::process::CommandExt as _;
        const HEAPS: &str = "MALLOC_ARENA_MAX";
        if std::env::var_os(HEAPS).is_some() {
            return;
        }
        let Ok(program) = std::env::current_exe() else { return };
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZeroUsize::get).max(2);
        let mut arguments = std::env::args_os();
        let name = arguments.next().unwrap_or_else(|| program.clone().into_os_string());
        let mut anew = std::process::Command::new(program);
        let error = anew.arg0(name).args(arguments).env(HEAPS, cores.to_string()).exec();
        tracing::debug!("cannot begin anew: {error}");
    }
}
