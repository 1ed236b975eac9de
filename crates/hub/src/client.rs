//! Download of files from a hub with Hugging Face's protocol.
//!
//! Uses plain HTTP requests, because the crate `hf-hub` does not verify checksums and has no time limit for a hub
//! that stops sending. A partial download stays in a `.part` file and is continued later. A file gets its final
//! name only after its checksum was verified. A request fails if the hub does not answer within the time limit, or
//! sends the response too slowly. The token is sent to the hub only.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use sha1::Sha1;
use sha2::Sha256;
use ureq::Agent;
use ureq::http::{Response, StatusCode};

use crate::error::ModelError;
use config::ModelSettings;
use platform::atomic_file::{Durability, rename_file};

/// Maximum number of bytes per request for a file of known size. It limits the amount of data that is delayed by a
/// stalled response.
const RANGE_BYTES: u64 = 8 << 20;

/// Transfer rate, in bytes per second, from which the additional time for the body of a response is computed.
const MIN_BYTES_PER_SECOND: u64 = 128 << 10;

/// Maximum number of times that a failed request is repeated.
const RETRIES: u32 = 2;

/// A client of a hub.
pub struct HubClient<'h> {
    settings: &'h ModelSettings,
}

/// A file in a repository of the hub.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct RemoteFile {
    #[serde(rename = "rfilename")]
    pub name: String,
    #[serde(default)]
    pub size: Option<u64>,
    /// Git's SHA-1 checksum. Not used for a file in Git LFS.
    #[serde(default, rename = "blobId")]
    blob: Option<String>,
    #[serde(default)]
    lfs: Option<LfsObject>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
struct LfsObject {
    #[serde(alias = "oid")]
    sha256: String,
}

/// A repository at one revision.
#[derive(Clone, Debug, Deserialize)]
pub struct HubRepository {
    #[serde(rename = "sha")]
    pub revision: String,
    #[serde(rename = "siblings")]
    pub files: Vec<RemoteFile>,
}

/// A callback for the progress of a download. Its arguments are the file's name, the number of bytes downloaded
/// so far, and the file's size if known. It returns false to stop the download.
pub type FetchProgress<'p> = dyn FnMut(&str, u64, Option<u64>) -> bool + 'p;

impl<'h> HubClient<'h> {
    /// Creates a client; sends nothing yet.
    pub fn new(settings: &'h ModelSettings) -> Self {
        Self { settings }
    }

    /// Lists the files of a repository.
    ///
    /// # Errors
    ///
    /// Fails if downloads are forbidden, or if the hub cannot be reached, does not have the repository, stops sending,
    /// or sends an error or an invalid response.
    pub fn list_repository(&self, name: &str) -> Result<HubRepository, ModelError> {
        let url = format!("{}/api/models/{name}?blobs=true", self.settings.hub);
        let mut response = self.send_request(&url, None, 4 << 20)?;
        let text = response.body_mut().with_config().limit(64 << 20).read_to_string();
        let text = text.map_err(|error| self.request_error(&url, &error))?;
        serde_json::from_str(&text)
            .map_err(|error| self.hub_error(&url, format!("the response is not that of a hub: {error}")))
    }

