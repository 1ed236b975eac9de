//! A tuned model on disk, beside the index that it was tuned for.
//!
//! ```text
//! INDEX_DIR/tuned.json           which model holds, its checksum, and what was measured of it
//! INDEX_DIR/tuned/MODEL.model    the artifact; see `embed::static_model`
//! ```
//!
//! Invariants: `tuned.json` is replaced by one rename, after its artifact is there; an artifact is used
//! only if its checksum is the one recorded.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::embed::Embedder as _;
use crate::embed::static_model::{ModelError, StaticModel};

/// The version of `tuned.json`.
const FORMAT: u32 = 1;

const RECORD: &str = "tuned.json";
const ARTIFACTS: &str = "tuned";

/// What is known of a tuned model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TunedModel {
    format: u32,
    pub model_id: String,
    /// The built-in model that it began with.
    pub base_model_id: String,
    /// Of the artifact, in hexadecimal.
    blake3: String,
    /// Milliseconds since 1970.
    pub made_at_ms: u64,
    /// Held-out pairs that it was measured on, and their MRR with the built-in model and with it.
    pub questions: usize,
    pub mrr_before: f64,
    pub mrr_after: f64,
}

/// Why a tuned model cannot be used or kept.
#[derive(Debug, thiserror::Error)]
pub enum TunedError {
    #[error(
        "cannot use the tuned model in {folder}: {problem}; the built-in one is used; run `codescry tune` again, or `codescry tune --undo`"
    )]
    Damaged { folder: PathBuf, problem: String },
    #[error("cannot write the tuned model to {path}: {source}; check the folder's permissions and the free space")]
    Write { path: PathBuf, source: std::io::Error },
}

/// When `tuned.json` was last replaced, and its length.
pub(super) type Stamp = (SystemTime, u64);

/// `None` where no tuned model is kept.
pub(super) fn stamp(index_dir: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(index_dir.join(RECORD)).ok()?;
    Some((metadata.modified().unwrap_or(UNIX_EPOCH), metadata.len()))
}

/// What `tuned.json` says; `None` without one.
pub(super) fn record(index_dir: &Path) -> Option<Result<TunedModel, TunedError>> {
    let bytes = fs::read(index_dir.join(RECORD)).ok()?;
    let read = serde_json::from_slice::<TunedModel>(&bytes);
    Some(match read {
        Ok(record) if record.format == FORMAT => Ok(record),
        Ok(record) => Err(damaged(index_dir, format!("it is of format {}", record.format))),
        Err(error) => Err(damaged(index_dir, format!("{RECORD} cannot be read: {error}"))),
    })
}

fn damaged(index_dir: &Path, problem: String) -> TunedError {
    TunedError::Damaged { folder: index_dir.to_owned(), problem }
}

fn artifact(index_dir: &Path, model_id: &str) -> PathBuf {
    index_dir.join(ARTIFACTS).join(format!("{model_id}.model"))
}

/// Opens the model that `tuned.json` names.
pub(super) fn load(index_dir: &Path) -> Result<StaticModel, TunedError> {
    let record = record(index_dir).unwrap_or_else(|| Err(damaged(index_dir, "it is gone".to_owned())))?;
    let path = artifact(index_dir, &record.model_id);
    let bytes = fs::read(&path).map_err(|error| damaged(index_dir, format!("{}: {error}", path.display())))?;
    if blake3::hash(&bytes).to_hex().as_str() != record.blake3 {
        return Err(damaged(index_dir, format!("{} is damaged: its checksum is another one", path.display())));
    }
    StaticModel::from_bytes(bytes).map_err(|error| damaged(index_dir, error.to_string()))
}

/// A model that was replaced or undone, if its artifact is still there.
pub(super) fn retired(index_dir: &Path, model_id: &str) -> Option<StaticModel> {
    let is_plain = model_id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let bytes = fs::read(artifact(index_dir, model_id)).ok().filter(|_| is_plain)?;
    StaticModel::from_bytes(bytes).ok().filter(|model| model.model_id() == model_id)
}

/// What was measured of a model that is to be kept.
pub(super) struct Measured {
    pub questions: usize,
    pub mrr_before: f64,
    pub mrr_after: f64,
}

/// Keeps a model: from now on it holds.
pub(super) fn keep(
    index_dir: &Path,
    bytes: &[u8],
    measured: &Measured,
) -> Result<Result<TunedModel, ModelError>, TunedError> {
    let model = match StaticModel::from_bytes(bytes.to_vec()) {
        Ok(model) => model,
        Err(error) => return Ok(Err(error)),
    };
    let record = TunedModel {
        format: FORMAT,
        model_id: model.model_id().to_owned(),
        base_model_id: StaticModel::builtin().model_id().to_owned(),
        blake3: blake3::hash(bytes).to_hex().to_string(),
        made_at_ms: now_ms(),
        questions: measured.questions,
        mrr_before: measured.mrr_before,
        mrr_after: measured.mrr_after,
    };
    replace(&artifact(index_dir, &record.model_id), bytes)?;
    let text = serde_json::to_vec_pretty(&record).unwrap_or_default();
    replace(&index_dir.join(RECORD), &text)?;
    Ok(Ok(record))
}

/// Takes the tuned model away; false when there was none.
pub(super) fn undo(index_dir: &Path) -> Result<bool, TunedError> {
    let path = index_dir.join(RECORD);
    match fs::remove_file(&path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(TunedError::Write { path, source }),
    }
}

/// Removes artifacts that neither hold nor have rows any more. What cannot be removed stays.
pub(super) fn tidy(index_dir: &Path, in_use: &str) {
    let current = record(index_dir).and_then(Result::ok).map(|record| record.model_id);
    let Ok(entries) = fs::read_dir(index_dir.join(ARTIFACTS)) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let id = name.strip_suffix(".model");
        if id.is_some() && id != Some(in_use) && id != current.as_deref() {
            _ = fs::remove_file(entry.path());
        }
    }
}

/// Writes beside the file, then puts it in its place.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), TunedError> {
    let fresh = path.with_extension(format!("{}.new", std::process::id()));
    let written = || {
        fs::create_dir_all(path.parent().unwrap_or(path))?;
        fs::write(&fresh, bytes)?;
        fs::File::open(&fresh)?.sync_all()?;
        fs::rename(&fresh, path)
    };
    written().map_err(|source| {
        _ = fs::remove_file(&fresh);
        TunedError::Write { path: path.to_owned(), source }
    })
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
