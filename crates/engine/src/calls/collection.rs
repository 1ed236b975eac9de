//! Collections: the repositories that are published at one location, and their combined index.
//!
//! The combined index is an ordinary published index of a folder that has a folder for each repository. It is made from
//! the published indexes alone, without their files and without a model, so one machine can keep up with many that
//! index. It always has search indexes, so that it can be searched without being held in memory.

mod copier;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};

use serde::Serialize;

use self::copier::Copier;
use crate::error::EngineError;
use crate::state::published::{PublishableIndex, TransferState, observe_transfer};
use config::{LocationSettings, Settings};
use locations::{
    BaseEntry, BaseMember, COMBINED, Collection, CombinedOrigin, FetchRequest, LocationError, LocationUrl,
    PublishRequest,
};
use platform::cancel::CancelToken;
use store::ChunkStore as _;
use store::lance::LanceStore;

/// Maximum number of attempts to publish a combined index while other processes do the same.
const COMPACT_ATTEMPTS: u32 = 4;

/// The repositories of a collection, and their output as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CollectionList {
    /// The address of the location.
    pub location: String,
    pub repositories: Vec<ListedRepository>,
    /// Time at which the combined index was published, in milliseconds since 1970; `None` if there is none.
    pub combined_at_ms: Option<u64>,
    /// Size of the combined index in bytes; 0 if there is none.
    pub combined_bytes: u64,
}

/// A repository of a collection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ListedRepository {
    pub name: String,
    /// The commit of the newest published index; `None` if it is of no commit.
    pub commit: Option<String>,
    pub is_modified: bool,
    /// Time of the newest published index, in milliseconds since 1970.
    pub published_at_ms: u64,
    pub model_id: String,
    pub bytes: u64,
    /// Whether the combined index has the newest published index of the repository.
    pub is_combined: bool,
}

/// The result of a check of a collection, and its output as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VerifiedCollection {
    /// The address of the location.
    pub location: String,
    pub repositories: u64,
    /// Number of published indexes, including the combined ones.
    pub indexes: u64,
    pub parts: u64,
    pub bytes: u64,
    /// Descriptions of missing and damaged parts.
    pub problems: Vec<String>,
}

/// The report on a combined index, and its output as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CompactedCollection {
    /// The address of the location.
    pub location: String,
    pub model_id: String,
    /// Number of repositories in the combined index.
    pub repositories: u64,
    /// Number of repositories that were copied: new ones and ones with a newer index, or all in a rebuild.
    pub copied: u64,
    pub removed: u64,
    /// Repositories that are left out, each with the reason.
    pub left_out: Vec<(String, String)>,
    /// Number of files in the combined index.
    pub files: u64,
    /// Number of chunks that were copied.
    pub copied_chunks: u64,
    pub bytes: u64,
    pub uploaded_bytes: u64,
    /// Whether nothing had to be done.
    pub was_current: bool,
}

/// The progress of [`compact_collection`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CompactStep {
    /// The combined index, or the index of a repository, is fetched.
    Fetching(TransferState),
    /// The chunks of repository `number` of `count` are copied.
    Copying { name: String, number: usize, count: usize },
    /// Search indexes are built.
    Indexing,
    /// The combined index is uploaded.
    Publishing(TransferState),
}

/// A function that receives the progress of [`compact_collection`].
pub type CompactObserver<'o> = dyn Fn(CompactStep) + Send + Sync + 'o;

/// Lists the repositories of a collection.
///
/// # Errors
/// When nothing is published at the location, it refuses or fails, or a list is damaged.
pub fn list_collection(
    location: &OsStr,
    settings: &LocationSettings,
    cancel: &CancelToken,
) -> Result<CollectionList, EngineError> {
    let url = LocationUrl::parse(location)?;
    let Collection { repositories, combined } = locations::read_collection(&url, settings, cancel)?;
    let listed = repositories.iter().filter_map(|repository| {
        let newest = repository.bases.first()?;
        let in_combined = combined.as_ref().and_then(|combined| combined.file_of(&repository.project));
        Some(ListedRepository {
            name: repository.project.clone(),
            commit: newest.commit.clone(),
            is_modified: newest.is_modified,
            published_at_ms: newest.published_at_ms,
            model_id: newest.model_id.clone(),
            bytes: newest.bytes,
            is_combined: in_combined == Some(newest.file.as_str()),
        })
    });
    Ok(CollectionList {
        location: url.to_string(),
        repositories: listed.collect(),
        combined_at_ms: combined.as_ref().map(|combined| combined.entry.published_at_ms),
        combined_bytes: combined.map_or(0, |combined| combined.entry.bytes),
    })
}

