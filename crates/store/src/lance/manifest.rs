//! `manifest.json`: the current generation and the table versions and segments it consists of.
//!
//! The file is replaced as a whole, by a rename, and carries a checksum ([`platform::sealed_json`]). A copy beside it
//! takes its place when it is damaged. A manifest written by a newer program and a damaged manifest are different
//! errors.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::location::IndexLocation;
use super::lock::{LOCK, ReaderLock};
use crate::error::StoreError;
use crate::inverted_index::DocNumber;
use crate::manifest::{Manifest, SCHEMA_VERSION, SavedTree};
use platform::atomic_file::{Durability, replace_with_bytes};
use platform::clock::now_ms;
use platform::file_format::{FormatError, checksum64};
use platform::sealed_json::{JsonSeal, check_json_seal, seal_json};

const MANIFEST_FILE: &str = "manifest.json";

/// Copy of the manifest, which is read only when the manifest is damaged.
const MANIFEST_COPY: &str = "manifest.copy.json";

/// The first schema version whose manifests have a checksum.
const FIRST_SEALED_SCHEMA: u32 = 4;

/// Time in milliseconds within which replaced commits are retired as one.
const RETIRE_TOGETHER_MS: u64 = 60_000;

/// The content of `manifest.json`: the public manifest, the table versions and the segments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CommitRecord {
    pub manifest: Manifest,
    pub chunks: TableVersion,
    pub files: TableVersion,
    /// File names of the inverted index's segments, in the order of their documents.
    #[serde(default)]
    pub words: Vec<String>,
    /// Highest format version of the segments.
    #[serde(default = "first_segment_version")]
    pub segment_version: u32,
    /// Document number of the next chunk.
    #[serde(default)]
    pub next_number: DocNumber,
    /// Segments of earlier commits that a reader may still need.
    #[serde(default)]
    pub dropped_words: Vec<DroppedSegment>,
    /// Generation of the row keys ([`crate::StoreView::rows_generation`]); 0 in manifests that predate the field.
    #[serde(default, rename = "rows_epoch")]
    pub rows_generation: u64,
    /// Earlier commits that a reader may still have open, oldest first.
    #[serde(default)]
    pub retired: Vec<RetiredCommit>,
    /// Earlier commits that stay readable because the folder may return to them, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub saved: Vec<SavedCommit>,
    /// Digest of the keys of the chunks table's rows; `None` in manifests that predate the field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunk_rows: Option<RowDigest>,
    /// Digest of the content of the files table's rows; `None` in manifests that predate the field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_rows: Option<RowDigest>,
    /// The number of chunks, if the tables have search indexes; `None` if they have none.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "packed_chunks")]
    pub searchable_chunks: Option<u64>,
}

/// The number of a table's rows and the sum of their hashes, which are independent of the order of the rows. They
/// change when a row is lost, appears twice, or comes back after its deletion, which the checksum of a row cannot show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RowDigest {
    rows: u64,
    sum: u64,
}

impl RowDigest {
    /// Returns the digest of rows with these keys.
    pub fn of_keys(keys: &[u64]) -> Self {
        let mut digest = Self::default();
        keys.iter().for_each(|key| digest.add_key(*key));
        digest
    }

    /// Returns the digest of rows with these hashes.
    pub fn of_hashes(hashes: impl IntoIterator<Item = u64>) -> Self {
        let mut digest = Self::default();
        hashes.into_iter().for_each(|hash| digest.add(hash));
        digest
    }

    /// Adds the row with this key.
    pub fn add_key(&mut self, key: u64) {
        self.add(checksum64(&key.to_le_bytes()));
    }

    /// Adds the row with this hash.
    pub fn add(&mut self, hash: u64) {
        (self.rows, self.sum) = (self.rows.wrapping_add(1), self.sum.wrapping_add(hash));
    }

    /// Removes the row with this hash.
    pub fn remove(&mut self, hash: u64) {
        (self.rows, self.sum) = (self.rows.wrapping_sub(1), self.sum.wrapping_sub(hash));
    }
}

/// Returns the segment version of manifests that predate [`CommitRecord::segment_version`].
fn first_segment_version() -> u32 {
    1
}

/// Folder of a table in which each version has a file.
const VERSIONS_PREFIX: &str = "_versions/";

/// Parses the version in the name of a version file: LanceDB counts down from the highest number, in names of 20 digits, so
/// that the last version is listed first.
fn parse_version(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".manifest")?;
    let number = digits.parse::<u64>().ok()?;
    Some(if digits.len() == 20 { u64::MAX - number } else { number })
}

/// A version of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TableVersion {
    pub name: String,
    pub version: u64,
    /// Checksums of the metadata in the version's files, by name relative to the table's folder; empty in manifests
    /// that predate the field, and for retired commits.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, u64>,
}

