//! Stores a tuned model beside its index.
//!
//! ```text
//! INDEX_DIR/tuned.json           the model in use, its checksum and its evaluation
//! INDEX_DIR/tuned/MODEL.model    the model file; see `embed::static_model`
//! ```
//!
//! `tuned.json` is replaced by a rename after the model file is written. The model that it names is used only if the
//! file's checksum matches.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::error::TunedError;
use embed::static_model::StaticModel;
use platform::atomic_file::{self, Durability};
use platform::clock::now_ms;
use platform::file_format::FormatError;
use platform::sealed_json::{JsonSeal, check_json_seal, seal_json};

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
    /// Number of held-out pairs in the evaluation.
    pub questions: usize,
    /// Mean reciprocal rank of the built-in model on these pairs.
    pub mrr_before: f64,
    /// Mean reciprocal rank of the tuned model on these pairs.
    pub mrr_after: f64,
}

/// The modification time of `tuned.json`, if the file system has one, and its length in bytes.
pub(super) type RecordVersion = (Option<SystemTime>, u64);

/// Returns the version of `tuned.json`; `None` if there is no tuned model.
///
/// # Errors
/// When the metadata of the file cannot be read, although the file exists.
pub(super) fn read_record_version(index_dir: &Path) -> Result<Option<RecordVersion>, TunedError> {
    match fs::metadata(index_dir.join(RECORD_FILE)) {
        Ok(metadata) => Ok(Some((metadata.modified().ok(), metadata.len()))),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(unreadable_record_error(index_dir, &error)),
    }
}

/// Reads `tuned.json`; `None` if it does not exist.
///
/// # Errors
/// [`TunedError::Damaged`] if it cannot be read, is damaged or has another format.
pub(crate) fn read_tuned_model(index_dir: &Path) -> Result<Option<TunedModel>, TunedError> {
    let bytes = match fs::read(index_dir.join(RECORD_FILE)) {
        Ok(bytes) => bytes,
        Err(error) if is_missing(&error) => return Ok(None),
        Err(error) => return Err(unreadable_record_error(index_dir, &error)),
    };
    if check_json_seal(&bytes) == JsonSeal::Broken {
        return Err(damaged_error(index_dir, format!("{RECORD_FILE} is {}", FormatError::Checksum)));
    }
    match serde_json::from_slice::<TunedModel>(&bytes) {
        Ok(record) if record.format == RECORD_FORMAT => Ok(Some(record)),
        Ok(record) => {
            Err(damaged_error(index_dir, format!("{RECORD_FILE} has format {}, not {RECORD_FORMAT}", record.format)))
        }
        Err(error) => Err(unreadable_record_error(index_dir, &error)),
    }
}

/// Returns whether the error means that a file or its folder does not exist.
fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn unreadable_record_error(index_dir: &Path, error: &dyn std::error::Error) -> TunedError {
    damaged_error(index_dir, format!("{RECORD_FILE} cannot be read: {error}"))
}

fn damaged_error(index_dir: &Path, problem: String) -> TunedError {
    TunedError::Damaged { folder: index_dir.to_owned(), problem }
}

fn model_path(index_dir: &Path, model_id: &str) -> PathBuf {
    index_dir.join(MODELS_FOLDER).join(format!("{model_id}.model"))
}

/// Loads the model that `tuned.json` names and verifies its checksum.
///
/// # Errors
/// [`TunedError::Damaged`] if the record or the model cannot be used.
pub(super) fn load_tuned_model(index_dir: &Path) -> Result<StaticModel, TunedError> {
    let damaged = |problem| damaged_error(index_dir, problem);
    let record = read_tuned_model(index_dir)?.ok_or_else(|| damaged(format!("{RECORD_FILE} does not exist")))?;
    let path = model_path(index_dir, &record.model_id);
    let bytes = fs::read(&path).map_err(|error| damaged(format!("{}: {error}", path.display())))?;
    if blake3::hash(&bytes).to_hex().as_str() != record.blake3 {
        return Err(damaged(format!("{} is damaged: its checksum does not match", path.display())));
    }
    StaticModel::from_bytes(bytes).map_err(|error| damaged(error.to_string()))
}

