//! Remote files of an index: files that are not in its folder, and are read in ranges.

use std::future::Future;
use std::ops::Range;
use std::pin::Pin;

use bytes::Bytes;

/// The future of a read of a range of bytes.
pub type RangeRead = Pin<Box<dyn Future<Output = Result<Bytes, RemoteReadError>> + Send>>;

/// The remote files of an index, which are not in its folder. They never change.
///
/// Paths are relative to the index folder, with slashes.
pub trait RemoteFiles: Send + Sync {
    /// Returns the location of the files, for messages.
    fn location_name(&self) -> String;

    /// Returns the size of a remote file in bytes; `None` for any other path.
    fn size_of(&self, path: &str) -> Option<u64>;

    /// Reads a range of bytes that lies within a remote file. The future may be polled on any runtime.
    ///
    /// # Errors
    /// When the bytes cannot be read, or differ from the published ones.
    fn read(&self, path: &str, range: Range<u64>) -> RangeRead;
}

/// The reason why a range cannot be read. The message names the location.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct RemoteReadError {
    pub message: String,
}
