//! The layout of a location: its objects and their names.
//!
//! ```text
//! codescry-location.json        the version of this layout
//! parts/AB/SHA256               the files of indexes, named by their content; never changed
//! bases/PROJECT/COMMIT-ID.json  a published index: which parts it consists of; never changed
//! bases/PROJECT/current.json    the list of published indexes, replaced by a conditional write
//! bases/-all/…                  the same for the combined index of all projects of a collection
//! ```
//!
//! One part of each index is its [`BlockSums`], by which ranges of the others are verified.

mod block_sums;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use block_sums::{BLOCK_SUMS, BlockSums};

use crate::error::LocationError;
use crate::storage::{Storage, StoredObject};

/// Version of the layout that this program writes, and the highest that it reads.
pub const LOCATION_FORMAT: u32 = 1;

/// Name of the object with the version of the layout.
pub const LOCATION_FILE: &str = "codescry-location.json";

/// Folder of the parts.
pub const PARTS: &str = "parts";

/// Folder of the published indexes, with a folder for each project.
pub const BASES: &str = "bases";

/// Name of the list of a project's published indexes.
pub const CURRENT: &str = "current.json";

/// Project name of the combined index of all projects of a location. [`project_name`] never returns it.
pub const COMBINED: &str = "-all";

/// Number of indexes of one model that a list keeps.
pub const KEPT_PER_MODEL: usize = 8;

/// Number of combined indexes that a list keeps.
pub const KEPT_COMBINED: usize = 2;

#[derive(Serialize, Deserialize)]
pub struct LocationHeader {
    pub format: u32,
}

/// A file of an index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BasePart {
    /// The path in the index folder, with slashes.
    pub path: String,
    pub bytes: u64,
    /// The SHA-256 checksum, in hexadecimal.
    pub sha256: String,
}

/// A published index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseManifest {
    pub format: u32,
    pub project: String,
    /// The commit of git whose files were indexed; `None` outside of git.
    pub commit: Option<String>,
    /// Whether the indexed files differed from the commit, as far as it is known.
    pub is_modified: bool,
    /// Time in milliseconds since 1970.
    pub published_at_ms: u64,
    /// The model of the vectors; the id contains a checksum of the model's files.
    pub model_id: String,
    /// The text of the index's `manifest.json`.
    pub index: String,
    pub parts: Vec<BasePart>,
    /// A checksum of the indexed contents, see [`crate::PublishRequest::content`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// The published indexes that a combined index consists of, sorted by project; empty for any other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<BaseMember>,
}

/// A published index that is part of a combined index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseMember {
    pub project: String,
    /// Name of the object with the [`BaseManifest`], in the folder of the project.
    pub file: String,
}

/// A published index in the list of its project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseEntry {
    /// Name of the object with the [`BaseManifest`], in the folder of the project.
    pub file: String,
    pub commit: Option<String>,
    pub is_modified: bool,
    pub published_at_ms: u64,
    pub model_id: String,
    pub parts: u64,
    pub bytes: u64,
    /// The [`BaseManifest::content`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
}

/// The list of a project's published indexes, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseList {
    pub format: u32,
    pub bases: Vec<BaseEntry>,
}

impl BaseList {
    /// Adds an entry as the newest. Removes the one with the same file or, if it has a commit, the same commit and
    /// model, and the oldest ones of its model beyond [`KEPT_PER_MODEL`].
    pub fn add(&mut self, entry: BaseEntry) {
        let is_same = |other: &BaseEntry| other.commit == entry.commit && other.model_id == entry.model_id;
        self.bases.retain(|other| other.file != entry.file && (other.commit.is_none() || !is_same(other)));
        let model_id = entry.model_id.clone();
        self.bases.insert(0, entry);
        let mut count = 0;
        self.bases.retain(|other| {
            count += usize::from(other.model_id == model_id);
            other.model_id != model_id || count <= KEPT_PER_MODEL
        });
        self.format = LOCATION_FORMAT;
    }
}

impl BaseManifest {
    /// Returns the name of the manifest's object: the commit, or `tree` without one, and a checksum of the index's
    /// manifest, parts and members.
    pub fn object_name(&self) -> String {
        let content = match self.members.is_empty() {
            true => serde_json::json!([self.index, self.parts]).to_string(),
            false => serde_json::json!([self.index, self.parts, self.members]).to_string(),
        };
        let commit = self.commit.as_deref().unwrap_or("tree");
        format!("{commit}-{}.json", &hash(content.as_bytes())[..16])
    }

    /// Returns the entry of this index for the list of its project.
    pub fn entry(&self) -> BaseEntry {
        BaseEntry {
            file: self.object_name(),
            commit: self.commit.clone(),
            is_modified: self.is_modified,
            published_at_ms: self.published_at_ms,
            model_id: self.model_id.clone(),
            parts: self.parts.len() as u64,
            bytes: self.parts.iter().map(|part| part.bytes).sum(),
            content: self.content.clone(),
        }
    }

    /// Checks that each part has a checksum and a path inside of the index folder that is not one of [`RESERVED`].
    ///
    /// # Errors
    /// The problem of the first part without them, in a few words.
    pub fn check(&self) -> Result<(), String> {
        let is_name = |name: &str| {
            let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            !name.is_empty() && !name.starts_with('.') && name.bytes().all(is_safe)
        };
        for part in &self.parts {
            if !part.path.split('/').all(is_name) || RESERVED.contains(&part.path.as_str()) {
                return Err(format!("it names the file {:?}", part.path));
            }
            if !is_checksum(&part.sha256) {
                return Err(format!("{} has no checksum", part.path));
            }
        }
        Ok(())
    }
}