    /// Downloads a file to `to`. Continues an earlier partial download.
    ///
    /// # Errors
    ///
    /// Fails if downloads are forbidden, the hub fails, the file is damaged or cannot be written, or `progress` returns
    /// false.
    pub fn fetch_file(
        &self,
        repository: &str,
        revision: &str,
        file: &RemoteFile,
        to: &Path,
        progress: &mut FetchProgress<'_>,
    ) -> Result<(), ModelError> {
        let url = format!("{}/{repository}/resolve/{revision}/{}", self.settings.hub, file.name);
        let part = PathBuf::from(format!("{}.part", to.display()));
        let io = |operation, source| ModelError::Io { operation, path: part.clone(), source };
        if let Some(folder) = part.parent() {
            fs::create_dir_all(folder).map_err(|source| io("create the folder of", source))?;
        }
        let mut offset = fs::metadata(&part).map_or(0, |part| part.len());
        if file.size.is_some_and(|size| offset > size) {
            offset = 0;
        }
        let mut out = OpenOptions::new().create(true).write(true).truncate(offset == 0).open(&part);
        let out = out.as_mut().map_err(|source| io("open", std::io::Error::new(source.kind(), source.to_string())))?;
        loop {
            if file.size.is_some_and(|size| offset >= size) {
                break;
            }
            std::io::Seek::seek(out, std::io::SeekFrom::Start(offset)).map_err(|source| io("write", source))?;
            let range = self.fetch_range(&url, file, offset, out, progress).map_err(|error| match error {
                FetchFailure::Model(error) => error,
                FetchFailure::Write(source) => io("write", source),
            })?;
            match range {
                FetchedRange::Part(bytes) if bytes > 0 => offset += bytes,
                FetchedRange::Part(_) | FetchedRange::Whole => break,
            }
        }
        out.sync_all().map_err(|source| io("write", source))?;
        if let Err(error) = verify_file(&part, file) {
            // The download of a damaged file cannot be resumed.
            _ = fs::remove_file(&part);
            return Err(error);
        }
        rename_file(&part, to, Durability::Synced).map_err(|source| io("rename", source))
    }

    /// Downloads the next range of a file, all that is left of a file of unknown size, or the whole file if the hub
    /// does not support ranges.
    fn fetch_range(
        &self,
        url: &str,
        file: &RemoteFile,
        offset: u64,
        out: &mut File,
        progress: &mut FetchProgress<'_>,
    ) -> Result<FetchedRange, FetchFailure> {
        let end = file.size.map_or(u64::MAX, |size| size.min(offset + RANGE_BYTES));
        let range = if end == u64::MAX { format!("bytes={offset}-") } else { format!("bytes={offset}-{}", end - 1) };
        let expected = if end == u64::MAX { RANGE_BYTES } else { end - offset };
        let whole = file.size.unwrap_or(expected);
        let mut response =
            self.send_request(url, Some(&range), if offset == 0 { whole.max(expected) } else { expected })?;
        let is_whole = response.status() != StatusCode::PARTIAL_CONTENT;
        if is_whole {
            std::io::Seek::rewind(out).and_then(|()| out.set_len(0)).map_err(FetchFailure::Write)?;
        }
        let first = if is_whole { 0 } else { offset };
        let mut reader = response.body_mut().with_config().limit(u64::MAX).reader();
        let (mut bytes, mut got) = (vec![0; 64 << 10], 0_u64);
        loop {
            if !progress(&file.name, first + got, file.size) {
                return Err(ModelError::Stopped.into());
            }
            let read = reader.read(&mut bytes).map_err(|error| self.read_error(url, &error))?;
            if read == 0 {
                break;
            }
            out.write_all(&bytes[..read]).map_err(FetchFailure::Write)?;
            got += read as u64;
        }
        Ok(if is_whole { FetchedRange::Whole } else { FetchedRange::Part(got) })
    }

