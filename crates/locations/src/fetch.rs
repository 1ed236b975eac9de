//! Fetching: a published index is brought into the cache, in the layout of an index folder.
//!
//! ```text
//! CACHE/bases/LOCATION-HASH/PROJECT/COMMIT-ID/            the files of the index, complete if base.json is there
//!                                   COMMIT-ID.fetching/   the same during a fetch; verified files have their names
//!                                   lock                  held by the process that fetches
//! ```
//!
//! Each fetched part is verified by its checksum before it gets its name. A file that another fetched base of the
//! project has is linked or copied, not fetched.
//!
//! [`fetch_in_place`] brings only some of the files, into a folder of the same kind below `CACHE/in-place`, and reads
//! ranges of the others ([`RemoteParts`]).

mod block_cache;
mod part_file;
mod remote_parts;

use std::collections::HashMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _, stream};

pub use self::remote_parts::RemoteParts;

use self::part_file::{fetch_part, is_intact};
use crate::error::LocationError;
use crate::layout::{
    BASES, BLOCK_SUMS, BaseEntry, BaseList, BaseManifest, BasePart, BlockSums, COMBINED, CURRENT, LOCATION_FILE,
    LocationHeader, base_object, hash, read, read_base,
};
use crate::progress::{TransferObserver, TransferProgress};
use crate::runtime::run_until;
use crate::storage::Storage;
use crate::url::LocationUrl;
use config::LocationSettings;
use platform::atomic_file::{Durability, replace_with_bytes};
use platform::cancel::CancelToken;

/// Number of parts that are fetched at the same time.
const CONCURRENT_PARTS: usize = 8;

/// Name of the file with the manifest of a fetched base.
const BASE_FILE: &str = "base.json";

/// Name of the manifest in an index folder.
const INDEX_MANIFEST: &str = "manifest.json";

/// Folder of the cache with the bases that are read in place.
const IN_PLACE: &str = "in-place";

/// Folder of the cache with blocks of the parts that are read in place.
const BLOCKS: &str = "blocks";

/// Name of the file that readers of a base in place hold locked, so that the base stays in the cache.
const IN_USE: &str = "in-use";

/// Number of fetched bases of a project that stay in the cache.
const KEPT_BASES: usize = 2;

/// Pause between two attempts to get the lock of a project's folder in the cache.
const LOCK_PAUSE: Duration = Duration::from_millis(100);

/// The base to fetch.
pub struct FetchRequest<'f> {
    /// The user's cache folder.
    pub cache_dir: &'f Path,
    /// The name of the project, as [`crate::project_name`] returns it. A project in the URL takes precedence; a
    /// location with a single project is used whatever its name, unless the URL names another one.
    pub project: &'f str,
    /// The commit whose base is preferred to the newest one.
    pub commit: Option<&'f str>,
    /// The model whose bases are preferred to all others.
    pub model_id: Option<&'f str>,
}

/// A base in the cache.
pub struct FetchedBase {
    /// The folder of the base, in the layout of an index folder.
    pub dir: PathBuf,
    pub base: BaseManifest,
    pub fetched_parts: u64,
    pub fetched_bytes: u64,
    /// The reason why the location could not be read, so that this base was fetched earlier and may be outdated; `None`
    /// if it was read.
    pub offline: Option<LocationError>,
}

/// A base that is read in place.
pub struct InPlaceBase {
    /// The base in the cache, with the files that are not left in place.
    pub base: FetchedBase,
    /// The files that are left in place. The base stays in the cache while they are held.
    pub parts: RemoteParts,
}

/// Tests, by its path in the index folder, whether a part is brought into the cache.
type IsBrought = fn(&str) -> bool;

/// Brings a published index into the cache. If the location cannot be reached or fails, returns an index that was
/// fetched earlier: the newest of the preferred model, otherwise the newest.
///
/// # Errors
/// When the location has no such index or refuses, an object is damaged or missing, the cache cannot be written, the
/// work is cancelled, or the location cannot be reached and the cache has no index of it.
pub fn fetch(
    url: &LocationUrl,
    settings: &LocationSettings,
    request: &FetchRequest<'_>,
    cancel: &CancelToken,
    observe: &TransferObserver<'_>,
) -> Result<FetchedBase, LocationError> {
    let storage = Storage::open(url, settings, false)?;
    fetch_into(BASES, |_| true, &storage, url, request, cancel, observe)
}

