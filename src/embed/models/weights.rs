//! The files that the weights of an ONNX model are in: it may keep them beside itself.
//!
//! Only so much of the format is read as names those files; what it holds itself is passed over. Must
//! never import anything of this crate.

use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek};
use std::path::{Component, Path};

/// The initial values of a model's graph, where each says that it is in another file: fields of
/// `ModelProto`, `GraphProto` and `TensorProto`.
const EXTERNAL_DATA: [u64; 3] = [7, 5, 13];

/// A longer entry names no file.
const MOST_ENTRY_BYTES: u64 = 1 << 16;

/// Names of the files beside `path` that its weights are in, as it writes them. None where it is no
/// ONNX file: who loads it says so.
pub fn external(path: &Path) -> Vec<String> {
    let Ok(file) = File::open(path) else { return Vec::new() };
    let length = file.metadata().map_or(0, |file| file.len());
    let mut found = Vec::new();
    let mut wire = Wire { reader: BufReader::new(file), at: 0 };
    _ = wire.walk(length, &EXTERNAL_DATA, &mut |entry| {
        if text(&entry, 1).as_deref() == Some("location")
            && let Some(location) = text(&entry, 2)
            && Path::new(&location).components().all(|part| matches!(part, Component::Normal(_)))
            && !location.is_empty()
            && !found.contains(&location)
        {
            found.push(location);
        }
    });
    found
}

/// A field of a message in memory.
fn text(message: &[u8], field: u64) -> Option<String> {
    let mut found = None;
    let mut wire = Wire { reader: Cursor::new(message), at: 0 };
    wire.walk(message.len() as u64, &[field], &mut |bytes| found = String::from_utf8(bytes).ok())?;
    found
}

/// Protocol buffers, as far as this needs them.
struct Wire<R> {
    reader: R,
    at: u64,
}

impl<R: Read + Seek> Wire<R> {
    /// Gives what is in the fields of this path, up to `end`. `None` where it is no message.
    fn walk(&mut self, end: u64, path: &[u64], found: &mut dyn FnMut(Vec<u8>)) -> Option<()> {
        while self.at < end {
            let tag = self.number()?;
            let (field, kind) = (tag >> 3, tag & 7);
            let length = match kind {
                0 => {
                    self.number()?;
                    continue;
                }
                1 => 8,
                2 => self.number()?,
                5 => 4,
                _ => return None,
            };
            let after = self.at.checked_add(length).filter(|after| *after <= end)?;
            match path {
                [last] if *last == field && kind == 2 && length <= MOST_ENTRY_BYTES => {
                    let mut bytes = vec![0; usize::try_from(length).ok()?];
                    self.reader.read_exact(&mut bytes).ok()?;
                    found(bytes);
                }
                [first, rest @ ..] if *first == field && kind == 2 && !rest.is_empty() => {
                    self.walk(after, rest, found)?;
                }
                _ => self.reader.seek_relative(i64::try_from(length).ok()?).ok()?,
            }
            self.at = after;
        }
        Some(())
    }

    /// Seven bits a byte, the lowest first.
    fn number(&mut self) -> Option<u64> {
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
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/onnx").join(name)
    }

    #[test]
    fn a_model_names_the_files_that_its_weights_are_in() {
        assert_eq!(external(&fixture("external.onnx")), ["external.onnx_data"]);
        assert!(external(&fixture("dynamic.onnx")).is_empty(), "it has them itself");
        assert!(external(&fixture("tokenizer.json")).is_empty(), "it is no model");
        assert!(external(&fixture("none")).is_empty());
    }

    #[test]
    fn no_byte_of_a_damaged_file_matters() {
        let whole = std::fs::read(fixture("external.onnx")).expect("the fixture");
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("model.onnx");
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0xff;
            std::fs::write(&path, &bytes).expect("written");
            let strange = external(&path).into_iter().find(|name| name.contains("..") || name.starts_with('/'));
            assert_eq!(strange, None, "byte {at}");
            std::fs::write(&path, &whole[..at]).expect("written");
            assert!(external(&path).len() <= 1, "cut at {at}");
        }
    }
}