    /// Sends a request, and repeats it at most [`RETRIES`] times after failures that may be temporary. The time limit
    /// is extended for a response of `bytes` bytes.
    fn send_request(&self, url: &str, range: Option<&str>, bytes: u64) -> Result<Response<ureq::Body>, ModelError> {
        if self.settings.is_offline {
            return Err(ModelError::Offline);
        }
        let limit = self.settings.hub_time_limit;
        let body = limit + Duration::from_secs(bytes / MIN_BYTES_PER_SECOND);
        let config = Agent::config_builder()
            .timeout_connect(Some(limit))
            .timeout_send_request(Some(limit))
            .timeout_recv_response(Some(limit))
            .timeout_recv_body(Some(body))
            .user_agent(concat!("codescry/", env!("CARGO_PKG_VERSION")))
            .build();
        let agent = Agent::new_with_config(config);
        let mut attempt = 0;
        loop {
            let mut request = agent.get(url);
            if let Some(range) = range {
                request = request.header("range", range);
            }
            if let Some(token) = &self.settings.hub_token {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            match request.call() {
                Ok(response) => return Ok(response),
                Err(error) if attempt < RETRIES && is_temporary(&error) => attempt += 1,
                Err(error) => return Err(self.request_error(url, &error)),
            }
        }
    }

    fn request_error(&self, url: &str, error: &ureq::Error) -> ModelError {
        let problem = match error {
            ureq::Error::StatusCode(401 | 403) => "the hub requires a token: set HF_TOKEN".to_owned(),
            ureq::Error::StatusCode(404) => "the hub does not have it".to_owned(),
            ureq::Error::Timeout(_) => self.describe_timeout(),
            ureq::Error::Io(error) => return self.read_error(url, error),
            other => other.to_string(),
        };
        self.hub_error(url, problem)
    }

    /// Returns the error of a request whose connection failed or timed out.
    fn read_error(&self, url: &str, error: &std::io::Error) -> ModelError {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>());
        let is_timeout = error.kind() == std::io::ErrorKind::TimedOut || matches!(inner, Some(ureq::Error::Timeout(_)));
        self.hub_error(url, if is_timeout { self.describe_timeout() } else { error.to_string() })
    }

    fn describe_timeout(&self) -> String {
        format!("the hub did not send an answer, or all of it, within {} s", self.settings.hub_time_limit.as_secs_f64())
    }

    fn hub_error(&self, url: &str, problem: String) -> ModelError {
        ModelError::Hub { url: url.to_owned(), problem }
    }
}

enum FetchedRange {
    Part(u64),
    Whole,
}

enum FetchFailure {
    Model(ModelError),
    Write(std::io::Error),
}

impl From<ModelError> for FetchFailure {
    fn from(error: ModelError) -> Self {
        Self::Model(error)
    }
}

/// Returns whether the same request may succeed when it is repeated.
fn is_temporary(error: &ureq::Error) -> bool {
    matches!(error, ureq::Error::StatusCode(500..=599) | ureq::Error::Io(_))
}

/// Verifies a downloaded file against the size and the checksum that the hub gives for it, if any.
fn verify_file(path: &Path, file: &RemoteFile) -> Result<(), ModelError> {
    let io = |source| ModelError::Io { operation: "read", path: path.to_owned(), source };
    let damaged = |what, found: String, expected: &str| ModelError::Damaged {
        file: file.name.clone(),
        what,
        found,
        expected: expected.to_owned(),
    };
    let length = fs::metadata(path).map_err(io)?.len();
    if let Some(size) = file.size.filter(|size| *size != length) {
        return Err(damaged("length", length.to_string(), &size.to_string()));
    }
    if let Some(lfs) = &file.lfs {
        let found = to_hex(&hash_file::<Sha256>(path, &[]).map_err(io)?);
        return if found == lfs.sha256 { Ok(()) } else { Err(damaged("SHA-256", found, &lfs.sha256)) };
    }
    if let Some(blob) = &file.blob {
        let found = to_hex(&hash_file::<Sha1>(path, format!("blob {length}\0").as_bytes()).map_err(io)?);
        return if found == *blob { Ok(()) } else { Err(damaged("SHA-1", found, blob)) };
    }
    Ok(())
}

fn hash_file<D: sha2::Digest>(path: &Path, head: &[u8]) -> std::io::Result<Vec<u8>> {
    let (mut file, mut hasher, mut bytes) = (File::open(path)?, D::new(), vec![0; 1 << 20]);
    hasher.update(head);
    loop {
        let read = file.read(&mut bytes)?;
        if read == 0 {
            return Ok(hasher.finalize().to_vec());
        }
        hasher.update(&bytes[..read]);
    }
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
