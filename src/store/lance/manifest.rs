//! `manifest.json`: which generation is current, and which versions of the tables it is made of.
//!
//! Invariants: the file is replaced whole, by a rename; a manifest of a newer program is told from a
//! broken one. Must never import: anything above `store`.

use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use super::Place;
use crate::lexical::DocNumber;
use crate::store::{Manifest, SCHEMA_VERSION, StoreError, now_ms};

const NAME: &str = "manifest.json";

/// Commits that follow each other this closely, in milliseconds, are retired as one.
const TOGETHER_MS: u64 = 60_000;

/// The manifest with the tables it stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Committed {
    pub manifest: Manifest,
    pub chunks: TableVersion,
    pub files: TableVersion,
    /// Segments of the word index, by file name, in the order of their documents.
    #[serde(default)]
    pub words: Vec<String>,
    /// The number of the next chunk.
    #[serde(default)]
    pub next_number: DocNumber,
    /// Segments that earlier commits were made of, until no reader needs them.
    #[serde(default)]
    pub dropped_words: Vec<DroppedWords>,
    /// See [`crate::store::StoreView::rows_epoch`]; 0 in a manifest written before there were epochs.
    #[serde(default)]
    pub rows_epoch: u64,
    /// Commits before this one that a reader may still have open, oldest first.
    #[serde(default)]
    pub retired: Vec<Retired>,
}

/// One version of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TableVersion {
    pub name: String,
    pub version: u64,
}

/// A segment of the word index that the current commit does without.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DroppedWords {
    pub name: String,
    /// When it was replaced, milliseconds since 1970.
    pub at_ms: u64,
}

/// A commit that another one has replaced. Stands for those that were replaced within
/// [`TOGETHER_MS`] after it, too: their versions are higher ones of the same tables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Retired {
    pub chunks: TableVersion,
    pub files: TableVersion,
    /// When it was replaced, milliseconds since 1970.
    pub at_ms: u64,
}

impl Committed {
    /// The oldest version of the table `name` that this commit or a retired one is made of; `None`
    /// when nothing needs the table.
    pub fn oldest(&self, name: &str) -> Option<u64> {
        let retired = self.retired.iter().flat_map(|retired| [&retired.chunks, &retired.files]);
        let needed = [&self.chunks, &self.files].into_iter().chain(retired);
        needed.filter(|table| table.name == name).map(|table| table.version).min()
    }

    /// What a next commit made of the segments `words` lists as dropped: those of this one that it
    /// lacks, and those dropped less than `keep_ms` ago.
    pub fn drop_words(&self, words: &[String], keep_ms: u64) -> Vec<DroppedWords> {
        let now = now_ms();
        let recent = self.dropped_words.iter().filter(|dropped| dropped.at_ms.abs_diff(now) < keep_ms).cloned();
        let gone = self.words.iter().filter(|name| !words.contains(name));
        recent.chain(gone.map(|name| DroppedWords { name: name.clone(), at_ms: now })).collect()
    }

    /// What the next commit lists as retired: this one, and those before it that were replaced
    /// less than `keep_ms` ago.
    pub fn retire(&self, keep_ms: u64) -> Vec<Retired> {
        let now = now_ms();
        let recent = |retired: &&Retired| retired.at_ms.abs_diff(now) < keep_ms;
        let mut all: Vec<Retired> = self.retired.iter().filter(recent).cloned().collect();
        let stands_for_this = |last: &Retired| {
            last.chunks.name == self.chunks.name && now.abs_diff(last.at_ms) < TOGETHER_MS.min(keep_ms)
        };
        if !all.last().is_some_and(stands_for_this) {
            all.push(Retired { chunks: self.chunks.clone(), files: self.files.clone(), at_ms: now });
        }
        all
    }
}

/// What every version of the manifest has.
#[derive(Deserialize)]
struct Outline {
    manifest: OutlineManifest,
}

#[derive(Deserialize)]
struct OutlineManifest {
    generation: u64,
    recipe: OutlineRecipe,
}

#[derive(Deserialize)]
struct OutlineRecipe {
    schema_version: u32,
}

/// The last commit; `None` where there never was one.
///
/// # Errors
/// When the file cannot be read, is not a manifest, or is one of a newer program.
pub(super) fn read(place: &Place) -> Result<Option<Committed>, StoreError> {
    let bytes = match fs::read(place.dir.join(NAME)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(place.io("read", NAME, error)),
    };
    if let Ok(Outline { manifest }) = serde_json::from_slice(&bytes) {
        let found = manifest.recipe.schema_version;
        if found > SCHEMA_VERSION {
            return Err(StoreError::Newer { dir: place.dir.clone(), found, known: SCHEMA_VERSION });
        }
    }
    serde_json::from_slice(&bytes).map(Some).map_err(|error| place.failed("read manifest.json", &error))
}

/// A generation no reader of this store has seen a later one of, for a rebuild that [`read`] bars:
/// the one a newer program wrote, or, where not even that is legible, the seconds since 1970.
pub(super) fn generation_past(place: &Place) -> u64 {
    let bytes = fs::read(place.dir.join(NAME)).unwrap_or_default();
    match serde_json::from_slice(&bytes) {
        Ok(Outline { manifest }) => manifest.generation,
        Err(_) => now_ms() / 1_000,
    }
}

/// The first epoch of new tables. Random, because there may be nothing to count on from: a rebuild
/// may not be able to read the manifest, and a reader may see the folder deleted and made again.
pub(super) fn first_epoch() -> u64 {
    RandomState::new().hash_one(now_ms()).max(1)
}

/// Makes `committed` the current generation, for every process at once.
///
/// # Errors
/// When the file cannot be written; the generation before stays current then.
pub(super) fn publish(place: &Place, committed: &Committed) -> Result<(), StoreError> {
    let bytes = serde_json::to_vec_pretty(committed).map_err(|error| place.failed("write manifest.json", &error))?;
    let fresh = place.dir.join("manifest.json.new");
    let write = || {
        let mut file = File::create(&fresh)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&fresh, place.dir.join(NAME))
    };
    write().map_err(|error| place.io("write", NAME, error))
}