impl TableVersion {
    /// Returns the path of the file that names the files of this version; `None` if the checksums are not known.
    pub fn version_file(&self, location: &IndexLocation) -> Option<PathBuf> {
        let name = self.metadata.keys().find(|name| name.starts_with(VERSIONS_PREFIX))?;
        Some(location.table_folder(&self.name).join(name))
    }

    /// Lists the version files of the table on disk, from this version to those below `end`.
    pub fn list_version_files(&self, location: &IndexLocation, end: u64) -> Vec<PathBuf> {
        let folder = location.table_folder(&self.name).join(VERSIONS_PREFIX);
        let files = fs::read_dir(folder).into_iter().flatten().flatten();
        let is_listed = |path: &PathBuf| {
            let version = path.file_name().and_then(|name| name.to_str()).and_then(parse_version);
            version.is_some_and(|version| version == self.version || (self.version..end).contains(&version))
        };
        files.map(|file| file.path()).filter(is_listed).collect()
    }

    /// Returns the path of a file of the table, relative to the folder of the index and with slashes. `name` is relative
    /// to the folder of the table.
    pub fn path_in_index(&self, name: &str) -> String {
        format!("data/{}.lance/{name}", self.name)
    }

    /// Returns the name and the version without the checksums.
    fn without_metadata(&self) -> Self {
        Self { name: self.name.clone(), version: self.version, metadata: BTreeMap::new() }
    }
}

/// A segment that the current commit no longer uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DroppedSegment {
    pub name: String,
    /// Time at which it was replaced, in milliseconds since the Unix epoch.
    pub at_ms: u64,
}

/// A commit that a later one has replaced.
///
/// Also represents the commits replaced within [`RETIRE_TOGETHER_MS`] after it, which have higher
/// versions of the same tables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RetiredCommit {
    pub chunks: TableVersion,
    pub files: TableVersion,
    /// Time at which it was replaced, in milliseconds since the Unix epoch.
    pub at_ms: u64,
}

/// A commit that stays readable for longer than a retired one ([`SavedTree`]). Its tables have the names of the current
/// ones, and their versions have tags ([`SavedCommit::tag`]), so that LanceDB keeps their files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SavedCommit {
    pub tree: SavedTree,
    pub manifest: Manifest,
    pub chunks: TableVersion,
    pub files: TableVersion,
    pub words: Vec<String>,
    pub segment_version: u32,
    pub next_number: DocNumber,
    #[serde(rename = "rows_epoch")]
    pub rows_generation: u64,
    pub chunk_rows: Option<RowDigest>,
    pub file_rows: Option<RowDigest>,
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "packed_chunks")]
    pub searchable_chunks: Option<u64>,
    /// Time at which it was saved, in milliseconds since the Unix epoch.
    pub at_ms: u64,
}

impl SavedCommit {
    /// Prefix of the names of the tags.
    pub const TAG_PREFIX: &str = "saved-";

    /// Creates the saved commit of `commit`; `None` if it is incomplete, or no commit of git is known for it.
    pub fn new(commit: &CommitRecord, sample: Vec<(String, String)>) -> Option<Self> {
        let head = commit.manifest.head.clone().filter(|_| commit.manifest.complete)?;
        Some(Self {
            tree: SavedTree { head, sample },
            manifest: commit.manifest.clone(),
            chunks: commit.chunks.clone(),
            files: commit.files.clone(),
            words: commit.words.clone(),
            segment_version: commit.segment_version,
            next_number: commit.next_number,
            rows_generation: commit.rows_generation,
            chunk_rows: commit.chunk_rows,
            file_rows: commit.file_rows,
            searchable_chunks: commit.searchable_chunks,
            at_ms: now_ms(),
        })
    }

    /// Returns the number of the generation.
    pub fn generation(&self) -> u64 {
        self.manifest.generation
    }

    /// Returns whether a process reads this commit.
    pub fn is_read(&self, location: &IndexLocation) -> bool {
        self.files.version_file(location).is_some_and(|file| ReaderLock::is_held(&file))
    }

    /// Returns the name of the tag of both tables' versions.
    pub fn tag(&self) -> String {
        format!("{}{}", Self::TAG_PREFIX, self.generation())
    }

    /// Returns the commit record of the saved commit.
    pub fn to_record(&self) -> CommitRecord {
        CommitRecord {
            manifest: self.manifest.clone(),
            chunks: self.chunks.clone(),
            files: self.files.clone(),
            words: self.words.clone(),
            segment_version: self.segment_version,
            next_number: self.next_number,
            dropped_words: Vec::new(),
            rows_generation: self.rows_generation,
            retired: Vec::new(),
            saved: Vec::new(),
            chunk_rows: self.chunk_rows,
            file_rows: self.file_rows,
            searchable_chunks: self.searchable_chunks,
        }
    }
}

