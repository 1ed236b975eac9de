//! Frames: the units that a worker and its parent exchange over pipes.
//!
//! ```text
//! stream   header of PROTOCOL, 16 bytes · frames
//! frame    length u32 · checksum u32 of the payload · payload        little-endian
//! ```

use std::io::{self, Read, Write};

use platform::file_format::{FileFormat, FormatError, HEADER_BYTES, checksum32};

/// The protocol between a worker and its parent. Both streams begin with its header.
pub(crate) const PROTOCOL: FileFormat = FileFormat { magic: *b"CSPARSER", version: 1 };

/// Length of the fields before a payload, in bytes.
const PREFIX_BYTES: usize = 8;

/// The reason why a stream cannot be read any further.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The stream cannot be read or ends within a frame.
    #[error("the stream cannot be read: {0}")]
    Io(#[from] io::Error),
    /// The stream does not begin with the header of this version of the protocol.
    #[error("another protocol: {0}")]
    Protocol(#[from] FormatError),
    /// The frame is longer than its reader accepts.
    #[error("a frame has {bytes} bytes, more than {max_bytes}")]
    TooLong { bytes: usize, max_bytes: usize },
    /// The checksum of the frame does not match.
    #[error("a frame is damaged")]
    Damaged,
}

/// Writes the header of the stream.
///
/// # Errors
/// When the stream cannot be written.
pub fn write_header(out: &mut impl Write) -> io::Result<()> {
    out.write_all(&PROTOCOL.header())
}

/// Reads and checks the header of the stream.
///
/// # Errors
/// When the stream cannot be read, or the header is not that of this version of the protocol.
pub(crate) fn read_header(input: &mut impl Read) -> Result<(), FrameError> {
    let mut header = [0; HEADER_BYTES];
    input.read_exact(&mut header)?;
    PROTOCOL.check_header(&header)?;
    Ok(())
}

/// Writes a frame.
///
/// # Errors
/// When the stream cannot be written, or the payload has 4 GiB or more.
pub fn write_frame(out: &mut impl Write, payload: &[u8]) -> io::Result<()> {
    let length = u32::try_from(payload.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut prefix = [0; PREFIX_BYTES];
    prefix[..4].copy_from_slice(&length.to_le_bytes());
    prefix[4..].copy_from_slice(&checksum32(payload).to_le_bytes());
    out.write_all(&prefix)?;
    out.write_all(payload)
}

/// Reads a frame and returns its payload, of at most `max_bytes`; `None` if the stream ends before the frame. Memory is
/// allocated as bytes arrive.
///
/// # Errors
/// When the stream cannot be read or ends within the frame, or the frame is too long or damaged.
pub fn read_frame(input: &mut impl Read, max_bytes: usize) -> Result<Option<Vec<u8>>, FrameError> {
    let mut prefix = [0; PREFIX_BYTES];
    let mut filled = 0;
    while filled < PREFIX_BYTES {
        match input.read(&mut prefix[filled..]) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    let [l0, l1, l2, l3, c0, c1, c2, c3] = prefix;
    let bytes = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    if bytes > max_bytes {
        return Err(FrameError::TooLong { bytes, max_bytes });
    }
    let mut payload = Vec::new();
    input.take(bytes as u64).read_to_end(&mut payload)?;
    if payload.len() < bytes {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    if checksum32(&payload) != u32::from_le_bytes([c0, c1, c2, c3]) {
        return Err(FrameError::Damaged);
    }
    Ok(Some(payload))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Vec<u8> {
        let mut out = Vec::new();
        write_frame(&mut out, b"first").expect("written");
        write_frame(&mut out, b"").expect("written");
        out
    }

    #[test]
    fn frames_are_read_back() {
        let bytes = stream();
        let mut input = bytes.as_slice();
        assert_eq!(read_frame(&mut input, 5).expect("a frame").as_deref(), Some(b"first".as_slice()));
        assert_eq!(read_frame(&mut input, 5).expect("a frame").as_deref(), Some(b"".as_slice()));
        assert_eq!(read_frame(&mut input, 5).expect("the end"), None);
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_noticed() {
        let bytes = stream();
        for end in (1..13).filter(|end| *end != 0) {
            assert!(matches!(read_frame(&mut &bytes[..end], 64), Err(FrameError::Io(_))), "cut at {end}");
        }
        for bit in 0..13 * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(read_frame(&mut damaged.as_slice(), 64).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_length_is_not_allocated_before_its_bytes_arrive() {
        let huge = [u32::MAX.to_le_bytes(), [0; 4]].concat();
        assert!(matches!(read_frame(&mut huge.as_slice(), 1 << 20), Err(FrameError::TooLong { .. })));
        assert!(matches!(read_frame(&mut huge.as_slice(), usize::MAX), Err(FrameError::Io(_))));
    }

    #[test]
    fn another_version_of_the_protocol_is_refused() {
        let mut header = Vec::new();
        write_header(&mut header).expect("written");
        assert!(read_header(&mut header.as_slice()).is_ok());
        let newer = FileFormat { version: PROTOCOL.version + 1, ..PROTOCOL }.header();
        assert!(matches!(read_header(&mut newer.as_slice()), Err(FrameError::Protocol(FormatError::Version { .. }))));
    }
}
