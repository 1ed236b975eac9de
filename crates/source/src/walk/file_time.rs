//! The time of a file.

use std::fs::Metadata;
use std::time::UNIX_EPOCH;

/// Returns the modification time in nanoseconds since the Unix epoch; 0 where it is unknown.
pub fn mtime_ns(metadata: &Metadata) -> i64 {
    let since = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.and_then(|since| i64::try_from(since.as_nanos()).ok()).unwrap_or(0)
}
