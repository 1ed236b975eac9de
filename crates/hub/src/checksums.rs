//! The checksums of a model's files, by which a damaged file is found.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::error::ModelError;
use platform::atomic_file::{self, Durability};

/// The file with the checksums of a model's files.
pub const CHECKSUMS: &str = "codescry-checksums.json";

/// Reads the checksums of a model's files; empty if the model has no file of checksums.
///
/// # Errors
///
/// Fails if the file cannot be read or parsed.
pub fn read_checksums(folder: &Path) -> Result<BTreeMap<String, String>, ModelError> {
    let path = folder.join(CHECKSUMS);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(source) => return Err(ModelError::Io { operation: "read", path, source }),
    };
    serde_json::from_slice(&bytes).map_err(|error| ModelError::Checksums { path, problem: error.to_string() })
}

/// Writes the checksums of a model's files.
///
/// # Errors
///
/// Fails if the file cannot be written.
pub fn write_checksums(folder: &Path, checksums: &BTreeMap<String, String>) -> Result<(), ModelError> {
    let text = serde_json::to_string_pretty(checksums).expect("a map of text is valid JSON");
    replace_model_file(&folder.join(CHECKSUMS), &text)
}

/// Returns the checksum of a file: its BLAKE3 hash in hexadecimal.
///
/// # Errors
///
/// Fails if the file cannot be read.
pub fn hash_model_file(path: &Path) -> Result<String, ModelError> {
    let mut hasher = blake3::Hasher::new();
    let read = fs::File::open(path).and_then(|file| hasher.update_reader(file).map(drop));
    read.map_err(|source| ModelError::Io { operation: "read", path: path.to_owned(), source })?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// Replaces a file of a model atomically.
///
/// # Errors
///
/// Fails if the file cannot be written.
pub fn replace_model_file(path: &Path, text: &str) -> Result<(), ModelError> {
    atomic_file::remove_leftovers(path.parent().unwrap_or(Path::new(".")));
    let written = atomic_file::replace_with_bytes(path, Durability::Synced, text.as_bytes());
    written.map_err(|source| ModelError::Io { operation: "write", path: path.to_owned(), source })
}
