//! The published index that an index began as a copy of or is read from, and reports on its transfer.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

#[cfg(feature = "locations")]
use crate::error::EngineError;
use platform::clock::now_ms;
use text::display::{format_age, format_bytes};

/// Name of the file in an index folder that holds a [`BaseOrigin`].
const ORIGIN_FILE: &str = "published-base.json";

/// The published index that an index began as a copy of, or that answers come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseOrigin {
    /// The address of the location.
    pub location: String,
    pub project: String,
    /// The commit of git whose files were indexed, if it is known.
    pub commit: Option<String>,
    /// Whether the indexed files differed from the commit.
    pub is_modified: bool,
    /// Time of the publication, in milliseconds since 1970.
    pub published_at_ms: u64,
    pub model_id: String,
}

impl BaseOrigin {
    /// Describes the index for a message, such as `the index of commit 0123456789ab, published 3 hours ago at s3://b`.
    pub fn describe(&self) -> String {
        let age = format_age(Duration::from_millis(now_ms().saturating_sub(self.published_at_ms)));
        if self.is_combined() {
            return format!("the collection at {}, as of {age} ago", self.location);
        }
        let of = match &self.commit {
            Some(commit) => format!("commit {}", commit.get(..12).unwrap_or(commit)),
            None => self.project.clone(),
        };
        let changes = if self.is_modified { " with uncommitted changes" } else { "" };
        format!("the index of {of}{changes}, published {age} ago at {}", self.location)
    }

    /// Records the origin of the index in `from` for a copy of that index in `to`. A failure is logged.
    #[cfg(feature = "lance")]
    pub fn copy(from: &Path, to: &Path) {
        match fs::copy(from.join(ORIGIN_FILE), to.join(ORIGIN_FILE)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                tracing::warn!("cannot record in {} that its index was published: {error}", to.display());
            }
            _ => {}
        }
    }

    /// Forgets the origin of the index in `index_dir`, which was built again from its files. A failure is logged.
    pub fn forget(index_dir: &Path) {
        if let Err(error) = fs::remove_file(index_dir.join(ORIGIN_FILE))
            && error.kind() != ErrorKind::NotFound
        {
            tracing::warn!("cannot remove {ORIGIN_FILE} in {}: {error}", index_dir.display());
        }
    }

    /// Returns the origin of an index that is a copy of `base` at the location `url`, or is read there.
    #[cfg(feature = "locations")]
    pub fn of_base(url: &locations::LocationUrl, base: &locations::BaseManifest) -> Self {
        Self {
            location: url.to_string(),
            project: base.project.clone(),
            commit: base.commit.clone(),
            is_modified: base.is_modified,
            published_at_ms: base.published_at_ms,
            model_id: base.model_id.clone(),
        }
    }

    /// Records the origin of the index in `index_dir`.
    ///
    /// # Errors
    /// When the file cannot be written.
    #[cfg(feature = "locations")]
    pub fn record_in(&self, index_dir: &Path) -> Result<(), EngineError> {
        use platform::atomic_file::{Durability, replace_with_bytes};

        let path = index_dir.join(ORIGIN_FILE);
        let text = serde_json::to_vec_pretty(self).expect("names and numbers are valid JSON");
        replace_with_bytes(&path, Durability::Unsynced, &text)
            .map_err(|source| EngineError::Location(locations::LocationError::Io { operation: "write", path, source }))
    }

    /// Returns whether the index is the combined one of a collection.
    #[cfg(feature = "locations")]
    pub fn is_combined(&self) -> bool {
        self.project == locations::COMBINED
    }

    #[cfg(not(feature = "locations"))]
    pub fn is_combined(&self) -> bool {
        false
    }

    /// Reads the origin of the index in `index_dir`; `None` if none is recorded, or the record cannot be read.
    pub fn read(index_dir: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(index_dir.join(ORIGIN_FILE)).ok()?).ok()
    }
}

/// The progress of a transfer, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransferState {
    pub done_bytes: u64,
    pub bytes: u64,
}

#[cfg(feature = "locations")]
impl From<&locations::TransferProgress> for TransferState {
    fn from(progress: &locations::TransferProgress) -> Self {
        Self { done_bytes: progress.done_bytes, bytes: progress.bytes }
    }
}

/// The report on a published index that was copied, fetched, or opened in place.
#[derive(Clone, Debug)]
pub struct BaseReport {
    pub origin: BaseOrigin,
    /// Bytes that came over the network; the rest was in the cache.
    pub fetched_bytes: u64,
    /// The reason why the location could not be read, so that an index that was fetched before is used.
    pub offline: Option<String>,
    /// Whether the index is read at its location.
    pub is_in_place: bool,
}

impl BaseReport {
    /// Describes where the index came from, or why an older one is used.
    pub fn describe(&self) -> String {
        let base = self.origin.describe();
        match &self.offline {
            Some(problem) => format!("{problem}; going on with {base}"),
            None => {
                let verb = if self.is_in_place { "reading" } else { "starting from" };
                format!("{verb} {base}; {} fetched", format_bytes(self.fetched_bytes))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_described_by_its_commit_and_age() {
        let origin = |commit: Option<&str>, minutes: u64| BaseOrigin {
            location: "s3://bucket".to_owned(),
            project: "app".to_owned(),
            commit: commit.map(str::to_owned),
            is_modified: commit.is_none(),
            published_at_ms: now_ms() - minutes * 60_000,
            model_id: "m".to_owned(),
        };
        let described = origin(Some("0123456789abcdef"), 180).describe();
        assert_eq!(described, "the index of commit 0123456789ab, published 3 hours ago at s3://bucket");
        let described = origin(None, 1).describe();
        assert_eq!(described, "the index of app with uncommitted changes, published 1 minute ago at s3://bucket");
    }
}
