//! The objects of a location: read, written under conditions, listed and removed, in a folder or an object store.

mod file_stream;
mod folder_swap;
mod http;

use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt as _;
use futures::stream::BoxStream;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    BackoffConfig, GetOptions, GetRange, GetResultPayload, ObjectStore, ObjectStoreExt as _, PutMode, PutPayload,
    RetryConfig, UpdateVersion,
};

use self::file_stream::stream_file;
use self::http::UreqConnector;
use crate::error::{LocationError, StoreFailure, translate};
use crate::url::{LocationPlace, LocationUrl};
use config::LocationSettings;

/// Maximum number of times that object_store repeats a request, with pauses from a tenth of a second to two seconds.
const RETRIES: usize = 5;

/// Number of attempts to read a small object.
const READ_ATTEMPTS: u32 = 2;

/// Number of attempts to write an object that is not there, and the pause after the first one.
const CREATE_ATTEMPTS: u32 = 4;
const CREATE_PAUSE: Duration = Duration::from_millis(100);

/// The objects of a location.
#[derive(Clone)]
pub struct Storage {
    store: Arc<dyn ObjectStore>,
    /// The path of the location in the store.
    prefix: Path,
    /// The folder of a location on this machine; `None` for an object store.
    folder: Option<std::path::PathBuf>,
    /// The address, for messages.
    shown: String,
}

/// An object and its version when it was read.
pub struct StoredObject {
    pub bytes: Bytes,
    /// The version that a conditional request names to replace exactly this object.
    pub version: UpdateVersion,
}

/// An object in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedObject {
    /// The path in the location.
    pub name: String,
    pub bytes: u64,
    /// Time of the last write, in milliseconds since 1970.
    pub written_ms: u64,
}