/// Loads a tuned model that was replaced or removed, if its file still exists. A file that cannot be used is
/// reported in the log; the index then has to be rebuilt.
pub(super) fn load_retired_model(index_dir: &Path, model_id: &str) -> Option<StaticModel> {
    let is_plain = model_id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !is_plain {
        return None;
    }
    let path = model_path(index_dir, model_id);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if is_missing(&error) => return None,
        Err(error) => {
            tracing::warn!("cannot read the model {}: {error}", path.display());
            return None;
        }
    };
    match StaticModel::from_bytes(bytes) {
        Ok(model) => Some(model).filter(|model| model.id() == model_id),
        Err(error) => {
            tracing::warn!("cannot use the model {}: {error}", path.display());
            None
        }
    }
}

/// The evaluation of a tuned model.
pub(crate) struct TuningEvaluation {
    pub questions: usize,
    pub mrr_before: f64,
    pub mrr_after: f64,
}

/// Saves a tuned model and puts it into use.
///
/// # Errors
/// [`TunedError::Invalid`] if the bytes are not a model; [`TunedError::Write`] if a file cannot be written.
pub(crate) fn save_tuned_model(
    index_dir: &Path,
    bytes: &[u8],
    evaluation: &TuningEvaluation,
) -> Result<TunedModel, TunedError> {
    let model = StaticModel::from_bytes(bytes.to_vec())?;
    let record = TunedModel {
        format: RECORD_FORMAT,
        model_id: model.id().to_owned(),
        base_model_id: StaticModel::builtin().id().to_owned(),
        blake3: blake3::hash(bytes).to_hex().to_string(),
        made_at_ms: now_ms(),
        questions: evaluation.questions,
        mrr_before: evaluation.mrr_before,
        mrr_after: evaluation.mrr_after,
    };
    write_tuned_file(&model_path(index_dir, &record.model_id), bytes)?;
    let text = serde_json::to_string_pretty(&record).expect("text and numbers are valid JSON");
    write_tuned_file(&index_dir.join(RECORD_FILE), seal_json(&text).as_bytes())?;
    Ok(record)
}

/// Removes `tuned.json`; returns whether it existed.
///
/// # Errors
/// [`TunedError::Write`] if the file cannot be removed.
pub(crate) fn remove_tuned_model(index_dir: &Path) -> Result<bool, TunedError> {
    let path = index_dir.join(RECORD_FILE);
    match fs::remove_file(&path) {
        Ok(()) => Ok(true),
        Err(error) if is_missing(&error) => Ok(false),
        Err(source) => Err(TunedError::Write { path, source }),
    }
}

/// Removes the files of all tuned models except the model `in_use` and the one that `tuned.json` names.
///
/// # Errors
/// When `tuned.json` cannot be read, so that the model in use is not known, or a file cannot be removed.
pub(crate) fn remove_unused_models(index_dir: &Path, in_use: &str) -> Result<(), TunedError> {
    let current = read_tuned_model(index_dir)?.map(|record| record.model_id);
    let folder = index_dir.join(MODELS_FOLDER);
    let write_error = |path: &Path, source| TunedError::Write { path: path.to_owned(), source };
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if is_missing(&error) => return Ok(()),
        Err(source) => return Err(write_error(&folder, source)),
    };
    for entry in entries {
        let entry = entry.map_err(|source| write_error(&folder, source))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let id = name.strip_suffix(".model");
        if id.is_some() && id != Some(in_use) && id != current.as_deref() {
            fs::remove_file(entry.path()).map_err(|source| write_error(&entry.path(), source))?;
        }
    }
    Ok(())
}

/// Replaces or creates a file, and creates its folder if necessary.
fn write_tuned_file(path: &Path, bytes: &[u8]) -> Result<(), TunedError> {
    let folder = path.parent().unwrap_or(path);
    let written = fs::create_dir_all(folder).and_then(|()| {
        atomic_file::remove_leftovers(folder);
        atomic_file::replace_with_bytes(path, Durability::Synced, bytes)
    });
    written.map_err(|source| TunedError::Write { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_removed_while_the_model_in_use_is_not_known() {
        let index_dir = tempfile::tempdir().expect("a folder");
        let path = model_path(index_dir.path(), "tuned-v2-1");
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(&path, "model").expect("written");
        fs::write(index_dir.path().join(RECORD_FILE), "{").expect("written");
        remove_unused_models(index_dir.path(), "another").expect_err("the record is damaged");
        assert!(path.exists());
        fs::remove_file(index_dir.path().join(RECORD_FILE)).expect("removed");
        remove_unused_models(index_dir.path(), "another").expect("no model is in use");
        assert!(!path.exists());
    }
}