/// Opens a published index that is read in place. Brings the parts into the cache for whose path in the index folder
/// `is_brought` returns true, like [`fetch`], and reads ranges of the others when they are needed.
///
/// # Errors
/// Fails like [`fetch`], and with [`LocationError::NotInPlace`] if the index has no valid checksums of blocks.
pub fn fetch_in_place(
    url: &LocationUrl,
    settings: &LocationSettings,
    request: &FetchRequest<'_>,
    is_brought: fn(&str) -> bool,
    cancel: &CancelToken,
    observe: &TransferObserver<'_>,
) -> Result<InPlaceBase, LocationError> {
    let storage = Storage::open(url, settings, false)?;
    let base = fetch_into(IN_PLACE, is_brought, &storage, url, request, cancel, observe)?;
    let in_use = base.dir.join(IN_USE);
    let in_use =
        File::options().create(true).truncate(false).write(true).open(&in_use).map_err(io_error("open", &in_use))?;
    in_use.lock_shared().map_err(io_error("lock", &base.dir))?;
    let path = base.dir.join(BLOCK_SUMS);
    let sums = match fs::read(&path) {
        Ok(bytes) => BlockSums::decode_sums(&bytes).ok(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(io_error("read", &path)(error)),
    };
    let not_in_place = || LocationError::NotInPlace { location: storage.shown().to_owned() };
    let sums = sums.ok_or_else(not_in_place)?;
    let blocks = (!storage.is_folder()).then(|| request.cache_dir.join(BLOCKS));
    let left = base.base.parts.iter().filter(|part| !is_brought(&part.path));
    let parts = RemoteParts::open(storage.clone(), left, sums, blocks, in_use).ok_or_else(not_in_place)?;
    Ok(InPlaceBase { base, parts })
}

fn fetch_into(
    below: &str,
    is_brought: IsBrought,
    storage: &Storage,
    url: &LocationUrl,
    request: &FetchRequest<'_>,
    cancel: &CancelToken,
    observe: &TransferObserver<'_>,
) -> Result<FetchedBase, LocationError> {
    let location_key = hash(url.to_string().as_bytes());
    let cache = request.cache_dir.join(below).join(&location_key[..16]);
    match run_until(cancel, fetch_from(storage, &cache, is_brought, url, request, cancel, observe)) {
        Err(error) if error.is_temporary() => {
            let project = url.project.as_deref().unwrap_or(request.project);
            match find_cached(&cache, is_brought, project, request.model_id) {
                Some((dir, base)) => {
                    Ok(FetchedBase { dir, base, fetched_parts: 0, fetched_bytes: 0, offline: Some(error) })
                }
                None => Err(error),
            }
        }
        fetched => fetched,
    }
}

async fn fetch_from(
    storage: &Storage,
    cache: &Path,
    is_brought: IsBrought,
    url: &LocationUrl,
    request: &FetchRequest<'_>,
    cancel: &CancelToken,
    observe: &TransferObserver<'_>,
) -> Result<FetchedBase, LocationError> {
    let (project, list) = find_list(storage, url, request.project).await?;
    let folder = cache.join(&project);
    let (entry, base) = choose_base(storage, &project, &list, request).await?;
    let dir = folder.join(entry.file.trim_end_matches(".json"));
    if let Some(base) = read_cached(&dir, is_brought) {
        return Ok(FetchedBase { dir, base, fetched_parts: 0, fetched_bytes: 0, offline: None });
    }
    fs::create_dir_all(&folder).map_err(io_error("create", &folder))?;
    let _lock = lock_folder(&folder, cancel)?;
    // Another process may have fetched it while this one waited.
    if let Some(base) = read_cached(&dir, is_brought) {
        return Ok(FetchedBase { dir, base, fetched_parts: 0, fetched_bytes: 0, offline: None });
    }
    let fetching = folder.join(format!("{}.fetching", entry.file.trim_end_matches(".json")));
    fs::create_dir_all(&fetching).map_err(io_error("create", &fetching))?;
    let brought = base.parts.iter().filter(|part| is_brought(&part.path));
    let fetcher = Fetcher {
        storage,
        dir: &fetching,
        here: list_cached_parts(&folder, is_brought),
        observe,
        total: TransferProgress {
            parts: brought.clone().count() as u64,
            bytes: brought.clone().map(|part| part.bytes).sum(),
            ..TransferProgress::default()
        },
        done_parts: AtomicU64::new(0),
        done_bytes: AtomicU64::new(0),
    };
    let fetched: Vec<u64> =
        stream::iter(brought.map(|part| fetcher.bring(part))).buffer_unordered(CONCURRENT_PARTS).try_collect().await?;
    let path = fetching.join(INDEX_MANIFEST);
    replace_with_bytes(&path, Durability::Unsynced, base.index.as_bytes()).map_err(io_error("write", &path))?;
    let text = serde_json::to_vec_pretty(&base).expect("the layout is valid JSON");
    let path = fetching.join(BASE_FILE);
    replace_with_bytes(&path, Durability::Unsynced, &text).map_err(io_error("write", &path))?;
    _ = fs::remove_dir_all(&dir); // only what is left of an incomplete one
    fs::rename(&fetching, &dir).map_err(io_error("rename", &fetching))?;
    remove_old(&folder, is_brought, &dir);
    Ok(FetchedBase {
        dir,
        base,
        fetched_parts: fetched.iter().filter(|bytes| **bytes > 0).count() as u64,
        fetched_bytes: fetched.iter().sum(),
        offline: None,
    })
}

fn io_error(operation: &'static str, path: &Path) -> impl Fn(io::Error) -> LocationError {
    let path = path.to_owned();
    move |source| LocationError::Io { operation, path: path.clone(), source }
}

/// Returns the list of a project's bases, and the name of the project: the one in the URL, otherwise the wanted one,
/// otherwise the only one that the location has.
async fn find_list(storage: &Storage, url: &LocationUrl, wanted: &str) -> Result<(String, BaseList), LocationError> {
    let named = url.project.as_deref().unwrap_or(wanted);
    if let Some(list) = read::<BaseList>(storage, &base_object(named, CURRENT)).await?
        && !list.bases.is_empty()
    {
        return Ok((named.to_owned(), list));
    }
    let nothing = || LocationError::Nothing { location: storage.shown().to_owned() };
    if read::<LocationHeader>(storage, LOCATION_FILE).await?.is_none() {
        return Err(nothing());
    }
    let projects = list_repositories(storage).await?;
    match projects.as_slice() {
        [] => Err(nothing()),
        [only] if url.project.is_none() => {
            let list = read::<BaseList>(storage, &base_object(only, CURRENT)).await?.unwrap_or_default();
            if list.bases.is_empty() { Err(nothing()) } else { Ok((only.clone(), list)) }
        }
        _ => Err(LocationError::NoProject {
            location: storage.shown().to_owned(),
            project: named.to_owned(),
            known: projects.join(", "),
        }),
    }
}

/// Lists the projects that have a list of bases, without the combined index.
pub async fn list_repositories(storage: &Storage) -> Result<Vec<String>, LocationError> {
    let mut projects = list_projects(storage).await?;
    projects.retain(|project| project != COMBINED);
    Ok(projects)
}

/// Lists the projects that have a list of bases, including [`COMBINED`], sorted.
pub async fn list_projects(storage: &Storage) -> Result<Vec<String>, LocationError> {
    let objects = storage.list(BASES).await?;
    let project = |name: &str| {
        let below = name.strip_prefix(BASES)?.strip_prefix('/')?.strip_suffix(CURRENT)?;
        Some(below.strip_suffix('/')?.to_owned())
    };
    let mut projects: Vec<String> = objects.iter().filter_map(|object| project(&object.name)).collect();
    projects.sort();
    Ok(projects)
}

/// Reads the manifest of the best base: of the wanted model if there is one, and among these of the wanted commit,
/// otherwise the newest. Skips bases whose manifest has been removed.
async fn choose_base(
    storage: &Storage,
    project: &str,
    list: &BaseList,
    request: &FetchRequest<'_>,
) -> Result<(BaseEntry, BaseManifest), LocationError> {
    let is_wanted = |entry: &&BaseEntry| request.model_id.is_none_or(|wanted| entry.model_id == wanted);
    let mut entries: Vec<&BaseEntry> = list.bases.iter().filter(is_wanted).collect();
    if entries.is_empty() {
        entries = list.bases.iter().collect();
    }
    // The order of equal entries stays, newest first.
    entries.sort_by_key(|entry| request.commit.is_none() || entry.commit.as_deref() != request.commit);
    for entry in &entries {
        if let Some(base) = read_base(storage, project, &entry.file).await? {
            return Ok(((*entry).clone(), base));
        }
    }
    let object = entries.first().map_or_else(String::new, |entry| base_object(project, &entry.file));
    Err(LocationError::Missing { location: storage.shown().to_owned(), object })
}

/// Waits for the lock of a project's folder in the cache.
fn lock_folder(folder: &Path, cancel: &CancelToken) -> Result<File, LocationError> {
    let path = folder.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(io_error("open", &path))?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if cancel.wait_timeout(LOCK_PAUSE) => return Err(LocationError::Stopped),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(io_error("lock", &path)(error)),
        }
    }
}

