//! The metadata of an entry of a folder that a walk uses.

use std::fs::Metadata;
use std::time::UNIX_EPOCH;

/// The metadata of an entry of a folder. One that is no file, folder or symbolic link is special.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryStat {
    pub is_file: bool,
    pub is_folder: bool,
    pub is_link: bool,
    /// The id of the file system; 0 where the platform has none.
    pub device: u64,
    pub size_bytes: u64,
    /// Modification time in nanoseconds since 1970; 0 if it is unknown or earlier.
    pub mtime_ns: i64,
    /// Time of the last change of content or metadata, in nanoseconds since 1970; 0 where it is unknown.
    pub ctime_ns: i64,
    /// The inode number; 0 where it is unknown.
    pub inode: u64,
}

impl From<&Metadata> for EntryStat {
    fn from(metadata: &Metadata) -> Self {
        let since = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let (device, ctime_ns, inode) = unix_values(metadata);
        Self {
            is_file: metadata.is_file(),
            is_folder: metadata.is_dir(),
            is_link: metadata.is_symlink(),
            device,
            size_bytes: metadata.len(),
            mtime_ns: since.and_then(|since| i64::try_from(since.as_nanos()).ok()).unwrap_or(0),
            ctime_ns,
            inode,
        }
    }
}

/// Returns the id of the file system, the change time and the inode number.
#[cfg(unix)]
fn unix_values(metadata: &Metadata) -> (u64, i64, u64) {
    use std::os::unix::fs::MetadataExt as _;
    let seconds = metadata.ctime().checked_mul(1_000_000_000);
    let ctime_ns = seconds.and_then(|ns| ns.checked_add(metadata.ctime_nsec())).unwrap_or(0);
    (metadata.dev(), ctime_ns, metadata.ino())
}

#[cfg(not(unix))]
fn unix_values(_: &Metadata) -> (u64, i64, u64) {
    (0, 0, 0)
}
