//! Publishing: the parts that are not there yet, then the manifest, then the list of bases by a conditional write.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::Semaphore;

use crate::error::LocationError;
use crate::layout::{
    BLOCK_SUMS, BaseEntry, BaseList, BaseManifest, BaseMember, BasePart, BlockSums, CURRENT, KEPT_COMBINED,
    LOCATION_FILE, LOCATION_FORMAT, LocationHeader, base_object, hash, parse, part_object, read, read_base,
};
use crate::progress::{TransferObserver, TransferProgress};
use crate::runtime::run_until;
use crate::storage::{ListedObject, Storage};
use crate::url::LocationUrl;
use config::LocationSettings;
use platform::cancel::CancelToken;
use platform::clock::now_ms;

/// Number of parts that are hashed and uploaded at the same time.
const CONCURRENT_PARTS: usize = 8;

/// Memory for the parts that are being uploaded, in mebibytes. A larger part is uploaded alone.
const UPLOAD_MIB: u32 = 256;

/// Maximum number of attempts to add an entry to the list of bases.
const SWAP_ATTEMPTS: u32 = 40;

/// Maximum pause between two attempts to replace the list of bases.
const MAX_SWAP_PAUSE: Duration = Duration::from_millis(800);

/// Age of a part above which [`collect_garbage`](crate::collect_garbage) could be about to remove it, in milliseconds.
const YOUNG_MS: u64 = 3_600_000;

/// An index to be published.
pub struct PublishRequest<'p> {
    /// The index folder.
    pub dir: &'p Path,
    /// The files of the index by their paths with slashes, and their sizes in bytes.
    pub files: &'p [(String, u64)],
    /// The text of a `manifest.json` for a folder with these files.
    pub index: String,
    /// The name of the project, as [`crate::project_name`] returns it.
    pub project: &'p str,
    pub commit: Option<&'p str>,
    pub is_modified: bool,
    pub model_id: &'p str,
    /// A checksum of the indexed contents, the settings and the model. Two indexes with the same one give the same
    /// answers, although their files may differ, such as by the times at which the indexed files were changed.
    pub content: Option<String>,
    /// Whether parts are uploaded although they are there, because some of them are damaged.
    pub again: bool,
    /// The origin of a combined index, whose project is [`crate::COMBINED`]; `None` for any other.
    pub combined: Option<CombinedOrigin<'p>>,
}

/// The origin of a combined index.
pub struct CombinedOrigin<'p> {
    /// The published indexes that it consists of, sorted by project.
    pub members: &'p [BaseMember],
    /// The object of the combined index that this one was made from; `None` if there was none.
    pub replaces: Option<&'p str>,
}

/// The report on a published index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublishReport {
    pub project: String,
    pub commit: Option<String>,
    pub is_modified: bool,
    pub model_id: String,
    pub parts: u64,
    pub bytes: u64,
    pub uploaded_parts: u64,
    pub uploaded_bytes: u64,
    /// Whether this index, or one of the same contents, was the newest one there already.
    pub was_there: bool,
    /// Number of failed attempts to replace the list of bases, usually because another publisher was faster.
    pub rebases: u32,
}

/// Publishes an index.
///
/// A stop or a crash leaves no list that names missing parts; the next attempt uploads only the missing parts.
///
/// # Errors
/// When the location refuses or fails, a file of the index has changed, other publishers were faster each time, or a
/// combined index is made from an outdated one.
pub fn publish(
    url: &LocationUrl,
    settings: &LocationSettings,
    request: &PublishRequest<'_>,
    cancel: &CancelToken,
    observe: &TransferObserver<'_>,
) -> Result<PublishReport, LocationError> {
    let storage = Storage::open(url, settings, true)?;
    run_until(cancel, publish_to(&storage, request, observe))
}

