//! A model on this machine: its files, its precision and its identifier.

use std::path::{Path, PathBuf};

use crate::checksums::{hash_model_file, read_checksums};
use crate::description::{ModelDescription, Precision};
use crate::error::ModelError;
use crate::known_models::{KNOWN_MODELS, KnownModel};

/// A complete model on this machine.
#[derive(Clone, Debug, PartialEq)]
pub struct InstalledModel {
    pub description: ModelDescription,
    pub folder: PathBuf,
    pub precision: Precision,
    /// Whether the user requested truncated vectors.
    is_truncated: bool,
    weights_bytes: u64,
    id: String,
}

impl InstalledModel {
    /// Opens the model in a folder, in the first of the `wanted` precisions that is complete.
    ///
    /// # Errors
    ///
    /// Fails if no wanted precision is complete, or a file cannot be read.
    pub fn new(description: ModelDescription, folder: PathBuf, wanted: &[Precision]) -> Result<Self, ModelError> {
        let missing = |precision: &Precision| description.missing_files(&folder, *precision);
        let here = wanted.iter().filter(|precision| description.files.contains_key(precision));
        let Some(precision) = here.clone().copied().find(|precision| missing(precision).is_empty()) else {
            // Report the precision that lacks the fewest files.
            let least = here.map(missing).min_by_key(Vec::len);
            let missing = least.map_or_else(|| "the requested precision".to_owned(), |missing| missing.join(", "));
            return Err(ModelError::Incomplete { name: description.name.clone(), folder, missing });
        };
        let weights_bytes = total_bytes(&folder, &description.weight_files(&folder, precision))?;
        let mut model = Self { description, folder, precision, is_truncated: false, weights_bytes, id: String::new() };
        model.id = model.compute_id()?;
        Ok(model)
    }

    /// Returns the model with its vectors truncated to `width` dimensions.
    ///
    /// # Errors
    ///
    /// Fails if `width` is neither [`ModelDescription::width`] nor a number of dimensions that the model was trained to
    /// be truncated to, or a file cannot be read.
    pub fn truncate_dimensions(mut self, width: usize) -> Result<Self, ModelError> {
        let name = self.description.name.clone();
        if width == self.description.width() {
            return Ok(self);
        }
        let known = KnownModel::find_by_name(&name).map_or(&[][..], |known| known.truncatable);
        let widths = if self.description.truncatable.is_empty() { known } else { &self.description.truncatable };
        if !widths.contains(&width) {
            let list = |widths: &[usize]| widths.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
            let may = if widths.is_empty() {
                let others = KNOWN_MODELS.iter().filter(|known| !known.truncatable.is_empty());
                let others = others.map(|known| format!("{} ({})", known.name, list(known.truncatable)));
                format!(
                    "was not trained to be truncated; known models that were: {}",
                    others.collect::<Vec<_>>().join(", ")
                )
            } else {
                format!("was trained for {} and {}", list(widths), self.description.dimensions)
            };
            return Err(ModelError::NotTruncatable { name, width, may });
        }
        self.description.truncate_to = Some(width);
        self.is_truncated = true;
        self.id = self.compute_id()?;
        Ok(self)
    }

    /// Returns the path of the weights file. It may name further files that contain the weights.
    pub fn weights_path(&self) -> PathBuf {
        self.folder.join(&self.description.files[&self.precision])
    }

    /// Returns the total size of all weights files, in bytes.
    pub fn weights_bytes(&self) -> u64 {
        self.weights_bytes
    }

    /// Returns the path of the tokenizer.
    pub fn tokenizer_path(&self) -> PathBuf {
        self.folder.join(&self.description.tokenizer)
    }

    /// Returns an identifier of the model, made of its name, its precision and a hash of its settings and of samples of
    /// its files. Vectors of different identifiers cannot be compared.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the model's reference, such as `all-MiniLM-L6-v2:int8`. It finds the model again unless that is in
    /// another folder than the models folder and the hub's cache.
    pub fn reference(&self) -> String {
        let width = if self.is_truncated { format!("@{}", self.description.width()) } else { String::new() };
        format!("{}:{}{width}", self.description.name, self.precision.as_str())
    }

    /// Returns the first of the model's files whose content differs from the installed one. Files of a folder without
    /// checksums, and files that are not among them, are not checked.
    ///
    /// # Errors
    ///
    /// Fails if the checksums or a file cannot be read.
    pub fn find_changed_file(&self) -> Result<Option<PathBuf>, ModelError> {
        let mut checksums = read_checksums(&self.folder)?;
        let description = &self.description;
        let weights = description.weight_files(&self.folder, self.precision);
        for file in description.required_files(&self.folder, self.precision).into_iter().chain(weights) {
            // A file that is in both lists is read once.
            let Some(expected) = checksums.remove(&file) else { continue };
            let path = self.folder.join(file);
            if hash_model_file(&path)? != expected {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }

    /// Returns the number of tokens in the vocabulary, if the model's `config.json` contains it.
    pub fn vocabulary_size(&self) -> Option<u64> {
        let bytes = std::fs::read(self.folder.join("config.json")).ok()?;
        let config: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
        config.get("vocab_size")?.as_u64()
    }

    fn compute_id(&self) -> Result<String, ModelError> {
        let mut hasher = blake3::Hasher::new();
        let ModelDescription {
            pooling, passage_prefix, query_prefix, max_tokens, truncate_to, output, normalize, ..
        } = &self.description;
        let settings = format!(
            "{pooling:?} {passage_prefix:?} {query_prefix:?} {max_tokens} {truncate_to:?} {output:?} {normalize}"
        );
        hasher.update(settings.as_bytes());
        for file in self.description.required_files(&self.folder, self.precision) {
            let path = self.folder.join(file);
            hash_file_sample(&path, &mut hasher).map_err(|source| ModelError::Io {
                operation: "read",
                path,
                source,
            })?;
        }
        Ok(format!("{}@{}", self.reference(), &hasher.finalize().to_hex()[..12]))
    }
}

/// Returns the total size of `files` in `folder`, in bytes.
fn total_bytes(folder: &Path, files: &[String]) -> Result<u64, ModelError> {
    let mut bytes = 0;
    for file in files {
        let path = folder.join(file);
        match std::fs::metadata(&path) {
            Ok(metadata) => bytes += metadata.len(),
            Err(source) => return Err(ModelError::Io { operation: "read", path, source }),
        }
    }
    Ok(bytes)
}

/// Hashes a file's length, its first and its last mebibyte. This distinguishes weights files, and is fast for
/// files of gigabytes.
fn hash_file_sample(path: &Path, hasher: &mut blake3::Hasher) -> std::io::Result<()> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    const PART: u64 = 1 << 20;
    let mut file = std::fs::File::open(path)?;
    let length = file.metadata()?.len();
    hasher.update(&length.to_le_bytes());
    let mut bytes = Vec::new();
    file.by_ref().take(PART).read_to_end(&mut bytes)?;
    file.seek(SeekFrom::Start(length.saturating_sub(PART)))?;
    file.take(PART).read_to_end(&mut bytes)?;
    hasher.update(&bytes);
    Ok(())
}
