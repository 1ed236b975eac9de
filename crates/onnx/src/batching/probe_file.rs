//! The files that store measurements of devices, so that later processes do not repeat them.

use std::fs;
use std::path::{Path, PathBuf};

use platform::atomic_file::{self, Durability};
use serde::{Deserialize, Serialize};

/// The measurements stored for one device and model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProbeResult {
    /// The best number of tokens per batch, including padding.
    #[serde(default)]
    pub batch_tokens: Option<usize>,
    /// Whether the CPU embeds a single query faster than the device.
    #[serde(default)]
    pub queries_on_cpu: Option<bool>,
}

/// The file that stores the measurements of one device and model.
pub struct ProbeFile {
    folder: PathBuf,
    path: PathBuf,
}

impl ProbeFile {
    /// Creates a handle to the file for `key`, which must contain everything that the measurements depend on.
    pub fn new(folder: &Path, key: &str) -> Self {
        let name = blake3::hash(key.as_bytes()).to_hex();
        Self { folder: folder.to_owned(), path: folder.join(format!("{}.json", &name[..24])) }
    }

    /// Reads the stored measurements. A missing, unreadable or invalid file counts as empty.
    pub fn read(&self) -> ProbeResult {
        fs::read(&self.path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    /// Applies `change` to the stored measurements. A failure to write is only logged: the next process then
    /// measures again.
    pub fn write(&self, change: impl FnOnce(&mut ProbeResult)) {
        let mut result = self.read();
        change(&mut result);
        let write = || {
            fs::create_dir_all(&self.folder)?;
            atomic_file::remove_leftovers(&self.folder);
            atomic_file::replace_with_bytes(&self.path, Durability::Unsynced, &serde_json::to_vec(&result)?)
        };
        if let Err(error) = write() {
            tracing::debug!("cannot write {}: {error}", self.path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measurements_are_stored_by_key_and_a_truncated_file_counts_as_empty() {
        let folder = tempfile::tempdir().expect("a folder");
        let (one, other) = (ProbeFile::new(folder.path(), "a"), ProbeFile::new(folder.path(), "b"));
        one.write(|result| result.batch_tokens = Some(7));
        one.write(|result| result.queries_on_cpu = Some(true));
        assert_eq!(one.read(), ProbeResult { batch_tokens: Some(7), queries_on_cpu: Some(true) });
        assert_eq!(other.read(), ProbeResult::default());
        fs::write(&one.path, "{").expect("written");
        assert_eq!(one.read(), ProbeResult::default());
    }
}
