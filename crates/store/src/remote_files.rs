//! Files of an index that are not in its folder, and are read in ranges.

use std::future::Future;
use std::ops::Range;
use std::pin::Pin;

use bytes::Bytes;

/// A range of a file that is being read.
pub type RangeRead = Pin<Box<dyn Future<Output = Result<Bytes, RemoteReadError>> + Send>>;

/// The files of an index that are elsewhere. They never change.
///
/// Paths are relative to the index folder, with slashes.
pub trait RemoteFiles: Send + Sync {
    /// Returns where the files are, for messages.
    fn location_name(&self) -> String;

    /// Returns the size of a file in bytes; `None` if it is not elsewhere.
    fn size_of(&self, path: &str) -> Option<u64>;

    /// Reads a range of a file, which is inside of the file. The read runs to its end on any runtime.
    ///
    /// # Errors
    /// When the bytes cannot be read, or are not those that were written.
    fn read(&self, path: &str, range: Range<u64>) -> RangeRead;
}

/// The reason why a range cannot be read. The message names the place and the remedy.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct RemoteReadError {
    pub message: String,
}
