//! Removal of objects that no list of bases names any more, after a grace period.
//!
//! All objects are listed before the lists of bases are read, so that the objects of an index published in the meantime
//! stay. A manifest that no list names yet protects its parts during the grace period, because its publisher may be
//! about to add it.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::error::LocationError;
use crate::fetch::list_projects;
use crate::layout::{
    BASES, BaseList, CURRENT, LOCATION_FILE, LocationHeader, PARTS, base_object, part_object, read, read_base,
};
use crate::runtime::run_until;
use crate::storage::{ListedObject, Storage};
use crate::url::LocationUrl;
use config::LocationSettings;
use platform::cancel::CancelToken;
use platform::clock::{duration_ms, now_ms};

/// Number of objects that are removed or read at the same time.
const CONCURRENT_REQUESTS: usize = 8;

/// The report on a removal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CollectReport {
    pub removed_parts: u64,
    pub removed_bases: u64,
    pub removed_bytes: u64,
    pub kept_parts: u64,
    pub kept_bases: u64,
    pub kept_bytes: u64,
    /// Number of unused objects that the grace period protects.
    pub young_objects: u64,
}

/// Removes the manifests that no list of bases names, and the parts that no remaining manifest names, if they are older
/// than `grace`. With `dry_run`, only counts them.
///
/// # Errors
/// When nothing is published there, the location refuses or fails, or a manifest that a list names cannot be read.
/// Nothing is removed before all of these manifests are read.
pub fn collect_garbage(
    url: &LocationUrl,
    settings: &LocationSettings,
    grace: Duration,
    dry_run: bool,
    cancel: &CancelToken,
) -> Result<CollectReport, LocationError> {
    let storage = Storage::open(url, settings, false)?;
    let report = run_until(cancel, collect_from(&storage, duration_ms(grace), dry_run))?;
    if let Some(folder) = url.folder().filter(|_| !dry_run) {
        remove_unfinished(&folder.join(PARTS), grace);
        remove_unfinished(&folder.join(BASES), grace);
    }
    Ok(report)
}

async fn collect_from(storage: &Storage, grace_ms: u64, dry_run: bool) -> Result<CollectReport, LocationError> {
    if read::<LocationHeader>(storage, LOCATION_FILE).await?.is_none() {
        return Err(LocationError::Nothing { location: storage.shown().to_owned() });
    }
    let (parts, manifests) = (storage.list(PARTS).await?, storage.list(BASES).await?);
    let now = now_ms();
    let is_young = |object: &ListedObject| object.written_ms + grace_ms > now;
    let named_bases = read_named_bases(storage).await?;
    let is_list = |object: &ListedObject| {
        let file = object.name.rsplit('/').next().unwrap_or_default();
        file == CURRENT || Path::new(file).extension().is_none_or(|extension| extension != "json")
    };
    let manifests: Vec<ListedObject> = manifests.into_iter().filter(|object| !is_list(object)).collect();
    let protecting = manifests.iter().filter(|object| is_young(object)).map(|object| object.name.clone());
    let protecting: HashSet<String> = named_bases.iter().cloned().chain(protecting).collect();
    let named_parts = read_named_parts(storage, protecting, &named_bases).await?;
    let mut report = CollectReport::default();
    let mut unused = Vec::new();
    let both = parts.iter().map(|part| (part, &named_parts)).chain(manifests.iter().map(|base| (base, &named_bases)));
    for (object, named) in both {
        let is_part = object.name.starts_with(PARTS);
        if named.contains(&object.name) {
            report.kept_bytes += object.bytes;
            *if is_part { &mut report.kept_parts } else { &mut report.kept_bases } += 1;
        } else if is_young(object) {
            report.young_objects += 1;
        } else {
            report.removed_bytes += object.bytes;
            *if is_part { &mut report.removed_parts } else { &mut report.removed_bases } += 1;
            unused.push(object.name.as_str());
        }
    }
    if !dry_run && !unused.is_empty() {
        // Bases published in the meantime stay, too.
        let named_bases = read_named_bases(storage).await?;
        let named_parts = read_named_parts(storage, named_bases.clone(), &named_bases).await?;
        unused.retain(|name| !named_bases.contains(*name) && !named_parts.contains(*name));
        // Manifests come last in this list, so they are removed first: none of them names a missing part.
        let removals = unused.iter().rev().map(|name| storage.remove(name));
        stream::iter(removals).buffer_unordered(CONCURRENT_REQUESTS).try_collect::<Vec<()>>().await?;
    }
    Ok(report)
}

/// Returns the object names of the manifests that the lists of bases name.
async fn read_named_bases(storage: &Storage) -> Result<HashSet<String>, LocationError> {
    let mut named = HashSet::new();
    for project in list_projects(storage).await? {
        let list = read::<BaseList>(storage, &base_object(&project, CURRENT)).await?.unwrap_or_default();
        named.extend(list.bases.into_iter().map(|entry| base_object(&project, &entry.file)));
    }
    Ok(named)
}

/// Returns the object names of the parts that the manifests with the object names `manifests` name. A missing or
/// damaged manifest names none, and is an error if it is in `required`.
async fn read_named_parts(
    storage: &Storage,
    manifests: HashSet<String>,
    required: &HashSet<String>,
) -> Result<HashSet<String>, LocationError> {
    let read_one = async |name: String| {
        let below = name.strip_prefix(BASES).and_then(|below| below.strip_prefix('/'));
        let Some((project, file)) = below.and_then(|below| below.split_once('/')) else { return Ok(Vec::new()) };
        match read_base(storage, project, file).await {
            Ok(Some(base)) => Ok(base.parts.into_iter().map(|part| part_object(&part.sha256)).collect()),
            // A manifest that no list names protects nothing if it cannot be read.
            Ok(None) | Err(LocationError::Damaged { .. }) if !required.contains(&name) => Ok(Vec::new()),
            Ok(None) => Err(LocationError::Missing { location: storage.shown().to_owned(), object: name }),
            Err(error) => Err(error),
        }
    };
    let parts: Vec<Vec<String>> =
        stream::iter(manifests.into_iter().map(read_one)).buffer_unordered(CONCURRENT_REQUESTS).try_collect().await?;
    Ok(parts.into_iter().flatten().collect())
}

/// Removes the unfinished files, older than `grace`, that killed publishers left in a folder. Their names have a `#`.
fn remove_unfinished(folder: &Path, grace: Duration) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_dir() {
            remove_unfinished(&path, grace);
        } else if entry.file_name().to_string_lossy().contains('#')
            && metadata.modified().is_ok_and(|time| time.elapsed().is_ok_and(|age| age > grace))
        {
            _ = std::fs::remove_file(path);
        }
    }
}