/// Returns the manifest of a base in the cache; `None` if it cannot be read, or a file that is brought is missing
/// or has another size.
fn read_cached(dir: &Path, is_brought: IsBrought) -> Option<BaseManifest> {
    let base: BaseManifest = serde_json::from_slice(&fs::read(dir.join(BASE_FILE)).ok()?).ok()?;
    let is_whole = |part: &BasePart| dir.join(&part.path).metadata().is_ok_and(|found| found.len() == part.bytes);
    base.parts.iter().filter(|part| is_brought(&part.path)).all(is_whole).then_some(base)
}

/// Lists the folders of the complete bases of a project in the cache, with their manifests, the newest first.
fn list_cached(folder: &Path, is_brought: IsBrought) -> Vec<(PathBuf, BaseManifest)> {
    let folders = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_complete = |path: &PathBuf| path.extension().is_none_or(|extension| extension != "fetching");
    let mut bases: Vec<_> =
        folders.filter(is_complete).filter_map(|dir| Some((dir.clone(), read_cached(&dir, is_brought)?))).collect();
    bases.sort_by_key(|(_, base)| std::cmp::Reverse(base.published_at_ms));
    bases
}

/// Returns the newest base of a project in the cache, if possible one of the wanted model. If the project has no
/// folder, the only project in the cache is used.
fn find_cached(
    cache: &Path,
    is_brought: IsBrought,
    project: &str,
    model_id: Option<&str>,
) -> Option<(PathBuf, BaseManifest)> {
    let mut folder = cache.join(project);
    if !folder.is_dir() {
        let mut folders = fs::read_dir(cache).ok()?.flatten().map(|entry| entry.path()).filter(|path| path.is_dir());
        folder = folders.next().filter(|_| folders.next().is_none())?;
    }
    let mut bases = list_cached(&folder, is_brought);
    let wanted = bases.iter().position(|(_, base)| model_id.is_none_or(|wanted| base.model_id == wanted));
    (!bases.is_empty()).then(|| bases.swap_remove(wanted.unwrap_or(0)))
}