/// Files of an index folder that belong to one machine or one writer, or that a fetched base has besides its parts.
const RESERVED: [&str; 6] =
    ["manifest.json", "manifest.copy.json", "lock", "writer.txt", "base.json", "model-folder.txt"];

fn is_checksum(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Returns the SHA-256 checksum in hexadecimal.
pub fn hash(bytes: &[u8]) -> String {
    to_hex(&Sha256::digest(bytes))
}

/// Returns bytes in hexadecimal.
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the name of a part's object.
pub fn part_object(sha256: &str) -> String {
    format!("{PARTS}/{}/{sha256}", &sha256[..2])
}

/// Returns the name of an object in the folder of a project.
pub fn base_object(project: &str, file: &str) -> String {
    format!("{BASES}/{project}/{file}")
}

/// Returns the name of a project for the names of objects: at most 128 lower-case ASCII letters, digits, dots and
/// underscores, with a dash for any other character. Dashes and dots at the ends are removed; `project` if nothing is
/// left.
pub fn project_name(text: &str) -> String {
    let keep = |character: char| match character {
        'A'..='Z' => character.to_ascii_lowercase(),
        'a'..='z' | '0'..='9' | '.' | '_' => character,
        _ => '-',
    };
    let name: String = text.chars().map(keep).collect();
    let name: String = name.trim_start_matches(['-', '.']).chars().take(128).collect();
    let name = name.trim_end_matches(['-', '.']);
    if name.is_empty() { "project".to_owned() } else { name.to_owned() }
}

/// Parses an object of the layout.
///
/// # Errors
/// [`LocationError::Newer`] if a newer program wrote it, [`LocationError::Damaged`] if it cannot be parsed.
pub fn parse<T: DeserializeOwned>(storage: &Storage, name: &str, object: &StoredObject) -> Result<T, LocationError> {
    let location = storage.shown().to_owned();
    let damaged =
        |problem: String| LocationError::Damaged { location: location.clone(), object: name.to_owned(), problem };
    let header: LocationHeader =
        serde_json::from_slice(&object.bytes).map_err(|_| damaged("it cannot be read".to_owned()))?;
    if header.format > LOCATION_FORMAT {
        return Err(LocationError::Newer { location, found: header.format, known: LOCATION_FORMAT });
    }
    serde_json::from_slice(&object.bytes).map_err(|error| damaged(format!("line {}", error.line())))
}

/// Reads and parses an object; `None` if it is not there.
///
/// # Errors
/// Fails like [`Storage::read`] and [`parse`].
pub async fn read<T: DeserializeOwned>(storage: &Storage, name: &str) -> Result<Option<T>, LocationError> {
    storage.read(name).await?.map(|object| parse(storage, name, &object)).transpose()
}

/// Reads the manifest of a published index; `None` if it is not there.
///
/// # Errors
/// Fails like [`read`], and with [`LocationError::Damaged`] if [`BaseManifest::check`] fails.
pub async fn read_base(storage: &Storage, project: &str, file: &str) -> Result<Option<BaseManifest>, LocationError> {
    let name = base_object(project, file);
    let base: Option<BaseManifest> = read(storage, &name).await?;
    if let Some(Err(problem)) = base.as_ref().map(BaseManifest::check) {
        return Err(LocationError::Damaged { location: storage.shown().to_owned(), object: name, problem });
    }
    Ok(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(file: &str, commit: Option<&str>, model_id: &str) -> BaseEntry {
        BaseEntry {
            file: file.to_owned(),
            commit: commit.map(str::to_owned),
            is_modified: false,
            published_at_ms: 1,
            model_id: model_id.to_owned(),
            parts: 1,
            bytes: 1,
            content: None,
        }
    }

    #[test]
    fn a_list_keeps_the_newest_of_each_model() {
        let mut list = BaseList::default();
        list.add(entry("other", Some("c0"), "b"));
        for number in 0..20 {
            list.add(entry(&format!("f{number}"), Some(&format!("c{number}")), "a"));
        }
        list.add(entry("again", Some("c19"), "a"));
        let files: Vec<&str> = list.bases.iter().map(|entry| entry.file.as_str()).collect();
        assert_eq!(files, ["again", "f18", "f17", "f16", "f15", "f14", "f13", "f12", "other"]);
    }

    #[test]
    fn manifests_name_files_of_the_index_folder_only() {
        let part = |path: &str| BaseManifest {
            format: 1,
            project: "p".to_owned(),
            commit: None,
            is_modified: false,
            published_at_ms: 0,
            model_id: "m".to_owned(),
            index: String::new(),
            parts: vec![BasePart { path: path.to_owned(), bytes: 0, sha256: "0".repeat(64) }],
            content: None,
            members: Vec::new(),
        };
        assert_eq!(part("data/chunks_1.lance/_versions/18446744073709551614.manifest").check(), Ok(()));
        for path in ["../a", "/etc/passwd", "a/../b", "a//b", ".ssh", "", "a\\b", "lock", "manifest.json"] {
            assert!(part(path).check().is_err(), "{path}");
        }
    }

    #[test]
    fn project_names_fit_into_object_names() {
        assert_eq!(project_name("github.com/Owner/My App"), "github.com-owner-my-app");
        assert_eq!([project_name("../.."), project_name("…")], ["project", "project"]);
        let long = "a".repeat(127);
        assert_eq!(project_name(&format!("-{long}-b")), long);
    }
}
