//! Limits that a process puts on itself before it works on hostile input: memory, core dumps and system calls.

#[cfg(unix)]
use std::fs;

/// The reason why a process cannot be limited.
#[derive(Debug, thiserror::Error)]
pub enum ConfinementError {
    /// The operating system or the processor has no such limit.
    #[error("not supported on this system")]
    Unsupported,
    /// The system refused the limit.
    #[error("{0}")]
    Refused(String),
}

/// Prevents core dumps of this process on Unix, because a crash that is expected must not fill the disk.
pub fn disable_core_dumps() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        // One byte rather than zero: on Linux, only this value also turns off dumps that are piped to a program. A
        // failure is ignored, because dumps do no harm but to the disk.
        let limit = Some(1);
        _ = setrlimit(Resource::Core, Rlimit { current: limit, maximum: limit });
    }
}

/// Limits the memory that this process can still allocate to about `bytes`; further allocations fail.
///
/// # Errors
/// When the system has no such limit or refuses it. macOS accepts the limit but does not enforce it.
pub fn limit_further_memory(bytes: u64) -> Result<(), ConfinementError> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let maximum = getrlimit(Resource::Data).maximum;
        let wanted = data_bytes().unwrap_or(0).saturating_add(bytes);
        let limit = Some(maximum.map_or(wanted, |maximum| wanted.min(maximum)));
        let set = setrlimit(Resource::Data, Rlimit { current: limit, maximum: limit });
        set.map_err(|error| ConfinementError::Refused(error.to_string()))
    }
    #[cfg(not(unix))]
    {
        _ = bytes;
        Err(ConfinementError::Unsupported)
    }
}

/// Returns the size of this process's data in bytes, as the kernel counts it for the limit; `None` if unknown.
#[cfg(unix)]
fn data_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmData:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// Forbids all threads of this process every system call except those for memory, time, synchronization, signals to
/// itself, open files, and its own end. From then on it can neither open a file, nor use the network, nor start a
/// thread or a process.
///
/// # Errors
/// When the system does not support this. Nothing is forbidden then.
pub fn forbid_system_calls() -> Result<(), ConfinementError> {
    #[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
    {
        linux::install_filter().map_err(ConfinementError::Refused)
    }
    #[cfg(not(all(
        target_os = "linux",
        any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")
    )))]
    Err(ConfinementError::Unsupported)
}

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
mod linux {
    use std::collections::BTreeMap;

    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    };

    /// System calls that stay allowed, whatever their arguments are.
    const ALLOWED: &[libc::c_long] = &[
        // Open files.
        libc::SYS_read,
        libc::SYS_write,
        libc::SYS_readv,
        libc::SYS_writev,
        libc::SYS_close,
        libc::SYS_fstat,
        libc::SYS_lseek,
        libc::SYS_ppoll,
        // Memory.
        libc::SYS_brk,
        libc::SYS_mmap,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_mprotect,
        libc::SYS_madvise,
        // Threads and time.
        libc::SYS_futex,
        libc::SYS_sched_yield,
        libc::SYS_sched_getaffinity,
        libc::SYS_set_robust_list,
        libc::SYS_rseq,
        libc::SYS_clock_gettime,
        libc::SYS_clock_nanosleep,
        libc::SYS_nanosleep,
        libc::SYS_getpid,
        libc::SYS_gettid,
        libc::SYS_getrandom,
        libc::SYS_restart_syscall,
        // Signals to itself, and the end.
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sigaltstack,
        libc::SYS_exit,
        libc::SYS_exit_group,
    ];

    pub(super) fn install_filter() -> Result<(), String> {
        let program = build_filter().map_err(|error| error.to_string())?;
        seccompiler::apply_filter_all_threads(&program).map_err(|error| error.to_string())
    }

    fn build_filter() -> Result<BpfProgram, seccompiler::BackendError> {
        let mut rules: BTreeMap<i64, Vec<SeccompRule>> = ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
        // `abort` sends a signal to the calling thread.
        let own_id = u64::from(std::process::id());
        let is_own = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, own_id)?;
        rules.insert(libc::SYS_tgkill, vec![SeccompRule::new(vec![is_own])?]);
        let denied = SeccompAction::Errno(libc::EPERM.unsigned_abs());
        let filter = SeccompFilter::new(rules, denied, SeccompAction::Allow, std::env::consts::ARCH.try_into()?)?;
        filter.try_into()
    }
}
