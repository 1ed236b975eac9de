//! A byte stream between a client and a server.

use tokio::io::{AsyncRead, AsyncWrite, BufReader};

/// One end of a byte stream between a client and a server.
pub struct PeerStream {
    pub reader: BufReader<Box<dyn AsyncRead + Send + Unpin>>,
    pub writer: Box<dyn AsyncWrite + Send + Unpin>,
}

impl PeerStream {
    /// Combines a reader and a writer.
    pub fn new(
        reader: impl AsyncRead + Send + Unpin + 'static,
        writer: impl AsyncWrite + Send + Unpin + 'static,
    ) -> Self {
        Self { reader: BufReader::new(Box::new(reader)), writer: Box::new(writer) }
    }
}