/// Returns the files of a project's bases in the cache, by their checksums.
fn list_cached_parts(folder: &Path, is_brought: IsBrought) -> HashMap<String, PathBuf> {
    let parts = list_cached(folder, is_brought)
        .into_iter()
        .flat_map(|(dir, base)| base.parts.into_iter().map(move |part| (part.sha256, dir.join(part.path))));
    parts.collect()
}

/// Makes the next fetch bring the base in `dir` anew, because it is damaged.
pub fn forget_fetched(dir: &Path) {
    _ = fs::remove_file(dir.join(BASE_FILE));
}

/// Removes the bases of a project from the cache except [`KEPT_BASES`]: `keep` and the newest others. Indexes that were
/// made from them have their own files. Bases that are read in place stay.
fn remove_old(folder: &Path, is_brought: IsBrought, keep: &Path) {
    let bases = list_cached(folder, is_brought).into_iter().filter(|(dir, _)| dir != keep);
    for (dir, _) in bases.skip(KEPT_BASES - 1) {
        let in_use = File::open(dir.join(IN_USE));
        if in_use.as_ref().is_ok_and(|in_use| in_use.try_lock().is_err()) {
            continue;
        }
        _ = fs::remove_file(dir.join(BASE_FILE));
        _ = fs::remove_dir_all(dir);
    }
}

/// Brings the parts of a base into a folder.
struct Fetcher<'f> {
    storage: &'f Storage,
    dir: &'f Path,
    /// The files that are in the cache already, by their checksums.
    here: HashMap<String, PathBuf>,
    observe: &'f TransferObserver<'f>,
    total: TransferProgress,
    done_parts: AtomicU64,
    done_bytes: AtomicU64,
}

impl Fetcher<'_> {
    /// Brings one part, and returns the number of bytes that were fetched.
    async fn bring(&self, part: &BasePart) -> Result<u64, LocationError> {
        let path = self.dir.join(&part.path);
        let folder = path.parent().unwrap_or(self.dir);
        fs::create_dir_all(folder).map_err(io_error("create", folder))?;
        let mut fetched = 0;
        if !is_intact(&path, part) {
            let is_linked = self.here.get(&part.sha256).is_some_and(|here| {
                _ = fs::remove_file(&path);
                fs::hard_link(here, &path).or_else(|_| fs::copy(here, &path).map(drop)).is_ok()
            });
            if !(is_linked && is_intact(&path, part)) {
                let seen = |bytes: u64| {
                    let done_bytes = self.done_bytes.load(Ordering::Relaxed) + bytes;
                    let done_parts = self.done_parts.load(Ordering::Relaxed);
                    (self.observe)(&TransferProgress { done_parts, done_bytes, ..self.total });
                };
                fetched = fetch_part(self.storage, part, &path, &seen).await?;
            }
        }
        let done_parts = self.done_parts.fetch_add(1, Ordering::Relaxed) + 1;
        let done_bytes = self.done_bytes.fetch_add(part.bytes, Ordering::Relaxed) + part.bytes;
        (self.observe)(&TransferProgress { done_parts, done_bytes, ..self.total });
        Ok(fetched)
    }
}