/// Checks that every part of every published index of a collection is there; with `full`, reads them all and compares
/// their checksums.
///
/// # Errors
/// When nothing is published at the location, or it refuses or fails; a missing or damaged part is no error.
pub fn verify_collection(
    location: &OsStr,
    settings: &LocationSettings,
    full: bool,
    cancel: &CancelToken,
    observe: &(dyn Fn(TransferState) + Send + Sync),
) -> Result<VerifiedCollection, EngineError> {
    let url = LocationUrl::parse(location)?;
    let report = locations::verify_location(&url, settings, full, cancel, &observe_transfer(observe))?;
    Ok(VerifiedCollection {
        location: url.to_string(),
        repositories: report.repositories,
        indexes: report.bases,
        parts: report.parts,
        bytes: report.bytes,
        problems: report.problems,
    })
}

/// Removes a repository from a collection. The combined index has it until the collection is compacted.
///
/// # Errors
/// When the collection has no such repository, or the location refuses or fails.
pub fn remove_repository(
    location: &OsStr,
    settings: &LocationSettings,
    name: &str,
    cancel: &CancelToken,
) -> Result<(), EngineError> {
    Ok(locations::delete_project(&LocationUrl::parse(location)?, settings, name, cancel)?)
}

/// Brings the combined index of a collection up to date with the published indexes of its repositories, and publishes
/// it. With `rebuild`, makes it from all of them again.
///
/// Without `rebuild`, copies only repositories that are new or have a newer index. Those whose vectors are of another
/// model than those of the combined index, or of most repositories if there is none, are left out. If another process
/// publishes a combined index in the meantime, starts again from that one.
///
/// # Errors
/// When nothing is published at the location, it refuses or fails, an index cannot be read or written, the work is
/// cancelled, or other processes were faster each time.
pub fn compact_collection(
    location: &OsStr,
    settings: &Settings,
    rebuild: bool,
    cancel: &CancelToken,
    observe: &CompactObserver<'_>,
) -> Result<CompactedCollection, EngineError> {
    let url = LocationUrl::parse(location)?;
    for attempt in 1.. {
        let compactor = Compactor { url: &url, settings, cancel, observe };
        match compactor.compact(rebuild) {
            Err(EngineError::Location(LocationError::Superseded { .. })) if attempt < COMPACT_ATTEMPTS => {}
            done => return done,
        }
    }
    unreachable!("the last attempt returns")
}

/// A folder that is removed when this value is dropped.
struct WorkFolder(PathBuf);

impl WorkFolder {
    /// Creates a folder with a new name in `parent`.
    fn create(parent: &Path) -> Result<Self, EngineError> {
        let name = format!("compact-{}-{:x}", std::process::id(), RandomState::new().hash_one(0));
        let path = parent.join(name);
        fs::create_dir_all(&path).map_err(|source| LocationError::Io {
            operation: "create",
            path: path.clone(),
            source,
        })?;
        Ok(Self(path))
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.0);
    }
}

/// A repository whose published index is to be copied.
struct WantedRepository {
    project: String,
    entry: BaseEntry,
}

struct Compactor<'c> {
    url: &'c LocationUrl,
    settings: &'c Settings,
    cancel: &'c CancelToken,
    observe: &'c CompactObserver<'c>,
}

