//! The models that are known by name, with the facts from their model cards: pooling, query prefix, maximum number of
//! tokens, dimensions.

use crate::description::{ModelDescription, ModelKind, Pooling, Precision};
use Precision::{Fp16, Fp32, Int8};

/// A model that is known by name, with its repository on the hub.
pub struct KnownModel {
    pub name: &'static str,
    /// Other names of the model.
    pub aliases: &'static [&'static str],
    /// The repository on the hub, `owner/name`.
    pub repository: &'static str,
    /// The files by precision; empty if no export is known.
    files: &'static [(Precision, &'static str)],
    kind: ModelKind,
    pooling: Pooling,
    query_prefix: &'static str,
    max_tokens: usize,
    dimensions: usize,
    /// Numbers of dimensions that the model was trained to be truncated to.
    pub truncatable: &'static [usize],
    /// One-line description for lists.
    pub about: &'static str,
}

const CODE_QUERY: &str = "Represent this query for searching relevant code: ";

/// The files by precision in repositories with exports for transformers.js.
const XENOVA: &[(Precision, &str)] =
    &[(Int8, "onnx/model_quantized.onnx"), (Fp16, "onnx/model_fp16.onnx"), (Fp32, "onnx/model.onnx")];

/// All known models, in the order in which they are listed.
pub const KNOWN_MODELS: &[KnownModel] = &[
    KnownModel {
        name: "all-MiniLM-L6-v2",
        aliases: &["minilm", "sentence-transformers/all-MiniLM-L6-v2"],
        repository: "Xenova/all-MiniLM-L6-v2",
        files: XENOVA,
        kind: ModelKind::Onnx,
        pooling: Pooling::Mean,
        query_prefix: "",
        max_tokens: 256,
        dimensions: 384,
        truncatable: &[],
        about: "22 M parameters; small, fast, for prose",
    },
    KnownModel {
        name: "bge-small-en-v1.5",
        aliases: &["BAAI/bge-small-en-v1.5"],
        repository: "Xenova/bge-small-en-v1.5",
        files: XENOVA,
        kind: ModelKind::Onnx,
        pooling: Pooling::Cls,
        query_prefix: "Represent this sentence for searching relevant passages: ",
        max_tokens: 512,
        dimensions: 384,
        truncatable: &[],
        about: "33 M parameters; for prose",
    },
    KnownModel {
        name: "jina-embeddings-v2-base-code",
        aliases: &["jinaai/jina-embeddings-v2-base-code"],
        repository: "jinaai/jina-embeddings-v2-base-code",
        files: XENOVA,
        kind: ModelKind::Onnx,
        pooling: Pooling::Mean,
        query_prefix: "",
        max_tokens: 8_192,
        dimensions: 768,
        truncatable: &[],
        about: "161 M parameters; for code in 30 languages, long texts",
    },
    KnownModel {
        name: "CodeRankEmbed",
        aliases: &["nomic-ai/CodeRankEmbed"],
        repository: "nomic-ai/CodeRankEmbed",
        files: &[],
        kind: ModelKind::Onnx,
        pooling: Pooling::Cls,
        query_prefix: CODE_QUERY,
        max_tokens: 8_192,
        dimensions: 768,
        truncatable: &[],
        about: "137 M parameters; for code; needs an export",
    },
    KnownModel {
        name: "nomic-embed-code",
        aliases: &["nomic-ai/nomic-embed-code"],
        repository: "nomic-ai/nomic-embed-code",
        files: &[],
        kind: ModelKind::Onnx,
        pooling: Pooling::Last,
        query_prefix: CODE_QUERY,
        max_tokens: 32_768,
        dimensions: 3_584,
        truncatable: &[],
        about: "7 B parameters; for code, on a large GPU; needs an export",
    },
    KnownModel {
        name: "Qwen3-Embedding-0.6B",
        aliases: &["qwen3", "Qwen/Qwen3-Embedding-0.6B"],
        repository: "onnx-community/Qwen3-Embedding-0.6B-ONNX",
        files: XENOVA,
        kind: ModelKind::Onnx,
        pooling: Pooling::Last,
        query_prefix: "Instruct: Given a question about code, retrieve the code that answers it\nQuery:",
        max_tokens: 8_192,
        dimensions: 1_024,
        truncatable: &[32, 64, 128, 256, 512, 768],
        about: "600 M parameters; many languages, long texts; may be truncated to fewer dimensions",
    },
    KnownModel {
        name: "potion-code-16M",
        aliases: &["minishlab/potion-code-16M"],
        repository: "minishlab/potion-code-16M",
        files: &[(Fp32, "model.safetensors")],
        kind: ModelKind::Model2vec,
        pooling: Pooling::Mean,
        query_prefix: "",
        max_tokens: 1 << 20,
        dimensions: 256,
        truncatable: &[],
        about: "a table of word vectors for code: no ONNX Runtime needed",
    },
    KnownModel {
        name: "potion-base-8M",
        aliases: &["minishlab/potion-base-8M"],
        repository: "minishlab/potion-base-8M",
        files: &[(Fp32, "model.safetensors")],
        kind: ModelKind::Model2vec,
        pooling: Pooling::Mean,
        query_prefix: "",
        max_tokens: 1 << 20,
        dimensions: 256,
        truncatable: &[],
        about: "a table of word vectors for prose: no ONNX Runtime needed",
    },
];

/// Returns the names of all known models, separated by commas.
pub fn join_known_names() -> String {
    let names: Vec<&str> = KNOWN_MODELS.iter().map(|known| known.name).collect();
    names.join(", ")
}

impl KnownModel {
    /// Returns the model with this name or alias, ignoring ASCII letter case; `None` if no known model has it.
    pub fn find_by_name(name: &str) -> Option<&'static Self> {
        let is = |other: &&str| other.eq_ignore_ascii_case(name);
        KNOWN_MODELS.iter().find(|known| is(&known.name) || known.aliases.iter().any(&is))
    }

    /// Returns the model's description.
    pub fn description(&self) -> ModelDescription {
        // An export made by the user has the usual file name.
        let files = if self.files.is_empty() { &[(Fp32, "model.onnx")] } else { self.files };
        ModelDescription {
            name: self.name.to_owned(),
            kind: self.kind,
            files: files.iter().map(|(precision, file)| (*precision, (*file).to_owned())).collect(),
            tokenizer: "tokenizer.json".to_owned(),
            pooling: self.pooling,
            query_prefix: self.query_prefix.to_owned(),
            passage_prefix: String::new(),
            normalize: true,
            max_tokens: self.max_tokens,
            dimensions: self.dimensions,
            truncate_to: None,
            truncatable: self.truncatable.to_vec(),
            output: None,
        }
    }

    /// Returns whether the hub is known to have the model's files.
    pub fn is_on_hub(&self) -> bool {
        !self.files.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_found_by_name_in_any_letter_case() {
        for name in ["all-minilm-l6-v2", "MiniLM", "sentence-transformers/all-MiniLM-L6-v2"] {
            assert_eq!(KnownModel::find_by_name(name).map(|known| known.name), Some("all-MiniLM-L6-v2"));
        }
        assert!(KnownModel::find_by_name("word2vec").is_none());
        for known in KNOWN_MODELS {
            let description = known.description();
            assert!(known.truncatable.iter().all(|width| *width < description.dimensions), "{}", known.name);
            assert_eq!(KnownModel::find_by_name(known.name).map(|found| found.name), Some(known.name));
        }
    }
}
