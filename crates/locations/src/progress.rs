//! The progress of transfers.

/// The finished and the total parts and bytes of a transfer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransferProgress {
    pub done_parts: u64,
    pub parts: u64,
    pub done_bytes: u64,
    pub bytes: u64,
}

/// A callback that receives the progress of a transfer, from several threads.
pub type TransferObserver<'o> = dyn Fn(&TransferProgress) + Send + Sync + 'o;
