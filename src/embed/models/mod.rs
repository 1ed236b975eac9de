//! Which embedding models there are, and where.
//!
//! Owns their descriptions (`description`, `table`), finding them in the models folder and in the
//! hub's cache (`find`), and bringing them there (`hub`, `store`). Invariants: a model's folder is
//! complete or not there; what was fetched is kept with its checksum; nothing is asked of a hub but
//! by [`install`]. Must never import: anything of this crate but `config`.

mod description;
mod find;
mod hub;
mod store;
mod table;

use std::path::{Path, PathBuf};

pub use description::{Description, Kind, Pooling, Precision};
pub use find::{Listed, Source, find, list};
pub use store::{Checked, Fetching, add, install, remove, verify};
pub use table::{KNOWN, Known};

/// A model that is on this machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Installed {
    pub description: Description,
    pub folder: PathBuf,
    pub precision: Precision,
    id: String,
}

impl Installed {
    /// A model in a folder, in the first of these precisions that is there.
    ///
    /// # Errors
    /// When a file that it needs is not.
    pub fn new(description: Description, folder: PathBuf, wanted: &[Precision]) -> Result<Self, ModelError> {
        let is_there = |precision: &Precision| {
            let needed = description.needed(*precision);
            description.files.contains_key(precision) && needed.iter().all(|file| folder.join(file).is_file())
        };
        let Some(precision) = wanted.iter().copied().find(is_there) else {
            let files: Vec<&str> =
                description.files.values().chain([&description.tokenizer]).map(String::as_str).collect();
            let missing: Vec<&str> = files.into_iter().filter(|file| !folder.join(file).is_file()).collect();
            return Err(ModelError::Incomplete {
                name: description.name.clone(),
                folder,
                missing: if missing.is_empty() { "the precision asked for".to_owned() } else { missing.join(", ") },
            });
        };
        let mut model = Self { description, folder, precision, id: String::new() };
        model.id = model.name_with_hash()?;
        Ok(model)
    }

    /// The file with its weights.
    pub fn file(&self) -> PathBuf {
        self.folder.join(&self.description.files[&self.precision])
    }

    /// Its tokenizer.
    pub fn tokenizer(&self) -> PathBuf {
        self.folder.join(&self.description.tokenizer)
    }

    /// Names the model, its precision and what is in its files: vectors of another id are of no use
    /// beside its own.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// `all-MiniLM-L6-v2:int8`: what it is called by.
    pub fn reference(&self) -> String {
        format!("{}:{}", self.description.name, self.precision.word())
    }

    /// Tokens that the model knows, where its `config.json` says so.
    pub fn vocabulary_size(&self) -> Option<u64> {
        let bytes = std::fs::read(self.folder.join("config.json")).ok()?;
        let config: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
        config.get("vocab_size")?.as_u64()
    }

    fn name_with_hash(&self) -> Result<String, ModelError> {
        let mut hasher = blake3::Hasher::new();
        let Description { pooling, passage_prefix, query_prefix, max_tokens, truncate_to, output, normalize, .. } =
            &self.description;
        let said = format!(
            "{pooling:?} {passage_prefix:?} {query_prefix:?} {max_tokens} {truncate_to:?} {output:?} {normalize}"
        );
        hasher.update(said.as_bytes());
        for path in [self.file(), self.tokenizer()] {
            sample(&path, &mut hasher).map_err(|source| ModelError::Io { operation: "read", path, source })?;
        }
        Ok(format!("{}@{}", self.reference(), &hasher.finalize().to_hex()[..12]))
    }
}

/// The name in a model's id: what finds it again.
pub fn name_of_id(id: &str) -> Option<&str> {
    id.split_once('@').map(|(name, _)| name).filter(|name| name.contains(':'))
}

/// Feeds a file's length and its first and last mebibyte: enough to tell files of weights apart,
/// and done at once for one of gigabytes.
fn sample(path: &Path, hasher: &mut blake3::Hasher) -> std::io::Result<()> {
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

/// A model that cannot be had. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error(
        "there is no model {name} here: it is neither installed in {models_dir} nor in the hub's cache; `codescry models install {name}`, or `codescry models add FOLDER` with one you have"
    )]
    NotInstalled { name: String, models_dir: PathBuf },
    #[error(
        "unknown model {name}; known: {known}; any other one is described by a codescry-model.toml in its folder: `codescry models add FOLDER`"
    )]
    Unknown { name: String, known: String },
    #[error(
        "the model {name} in {folder} is not complete: {missing} is missing; `codescry models install {name}` fetches what is not there"
    )]
    Incomplete { name: String, folder: PathBuf, missing: String },
    #[error("cannot use {path}: {problem}; correct it (the documentation of models says what goes there)")]
    Description { path: PathBuf, problem: String },
    #[error(
        "{folder} holds no model that is known: give it a codescry-model.toml with name, dimensions, pooling and [files], or the name of a known model with --name"
    )]
    NoDescription { folder: PathBuf },
    #[error("cannot {operation} {path}: {source}")]
    Io { operation: &'static str, path: PathBuf, source: std::io::Error },
    #[error("HF_HUB_OFFLINE is set, so nothing is fetched; unset it, or `codescry models add FOLDER`")]
    Offline,
    #[error(
        "cannot fetch {url}: {problem}; what has arrived is kept: run the command again to go on, set HF_ENDPOINT to a mirror, or `codescry models add FOLDER` with a model you have"
    )]
    Hub { url: String, problem: String },
    #[error("{file} arrived damaged: its {what} is {found}, and the hub says {expected}; run the command again")]
    Damaged { file: String, what: &'static str, found: String, expected: String },
    #[error(
        "no ONNX file of {name} is known on the hub; export it (`optimum-cli export onnx --model {repository} --task feature-extraction FOLDER`) and `codescry models add FOLDER --name {name}`"
    )]
    NoExport { name: String, repository: String },
    #[error("fetching was stopped; what has arrived is kept: run the command again to go on")]
    Stopped,
}
