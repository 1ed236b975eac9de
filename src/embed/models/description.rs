//! What a program must know of a model to use it.
//!
//! Invariant: the same fields describe a model that is known by name and one by a file of the
//! user's. Must never import: anything of this crate.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{ModelError, weights};

/// Names of the file that describes a model, in its folder.
pub const FILES: [&str; 2] = ["codescry-model.toml", "codescry-model.json"];

/// How the vectors of a text's tokens become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// The mean over all tokens.
    #[default]
    Mean,
    /// The first token's.
    Cls,
    /// The last token's.
    Last,
    /// The model's output is one vector a text already.
    None,
}

/// What runs a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A transformer, by ONNX Runtime.
    #[default]
    Onnx,
    /// A table of word vectors in safetensors, by this program.
    Model2vec,
}

/// How exactly a file holds the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    Int8,
    Fp16,
    Fp32,
}

impl Precision {
    /// As it is written in a model's name: `all-MiniLM-L6-v2:int8`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Int8 => "int8",
            Self::Fp16 => "fp16",
            Self::Fp32 => "fp32",
        }
    }

    /// The precision of that name.
    pub fn named(word: &str) -> Option<Self> {
        [Self::Int8, Self::Fp16, Self::Fp32].into_iter().find(|precision| precision.word() == word)
    }
}

/// A model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// The name it is called by.
    pub name: String,
    #[serde(default)]
    pub kind: Kind,
    /// The file of each precision, below the model's folder.
    pub files: BTreeMap<Precision, String>,
    /// Below the model's folder.
    #[serde(default = "tokenizer")]
    pub tokenizer: String,
    #[serde(default)]
    pub pooling: Pooling,
    /// Stands before a question.
    #[serde(default)]
    pub query_prefix: String,
    /// Stands before what is indexed.
    #[serde(default)]
    pub passage_prefix: String,
    /// Whether vectors are brought to unit length. A search takes them for that, so only a model
    /// that does so itself may say no.
    #[serde(default = "yes")]
    pub normalize: bool,
    /// Longer texts are cut.
    #[serde(default = "max_tokens")]
    pub max_tokens: usize,
    /// Width of its vectors.
    pub dimensions: usize,
    /// Keep only so many dimensions, of a model that was trained for it.
    #[serde(default)]
    pub truncate_to: Option<usize>,
    /// The widths that `NAME@WIDTH` may ask for: those that the model was trained to be cut to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub truncatable: Vec<usize>,
    /// Name of the output to read; the first one where not said.
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

impl Description {
    /// The description in a model's folder; `None` where there is none.
    ///
    /// # Errors
    /// When it cannot be read or does not hold.
    pub fn read(folder: &Path) -> Result<Option<Self>, ModelError> {
        let Some(path) = FILES.iter().map(|name| folder.join(name)).find(|path| path.is_file()) else {
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
            return Err(format!("the name {:?} must be of letters, digits, dots and dashes", self.name));
        }
        if self.files.is_empty() {
            return Err("it names no file; give [files] with int8, fp16 or fp32".to_owned());
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

    /// Width of the vectors that are kept.
    pub fn width(&self) -> usize {
        self.truncate_to.unwrap_or(self.dimensions)
    }

    /// The files below `folder` that the weights of this precision are in: that which is named, and
    /// those that it names in turn.
    pub fn weight_files(&self, folder: &Path, precision: Precision) -> Vec<String> {
        let Some(file) = self.files.get(&precision) else { return Vec::new() };
        let beside = match self.kind {
            Kind::Onnx => weights::external(&folder.join(file)),
            Kind::Model2vec => Vec::new(),
        };
        // A name in the file is relative to where the file is.
        let below = |name: String| Path::new(file).with_file_name(name).to_string_lossy().replace('\\', "/");
        std::iter::once(file.clone()).chain(beside.into_iter().map(below)).collect()
    }

    /// All files below `folder` that must be there for this precision.
    pub fn needed(&self, folder: &Path, precision: Precision) -> Vec<String> {
        let mut files = self.weight_files(folder, precision);
        files.push(self.tokenizer.clone());
        files
    }

    /// Those of [`Description::needed`] that are not in `folder`.
    pub fn missing(&self, folder: &Path, precision: Precision) -> Vec<String> {
        let mut files = self.needed(folder, precision);
        files.retain(|file| !folder.join(file).is_file());
        files
    }

    /// As the file of a model's folder has it.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str) -> Result<Option<Description>, ModelError> {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join(name), text).expect("written");
        Description::read(folder.path())
    }

    #[test]
    fn a_small_file_in_toml_or_json_describes_a_model() {
        let toml =
            "name = \"mine\"\ndimensions = 8\npooling = \"last\"\nquery_prefix = \"q: \"\n[files]\nfp32 = \"m.onnx\"\n";
        let described = read(FILES[0], toml).expect("it holds").expect("it is there");
        assert_eq!((described.pooling, described.max_tokens, described.normalize), (Pooling::Last, 512, true));
        assert_eq!(described.needed(Path::new("none"), Precision::Fp32), ["m.onnx", "tokenizer.json"]);
        let again = read(FILES[1], &described.to_json()).expect("it holds").expect("it is there");
        assert_eq!(again, described);
    }

    #[test]
    fn what_is_wrong_with_a_description_is_said() {
        for (text, problem) in [
            ("{", "EOF"),
            (r#"{"name":"a","files":{"fp32":"m"},"dimensions":4,"poling":"cls"}"#, "poling"),
            (r#"{"name":"a","files":{},"dimensions":4}"#, "names no file"),
            (r#"{"name":"a","files":{"fp32":"../m"},"dimensions":4}"#, "not inside"),
            (r#"{"name":"a/b","files":{"fp32":"m"},"dimensions":4}"#, "the name"),
            (r#"{"name":"a","files":{"fp32":"m"},"dimensions":4,"truncate_to":5}"#, "truncate_to 5"),
            (r#"{"name":"a","files":{"fp32":"m"},"dimensions":4,"truncatable":[2,4]}"#, "truncatable has 4"),
        ] {
            let error = read(FILES[1], text).expect_err(text).to_string();
            assert!(error.contains(problem) && error.contains(FILES[1]), "{error}");
        }
        assert_eq!(read("other.json", "{}").expect("nothing there"), None);
    }
}
