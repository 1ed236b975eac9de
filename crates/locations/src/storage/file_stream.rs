//! Streams a file of a location that is a folder.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::ops::Range;

use bytes::Bytes;
use futures::stream::{self, BoxStream};
use object_store::Error;
use tokio::task::spawn_blocking;

/// Number of bytes in a piece. With the 8 KiB of `object_store`, changes of threads took longer than the reads.
const PIECE_BYTES: u64 = 1 << 20;

/// Streams the bytes of `range` in large pieces.
pub fn stream_file(file: File, range: Range<u64>) -> BoxStream<'static, Result<Bytes, Error>> {
    let read = move |(file, at): (File, u64)| async move {
        if at >= range.end {
            return Ok(None);
        }
        let length = PIECE_BYTES.min(range.end - at);
        let piece = spawn_blocking(move || read_piece(file, at, length)).await.map_err(io::Error::other).flatten();
        let (file, piece) = piece.map_err(|source| Error::Generic { store: "folder", source: source.into() })?;
        Ok(Some((piece, (file, at + length))))
    };
    Box::pin(stream::try_unfold((file, range.start), read))
}

fn read_piece(mut file: File, at: u64, length: u64) -> io::Result<(File, Bytes)> {
    let mut piece = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut piece)?;
    Ok((file, piece.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::TryStreamExt as _;

    #[test]
    fn a_range_of_several_pieces_is_streamed_and_a_shorter_file_is_an_error() {
        let content: Vec<u8> = (0..3 * PIECE_BYTES / 2).map(|at| (at % 251) as u8).collect();
        let mut file = tempfile::tempfile().expect("a file");
        io::Write::write_all(&mut file, &content).expect("written");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let read = |range: Range<u64>| {
            let file = file.try_clone().expect("another handle");
            runtime.block_on(stream_file(file, range).try_collect::<Vec<Bytes>>())
        };
        let length = content.len() as u64;
        let pieces = read(7..length).expect("in the file");
        assert_eq!((pieces.len(), pieces.concat()), (2, content[7..].to_vec()));
        assert_eq!(read(length..length).expect("an empty range"), Vec::<Bytes>::new());
        assert!(read(0..length + 1).is_err());
    }
}
