//! The common layout of codescry's binary files: a magic number, a version, and checksums.
//!
//! ```text
//! header   magic, 8 bytes · version u32 · checksum u32 of these 12 bytes      little-endian
//! body     described in the module of the file
//! ```
//!
//! A file that is read whole ends with a [`checksum64`] of everything before it ([`FileFormat::seal`],
//! [`ChecksumWriter`]). A file that is read in parts has a [`checksum32`] beside each part, which is
//! verified when that part is read. Checksums are XXH3; they find damage, not tampering.

use std::fs::File;
use std::io::{self, Read, Write};

use twox_hash::XxHash3_64;

/// Length of a header, in bytes.
pub const HEADER_BYTES: usize = 16;

/// The magic number and version of one kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileFormat {
    /// The first bytes of each such file.
    pub magic: [u8; 8],
    /// The version number in each such file.
    pub version: u32,
}

/// The reason why bytes are not a readable file of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// The file does not begin with the magic number.
    #[error("not a file of this kind")]
    Magic,
    /// The file has another version of the format.
    #[error("format version {found}, expected {expected}")]
    Version { found: u32, expected: u32 },
    /// A checksum does not match: bytes changed after they were written.
    #[error("damaged: a checksum does not match")]
    Checksum,
    /// The file ends before the header, the body or the checksum is complete.
    #[error("cut short")]
    Truncated,
}

impl FileFormat {
    /// Returns the header that each file of this format starts with.
    pub fn header(&self) -> [u8; HEADER_BYTES] {
        let mut header = [0; HEADER_BYTES];
        header[..8].copy_from_slice(&self.magic);
        header[8..12].copy_from_slice(&self.version.to_le_bytes());
        let checksum = checksum32(&header[..12]);
        header[12..].copy_from_slice(&checksum.to_le_bytes());
        header
    }

    /// Checks the header at the start of `bytes` and returns the bytes after it.
    ///
    /// # Errors
    /// When the magic number, the version or the checksum of the header differs, or `bytes` is shorter than a header.
    pub fn check_header<'b>(&self, bytes: &'b [u8]) -> Result<&'b [u8], FormatError> {
        let Some((header, body)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
            return Err(if self.magic.starts_with(bytes) { FormatError::Truncated } else { FormatError::Magic });
        };
        if header[..8] != self.magic {
            return Err(FormatError::Magic);
        }
        let [.., v0, v1, v2, v3, c0, c1, c2, c3] = *header;
        if u32::from_le_bytes([c0, c1, c2, c3]) != checksum32(&header[..12]) {
            return Err(FormatError::Checksum);
        }
        let found = u32::from_le_bytes([v0, v1, v2, v3]);
        if found != self.version {
            return Err(FormatError::Version { found, expected: self.version });
        }
        Ok(body)
    }

    /// Returns a whole file: header, `body`, and the [`checksum64`] of both.
    pub fn seal(&self, body: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + body.len() + 8);
        bytes.extend_from_slice(&self.header());
        bytes.extend_from_slice(body);
        let checksum = checksum64(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Checks a whole file that [`FileFormat::seal`] made and returns its body.
    ///
    /// # Errors
    /// When the header or the checksum differs, or the file is too short to have both.
    pub fn unseal<'b>(&self, bytes: &'b [u8]) -> Result<&'b [u8], FormatError> {
        let after_header = self.check_header(bytes)?;
        let (body, checksum) = after_header.split_last_chunk::<8>().ok_or(FormatError::Truncated)?;
        if u64::from_le_bytes(*checksum) != checksum64(&bytes[..HEADER_BYTES + body.len()]) {
            return Err(FormatError::Checksum);
        }
        Ok(body)
    }
}

/// Returns the XXH3-64 of `bytes` (seed 0).
pub fn checksum64(bytes: &[u8]) -> u64 {
    XxHash3_64::oneshot(bytes)
}

/// Returns the low half of [`checksum64`].
pub fn checksum32(bytes: &[u8]) -> u32 {
    (checksum64(bytes) & u64::from(u32::MAX)) as u32
}

/// Fills `buffer` with the bytes of `file` from `position` on, without moving the position of other readers.
///
/// # Errors
/// When the file cannot be read or ends before `buffer` is full.
#[cfg(unix)]
pub fn read_exact_at(file: &File, buffer: &mut [u8], position: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, position)
}

