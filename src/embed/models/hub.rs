//! Fetching files from a hub that speaks Hugging Face's protocol.
//!
//! Written over plain HTTP requests and not the hub's own library, which has no time limit for a
//! hub that falls silent and brings an asynchronous client along. Invariants: what has arrived stays
//! in a `.part` file and is gone on from; a file has its name only when its checksum is right; a
//! hub that is silent for the time limit is given up. The token goes to the hub alone. Must never
//! import: anything of this crate but `config` and `embed::models`.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use sha1::Sha1;
use sha2::Sha256;
use ureq::Agent;
use ureq::http::{Response, StatusCode};

use super::ModelError;
use crate::config::ModelSettings;

/// Bytes asked for at once: what a hub that falls silent half-way can hold up.
const RANGE_BYTES: u64 = 8 << 20;

/// The slowest line that is waited for, beyond the time limit.
const LEAST_BYTES_A_SECOND: u64 = 128 << 10;

/// How often a request is made again after it failed.
const RETRIES: u32 = 2;

/// A hub.
pub struct Hub<'h> {
    settings: &'h ModelSettings,
}

/// A file of a repository.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct RemoteFile {
    #[serde(rename = "rfilename")]
    pub name: String,
    #[serde(default)]
    pub size: Option<u64>,
    /// Git's own hash of a small file.
    #[serde(default, rename = "blobId")]
    blob: Option<String>,
    #[serde(default)]
    lfs: Option<Lfs>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
struct Lfs {
    #[serde(alias = "oid")]
    sha256: String,
}

/// A repository at one revision.
#[derive(Clone, Debug, Deserialize)]
pub struct Repository {
    #[serde(rename = "sha")]
    pub revision: String,
    #[serde(rename = "siblings")]
    pub files: Vec<RemoteFile>,
}

/// Takes note of bytes: those of this file so far. False to stop.
pub type Progress<'p> = dyn FnMut(&str, u64, Option<u64>) -> bool + 'p;

impl<'h> Hub<'h> {
    /// Nothing is asked yet.
    pub fn new(settings: &'h ModelSettings) -> Self {
        Self { settings }
    }

    /// The files of a repository.
    ///
    /// # Errors
    /// When the hub cannot be reached, does not have it, or is silent.
    pub fn repository(&self, name: &str) -> Result<Repository, ModelError> {
        let url = format!("{}/api/models/{name}?blobs=true", self.settings.hub);
        let mut response = self.get(&url, None, 4 << 20)?;
        let text = response.body_mut().with_config().limit(64 << 20).read_to_string();
        let text = text.map_err(|error| self.failed(&url, &error))?;
        serde_json::from_str(&text).map_err(|error| self.bad(&url, format!("the answer is not a hub's: {error}")))
    }

    /// Brings a file to `to`, going on where an earlier attempt ended.
    ///
    /// # Errors
    /// When the hub fails, the file is damaged, or `progress` says to stop.
    pub fn fetch(
        &self,
        repository: &str,
        revision: &str,
        file: &RemoteFile,
        to: &Path,
        progress: &mut Progress<'_>,
    ) -> Result<(), ModelError> {
        let url = format!("{}/{repository}/resolve/{revision}/{}", self.settings.hub, file.name);
        let part = PathBuf::from(format!("{}.part", to.display()));
        let io = |operation, source| ModelError::Io { operation, path: part.clone(), source };
        if let Some(folder) = part.parent() {
            fs::create_dir_all(folder).map_err(|source| io("create the folder of", source))?;
        }
        let mut have = fs::metadata(&part).map_or(0, |part| part.len());
        if file.size.is_some_and(|size| have > size) {
            have = 0;
        }
        let mut out = OpenOptions::new().create(true).write(true).truncate(have == 0).open(&part);
        let out = out.as_mut().map_err(|source| io("open", std::io::Error::new(source.kind(), source.to_string())))?;
        loop {
            if file.size.is_some_and(|size| have >= size) {
                break;
            }
            std::io::Seek::seek(out, std::io::SeekFrom::Start(have)).map_err(|source| io("write", source))?;
            let got = self.some(&url, file, have, out, progress).map_err(|error| match error {
                Failed::Model(error) => error,
                Failed::Write(source) => io("write", source),
            })?;
            match got {
                Got::Part(bytes) if bytes > 0 && file.size.is_some() => have += bytes,
                Got::Part(bytes) if bytes > 0 => have += bytes,
                Got::Part(_) | Got::Whole => break,
            }
        }
        out.sync_all().map_err(|source| io("write", source))?;
        if let Err(error) = check(&part, file) {
            // What is damaged cannot be gone on from.
            _ = fs::remove_file(&part);
            return Err(error);
        }
        fs::rename(&part, to).map_err(|source| io("rename", source))
    }