impl Compactor<'_> {
    fn compact(&self, rebuild: bool) -> Result<CompactedCollection, EngineError> {
        let collection = locations::read_collection(self.url, &self.settings.locations, self.cancel)?;
        let known = collection.combined.as_ref().filter(|_| !rebuild);
        let model_id = choose_model(&collection, known.map(|combined| &combined.entry));
        let mut report = CompactedCollection {
            location: self.url.to_string(),
            model_id: model_id.clone(),
            ..CompactedCollection::default()
        };
        let wanted = choose_bases(&collection, &model_id, &mut report.left_out);
        let is_current = |one: &&WantedRepository| {
            known.is_some_and(|combined| combined.file_of(&one.project) == Some(one.entry.file.as_str()))
        };
        let changed: Vec<&WantedRepository> = wanted.iter().filter(|one| !is_current(one)).collect();
        let is_wanted = |member: &&BaseMember| wanted.iter().any(|one| one.project == member.project);
        let members: &[BaseMember] = known.map_or(&[], |combined| &combined.members);
        let removed: Vec<String> =
            members.iter().filter(|member| !is_wanted(member)).map(|member| member.project.clone()).collect();
        report.repositories = wanted.len() as u64;
        report.removed = removed.len() as u64;
        if let Some(combined) = known.filter(|_| changed.is_empty() && removed.is_empty()) {
            let manifest = LanceStore::parse_manifest(Path::new(&report.location), &combined.index)?;
            (report.files, report.bytes) = (manifest.files_found, combined.entry.bytes);
            report.was_current = true;
            return Ok(report);
        }
        let work = WorkFolder::create(&self.settings.cache_dir.join("collections"))?;
        let index_dir = work.0.join("index");
        if let Some(combined) = known {
            let fetched = self.fetch(&self.settings.cache_dir, COMBINED, &combined.entry.model_id)?;
            if fetched.base.object_name() != combined.entry.file {
                return Err(LocationError::Superseded { location: self.url.to_string() }.into());
            }
            LanceStore::clone_index(&fetched.dir, &index_dir, &work.0)?;
        }
        let mut copier = Copier::new(&index_dir, &work.0)?;
        copier.remove(&removed);
        let mut sources: BTreeMap<String, String> =
            wanted.iter().map(|one| (one.project.clone(), one.entry.file.clone())).collect();
        for (at, one) in changed.iter().enumerate() {
            let step = CompactStep::Copying { name: one.project.clone(), number: at + 1, count: changed.len() };
            (self.observe)(step);
            let cache = work.0.join("fetched");
            let fetched = self.fetch(&cache, &one.project, &model_id)?;
            // A newer index may have been published meanwhile.
            sources.insert(one.project.clone(), fetched.base.object_name());
            let source = LanceStore::open(&fetched.dir, &fetched.dir)?.with_resident_limit(u64::MAX);
            let view = source.view()?.ok_or_else(|| LocationError::Damaged {
                location: self.url.to_string(),
                object: format!("the index of {}", one.project),
                problem: "it has no commit".to_owned(),
            })?;
            copier.copy(&one.project, &view, self.cancel)?;
            report.copied += 1;
            drop(view);
            _ = fs::remove_dir_all(&cache);
        }
        (self.observe)(CompactStep::Indexing);
        (report.files, report.copied_chunks) = copier.finish()?;
        let members: Vec<BaseMember> =
            sources.into_iter().map(|(project, file)| BaseMember { project, file }).collect();
        let replaces = collection.combined.as_ref().map(|combined| combined.entry.file.as_str());
        self.publish(&index_dir, &model_id, CombinedOrigin { members: &members, replaces }, &mut report)?;
        Ok(report)
    }

    fn fetch(&self, cache_dir: &Path, project: &str, model_id: &str) -> Result<locations::FetchedBase, EngineError> {
        let url = self.url.clone().with_project(project);
        let request = FetchRequest { cache_dir, project, commit: None, model_id: Some(model_id) };
        let seen = |progress: &locations::TransferProgress| {
            (self.observe)(CompactStep::Fetching(TransferState::from(progress)));
        };
        let fetched = locations::fetch(&url, &self.settings.locations, &request, self.cancel, &seen)?;
        // An index of the cache may be outdated.
        fetched.offline.map_or(Ok(()), Err).map_err(EngineError::from)?;
        if fetched.base.model_id == model_id {
            return Ok(locations::FetchedBase { offline: None, ..fetched });
        }
        Err(LocationError::Missing { location: self.url.to_string(), object: format!("{project} by {model_id}") }
            .into())
    }

    fn publish(
        &self,
        index_dir: &Path,
        model_id: &str,
        origin: CombinedOrigin<'_>,
        report: &mut CompactedCollection,
    ) -> Result<(), EngineError> {
        let index = PublishableIndex::list(index_dir, index_dir, &self.url.to_string())?;
        let request = PublishRequest {
            dir: index_dir,
            files: &index.files,
            index: index.manifest_text,
            project: COMBINED,
            commit: None,
            is_modified: false,
            model_id,
            content: None,
            again: false,
            combined: Some(origin),
        };
        let seen = |progress: &locations::TransferProgress| {
            (self.observe)(CompactStep::Publishing(TransferState::from(progress)));
        };
        let done = locations::publish(self.url, &self.settings.locations, &request, self.cancel, &seen)?;
        (report.bytes, report.uploaded_bytes) = (done.bytes, done.uploaded_bytes);
        Ok(())
    }
}

/// Returns the model of the combined index if a repository has an index by it, otherwise a model that most repositories
/// have been published with last; empty without repositories.
fn choose_model(collection: &Collection, combined: Option<&BaseEntry>) -> String {
    let has_model = |model_id: &str| {
        let mut bases = collection.repositories.iter().flat_map(|repository| &repository.bases);
        bases.any(|base| base.model_id == model_id)
    };
    if let Some(combined) = combined.filter(|combined| has_model(&combined.model_id)) {
        return combined.model_id.clone();
    }
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for newest in collection.repositories.iter().filter_map(|repository| repository.bases.first()) {
        *counts.entry(&newest.model_id).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map_or_else(String::new, |(model_id, _)| model_id.to_owned())
}

/// Returns the newest index of each repository by the model. Adds the repositories without one to `left_out`.
fn choose_bases(
    collection: &Collection,
    model_id: &str,
    left_out: &mut Vec<(String, String)>,
) -> Vec<WantedRepository> {
    let mut wanted = Vec::new();
    for repository in &collection.repositories {
        match repository.bases.iter().find(|base| base.model_id == model_id) {
            Some(entry) => {
                wanted.push(WantedRepository { project: repository.project.clone(), entry: entry.clone() });
            }
            None => {
                let other = repository.bases.first().map_or("", |newest| newest.model_id.as_str());
                let reason = format!(
                    "its vectors are by the model {other}, and those of the collection by {model_id}; publish it with that \
                     model, or make the collection again with `codescry collection compact --rebuild` if most are by the other"
                );
                left_out.push((repository.project.clone(), reason));
            }
        }
    }
    wanted
}
