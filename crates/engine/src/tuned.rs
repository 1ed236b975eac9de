//! Stores a tuned model beside its index.
//!
//! ```text
//! INDEX_DIR/tuned.json           the model in use, its checksum and its evaluation
//! INDEX_DIR/tuned/MODEL.model    the model file; see `embed::static_model`
//! ```
//!
//! `tuned.json` is replaced by a rename after the model file is written. A model file is used only if its
//! checksum matches.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use embed::Embedder as _;
use embed::static_model::{StaticModel, StaticModelError};
use platform::atomic_file::{self, Durability};
use platform::clock::now_ms;

/// Format version of `tuned.json`.
const RECORD_FORMAT: u32 = 1;

const RECORD_FILE: &str = "tuned.json";
const MODELS_FOLDER: &str = "tuned";

/// The record of a tuned model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TunedModel {
    format: u32,
    pub model_id: String,
    /// The built-in model that tuning started from.
    pub base_model_id: String,
    /// BLAKE3 hash of the model file, in hexadecimal.
    blake3: String,
    /// Time of the tuning, in milliseconds since 1970.
    pub made_at_ms: u64,
    /// Number of held-out pairs in the evaluation; the mean reciprocal rank of the built-in and of the tuned
    /// model on them follows.
    pub questions: usize,
    pub mrr_before: f64,
    pub mrr_after: f64,
}

/// A tuned model that cannot be used or written.
#[derive(Debug, thiserror::Error)]
pub enum TunedError {
    #[error(
        "cannot use the tuned model in {folder}: {problem}; the built-in one is used; run `codescry tune` again, or `codescry tune --undo`"
    )]
    Damaged { folder: PathBuf, problem: String },
    #[error("cannot write the tuned model to {path}: {source}; check the folder's permissions and the free space")]
    Write { path: PathBuf, source: std::io::Error },
}

/// Modification time and length in bytes of `tuned.json`.
pub(super) type RecordVersion = (SystemTime, u64);

/// Returns the version of `tuned.json`; `None` if there is no tuned model.
pub(super) fn read_record_version(index_dir: &Path) -> Option<RecordVersion> {
    let metadata = fs::metadata(index_dir.join(RECORD_FILE)).ok()?;
    Some((metadata.modified().unwrap_or(UNIX_EPOCH), metadata.len()))
}

/// Reads `tuned.json`; `None` if it does not exist.
pub(super) fn read_record(index_dir: &Path) -> Option<Result<TunedModel, TunedError>> {
    let bytes = fs::read(index_dir.join(RECORD_FILE)).ok()?;
    let read = serde_json::from_slice::<TunedModel>(&bytes);
    Some(match read {
        Ok(record) if record.format == RECORD_FORMAT => Ok(record),
        Ok(record) => {
            Err(damaged_error(index_dir, format!("{RECORD_FILE} has format {}, not {RECORD_FORMAT}", record.format)))
        }
        Err(error) => Err(damaged_error(index_dir, format!("{RECORD_FILE} cannot be read: {error}"))),
    })
}

fn damaged_error(index_dir: &Path, problem: String) -> TunedError {
    TunedError::Damaged { folder: index_dir.to_owned(), problem }
}

fn model_path(index_dir: &Path, model_id: &str) -> PathBuf {
    index_dir.join(MODELS_FOLDER).join(format!("{model_id}.model"))
}

/// Loads the model that `tuned.json` names and verifies its checksum.
pub(super) fn load_model(index_dir: &Path) -> Result<StaticModel, TunedError> {
    let record = read_record(index_dir)
        .unwrap_or_else(|| Err(damaged_error(index_dir, "tuned.json does not exist".to_owned())))?;
    let path = model_path(index_dir, &record.model_id);
    let bytes = fs::read(&path).map_err(|error| damaged_error(index_dir, format!("{}: {error}", path.display())))?;
    if blake3::hash(&bytes).to_hex().as_str() != record.blake3 {
        return Err(damaged_error(index_dir, format!("{} is damaged: its checksum does not match", path.display())));
    }
    StaticModel::from_bytes(bytes).map_err(|error| damaged_error(index_dir, error.to_string()))
}

/// Loads a tuned model that was replaced or removed, if its file still exists.
pub(super) fn load_retired_model(index_dir: &Path, model_id: &str) -> Option<StaticModel> {
    let is_plain = model_id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let bytes = fs::read(model_path(index_dir, model_id)).ok().filter(|_| is_plain)?;
    StaticModel::from_bytes(bytes).ok().filter(|model| model.model_id() == model_id)
}

/// The evaluation of a tuned model.
pub(super) struct TuningEvaluation {
    pub questions: usize,
    pub mrr_before: f64,
    pub mrr_after: f64,
}

/// Saves a tuned model and puts it into use. The inner error rejects the model, the outer one is a write
/// error.
pub(super) fn save_model(
    index_dir: &Path,
    bytes: &[u8],
    evaluation: &TuningEvaluation,
) -> Result<Result<TunedModel, StaticModelError>, TunedError> {
    let model = match StaticModel::from_bytes(bytes.to_vec()) {
        Ok(model) => model,
        Err(error) => return Ok(Err(error)),
    };
    let record = TunedModel {
        format: RECORD_FORMAT,
        model_id: model.model_id().to_owned(),
        base_model_id: StaticModel::builtin().model_id().to_owned(),
        blake3: blake3::hash(bytes).to_hex().to_string(),
        made_at_ms: now_ms(),
        questions: evaluation.questions,
        mrr_before: evaluation.mrr_before,
        mrr_after: evaluation.mrr_after,
    };
    write_tuned_file(&model_path(index_dir, &record.model_id), bytes)?;
    let text = serde_json::to_vec_pretty(&record).expect("a record of plain fields is valid JSON");
    write_tuned_file(&index_dir.join(RECORD_FILE), &text)?;
    Ok(Ok(record))
}

/// Removes `tuned.json`; returns whether it existed.
pub(super) fn remove_record(index_dir: &Path) -> Result<bool, TunedError> {
    let path = index_dir.join(RECORD_FILE);
    match fs::remove_file(&path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(TunedError::Write { path, source }),
    }
}

/// Removes the model files that are neither in use nor needed for stored rows. Errors are ignored.
pub(super) fn remove_unused_models(index_dir: &Path, in_use: &str) {
    let current = read_record(index_dir).and_then(Result::ok).map(|record| record.model_id);
    let Ok(entries) = fs::read_dir(index_dir.join(MODELS_FOLDER)) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let id = name.strip_suffix(".model");
        if id.is_some() && id != Some(in_use) && id != current.as_deref() {
            _ = fs::remove_file(entry.path());
        }
    }
}

/// Replaces a file, and creates its folder if necessary.
fn write_tuned_file(path: &Path, bytes: &[u8]) -> Result<(), TunedError> {
    let folder = path.parent().unwrap_or(path);
    let written = fs::create_dir_all(folder).and_then(|()| {
        atomic_file::remove_leftovers(folder);
        atomic_file::replace_with_bytes(path, Durability::Synced, bytes)
    });
    written.map_err(|source| TunedError::Write { path: path.to_owned(), source })
}
