//! The manifest of a commit, and the fingerprint of the rows it names.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Version of the layout that this program writes. It is raised when a column or a file format changes.
///
/// 4: checksums of rows and posting lists, change times and inodes, fields for masked texts.
pub const SCHEMA_VERSION: u32 = 4;

/// The oldest version that this program reads. The next index run replaces a store of an older version than
/// [`SCHEMA_VERSION`].
pub const OLDEST_READABLE_SCHEMA: u32 = 3;

/// The settings and versions that the rows of a store were built with.
///
/// Comparing two fingerprints shows which rows can be reused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexFingerprint {
    /// Version of the layout of the tables, as in [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Version of the chunker, [`source::parse::CHUNKER_VERSION`]. Chunks made by another version are stale.
    pub chunker_version: u32,
    /// Identifier of the embedding model, from [`embed::Embedder::model_id`].
    pub model_id: String,
    /// Number of dimensions of each vector.
    pub dimensions: u32,
    /// Settings that affect the indexed content, as text (`max_file_bytes=1048576`).
    pub settings: String,
    /// Checksum of the model's files, in hexadecimal; `None` if it is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_checksum: Option<String>,
}

impl IndexFingerprint {
    /// Returns whether this program can read the rows, possibly only until the next index run replaces them.
    pub fn is_readable(&self) -> bool {
        (OLDEST_READABLE_SCHEMA..=SCHEMA_VERSION).contains(&self.schema_version)
    }

    /// Returns whether rows with this fingerprint fit into the tables of a store with the fingerprint `stored`. If not, a
    /// writer starts from an empty store.
    pub(crate) fn fits_tables_of(&self, stored: &Self) -> bool {
        (self.schema_version, self.dimensions) == (stored.schema_version, stored.dimensions)
    }
}

/// The public part of a commit record: the indexed folder, the fingerprint of the index and the progress of the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Number of the commit, higher than those of the commits before it; usually 1 for the first.
    pub generation: u64,
    #[serde(rename = "recipe")]
    pub fingerprint: IndexFingerprint,
    /// The indexed folder.
    pub root: PathBuf,
    /// Whether the last index run finished. While false, files may be missing or outdated.
    pub complete: bool,
    /// Number of files in the folder, as counted by the running or the last index run; 0 if it is not known yet.
    pub files_found: u64,
    /// Number of files and folders that the last completed run over the whole folder skipped, keyed by
    /// [`types::SkipReason::label`].
    pub skipped: BTreeMap<String, u64>,
    /// Time of the commit, in milliseconds since the Unix epoch.
    pub committed_at_ms: u64,
    /// Whether the store holds no chunks.
    pub is_empty: bool,
    /// The index that this one began as a copy of; `None` if it was made from the files alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<IndexOrigin>,
    /// The commit of git that the folder was at when the run began, in hexadecimal; `None` if it is not known, and in
    /// commits during a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
}

impl Manifest {
    /// Returns whether the index is a copy of another folder's index that no run has compared with its own folder yet.
    pub fn is_unconfirmed_copy(&self) -> bool {
        self.origin.as_ref().is_some_and(|origin| !origin.is_confirmed)
    }

    /// Returns the depth of a copy of this index: the number of copies between it and an index that was made from files
    /// alone.
    pub fn copy_depth(&self) -> u32 {
        self.origin.as_ref().map_or(0, |origin| origin.depth.saturating_add(1))
    }

    /// Returns the identity of the copy; 0 if the index is not a copy. Row keys of two copies of one index may mean
    /// different chunks.
    pub fn origin_id(&self) -> u64 {
        self.origin.as_ref().map_or(0, |origin| origin.id)
    }
}

/// The index that another one began as a copy of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexOrigin {
    /// The folder of that index, or the location that it was fetched from or is read at.
    pub root: PathBuf,
    /// The generation of that index at the time of the copy.
    pub generation: u64,
    /// A random number that tells copies apart; 1 if the index is read in place.
    pub id: u64,
    /// Whether an index run has compared the copy with its folder and completed.
    #[serde(rename = "confirmed")]
    pub is_confirmed: bool,
    /// Number of copies between this one and an index that was made from files alone.
    #[serde(default)]
    pub depth: u32,
}

/// A tree that the store has saved: an earlier commit that stays readable, because the folder may return to it, such as
/// with a switch to another branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedTree {
    /// The commit of git that the folder was at, in hexadecimal.
    pub head: String,
    /// Some files of this tree that the folder lost or changed when it left the tree: their paths, and the hashes of
    /// their contents in this tree, in hexadecimal.
    pub sample: Vec<(String, String)>,
}