async fn publish_to(
    storage: &Storage,
    request: &PublishRequest<'_>,
    observe: &TransferObserver<'_>,
) -> Result<PublishReport, LocationError> {
    write_header(storage).await?;
    let published = find_published(storage, request).await?;
    let found = match &published {
        Some(base) => find_parts(storage, &base.parts).await?,
        None => FoundParts::default(),
    };
    let is_whole = |base: &BaseManifest| base.parts.iter().all(|part| found.has(part));
    if let Some(base) = published.filter(is_whole) {
        return Ok(PublishReport { was_there: true, ..report_on(base) });
    }
    let uploader = Uploader::new(storage, request, found, observe);
    let uploaded: Vec<UploadedPart> =
        stream::iter(request.files.iter().map(|(path, bytes)| uploader.upload(path, *bytes)))
            .buffered(CONCURRENT_PARTS)
            .try_collect()
            .await?;
    let sums = if uploaded.is_empty() { None } else { Some(uploader.upload_block_sums(&uploaded).await?) };
    let uploaded: Vec<UploadedPart> = uploaded.into_iter().chain(sums).collect();
    let base = BaseManifest {
        format: LOCATION_FORMAT,
        project: request.project.to_owned(),
        commit: request.commit.map(str::to_owned),
        is_modified: request.is_modified,
        published_at_ms: now_ms(),
        model_id: request.model_id.to_owned(),
        content: request.content.clone(),
        index: request.index.clone(),
        parts: uploaded.iter().map(|uploaded| uploaded.part.clone()).collect(),
        members: request.combined.as_ref().map_or_else(Vec::new, |combined| combined.members.to_vec()),
    };
    let text = to_json(&base);
    storage.create(&base_object(request.project, &base.object_name()), text).await?;
    let (was_there, rebases) = add_to_list(storage, &base, request.combined.as_ref()).await?;
    // Parts that were there before could be removed until the list named them.
    for old in uploaded.iter().filter(|uploaded| uploaded.was_old) {
        if storage.find(&part_object(&old.part.sha256)).await?.is_some() {
        } else if old.part.path == BLOCK_SUMS {
            uploader.upload_block_sums(&uploaded).await?;
        } else {
            uploader.upload(&old.part.path, old.part.bytes).await?;
        }
    }
    let new = |uploaded: &&UploadedPart| uploaded.is_new;
    Ok(PublishReport {
        uploaded_parts: uploaded.iter().filter(new).count() as u64,
        uploaded_bytes: uploaded.iter().filter(new).map(|uploaded| uploaded.part.bytes).sum(),
        was_there,
        rebases,
        ..report_on(base)
    })
}

/// Returns the newest published index of the project if it has the contents and the commit of the request; `None` if the
/// request has no checksum of contents or uploads again.
async fn find_published(
    storage: &Storage,
    request: &PublishRequest<'_>,
) -> Result<Option<BaseManifest>, LocationError> {
    if request.again || request.content.is_none() {
        return Ok(None);
    }
    let list: BaseList = read(storage, &base_object(request.project, CURRENT)).await?.unwrap_or_default();
    let is_same = |entry: &&BaseEntry| {
        entry.content == request.content
            && entry.commit.as_deref() == request.commit
            && entry.is_modified == request.is_modified
    };
    let Some(entry) = list.bases.first().filter(is_same) else { return Ok(None) };
    read_base(storage, request.project, &entry.file).await
}

/// The objects of parts that were looked for; `None` for those that are not there.
#[derive(Default)]
struct FoundParts(HashMap<String, Option<ListedObject>>);

impl FoundParts {
    /// Returns whether the object of a part is there and has its size.
    fn has(&self, part: &BasePart) -> bool {
        let found = self.0.get(&part_object(&part.sha256));
        found.is_some_and(|found| found.as_ref().is_some_and(|found| found.bytes == part.bytes))
    }
}

/// Looks for the objects of parts.
///
/// # Errors
/// When the location fails or refuses.
async fn find_parts(storage: &Storage, parts: &[BasePart]) -> Result<FoundParts, LocationError> {
    let find = async |part: &BasePart| {
        let object = part_object(&part.sha256);
        let found = storage.find(&object).await?;
        Ok::<_, LocationError>((object, found))
    };
    let found: HashMap<_, _> = stream::iter(parts.iter().map(find)).buffered(CONCURRENT_PARTS).try_collect().await?;
    Ok(FoundParts(found))
}

/// Returns the report on a published index of which nothing was uploaded.
fn report_on(base: BaseManifest) -> PublishReport {
    let entry = base.entry();
    PublishReport {
        project: base.project,
        commit: base.commit,
        is_modified: base.is_modified,
        model_id: base.model_id,
        parts: entry.parts,
        bytes: entry.bytes,
        ..PublishReport::default()
    }
}

