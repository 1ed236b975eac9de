//! `manifest.json`: which generation is current, and which versions of the tables it is made of.

use std::fs::{self, File};
use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use super::Place;
use crate::store::{Manifest, StoreError};

const NAME: &str = "manifest.json";

/// The manifest with the tables it stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Committed {
    pub manifest: Manifest,
    pub chunks: TableVersion,
    pub files: TableVersion,
}

/// One version of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TableVersion {
    pub name: String,
    pub version: u64,
}

/// The last commit; `None` where there never was one.
pub(super) fn read(place: &Place) -> Result<Option<Committed>, StoreError> {
    let bytes = match fs::read(place.dir.join(NAME)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(place.io("read", NAME, error)),
    };
    let committed = serde_json::from_slice(&bytes).map_err(|error| place.failed("read manifest.json", &error))?;
    Ok(Some(committed))
}

/// Makes `committed` the current generation, for every process at once.
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