impl CommitRecord {
    /// Returns the saved commit with this generation number.
    pub fn find_saved(&self, generation: u64) -> Option<&SavedCommit> {
        self.saved.iter().find(|saved| saved.generation() == generation)
    }

    /// Returns the saved commits that are not older than `keep_ms`.
    pub fn kept_saved(&self, keep_ms: u64) -> Vec<SavedCommit> {
        let now = now_ms();
        self.saved.iter().filter(|saved| saved.at_ms.abs_diff(now) < keep_ms).cloned().collect()
    }

    /// Locks the commit for a reader; `None` if that is not possible.
    pub fn lock_for_reader(&self, location: &IndexLocation) -> Option<ReaderLock> {
        ReaderLock::lock_file(&self.files.version_file(location)?)
    }

    /// Removes the retired commits that no process reads, and returns whether it removed any.
    pub fn drop_unread(&mut self, location: &IndexLocation) -> bool {
        let next = self.retired.iter().skip(1).map(|retired| &retired.files).chain([&self.files]);
        let is_read = |(retired, next): (&RetiredCommit, &TableVersion)| {
            let end = if next.name == retired.files.name { next.version } else { u64::MAX };
            retired.files.list_version_files(location, end).iter().any(|file| ReaderLock::is_held(file))
        };
        let read: Vec<bool> = self.retired.iter().zip(next).map(is_read).collect();
        let before = self.retired.len();
        let mut read = read.into_iter();
        self.retired.retain(|_| read.next() == Some(true));
        if self.retired.is_empty() {
            self.dropped_words.clear();
        }
        self.retired.len() < before
    }

    /// Returns the oldest version of the table `name` that this commit or a retired one uses; `None`
    /// when none of them uses the table.
    pub fn oldest_version(&self, name: &str) -> Option<u64> {
        let retired = self.retired.iter().flat_map(|retired| [&retired.chunks, &retired.files]);
        let needed = [&self.chunks, &self.files].into_iter().chain(retired);
        needed.filter(|table| table.name == name).map(|table| table.version).min()
    }

    /// Returns the dropped segments of the next commit, which consists of the segments `words`: the segments of this
    /// commit that are not in `words`, and the segments dropped less than `keep_ms` ago.
    pub fn dropped_segments(&self, words: &[String], keep_ms: u64) -> Vec<DroppedSegment> {
        let now = now_ms();
        let recent = self.dropped_words.iter().filter(|dropped| dropped.at_ms.abs_diff(now) < keep_ms).cloned();
        let gone = self.words.iter().filter(|name| !words.contains(name));
        recent.chain(gone.map(|name| DroppedSegment { name: name.clone(), at_ms: now })).collect()
    }

    /// Returns the retired commits of the next commit: the commits replaced less than `keep_ms` ago, and this one
    /// unless the last of them represents it.
    pub fn retired_commits(&self, keep_ms: u64) -> Vec<RetiredCommit> {
        let now = now_ms();
        let recent = |retired: &&RetiredCommit| retired.at_ms.abs_diff(now) < keep_ms;
        let mut all: Vec<RetiredCommit> = self.retired.iter().filter(recent).cloned().collect();
        let stands_for_this = |last: &RetiredCommit| {
            last.chunks.name == self.chunks.name && now.abs_diff(last.at_ms) < RETIRE_TOGETHER_MS.min(keep_ms)
        };
        if !all.last().is_some_and(stands_for_this) {
            let (chunks, files) = (self.chunks.without_metadata(), self.files.without_metadata());
            all.push(RetiredCommit { chunks, files, at_ms: now });
        }
        all
    }
}

/// The fields that every version of the manifest has.
#[derive(Deserialize)]
struct ManifestOutline {
    manifest: ManifestFieldsOutline,
}

#[derive(Deserialize)]
struct ManifestFieldsOutline {
    generation: u64,
    #[serde(rename = "recipe")]
    fingerprint: OutlineFingerprint,
}

#[derive(Deserialize)]
struct OutlineFingerprint {
    schema_version: u32,
}

/// Reads the last commit; `None` before the first commit. Reads the copy if the manifest is damaged, without its rows
/// generation.
///
/// # Errors
/// When the file cannot be read, is not a manifest, or was written by a newer program; [`StoreError::Damaged`] when it
/// is damaged and its copy cannot be used.
pub(super) fn read_manifest(location: &IndexLocation) -> Result<Option<CommitRecord>, StoreError> {
    let Some(bytes) = read_manifest_file(location)? else { return Ok(None) };
    let damaged = match parse_manifest(location, &bytes) {
        Err(error) if error.is_damage() => error,
        parsed => return parsed.map(Some),
    };
    match fs::read(location.dir.join(MANIFEST_COPY)).map(|bytes| parse_manifest(location, &bytes)) {
        // The copy may be of an earlier commit, so that the next one gets the number of a commit that a reader has open.
        // Without a rows generation, neither shares anything with that.
        Ok(Ok(copy)) => Ok(Some(CommitRecord { rows_generation: 0, ..copy })),
        _ => Err(damaged),
    }
}