/// Checks the version of the layout, and writes it if the location is new.
async fn write_header(storage: &Storage) -> Result<(), LocationError> {
    if read::<LocationHeader>(storage, LOCATION_FILE).await?.is_none() {
        storage.create(LOCATION_FILE, to_json(&LocationHeader { format: LOCATION_FORMAT })).await?;
    }
    Ok(())
}

fn to_json(value: &impl serde::Serialize) -> Bytes {
    serde_json::to_vec_pretty(value).expect("the layout is valid JSON").into()
}

/// Adds a base to the list of its project. Returns whether it was the newest one there already, and the number of
/// failed attempts to replace the list.
///
/// # Errors
/// [`LocationError::Superseded`] if the newest combined index is not the one that this one was made from,
/// [`LocationError::Contended`] if the list could not be replaced.
async fn add_to_list(
    storage: &Storage,
    base: &BaseManifest,
    combined: Option<&CombinedOrigin<'_>>,
) -> Result<(bool, u32), LocationError> {
    let name = base_object(&base.project, CURRENT);
    let entry = base.entry();
    for attempt in 0..SWAP_ATTEMPTS {
        let before = storage.read(&name).await?;
        let mut list = match &before {
            Some(object) => parse(storage, &name, object)?,
            None => BaseList::default(),
        };
        if list.bases.first().is_some_and(|first| first.file == entry.file) {
            // After an attempt, it is this publisher's own entry, whose confirmation was lost.
            return Ok((attempt == 0, attempt));
        }
        if combined.is_some_and(|combined| list.bases.first().map(|first| first.file.as_str()) != combined.replaces) {
            return Err(LocationError::Superseded { location: storage.shown().to_owned() });
        }
        list.add(entry.clone());
        if combined.is_some() {
            list.bases.truncate(KEPT_COMBINED);
        }
        if storage.swap(&name, before.as_ref(), to_json(&list)).await? {
            return Ok((false, attempt));
        }
        tokio::time::sleep(pause_before(attempt)).await;
    }
    Err(LocationError::Contended {
        location: storage.shown().to_owned(),
        project: base.project.clone(),
        attempts: SWAP_ATTEMPTS,
    })
}

/// Returns a random pause below a limit that grows with the number of attempts.
fn pause_before(attempt: u32) -> Duration {
    let limit = Duration::from_millis(20).saturating_mul(1 << attempt.min(6)).min(MAX_SWAP_PAUSE);
    let random = RandomState::new().hash_one(attempt) % 1_000;
    limit.mul_f64(random as f64 / 1_000.0)
}

struct UploadedPart {
    part: BasePart,
    /// The checksums of the part's blocks.
    sums: Vec<u64>,
    /// Whether this run uploaded the part.
    is_new: bool,
    /// Whether the location had the part already, for so long that a removal of unused parts could include it.
    was_old: bool,
}

/// Uploads the files of an index that are not there yet.
struct Uploader<'u> {
    storage: &'u Storage,
    dir: PathBuf,
    observe: &'u TransferObserver<'u>,
    again: bool,
    /// The objects that were looked for before; each is taken once, because it may be removed later.
    found: Mutex<FoundParts>,
    memory: Arc<Semaphore>,
    total: TransferProgress,
    done_parts: AtomicU64,
    done_bytes: AtomicU64,
}

impl<'u> Uploader<'u> {
    fn new(
        storage: &'u Storage,
        request: &PublishRequest<'_>,
        found: FoundParts,
        observe: &'u TransferObserver<'u>,
    ) -> Self {
        Self {
            storage,
            dir: request.dir.to_owned(),
            observe,
            again: request.again,
            found: Mutex::new(found),
            memory: Arc::new(Semaphore::new(UPLOAD_MIB as usize)),
            total: TransferProgress {
                parts: request.files.len() as u64,
                bytes: request.files.iter().map(|(_, bytes)| bytes).sum(),
                ..TransferProgress::default()
            },
            done_parts: AtomicU64::new(0),
            done_bytes: AtomicU64::new(0),
        }
    }

