//! Search for the external data files of an ONNX model, in which the model may keep its weights.
//!
//! Reads only the parts of the format that name these files.

use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek};
use std::path::{Component, Path};

/// The field numbers from the model to an external data entry: `ModelProto.graph`, `GraphProto.initializer`,
/// `TensorProto.external_data`.
const EXTERNAL_DATA: [u64; 3] = [7, 5, 13];

/// Maximum size of an entry that can be a file name, in bytes.
const MAX_ENTRY_BYTES: u64 = 1 << 16;

/// Returns the names of the external data files in the ONNX file at `path`, as they are written there. Names that lead
/// out of its folder are left out. Returns the names found so far if the file is not valid ONNX, and none if it cannot
/// be read; loading the model reports the error.
pub fn find_external_files(path: &Path) -> Vec<String> {
    let Ok(file) = File::open(path) else { return Vec::new() };
    let length = file.metadata().map_or(0, |file| file.len());
    let mut found = Vec::new();
    let mut reader = ProtobufReader { reader: BufReader::new(file), at: 0 };
    _ = reader.read_fields(length, &EXTERNAL_DATA, &mut |entry| {
        if read_text_field(&entry, 1).as_deref() == Some("location")
            && let Some(location) = read_text_field(&entry, 2)
            && Path::new(&location).components().all(|part| matches!(part, Component::Normal(_)))
            && !location.is_empty()
            && !found.contains(&location)
        {
            found.push(location);
        }
    });
    found
}

/// Returns the last text field with the number `field` in a message; `None` if it has none or the message is invalid.
fn read_text_field(message: &[u8], field: u64) -> Option<String> {
    let mut found = None;
    let mut reader = ProtobufReader { reader: Cursor::new(message), at: 0 };
    reader.read_fields(message.len() as u64, &[field], &mut |bytes| found = String::from_utf8(bytes).ok())?;
    found
}

/// A reader for the part of the Protocol Buffers encoding that is needed here.
struct ProtobufReader<R> {
    reader: R,
    at: u64,
}

impl<R: Read + Seek> ProtobufReader<R> {
    /// Passes the content of each field at `path` (field numbers, outermost first) to `found`, up to the position
    /// `end`; skips fields of more than [`MAX_ENTRY_BYTES`]. Returns `None` if the data cannot be read or is not a
    /// valid message.
    fn read_fields(&mut self, end: u64, path: &[u64], found: &mut dyn FnMut(Vec<u8>)) -> Option<()> {
        while self.at < end {
            let tag = self.read_varint()?;
            let (field, kind) = (tag >> 3, tag & 7);
            let length = match kind {
                0 => {
                    self.read_varint()?;
                    continue;
                }
                1 => 8,
                2 => self.read_varint()?,
                5 => 4,
                _ => return None,
            };
            let after = self.at.checked_add(length).filter(|after| *after <= end)?;
            match path {
                [last] if *last == field && kind == 2 && length <= MAX_ENTRY_BYTES => {
                    let mut bytes = vec![0; usize::try_from(length).ok()?];
                    self.reader.read_exact(&mut bytes).ok()?;
                    found(bytes);
                }
                [first, rest @ ..] if *first == field && kind == 2 && !rest.is_empty() => {
                    self.read_fields(after, rest, found)?;
                }
                _ => self.reader.seek_relative(i64::try_from(length).ok()?).ok()?,
            }
            self.at = after;
        }
        Some(())
    }

    /// Reads a variable-length integer: seven bits per byte, lowest first; `None` if it has more than ten bytes or the
    /// data ends.
    fn read_varint(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let mut byte = [0];
            self.reader.read_exact(&mut byte).ok()?;
            self.at += 1;
            number |= u64::from(byte[0] & 0x7f) << shift;
            if byte[0] < 0x80 {
                return Some(number);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/onnx").join(name)
    }

    #[test]
    fn external_files_are_found() {
        assert_eq!(find_external_files(&fixture("external.onnx")), ["external.onnx_data"]);
        assert!(find_external_files(&fixture("dynamic.onnx")).is_empty(), "it has them itself");
        assert!(find_external_files(&fixture("tokenizer.json")).is_empty(), "it is not a model");
        assert!(find_external_files(&fixture("none")).is_empty());
    }

    #[test]
    fn damaged_files_give_no_paths_outside_the_folder() {
        let whole = std::fs::read(fixture("external.onnx")).expect("the fixture");
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("model.onnx");
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0xff;
            std::fs::write(&path, &bytes).expect("written");
            let strange =
                find_external_files(&path).into_iter().find(|name| name.contains("..") || name.starts_with('/'));
            assert_eq!(strange, None, "byte {at}");
            std::fs::write(&path, &whole[..at]).expect("written");
            assert!(find_external_files(&path).len() <= 1, "cut at {at}");
        }
    }
}
