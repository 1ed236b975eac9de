//! Tables whose large files are remote: LanceDB reads these files in ranges through [`RemoteFiles`], and all others
//! from the index folder.
//!
//! The object store of this module has the index folder as its root, so its paths are those of [`RemoteFiles`]. Nothing
//! can be written through it.

use std::fmt;
use std::ops::Range;
use std::path::Path as FilePath;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use lance_io::object_store::{
    ObjectStore as LanceObjectStore, ObjectStoreParams, ObjectStoreProvider, ObjectStoreRegistry,
};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error as ObjectError, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult,
};
use url::Url;

use crate::error::StoreError;
use crate::remote_files::{RemoteFiles, RemoteReadError};

/// Scheme of the URLs of tables with remote files.
const SCHEME: &str = "codescry-index";

/// Number of bytes that LanceDB reads at once where it needs less. The remote files are cached in larger blocks.
const READ_BYTES: usize = 64 << 10;

/// Number of ranges that LanceDB reads at the same time.
const CONCURRENT_READS: usize = 32;

/// Maximum size of the pieces in which a large range is read, in bytes.
const PIECE_BYTES: u64 = 8 << 20;

/// Time for which a failure is the answer to further reads. LanceDB repeats failed reads at once, although the remote
/// files have repeated them already.
const FAILURE_AGE: Duration = Duration::from_secs(1);

/// The remote files of a store, and the failures to read them.
pub struct RemoteReads {
    files: Arc<dyn RemoteFiles>,
    failures: Mutex<Failures>,
}

#[derive(Default)]
struct Failures {
    count: u64,
    last: Option<(RemoteReadError, Instant)>,
}

impl fmt::Debug for RemoteReads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteReads({})", self.files.location_name())
    }
}

impl RemoteReads {
    pub fn new(files: Arc<dyn RemoteFiles>) -> Self {
        Self { files, failures: Mutex::default() }
    }

    /// Returns the location of the files, for messages.
    pub fn shown_location(&self) -> String {
        self.files.location_name()
    }

    /// Returns whether a file is remote. The path is relative to the index folder, with slashes.
    pub fn has_remote_file(&self, path: &str) -> bool {
        self.files.size_of(path).is_some()
    }

    /// Returns the number of failed reads so far.
    pub fn count_failures(&self) -> u64 {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).count
    }

    /// Returns the last failure if there were more than `before`, as an error of `operation`.
    pub fn find_failure(&self, before: u64, operation: &'static str) -> Option<StoreError> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let (error, _) = failures.last.as_ref().filter(|_| failures.count > before)?;
        Some(StoreError::Remote { operation, message: error.message.clone() })
    }

    /// Returns the URL of the folder of the tables, and a registry with the object store that reads them from the index
    /// folder `dir` and from the remote files.
    ///
    /// # Errors
    /// When the folder cannot be opened.
    pub fn register(self: &Arc<Self>, dir: &FilePath) -> Result<(String, ObjectStoreRegistry), ObjectError> {
        let registry = ObjectStoreRegistry::empty();
        let store = RemoteStore { local: LocalFileSystem::new_with_prefix(dir)?, reads: Arc::clone(self) };
        registry.insert(SCHEME, Arc::new(RemoteStoreProvider { store: Arc::new(store) }));
        Ok((format!("{SCHEME}:///data"), registry))
    }

    async fn read(&self, path: String, range: Range<u64>) -> Result<Bytes, ObjectError> {
        let lock = || self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let generic = |error: RemoteReadError| ObjectError::Generic { store: SCHEME, source: Box::new(error) };
        let recent = lock().last.clone().filter(|(_, at)| at.elapsed() < FAILURE_AGE);
        if let Some((error, _)) = recent {
            // The operation that gets this answer has failed, too, and its error is no damage.
            lock().count += 1;
            return Err(generic(error));
        }
        let wanted = range.end - range.start;
        let read = self.files.read(&path, range).await.and_then(|bytes| match bytes.len() as u64 == wanted {
            true => Ok(bytes),
            false => Err(RemoteReadError { message: format!("{} sent a part of {path} only", self.shown_location()) }),
        });
        read.map_err(|error| {
            let mut failures = lock();
            failures.count += 1;
            failures.last = Some((error.clone(), Instant::now()));
            generic(error)
        })
    }
}

/// Makes the object store of one index.
#[derive(Debug)]
struct RemoteStoreProvider {
    store: Arc<RemoteStore>,
}

#[async_trait]
impl ObjectStoreProvider for RemoteStoreProvider {
    async fn new_store(&self, base_path: Url, _: &ObjectStoreParams) -> lance::Result<LanceObjectStore> {
        let store = Arc::clone(&self.store) as Arc<dyn ObjectStore>;
        let (download_retries, is_listed_in_order) = (0, false);
        Ok(LanceObjectStore::new(
            store,
            base_path,
            Some(READ_BYTES),
            None,
            false,
            is_listed_in_order,
            CONCURRENT_READS,
            download_retries,
            None,
        ))
    }
}

/// The files of an index: those in its folder, and the remote ones. Lists name those in the folder only.
#[derive(Debug)]
struct RemoteStore {
    local: LocalFileSystem,
    reads: Arc<RemoteReads>,
}

impl fmt::Display for RemoteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reads.shown_location())
    }
}

impl RemoteStore {
    fn refuse(&self, operation: &str) -> ObjectError {
        ObjectError::NotImplemented { operation: operation.to_owned(), implementer: self.to_string() }
    }
}

#[async_trait]
impl ObjectStore for RemoteStore {
    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> object_store::Result<PutResult> {
        Err(self.refuse("write"))
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        Err(self.refuse("write"))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        let Some(size) = self.reads.files.size_of(location.as_ref()) else {
            return self.local.get_opts(location, options).await;
        };
        let range = match &options.range {
            Some(range) => range
                .as_range(size)
                .map_err(|source| ObjectError::Generic { store: SCHEME, source: Box::new(source) })?,
            None => 0..size,
        };
        let end = if options.head { range.start } else { range.end };
        let starts = (range.start..end).step_by(PIECE_BYTES as usize);
        let (reads, path) = (Arc::clone(&self.reads), location.to_string());
        let pieces = starts.map(move |start| {
            let (reads, path) = (Arc::clone(&reads), path.clone());
            async move { reads.read(path, start..end.min(start + PIECE_BYTES)).await }
        });
        let (location, last_modified) = (location.clone(), Default::default());
        Ok(GetResult {
            payload: GetResultPayload::Stream(stream::iter(pieces).buffered(2).boxed()),
            meta: ObjectMeta { location, last_modified, size, e_tag: None, version: None },
            range,
            attributes: Default::default(),
            extensions: Default::default(),
        })
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        let place = self.to_string();
        let refuse = move |_| {
            let operation = "remove".to_owned();
            futures::future::err(ObjectError::NotImplemented { operation, implementer: place.clone() })
        };
        locations.and_then(refuse).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.local.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.local.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> object_store::Result<()> {
        Err(self.refuse("copy"))
    }
}
