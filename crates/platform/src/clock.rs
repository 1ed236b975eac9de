//! The wall clock, as numbers that can be stored, and the processor time of threads and processes.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Returns the milliseconds since 1970; 0 if the clock is set before that.
pub fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, duration_ms)
}

/// Returns the time of day in UTC, such as `14:03:59Z`.
pub fn utc_time_of_day() -> String {
    let seconds = now_ms() / 1_000 % 86_400;
    format!("{:02}:{:02}:{:02}Z", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// Returns the nanoseconds since 1970; 0 if the clock is set before that.
pub fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).expect("nanoseconds fit in 63 bits until the year 2262")
}

/// Returns `duration` in whole milliseconds.
///
/// # Panics
/// Never for a duration below 584 million years.
pub fn duration_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).expect("a duration in milliseconds fits in 64 bits")
}

/// Returns the processor time that the calling thread has used; `None` if the system does not report it.
pub fn thread_cpu_time() -> Option<Duration> {
    cpu_time::ThreadTime::try_now().ok().map(|now| now.as_duration())
}

/// Returns the processor time that all threads of this process have used; `None` if the system does not report it.
pub fn process_cpu_time() -> Option<Duration> {
    cpu_time::ProcessTime::try_now().ok().map(|now| now.as_duration())
}
