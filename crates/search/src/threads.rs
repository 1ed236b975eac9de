//! The thread pools of searches. They are separate from rayon's global pool, which belongs to the host program.

use std::sync::OnceLock;

use platform::process::lower_thread_priority;
use platform::threads::describe_thread_limits;
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

/// The pool that all searches share.
static SEARCH_POOL: OnceLock<ThreadPool> = OnceLock::new();

/// The pool in which snapshots are refreshed; `None` if its threads could not be started.
static REFRESH_POOL: OnceLock<Option<ThreadPool>> = OnceLock::new();

/// The error that the threads of searches could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start the search threads: {message}; {}", describe_thread_limits())]
pub struct SearchThreadsError {
    message: String,
}

/// Starts the thread pool that searches share, unless it is running. Its threads have the priority of the calling
/// thread.
///
/// Without this call, the first search starts the pool, which may happen on a low-priority indexing thread.
///
/// # Errors
/// If the operating system cannot start more threads.
pub fn start_search_threads() -> Result<(), SearchThreadsError> {
    if SEARCH_POOL.get().is_none() {
        // If another thread started the pool in the meantime, the new pool is dropped.
        _ = SEARCH_POOL.set(build_search_pool()?);
    }
    Ok(())
}

/// Runs `work` on the threads that searches share, where its parallel steps also run.
///
/// Work on a refresh thread stays there.
///
/// # Panics
/// If the pool is not running and its threads cannot be started.
pub(crate) fn run_on_search_pool<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let refresh_pool = REFRESH_POOL.get().and_then(Option::as_ref);
    if refresh_pool.is_some_and(|pool| pool.current_thread_index().is_some()) {
        return work();
    }
    let start = || build_search_pool().expect("threads can be started; `start_search_threads` reports it otherwise");
    SEARCH_POOL.get_or_init(start).install(work)
}

/// Returns the results of `each` for `items`, in their order, computed on the threads that searches share.
///
/// # Panics
/// If the pool is not running and its threads cannot be started.
pub(crate) fn map_in_parallel<T: Sync, R: Send>(items: &[T], each: impl Fn(&T) -> R + Sync + Send) -> Vec<R> {
    run_on_search_pool(|| items.par_iter().map(each).collect())
}

/// Runs `work` on a thread pool that searches do not use, at low priority.
///
/// While a search thread waits for a part of its work, it runs other jobs of its pool, so long jobs must not be in that
/// pool. If the threads cannot be started, `work` runs on the search threads.
pub fn run_on_refresh_pool<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let start = || {
        let builder = ThreadPoolBuilder::new().thread_name(|number| format!("refresh {number}"));
        let built = builder.start_handler(|_| lower_thread_priority()).build();
        built.inspect_err(|error| tracing::warn!("snapshots are refreshed on the search threads: {error}")).ok()
    };
    match REFRESH_POOL.get_or_init(start) {
        Some(pool) => pool.install(work),
        None => run_on_search_pool(work),
    }
}

fn build_search_pool() -> Result<ThreadPool, SearchThreadsError> {
    let builder = ThreadPoolBuilder::new().thread_name(|number| format!("search {number}"));
    builder.build().map_err(|error| SearchThreadsError { message: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thread_name() -> String {
        std::thread::current().name().unwrap_or_default().to_owned()
    }

    #[test]
    fn work_runs_on_the_threads_of_its_pool() {
        start_search_threads().expect("threads");
        assert!(run_on_search_pool(thread_name).starts_with("search "));
        assert!(run_on_refresh_pool(thread_name).starts_with("refresh "));
        let nested = run_on_refresh_pool(|| run_on_search_pool(thread_name));
        assert!(nested.starts_with("refresh "), "work on a refresh thread stays there: {nested}");
    }
}
