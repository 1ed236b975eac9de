//! Which embedding models there are, and where.
//!
//! Owns their descriptions (`description`, `table`), which files one has (`weights`), what it is called
//! by (`reference`), finding them in the models folder and in the
//! hub's cache (`find`), and bringing them there (`hub`, `store`). Invariants: a model's folder is
//! complete or not there; what was fetched is kept with its checksum; nothing is asked of a hub but
//! by [`install`]. Must never import: anything of this crate but `config`.

mod description;
mod find;
mod hub;
mod reference;
mod store;
mod table;
mod weights;

use std::path::{Path, PathBuf};

pub use description::{Description, Kind, Pooling, Precision};
pub use find::{Listed, Source, find, list};
pub use reference::Reference;
pub use store::{Checked, Fetching, add, install, remove, verify};
pub use table::{KNOWN, Known};

/// A model that is on this machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Installed {
    pub description: Description,
    pub folder: PathBuf,
    pub precision: Precision,
    /// Whether its vectors are cut because that was asked for.
    is_cut: bool,
    id: String,
}

impl Installed {
    /// A model in a folder, in the first of these precisions that is there.
    ///
    /// # Errors
    /// When a file that it needs is not.
    pub fn new(description: Description, folder: PathBuf, wanted: &[Precision]) -> Result<Self, ModelError> {
        let missing = |precision: &Precision| description.missing(&folder, *precision);
        let here = wanted.iter().filter(|precision| description.files.contains_key(precision));
        let Some(precision) = here.clone().copied().find(|precision| missing(precision).is_empty()) else {
            // Of that which is there in part, before that of which nothing is.
            let least = here.map(missing).min_by_key(Vec::len);
            let missing = least.map_or_else(|| "the precision asked for".to_owned(), |missing| missing.join(", "));
            return Err(ModelError::Incomplete { name: description.name.clone(), folder, missing });
        };
        let mut model = Self { description, folder, precision, is_cut: false, id: String::new() };
        model.id = model.name_with_hash()?;
        Ok(model)
    }

    /// The model with vectors of another width.
    ///
    /// # Errors
    /// When it was not trained for that.
    pub fn cut(mut self, width: usize) -> Result<Self, ModelError> {
        let name = self.description.name.clone();
        if width == self.description.width() {
            return Ok(self);
        }
        let known = Known::named(&name).map_or(&[][..], |known| known.truncatable);
        let widths = if self.description.truncatable.is_empty() { known } else { &self.description.truncatable };
        if !widths.contains(&width) {
            let words = |widths: &[usize]| widths.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
            let may = if widths.is_empty() {
                let others = KNOWN.iter().filter(|known| !known.truncatable.is_empty());
                let others = others.map(|known| format!("{} ({})", known.name, words(known.truncatable)));
                format!(
                    "was not trained to be cut; of those known by name that was {}",
                    others.collect::<Vec<_>>().join(", ")
                )
            } else {
                format!("was trained for {} and {}", words(widths), self.description.dimensions)
            };
            return Err(ModelError::NotCut { name, width, may });
        }
        self.description.truncate_to = Some(width);
        self.is_cut = true;
        self.id = self.name_with_hash()?;
        Ok(self)
    }

    /// The file with its weights, or that which names those that have them.
    pub fn file(&self) -> PathBuf {
        self.folder.join(&self.description.files[&self.precision])
    }

    /// Bytes of all files of its weights.
    pub fn weights_bytes(&self) -> u64 {
        let files = self.description.weight_files(&self.folder, self.precision);
        files.iter().map(|file| std::fs::metadata(self.folder.join(file)).map_or(0, |file| file.len())).sum()
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
        let width = if self.is_cut { format!("@{}", self.description.width()) } else { String::new() };
        format!("{}:{}{width}", self.description.name, self.precision.word())
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
        for file in self.description.needed(&self.folder, self.precision) {
            let path = self.folder.join(file);
            sample(&path, &mut hasher).map_err(|source| ModelError::Io { operation: "read", path, source })?;
        }
        Ok(format!("{}@{}", self.reference(), &hasher.finalize().to_hex()[..12]))
    }
}

/// The name in a model's id: what finds it again.
pub fn name_of_id(id: &str) -> Option<&str> {
    id.rsplit_once('@').map(|(name, _)| name).filter(|name| name.contains(':'))
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
    #[error("the vectors of {name} cannot be cut to {width}: it {may}")]
    NotCut { name: String, width: usize, may: String },
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
