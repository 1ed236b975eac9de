//! Threads that the system may refuse to start, and the limits that make it refuse.

use std::io;
use std::panic::resume_unwind;
use std::thread;

/// Runs `work` on the calling thread and at most `threads - 1` others at once, and returns the result of each thread. A
/// panic of one of them becomes a panic of the caller. If the system starts fewer threads, these do all of the work:
/// `work` takes its tasks from a shared list until none is left.
pub fn run_on_threads<T: Send>(name: &str, threads: usize, work: impl Fn() -> T + Sync) -> Vec<T> {
    thread::scope(|scope| {
        let work = &work;
        let start = |_| thread::Builder::new().name(name.to_owned()).spawn_scoped(scope, work).ok();
        let started: Vec<_> = (1..threads).map_while(start).collect();
        let mut results = vec![work()];
        results.extend(started.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))));
        results
    })
}

/// Checks that the system starts `count` more threads, by starting them at once and ending them again. Some libraries
/// panic when they cannot start their threads.
///
/// # Errors
/// When the system does not start a thread; [`describe_thread_limits`] names the likely cause.
pub fn check_threads(count: usize) -> io::Result<()> {
    thread::scope(|scope| {
        // The threads wait until all are there: the sender is dropped when this closure ends.
        let (end, wait) = crossbeam_channel::bounded::<()>(0);
        for _ in 0..count {
            let wait = wait.clone();
            thread::Builder::new().name("check".to_owned()).spawn_scoped(scope, move || _ = wait.recv())?;
        }
        drop(end);
        Ok(())
    })
}

/// Names the limits of this process that may keep it from starting threads, with the remedy, such as `raise the limit
/// of address space (ulimit -v, now 488 MiB)`.
pub fn describe_thread_limits() -> String {
    let limits = list_limits();
    if limits.is_empty() {
        return "end other programs, or raise the system's limit of threads".to_owned();
    }
    format!("raise the limit of {}", limits.join(" or of "))
}

#[cfg(unix)]
fn list_limits() -> Vec<String> {
    use rustix::process::{Resource, getrlimit};
    let address_space = getrlimit(Resource::As).current;
    let processes = getrlimit(Resource::Nproc).current;
    let address_space = address_space.map(|bytes| format!("address space (ulimit -v, now {} MiB)", bytes >> 20));
    address_space.into_iter().chain(processes.map(|count| format!("threads (ulimit -u, now {count})"))).collect()
}

#[cfg(not(unix))]
fn list_limits() -> Vec<String> {
    Vec::new()
}

/// Returns the limit of this process's address space, in bytes; `None` if there is none.
pub fn address_space_limit_bytes() -> Option<u64> {
    #[cfg(unix)]
    {
        rustix::process::getrlimit(rustix::process::Resource::As).current
    }
    #[cfg(not(unix))]
    {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn every_task_is_done_once_on_any_number_of_threads() {
        for threads in [0, 1, 3, 16] {
            let tasks = Mutex::new((0..100).collect::<Vec<u32>>());
            let take = || tasks.lock().expect("no panic").pop();
            let mut done = run_on_threads("task", threads, || std::iter::from_fn(take).collect::<Vec<_>>()).concat();
            done.sort_unstable();
            assert_eq!(done, (0..100).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_few_threads_can_be_started() {
        check_threads(3).expect("this machine starts three threads");
        assert!(!describe_thread_limits().is_empty());
    }
}