impl Storage {
    /// Opens a location, without a request. With `create`, the folder of a location on this machine is created.
    ///
    /// # Errors
    /// [`LocationError::Setup`] if the variables of the store are not enough or wrong, [`LocationError::Nothing`] if
    /// there is no such folder and `create` is false, [`LocationError::Io`] if the folder cannot be created or opened.
    pub fn open(url: &LocationUrl, settings: &LocationSettings, create: bool) -> Result<Self, LocationError> {
        let shown = url.to_string();
        let (scheme, bucket, path) = match &url.place {
            LocationPlace::Folder(folder) => return Self::open_folder(folder, shown, create),
            LocationPlace::Bucket { scheme, bucket, folder } => (*scheme, bucket, folder),
        };
        let setup = |error: object_store::Error| match translate(&shown, "to open", &error) {
            // The messages of a builder name variables and quote none of their values but those that cannot be parsed.
            StoreFailure::Unknown(_) => {
                LocationError::Setup { location: shown.clone(), problem: describe_setup(&error) }
            }
            other => other.into_error(&shown, "the bucket"),
        };
        let retry = RetryConfig {
            backoff: BackoffConfig {
                init_backoff: Duration::from_millis(100),
                max_backoff: Duration::from_secs(2),
                base: 2.0,
            },
            max_retries: RETRIES,
            retry_timeout: settings.time_limit.saturating_mul(3),
        };
        let connector = UreqConnector { time_limit: settings.time_limit };
        let variables = |prefix: &'static str| {
            settings
                .variables
                .iter()
                .filter(move |(name, _)| name.starts_with(prefix))
                .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
        };
        let address = format!("{scheme}://{bucket}");
        let store: Arc<dyn ObjectStore> = match scheme {
            "s3" => {
                let mut builder = AmazonS3Builder::new().with_url(address).with_retry(retry);
                for (name, value) in variables("AWS_") {
                    // The user names the address, so that it may be without TLS, such as on the loopback.
                    if name.starts_with("aws_endpoint_url") && value.starts_with("http://") {
                        builder = builder.with_allow_http(true);
                    }
                    if let Ok(key) = name.parse() {
                        builder = builder.with_config(key, value);
                    }
                }
                Arc::new(builder.with_http_connector(connector).build().map_err(setup)?)
            }
            "gs" => {
                let mut builder = GoogleCloudStorageBuilder::new().with_url(address).with_retry(retry);
                for (name, value) in variables("GOOGLE_") {
                    if let Ok(key) = name.parse() {
                        builder = builder.with_config(key, value);
                    }
                }
                Arc::new(builder.with_http_connector(connector).build().map_err(setup)?)
            }
            _ => {
                let mut builder = MicrosoftAzureBuilder::new().with_url(address).with_retry(retry);
                for (name, value) in variables("AZURE_") {
                    if let Ok(key) = name.parse() {
                        builder = builder.with_config(key, value);
                    }
                }
                Arc::new(builder.with_http_connector(connector).build().map_err(setup)?)
            }
        };
        let prefix = Path::from_url_path(path).map_err(|error| setup(error.into()))?;
        Ok(Self { store, prefix, folder: None, shown })
    }

    fn open_folder(folder: &FilePath, shown: String, create: bool) -> Result<Self, LocationError> {
        if create {
            std::fs::create_dir_all(folder).map_err(|source| LocationError::Io {
                operation: "create",
                path: folder.to_owned(),
                source,
            })?;
        } else if !folder.is_dir() {
            return Err(LocationError::Nothing { location: shown });
        }
        let store = LocalFileSystem::new_with_prefix(folder).map_err(|error| LocationError::Io {
            operation: "open",
            path: folder.to_owned(),
            source: std::io::Error::other(error.to_string()),
        })?;
        let store = Arc::new(store.with_fsync(true));
        Ok(Self { store, prefix: Path::default(), folder: Some(folder.to_owned()), shown })
    }

    /// Returns the address, for messages.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    fn path(&self, name: &str) -> Path {
        self.prefix.parts().chain(Path::from(name).parts()).collect()
    }

    fn fail(&self, operation: &'static str, error: &object_store::Error) -> StoreFailure {
        translate(&self.shown, operation, error)
    }

    /// Reads a small object; `None` if it is not there.
    ///
    /// # Errors
    /// When the store fails or refuses.
    pub async fn read(&self, name: &str) -> Result<Option<StoredObject>, LocationError> {
        let got = async || {
            let got = self.store.get(&self.path(name)).await?;
            let version = UpdateVersion { e_tag: got.meta.e_tag.clone(), version: got.meta.version.clone() };
            Ok(StoredObject { bytes: got.bytes().await?, version })
        };
        // object_store does not repeat a request whose answer breaks off in the middle of an error's text.
        for attempt in 1.. {
            match got().await.map_err(|error| self.fail("to read", &error)) {
                Ok(object) => return Ok(Some(object)),
                Err(StoreFailure::NotFound) => return Ok(None),
                Err(StoreFailure::Unknown(_)) if attempt < READ_ATTEMPTS => {}
                Err(other) => return Err(other.into_error(&self.shown, name)),
            }
        }
        Ok(None)
    }

    /// Streams the bytes of an object from `offset` on.
    ///
    /// # Errors
    /// When the object is not there, or the store fails or refuses.
    pub async fn stream(
        &self,
        name: &str,
        offset: u64,
    ) -> Result<BoxStream<'static, Result<Bytes, LocationError>>, LocationError> {
        let range = (offset > 0).then_some(GetRange::Offset(offset));
        let got = self.store.get_opts(&self.path(name), GetOptions { range, ..GetOptions::default() }).await;
        let got = got.map_err(|error| self.fail("to read", &error).into_error(&self.shown, name))?;
        let (storage, name) = (self.clone(), name.to_owned());
        let pieces = match got.payload {
            GetResultPayload::File(file, _) => stream_file(file, got.range),
            GetResultPayload::Stream(pieces) => pieces,
        };
        let pieces = pieces.map_err(move |error| storage.fail("to read", &error).into_error(&storage.shown, &name));
        Ok(Box::pin(pieces))
    }

    /// Reads a range of an object.
    ///
    /// # Errors
    /// When the object is not there, is shorter, or the store fails or refuses.
    pub async fn read_range(&self, name: &str, range: std::ops::Range<u64>) -> Result<Bytes, LocationError> {
        let wanted = range.end - range.start;
        let options = GetOptions { range: Some(GetRange::Bounded(range.clone())), ..GetOptions::default() };
        let got = async {
            let got = self.store.get_opts(&self.path(name), options).await?;
            if got.range != range {
                return Ok(None);
            }
            got.bytes().await.map(Some)
        };
        let got = got.await.map_err(|error| self.fail("to read", &error).into_error(&self.shown, name))?;
        got.filter(|bytes| bytes.len() as u64 == wanted).ok_or_else(|| LocationError::Damaged {
            location: self.shown.clone(),
            object: name.to_owned(),
            problem: format!("the bytes {} to {} cannot be read", range.start, range.end),
        })
    }

    /// Returns whether the location is a folder of this machine.
    pub fn is_folder(&self) -> bool {
        self.folder.is_some()
    }

    /// Returns the size and the time of an object; `None` if it is not there.
    ///
    /// # Errors
    /// When the store fails or refuses.
    pub async fn find(&self, name: &str) -> Result<Option<ListedObject>, LocationError> {
        let path = self.path(name);
        let mut found = self.store.head(&path).await;
        if let Err(object_store::Error::PermissionDenied { .. }) = &found {
            // The answer to this kind of request has no text that says why, such as that the credentials have expired.
            let first_byte = GetOptions { range: Some(GetRange::Bounded(0..1)), ..GetOptions::default() };
            found = self.store.get_opts(&path, first_byte).await.map(|got| got.meta);
        }
        match found.map_err(|error| self.fail("to read", &error)) {
            Ok(meta) => Ok(Some(listed(name, &meta))),
            Err(StoreFailure::NotFound) => Ok(None),
            Err(other) => Err(other.into_error(&self.shown, name)),
        }
    }

    /// Writes an object whose content never changes. Does nothing if an object of this name and size is there.
    ///
    /// # Errors
    /// When the store fails or refuses, or an object of this name and another size is there.
    pub async fn create(&self, name: &str, bytes: Bytes) -> Result<(), LocationError> {
        let length = bytes.len() as u64;
        let mut attempt = 0;
        loop {
            let put = self.store.put_opts(&self.path(name), payload(&bytes), PutMode::Create.into()).await;
            let error = match put.map_err(|error| self.fail("to write", &error)) {
                Ok(_) => return Ok(()),
                Err(StoreFailure::Failed(error)) => return Err(error),
                // The request may have been carried out, although no answer came. A lost condition says that the object
                // is there, or that another writer is writing it.
                Err(other) => other.into_error(&self.shown, name),
            };
            attempt += 1;
            if self.find(name).await?.is_some_and(|found| found.bytes == length) {
                return Ok(());
            }
            if attempt == CREATE_ATTEMPTS {
                return Err(error);
            }
            tokio::time::sleep(CREATE_PAUSE * attempt).await;
        }
    }

    /// Writes an object, and replaces the one of that name.
    ///
    /// # Errors
    /// When the store fails or refuses.
    pub async fn replace(&self, name: &str, bytes: Bytes) -> Result<(), LocationError> {
        let put = self.store.put(&self.path(name), payload(&bytes)).await;
        put.map(drop).map_err(|error| self.fail("to write", &error).into_error(&self.shown, name))
    }

    /// Replaces an object if it is still as it was read, or writes it if it was not there and still is not. Returns
    /// whether it did. If the answer is lost, returns false, so that the caller reads the object again.
    ///
    /// # Errors
    /// When the store refuses or no connection to it can be made, or the file of a location in a folder cannot be
    /// replaced.
    pub async fn swap(&self, name: &str, before: Option<&StoredObject>, bytes: Bytes) -> Result<bool, LocationError> {
        if let Some(folder) = &self.folder {
            return folder_swap::swap(&folder.join(name), before.map(|object| object.bytes.as_ref()), &bytes);
        }
        let mode = before.map_or(PutMode::Create, |object| PutMode::Update(object.version.clone()));
        let put = self.store.put_opts(&self.path(name), payload(&bytes), mode.into()).await;
        match put.map_err(|error| self.fail("to write", &error)) {
            Ok(_) => Ok(true),
            Err(StoreFailure::LostCondition | StoreFailure::NotFound | StoreFailure::Unknown(_)) => Ok(false),
            Err(StoreFailure::Failed(error)) => Err(error),
        }
    }

    /// Lists the objects below the folder `below`.
    ///
    /// # Errors
    /// When the store fails or refuses.
    pub async fn list(&self, below: &str) -> Result<Vec<ListedObject>, LocationError> {
        let folder = self.path(below);
        let objects: Result<Vec<_>, _> = self.store.list(Some(&folder)).try_collect().await;
        let objects = objects.map_err(|error| self.fail("to list", &error).into_error(&self.shown, below))?;
        let name = |path: &Path| {
            let below = path.prefix_match(&self.prefix).map(|parts| parts.collect::<Path>());
            below.map_or_else(|| path.to_string(), |below| below.to_string())
        };
        Ok(objects.iter().map(|meta| listed(&name(&meta.location), meta)).collect())
    }

    /// Removes an object; one that is not there counts as removed.
    ///
    /// # Errors
    /// When the store fails or refuses.
    pub async fn remove(&self, name: &str) -> Result<(), LocationError> {
        match self.store.delete(&self.path(name)).await.map_err(|error| self.fail("to remove", &error)) {
            Ok(()) | Err(StoreFailure::NotFound) => Ok(()),
            Err(other) => Err(other.into_error(&self.shown, name)),
        }
    }
}

fn payload(bytes: &Bytes) -> PutPayload {
    PutPayload::from_bytes(bytes.clone())
}

fn listed(name: &str, meta: &object_store::ObjectMeta) -> ListedObject {
    let written_ms = u64::try_from(meta.last_modified.timestamp_millis()).unwrap_or(0);
    ListedObject { name: name.to_owned(), bytes: meta.size, written_ms }
}

/// Returns the message of a builder without the values of variables, which it quotes in double quotes.
fn describe_setup(error: &object_store::Error) -> String {
    let text = error.to_string();
    let text = text.split_once(" error: ").map_or(text.as_str(), |(_, problem)| problem);
    text.split('"').step_by(2).collect::<Vec<_>>().join("…")
}