/// Returns whether the manifest is damaged.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn is_manifest_damaged(location: &IndexLocation) -> Result<bool, StoreError> {
    let bytes = read_manifest_file(location)?;
    Ok(bytes.is_some_and(|bytes| parse_manifest(location, &bytes).is_err_and(|error| error.is_damage())))
}

fn read_manifest_file(location: &IndexLocation) -> Result<Option<Vec<u8>>, StoreError> {
    match fs::read(location.dir.join(MANIFEST_FILE)) {
        Ok(bytes) => Ok(Some(bytes)),
        // A file where a folder should be is reported when the folder is made.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(location.io_error("read", MANIFEST_FILE, error)),
    }
}

/// Parses the contents of a manifest.
///
/// # Errors
/// [`StoreError::Newer`] when a newer program wrote them; otherwise when they are damaged or are no manifest.
pub(super) fn parse_manifest(location: &IndexLocation, bytes: &[u8]) -> Result<CommitRecord, StoreError> {
    let operation = "read manifest.json";
    // Another program's file of this name has no lock beside it and must not be replaced without a request.
    let damage = |error: &dyn std::fmt::Display| match location.dir.join(LOCK).exists() {
        true => location.damage_error(operation, error),
        false => location.engine_error(operation, error),
    };
    let seal = check_json_seal(bytes);
    if seal == JsonSeal::Broken {
        return Err(damage(&FormatError::Checksum));
    }
    if let Ok(ManifestOutline { manifest }) = serde_json::from_slice(bytes) {
        let found = manifest.fingerprint.schema_version;
        if found > SCHEMA_VERSION {
            return Err(StoreError::Newer { dir: location.dir.clone(), found, known: SCHEMA_VERSION });
        }
        if seal == JsonSeal::Missing && found >= FIRST_SEALED_SCHEMA {
            return Err(damage(&"its checksum is missing"));
        }
    }
    serde_json::from_slice(bytes).map_err(|error| damage(&error))
}

/// Returns a generation number at least as high as any that readers have seen, for a rebuild over a
/// manifest that [`read_manifest`] rejects.
///
/// It is the number in the manifest of a newer program, and otherwise the Unix time in seconds.
pub(super) fn generation_of_rejected_manifest(location: &IndexLocation) -> u64 {
    let bytes = fs::read(location.dir.join(MANIFEST_FILE)).unwrap_or_default();
    match (parse_manifest(location, &bytes), serde_json::from_slice(&bytes)) {
        (Err(StoreError::Newer { .. }), Ok(ManifestOutline { manifest })) => manifest.generation,
        _ => now_ms() / 1_000,
    }
}

/// Returns a random rows generation for new tables.
///
/// The last rows generation cannot be incremented instead: the manifest may be unreadable, or the folder may
/// have been deleted and created again while a reader has it open.
pub(super) fn random_rows_generation() -> u64 {
    RandomState::new().hash_one(now_ms()).max(1)
}

/// Returns the contents of a manifest.
///
/// # Errors
/// When `committed` cannot be encoded.
pub(super) fn encode_manifest(location: &IndexLocation, committed: &CommitRecord) -> Result<Vec<u8>, StoreError> {
    let json = serde_json::to_string_pretty(committed)
        .map_err(|error| location.engine_error("write manifest.json", &error))?;
    Ok(seal_json(&json).into_bytes())
}

/// Atomically makes `committed` the current generation for every process.
///
/// # Errors
/// When the file cannot be written; the previous generation then stays current. Also when the folder cannot be synced
/// after the file was replaced; `committed` is then current, but may not survive a power failure.
pub(super) fn publish_manifest(location: &IndexLocation, committed: &CommitRecord) -> Result<(), StoreError> {
    let sealed = encode_manifest(location, committed)?;
    replace_with_bytes(&location.dir.join(MANIFEST_FILE), Durability::Synced, &sealed)
        .map_err(|error| location.io_error("write", MANIFEST_FILE, error))?;
    // The commit is visible. A crash before the next line leaves a copy of the commit before, which is readable too.
    if let Err(error) = replace_with_bytes(&location.dir.join(MANIFEST_COPY), Durability::Unsynced, &sealed) {
        tracing::warn!("{}", location.io_error("write", MANIFEST_COPY, error));
    }
    Ok(())
}
