//! A location as a collection: its repositories, and the combined index of all of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use sha2::{Digest as _, Sha256};

use crate::error::LocationError;
use crate::fetch::{list_projects, list_repositories};
use crate::layout::{
    BaseEntry, BaseList, BaseMember, BasePart, COMBINED, CURRENT, LOCATION_FILE, LocationHeader, PARTS, base_object,
    part_object, read, read_base, to_hex,
};
use crate::progress::{TransferObserver, TransferProgress};
use crate::runtime::run_until;
use crate::storage::Storage;
use crate::url::LocationUrl;
use config::LocationSettings;
use platform::cancel::CancelToken;

/// Number of objects that are read at the same time.
const CONCURRENT_REQUESTS: usize = 16;

/// The repositories that are published at a location.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collection {
    /// The repositories, sorted by name.
    pub repositories: Vec<PublishedRepository>,
    /// The newest combined index; `None` if there is none.
    pub combined: Option<CombinedIndex>,
}

/// A repository of a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedRepository {
    pub project: String,
    /// Its published indexes, newest first; at least one.
    pub bases: Vec<BaseEntry>,
}

/// The combined index of a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CombinedIndex {
    pub entry: BaseEntry,
    /// The text of the index's `manifest.json`.
    pub index: String,
    /// The published indexes that it consists of, sorted by project.
    pub members: Vec<BaseMember>,
}

impl CombinedIndex {
    /// Returns the file of a repository's index in the combined index ([`BaseMember::file`]); `None` if it is not part
    /// of it.
    pub fn file_of(&self, project: &str) -> Option<&str> {
        self.members.iter().find(|member| member.project == project).map(|member| member.file.as_str())
    }
}

/// The report on a check of a collection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    pub repositories: u64,
    /// Number of published indexes, including the combined ones.
    pub bases: u64,
    /// Number of distinct parts of the published indexes.
    pub parts: u64,
    pub bytes: u64,
    /// Descriptions of missing and damaged objects.
    pub problems: Vec<String>,
}

/// Lists the repositories that are published at a location.
///
/// # Errors
/// When nothing is published there, the location refuses or fails, or a list or the manifest of the combined index is
/// damaged.
pub fn read_collection(
    url: &LocationUrl,
    settings: &LocationSettings,
    cancel: &CancelToken,
) -> Result<Collection, LocationError> {
    let storage = Storage::open(url, settings, false)?;
    run_until(cancel, list_from(&storage))
}

async fn list_from(storage: &Storage) -> Result<Collection, LocationError> {
    require_header(storage).await?;
    let read_one = async |project: String| {
        let list = read_list(storage, &project).await?;
        Ok::<_, LocationError>(PublishedRepository { project, bases: list.bases })
    };
    let repositories = list_repositories(storage).await?;
    let mut repositories: Vec<PublishedRepository> = stream::iter(repositories.into_iter().map(read_one))
        .buffer_unordered(CONCURRENT_REQUESTS)
        .try_collect()
        .await?;
    repositories.retain(|repository| !repository.bases.is_empty());
    repositories.sort_by(|a, b| a.project.cmp(&b.project));
    let combined = match read_list(storage, COMBINED).await?.bases.into_iter().next() {
        Some(entry) => {
            let base = read_base(storage, COMBINED, &entry.file).await?;
            base.map(|base| CombinedIndex { entry, index: base.index, members: base.members })
        }
        None => None,
    };
    Ok(Collection { repositories, combined })
}

async fn require_header(storage: &Storage) -> Result<(), LocationError> {
    match read::<LocationHeader>(storage, LOCATION_FILE).await? {
        Some(_) => Ok(()),
        None => Err(LocationError::Nothing { location: storage.shown().to_owned() }),
    }
}

async fn read_list(storage: &Storage, project: &str) -> Result<BaseList, LocationError> {
    Ok(read::<BaseList>(storage, &base_object(project, CURRENT)).await?.unwrap_or_default())
}

/// Checks that every published index has its manifest and all of its parts, each with its size and, with `full`, its
/// checksum, for which all parts are read.
///
/// # Errors
/// When nothing is published there, or the location refuses or fails; a missing or damaged object is reported.
pub fn verify_location(
    url: &LocationUrl,
    settings: &LocationSettings,
    full: bool,
    cancel: &CancelToken,
    observe: &TransferObserver<'_>,
) -> Result<VerifyReport, LocationError> {
    let storage = Storage::open(url, settings, false)?;
    run_until(cancel, verify_in(&storage, full, observe))
}

