//! The description of a model: the facts needed to run it.
//!
//! Models known by name and models that a user's file describes have the same fields.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::ModelError;
use crate::onnx_files;

/// Names of the description file in a model's folder. If both exist, the first is read.
pub const DESCRIPTION_FILES: [&str; 2] = ["codescry-model.toml", "codescry-model.json"];

/// The method that combines the vectors of a text's tokens into one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// The mean over all tokens.
    #[default]
    Mean,
    /// The vector of the first token.
    Cls,
    /// The vector of the last token.
    Last,
    /// No pooling: the model's output is one vector per text.
    None,
}

/// The kind of a model, which decides how it is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelKind {
    /// A transformer, run by ONNX Runtime.
    #[default]
    Onnx,
    /// A table of word vectors in safetensors, run by this program.
    Model2vec,
}

/// The number format of the weights in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    Int8,
    Fp16,
    Fp32,
}

impl Precision {
    /// All precisions, the smallest first.
    pub const ALL: [Self; 3] = [Self::Int8, Self::Fp16, Self::Fp32];

    /// Returns the precision's name as model references contain it: `int8` in `all-MiniLM-L6-v2:int8`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Int8 => "int8",
            Self::Fp16 => "fp16",
            Self::Fp32 => "fp32",
        }
    }

    /// Returns the precision with exactly this name; `None` for another word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|precision| precision.as_str() == word)
    }
}

/// The description of a model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelDescription {
    /// The name by which users refer to the model.
    pub name: String,
    #[serde(default)]
    pub kind: ModelKind,
    /// The weights file of each precision, relative to the model's folder.
    pub files: BTreeMap<Precision, String>,
    /// The tokenizer file, relative to the model's folder.
    #[serde(default = "tokenizer")]
    pub tokenizer: String,
    #[serde(default)]
    pub pooling: Pooling,
    /// Prefix of every query.
    #[serde(default)]
    pub query_prefix: String,
    /// Prefix of every passage.
    #[serde(default)]
    pub passage_prefix: String,
    /// Whether vectors are scaled to unit length. May be false only for a model whose output already has unit
    /// length, because searches require it.
    #[serde(default = "yes")]
    pub normalize: bool,
    /// Maximum length of a text, in tokens; longer texts are cut.
    #[serde(default = "max_tokens")]
    pub max_tokens: usize,
    /// Number of dimensions of the model's output vectors.
    pub dimensions: usize,
    /// Number of leading dimensions to keep, for a model that was trained to be truncated; `None` keeps all.
    #[serde(default)]
    pub truncate_to: Option<usize>,
    /// Numbers of dimensions that `NAME@WIDTH` may request: the model was trained to be truncated to these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub truncatable: Vec<usize>,
    /// Name of the model output to read; the first output by default.
    #[serde(default)]
    pub output: Option<String>,
}

fn tokenizer() -> String {
    "tokenizer.json".to_owned()
}

fn yes() -> bool {
    true
}

fn max_tokens() -> usize {
    512
}

impl ModelDescription {
    /// Reads the description in a model's folder; returns `None` if there is none.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read or is invalid.
    pub fn read(folder: &Path) -> Result<Option<Self>, ModelError> {
        let Some(path) = DESCRIPTION_FILES.iter().map(|name| folder.join(name)).find(|path| path.is_file()) else {
            return Ok(None);
        };
        let bad = |problem: String| ModelError::Description { path: path.clone(), problem };
        let text = std::fs::read_to_string(&path).map_err(|error| bad(error.to_string()))?;
        let is_toml = path.extension().is_some_and(|extension| extension == "toml");
        let description: Self = if is_toml {
            toml_edit::de::from_str(&text).map_err(|error| bad(error.to_string().trim().to_owned()))?
        } else {
            serde_json::from_str(&text).map_err(|error| bad(error.to_string()))?
        };
        description.check().map_err(bad)?;
        Ok(Some(description))
    }