    /// One range of a file, or all of it where the hub knows no ranges.
    fn some(
        &self,
        url: &str,
        file: &RemoteFile,
        have: u64,
        out: &mut File,
        progress: &mut Progress<'_>,
    ) -> Result<Got, Failed> {
        let end = file.size.map_or(u64::MAX, |size| size.min(have + RANGE_BYTES));
        let range = if end == u64::MAX { format!("bytes={have}-") } else { format!("bytes={have}-{}", end - 1) };
        let expected = if end == u64::MAX { RANGE_BYTES } else { end - have };
        let whole = file.size.unwrap_or(expected);
        let mut response = self.get(url, Some(&range), if have == 0 { whole.max(expected) } else { expected })?;
        let is_whole = response.status() != StatusCode::PARTIAL_CONTENT;
        if is_whole {
            std::io::Seek::rewind(out).and_then(|()| out.set_len(0)).map_err(Failed::Write)?;
        }
        let first = if is_whole { 0 } else { have };
        let mut reader = response.body_mut().with_config().limit(u64::MAX).reader();
        let (mut bytes, mut got) = (vec![0; 64 << 10], 0_u64);
        loop {
            if !progress(&file.name, first + got, file.size) {
                return Err(ModelError::Stopped.into());
            }
            let read = reader.read(&mut bytes).map_err(|error| self.bad(url, self.silence(&error.to_string())))?;
            if read == 0 {
                break;
            }
            out.write_all(&bytes[..read]).map_err(Failed::Write)?;
            got += read as u64;
        }
        Ok(if is_whole { Got::Whole } else { Got::Part(got) })
    }

    /// A request, made again after a failure that may pass. `bytes` are expected.
    fn get(&self, url: &str, range: Option<&str>, bytes: u64) -> Result<Response<ureq::Body>, ModelError> {
        if self.settings.is_offline {
            return Err(ModelError::Offline);
        }
        let limit = self.settings.hub_time_limit;
        let body = limit + Duration::from_secs(bytes / LEAST_BYTES_A_SECOND);
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
                Err(error) if attempt < RETRIES && may_pass(&error) => attempt += 1,
                Err(error) => return Err(self.failed(url, &error)),
            }
        }
    }

    fn failed(&self, url: &str, error: &ureq::Error) -> ModelError {
        let problem = match error {
            ureq::Error::StatusCode(401 | 403) => "the hub wants a token: set HF_TOKEN".to_owned(),
            ureq::Error::StatusCode(404) => "the hub does not have it".to_owned(),
            ureq::Error::Timeout(_) => self.silence("timeout"),
            other => other.to_string(),
        };
        self.bad(url, problem)
    }

    fn silence(&self, error: &str) -> String {
        if error.contains("timeout") {
            return format!("the hub was silent for {} s", self.settings.hub_time_limit.as_secs_f64());
        }
        error.to_owned()
    }

    fn bad(&self, url: &str, problem: String) -> ModelError {
        ModelError::Hub { url: url.to_owned(), problem }
    }
}

enum Got {
    Part(u64),
    Whole,
}

enum Failed {
    Model(ModelError),
    Write(std::io::Error),
}

impl From<ModelError> for Failed {
    fn from(error: ModelError) -> Self {
        Self::Model(error)
    }
}

/// Whether the same request may do better a moment later.
fn may_pass(error: &ureq::Error) -> bool {
    matches!(error, ureq::Error::StatusCode(500..=599) | ureq::Error::Io(_))
}

/// Compares a file that has arrived with what the hub says of it.
fn check(path: &Path, file: &RemoteFile) -> Result<(), ModelError> {
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
        let found = hex(&digest::<Sha256>(path, &[]).map_err(io)?);
        return if found == lfs.sha256 { Ok(()) } else { Err(damaged("SHA-256", found, &lfs.sha256)) };
    }
    if let Some(blob) = &file.blob {
        let found = hex(&digest::<Sha1>(path, format!("blob {length}\0").as_bytes()).map_err(io)?);
        return if found == *blob { Ok(()) } else { Err(damaged("SHA-1", found, blob)) };
    }
    Ok(())
}

fn digest<D: sha2::Digest>(path: &Path, head: &[u8]) -> std::io::Result<Vec<u8>> {
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

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