async fn verify_in(
    storage: &Storage,
    full: bool,
    observe: &TransferObserver<'_>,
) -> Result<VerifyReport, LocationError> {
    require_header(storage).await?;
    let mut report = VerifyReport::default();
    let mut parts: BTreeMap<String, (BasePart, BTreeSet<String>)> = BTreeMap::new();
    for project in list_projects(storage).await? {
        report.repositories += u64::from(project != COMBINED);
        let list = match read_list(storage, &project).await {
            Err(LocationError::Damaged { object, problem, .. }) => {
                report.problems.push(format!("{object} is damaged: {problem}"));
                continue;
            }
            list => list?,
        };
        for entry in list.bases {
            report.bases += 1;
            match read_base(storage, &project, &entry.file).await {
                Ok(Some(base)) => {
                    for part in base.parts {
                        let (_, users) =
                            parts.entry(part.sha256.clone()).or_insert_with(|| (part, BTreeSet::default()));
                        users.insert(project.clone());
                    }
                }
                Ok(None) => report.problems.push(format!("{} is missing", base_object(&project, &entry.file))),
                Err(LocationError::Damaged { object, problem, .. }) => {
                    report.problems.push(format!("{object} is damaged: {problem}"));
                }
                Err(error) => return Err(error),
            }
        }
    }
    report.parts = parts.len() as u64;
    report.bytes = parts.values().map(|(part, _)| part.bytes).sum();
    let stored = storage.list(PARTS).await?.into_iter().map(|object| (object.name, object.bytes));
    let stored: HashMap<String, u64> = stored.collect();
    let mut whole = Vec::new();
    for (part, users) in parts.values() {
        let users = users.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let object = part_object(&part.sha256);
        match stored.get(&object) {
            None => report.problems.push(format!("{object} ({}) is missing, which {users} needs", part.path)),
            Some(bytes) if *bytes != part.bytes => report.problems.push(format!(
                "{object} ({}) has {bytes} bytes and not {}, which {users} needs",
                part.path, part.bytes
            )),
            Some(_) => whole.push((part, users)),
        }
    }
    if full {
        let progress = TransferProgress { parts: report.parts, bytes: report.bytes, ..TransferProgress::default() };
        report.problems.extend(find_damaged_parts(storage, &whole, progress, observe).await?);
    }
    Ok(report)
}

/// Reads parts, and describes those whose checksum is wrong.
async fn find_damaged_parts(
    storage: &Storage,
    parts: &[(&BasePart, String)],
    mut progress: TransferProgress,
    observe: &TransferObserver<'_>,
) -> Result<Vec<String>, LocationError> {
    let read_one = async |(part, users): &(&BasePart, String)| {
        let object = part_object(&part.sha256);
        let mut hasher = Sha256::new();
        let mut pieces = storage.stream(&object, 0).await?;
        while let Some(piece) = pieces.try_next().await? {
            hasher.update(&piece);
        }
        let found = to_hex(&hasher.finalize());
        let problem = format!("{object} ({}) is damaged, which {users} needs: its SHA-256 is {found}", part.path);
        Ok::<_, LocationError>((part.bytes, (found != part.sha256).then_some(problem)))
    };
    let mut problems = Vec::new();
    let mut checked = stream::iter(parts.iter().map(read_one)).buffer_unordered(CONCURRENT_REQUESTS);
    while let Some((bytes, problem)) = checked.try_next().await? {
        problems.extend(problem);
        progress.done_parts += 1;
        progress.done_bytes += bytes;
        observe(&progress);
    }
    Ok(problems)
}

/// Removes a repository from a collection: the list of its published indexes. [`crate::collect_garbage`] later removes
/// the objects that only these indexes need; the combined index has the repository until it is made again.
///
/// # Errors
/// [`LocationError::NoRepository`] if the collection has no such repository; otherwise when the location refuses or fails.
pub fn delete_project(
    url: &LocationUrl,
    settings: &LocationSettings,
    project: &str,
    cancel: &CancelToken,
) -> Result<(), LocationError> {
    let storage = Storage::open(url, settings, false)?;
    run_until(cancel, async {
        require_header(&storage).await?;
        let repositories = list_repositories(&storage).await?;
        if repositories.iter().any(|known| known == project) {
            return storage.remove(&base_object(project, CURRENT)).await;
        }
        let (location, repository) = (storage.shown().to_owned(), project.to_owned());
        Err(LocationError::NoRepository { location, repository, known: repositories })
    })
}