    async fn upload(&self, path: &str, bytes: u64) -> Result<UploadedPart, LocationError> {
        let mebibytes = u32::try_from((bytes >> 20) + 1).unwrap_or(UPLOAD_MIB).min(UPLOAD_MIB);
        let _permit = self.memory.acquire_many(mebibytes).await;
        let content = read_file(self.dir.join(path), path, &self.dir, bytes).await?;
        let part = self.upload_content(path, content).await?;
        let done_parts = self.done_parts.fetch_add(1, Ordering::Relaxed) + 1;
        let done_bytes = self.done_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        (self.observe)(&TransferProgress { done_parts, done_bytes, ..self.total });
        Ok(part)
    }

    /// Uploads the checksums of the parts' blocks, as a part.
    async fn upload_block_sums(&self, uploaded: &[UploadedPart]) -> Result<UploadedPart, LocationError> {
        let mut sums = BlockSums::default();
        for one in uploaded.iter().filter(|one| one.part.path != BLOCK_SUMS) {
            sums.add(&one.part.sha256, one.sums.clone());
        }
        self.upload_content(BLOCK_SUMS, FileContent::new(sums.encode())).await
    }

    /// Takes the answer of an earlier look for an object; `None` if there was none.
    fn take_found(&self, object: &str) -> Option<Option<ListedObject>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).0.remove(object)
    }

    async fn upload_content(&self, path: &str, content: FileContent) -> Result<UploadedPart, LocationError> {
        let FileContent { bytes: content, sha256, sums } = content;
        let bytes = content.len() as u64;
        let object = part_object(&sha256);
        let found = match self.take_found(&object) {
            Some(found) => found,
            None => self.storage.find(&object).await?,
        };
        let is_whole = found.as_ref().is_some_and(|found| found.bytes == bytes) && !self.again;
        if found.is_none() {
            self.storage.create(&object, content).await?;
        } else if !is_whole {
            self.storage.replace(&object, content).await?;
        }
        Ok(UploadedPart {
            part: BasePart { path: path.to_owned(), bytes, sha256 },
            sums,
            is_new: !is_whole,
            was_old: found.is_some_and(|found| found.written_ms + YOUNG_MS < now_ms()),
        })
    }
}

/// The content of a part and its checksums.
struct FileContent {
    bytes: Bytes,
    sha256: String,
    sums: Vec<u64>,
}

impl FileContent {
    fn new(bytes: Vec<u8>) -> Self {
        Self { sha256: hash(&bytes), sums: BlockSums::sum_blocks(&bytes), bytes: bytes.into() }
    }
}

/// Reads a file of the index and hashes it.
async fn read_file(file: PathBuf, path: &str, dir: &Path, bytes: u64) -> Result<FileContent, LocationError> {
    let changed = || LocationError::Changed { dir: dir.to_owned(), file: path.to_owned() };
    let work = move || std::fs::read(&file).map(FileContent::new);
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(content)) if content.bytes.len() as u64 == bytes => Ok(content),
        Ok(Err(source)) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(LocationError::Io { operation: "read", path: dir.join(path), source })
        }
        _ => Err(changed()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_was_found_is_not_looked_for_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let url = LocationUrl::parse(folder.path().as_os_str()).expect("a location");
        let settings = LocationSettings { variables: Vec::new(), time_limit: Duration::from_secs(5) };
        let storage = Storage::open(&url, &settings, true).expect("a storage");
        let request = PublishRequest {
            dir: folder.path(),
            files: &[],
            index: String::new(),
            project: "app",
            commit: None,
            is_modified: false,
            model_id: "model@1",
            content: None,
            again: false,
            combined: None,
        };
        let content = || FileContent::new(b"rows".to_vec());
        let name = part_object(&content().sha256);
        let listed = ListedObject { name: name.clone(), bytes: 4, written_ms: now_ms() };
        let found = FoundParts(HashMap::from([(name, Some(listed))]));
        let observe = |_: &TransferProgress| ();
        let uploader = Uploader::new(&storage, &request, found, &observe);
        let upload = || {
            let uploading = uploader.upload_content("data/a", content());
            run_until(&CancelToken::default(), uploading).expect("uploaded").is_new
        };
        assert_eq!([upload(), upload(), upload()], [false, true, false], "only the second finds that it is missing");
    }
}