    fn check(&self) -> Result<(), String> {
        let plain = |name: &str| {
            !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c)) && !name.starts_with('.')
        };
        let inside = |file: &str| {
            let parts = Path::new(file).components();
            !file.is_empty() && parts.into_iter().all(|part| matches!(part, std::path::Component::Normal(_)))
        };
        if !plain(&self.name) {
            return Err(format!(
                "the name {:?} may contain only letters, digits, dots, dashes and underscores",
                self.name
            ));
        }
        if self.files.is_empty() {
            return Err("it names no file; add [files] with int8, fp16 or fp32".to_owned());
        }
        if let Some(file) = self.files.values().chain([&self.tokenizer]).find(|file| !inside(file)) {
            return Err(format!("the file {file:?} is not inside the model's folder"));
        }
        if !(1..=65_536).contains(&self.dimensions) || !(8..=1 << 20).contains(&self.max_tokens) {
            return Err("dimensions must be 1 to 65536 and max_tokens 8 to 1048576".to_owned());
        }
        if let Some(width) = self.truncatable.iter().find(|width| !(1..self.dimensions).contains(width)) {
            return Err(format!("truncatable has {width}, which is not below {}", self.dimensions));
        }
        match self.truncate_to {
            Some(to) if to == 0 || to > self.dimensions => {
                Err(format!("truncate_to {to} is not 1 to {}", self.dimensions))
            }
            _ => Ok(()),
        }
    }

    /// Returns the number of dimensions of the vectors after truncation.
    pub fn width(&self) -> usize {
        self.truncate_to.unwrap_or(self.dimensions)
    }

    /// Returns the weights files of a precision, relative to `folder`: the file in the description and the external
    /// data files that an ONNX file names; empty if the description has no file of this precision.
    pub fn weight_files(&self, folder: &Path, precision: Precision) -> Vec<String> {
        let Some(file) = self.files.get(&precision) else { return Vec::new() };
        let external = match self.kind {
            ModelKind::Onnx => onnx_files::find_external_files(&folder.join(file)),
            ModelKind::Model2vec => Vec::new(),
        };
        // External names are relative to the file that contains them.
        let below = |name: String| Path::new(file).with_file_name(name).to_string_lossy().replace('\\', "/");
        std::iter::once(file.clone()).chain(external.into_iter().map(below)).collect()
    }

    /// Returns all files that this precision needs, relative to `folder`.
    pub fn required_files(&self, folder: &Path, precision: Precision) -> Vec<String> {
        let mut files = self.weight_files(folder, precision);
        files.push(self.tokenizer.clone());
        files
    }

    /// Returns the [`ModelDescription::required_files`] that are not in `folder`.
    pub fn missing_files(&self, folder: &Path, precision: Precision) -> Vec<String> {
        let mut files = self.required_files(folder, precision);
        files.retain(|file| !folder.join(file).is_file());
        files
    }

    /// Returns the description as JSON, as it is stored in a model's folder.
    ///
    /// # Panics
    /// Never: text, numbers and lists can always be written as JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("text, numbers and lists are valid JSON")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_description(name: &str, text: &str) -> Result<Option<ModelDescription>, ModelError> {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join(name), text).expect("written");
        ModelDescription::read(folder.path())
    }

    #[test]
    fn a_small_file_in_toml_or_json_describes_a_model() {
        let toml =
            "name = \"mine\"\ndimensions = 8\npooling = \"last\"\nquery_prefix = \"q: \"\n[files]\nfp32 = \"m.onnx\"\n";
        let described = read_description(DESCRIPTION_FILES[0], toml).expect("it holds").expect("it is there");
        assert_eq!((described.pooling, described.max_tokens, described.normalize), (Pooling::Last, 512, true));
        assert_eq!(described.required_files(Path::new("none"), Precision::Fp32), ["m.onnx", "tokenizer.json"]);
        let again =
            read_description(DESCRIPTION_FILES[1], &described.to_json()).expect("it holds").expect("it is there");
        assert_eq!(again, described);
    }

    #[test]
    fn errors_name_the_fault_of_a_description() {
        for (text, problem) in [
            ("{", "EOF"),
            (r#"{"name":"a","files":{"fp32":"m"},"dimensions":4,"poling":"cls"}"#, "poling"),
            (r#"{"name":"a","files":{},"dimensions":4}"#, "names no file"),
            (r#"{"name":"a","files":{"fp32":"../m"},"dimensions":4}"#, "not inside"),
            (r#"{"name":"a/b","files":{"fp32":"m"},"dimensions":4}"#, "the name"),
            (r#"{"name":"a","files":{"fp32":"m"},"dimensions":4,"truncate_to":5}"#, "truncate_to 5"),
            (r#"{"name":"a","files":{"fp32":"m"},"dimensions":4,"truncatable":[2,4]}"#, "truncatable has 4"),
        ] {
            let error = read_description(DESCRIPTION_FILES[1], text).expect_err(text).to_string();
            assert!(error.contains(problem) && error.contains(DESCRIPTION_FILES[1]), "{error}");
        }
        assert_eq!(read_description("other.json", "{}").expect("no description"), None);
    }
}