/// Fills `buffer` with the bytes of `file` from `position` on. Moves the position of the file.
///
/// # Errors
/// When the file cannot be read or ends before `buffer` is full.
#[cfg(windows)]
pub fn read_exact_at(file: &File, mut buffer: &mut [u8], mut position: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        let read = std::os::windows::fs::FileExt::seek_read(file, buffer, position)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        buffer = &mut buffer[read..];
        position += read as u64;
    }
    Ok(())
}

/// A writer that passes all bytes to `inner` and computes their checksum.
pub struct ChecksumWriter<W> {
    inner: W,
    hasher: XxHash3_64,
}

impl<W: Write> ChecksumWriter<W> {
    /// Creates a writer to `inner`. Its checksum covers only the bytes written through it.
    pub fn new(inner: W) -> Self {
        Self { inner, hasher: XxHash3_64::new() }
    }

    /// Returns the [`checksum64`] of everything written so far.
    pub fn checksum(&self) -> u64 {
        self.hasher.finish_checksum()
    }

    /// Appends the [`checksum64`] of everything written so far and returns the inner writer.
    ///
    /// # Errors
    /// When the checksum cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        let checksum = self.hasher.finish_checksum();
        self.inner.write_all(&checksum.to_le_bytes())?;
        Ok(self.inner)
    }
}

impl<W: Write> Write for ChecksumWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.add(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// A reader that takes all bytes from `inner` and computes their checksum.
pub struct ChecksumReader<R> {
    inner: R,
    hasher: XxHash3_64,
}

impl<R: Read> ChecksumReader<R> {
    /// Creates a reader of `inner`. Its checksum covers only the bytes read through it.
    pub fn new(inner: R) -> Self {
        Self { inner, hasher: XxHash3_64::new() }
    }

    /// Reads the checksum that follows and compares it with the checksum of all bytes read so far.
    ///
    /// # Errors
    /// When fewer than eight bytes are left, or the checksum differs (kind `InvalidData`).
    pub fn verify(mut self) -> io::Result<()> {
        let expected = self.hasher.finish_checksum();
        let mut stored = [0; 8];
        self.inner.read_exact(&mut stored)?;
        if u64::from_le_bytes(stored) == expected {
            Ok(())
        } else {
            Err(io::Error::new(io::ErrorKind::InvalidData, FormatError::Checksum))
        }
    }
}

impl<R: Read> Read for ChecksumReader<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(bytes)?;
        self.hasher.add(&bytes[..read]);
        Ok(read)
    }
}

/// The two operations of a hasher that this module needs, under names that do not clash with `Hasher`.
trait RunningChecksum {
    fn add(&mut self, bytes: &[u8]);
    fn finish_checksum(&self) -> u64;
}

impl RunningChecksum for XxHash3_64 {
    fn add(&mut self, bytes: &[u8]) {
        std::hash::Hasher::write(self, bytes);
    }

    fn finish_checksum(&self) -> u64 {
        std::hash::Hasher::finish(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: FileFormat = FileFormat { magic: *b"CSCRYTST", version: 3 };

    #[test]
    fn every_changed_bit_and_every_cut_is_found() {
        let sealed = FORMAT.seal(b"the body of a file");
        assert_eq!(FORMAT.unseal(&sealed), Ok(&b"the body of a file"[..]));
        for at in 0..sealed.len() {
            for bit in 0..8 {
                let mut damaged = sealed.clone();
                damaged[at] ^= 1 << bit;
                assert!(FORMAT.unseal(&damaged).is_err(), "byte {at}, bit {bit}");
            }
            assert!(FORMAT.unseal(&sealed[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn another_version_is_told_apart_from_damage() {
        let newer = FileFormat { version: 4, ..FORMAT }.seal(b"body");
        assert_eq!(FORMAT.unseal(&newer), Err(FormatError::Version { found: 4, expected: 3 }));
        assert_eq!(FORMAT.unseal(b"PK\x03\x04 another kind of file"), Err(FormatError::Magic));
    }

    #[test]
    fn streamed_and_whole_files_are_the_same() {
        let mut out = ChecksumWriter::new(Vec::new());
        out.write_all(&FORMAT.header()).expect("written");
        out.write_all(b"body").expect("written");
        let bytes = out.finish().expect("finished");
        assert_eq!(bytes, FORMAT.seal(b"body"));
        let mut reader = ChecksumReader::new(bytes.as_slice());
        reader.read_exact(&mut vec![0; bytes.len() - 8]).expect("read");
        reader.verify().expect("the checksum matches");
    }
}
