//! The progress of transfers.

/// How far a transfer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransferProgress {
    pub done_parts: u64,
    pub parts: u64,
    pub done_bytes: u64,
    pub bytes: u64,
}

/// A callback that is told the progress of a transfer, from several threads.
pub type TransferObserver<'o> = dyn Fn(&TransferProgress) + Send + Sync + 'o;
