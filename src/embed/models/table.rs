//! The models that are known by name.
//!
//! What a model's card says: pooling, prefixes, length, width. Must never import: anything but
//! `embed::models`.

use super::description::{Description, Kind, Pooling, Precision};
use Precision::{Fp16, Fp32, Int8};

/// A model and where a hub has it.
pub struct Known {
    pub name: &'static str,
    /// Other names people use.
    pub aliases: &'static [&'static str],
    /// `owner/name` on the hub.
    pub repository: &'static str,
    /// Its files by precision; none where nobody is known to have exported it.
    files: &'static [(Precision, &'static str)],
    kind: Kind,
    pooling: Pooling,
    query_prefix: &'static str,
    max_tokens: usize,
    dimensions: usize,
    /// Widths that the model was trained to be cut to.
    pub truncatable: &'static [usize],
    /// One line for a list.
    pub about: &'static str,
}

const CODE_QUERY: &str = "Represent this query for searching relevant code: ";

/// Exports for transformers.js have these names.
const XENOVA: &[(Precision, &str)] =
    &[(Int8, "onnx/model_quantized.onnx"), (Fp16, "onnx/model_fp16.onnx"), (Fp32, "onnx/model.onnx")];

/// In the order they are listed.
pub const KNOWN: &[Known] = &[
    Known {
        name: "all-MiniLM-L6-v2",
        aliases: &["minilm", "sentence-transformers/all-MiniLM-L6-v2"],
        repository: "Xenova/all-MiniLM-L6-v2",
        files: XENOVA,
        kind: Kind::Onnx,
        pooling: Pooling::Mean,
        query_prefix: "",
        max_tokens: 256,
        dimensions: 384,
        truncatable: &[],
        about: "22 M parameters; small, fast, for prose",
    },
    Known {
        name: "bge-small-en-v1.5",
        aliases: &["BAAI/bge-small-en-v1.5"],
        repository: "Xenova/bge-small-en-v1.5",
        files: XENOVA,
        kind: Kind::Onnx,
        pooling: Pooling::Cls,
        query_prefix: "Represent this sentence for searching relevant passages: ",
        max_tokens: 512,
        dimensions: 384,
        truncatable: &[],
        about: "33 M parameters; for prose",
    },
    Known {
        name: "jina-embeddings-v2-base-code",
        aliases: &["jinaai/jina-embeddings-v2-base-code"],
        repository: "jinaai/jina-embeddings-v2-base-code",
        files: XENOVA,
        kind: Kind::Onnx,
        pooling: Pooling::Mean,
        query_prefix: "",
        max_tokens: 8_192,
        dimensions: 768,
        truncatable: &[],
        about: "161 M parameters; for code in 30 languages, long texts",
    },
    Known {
        name: "CodeRankEmbed",
        aliases: &["nomic-ai/CodeRankEmbed"],
        repository: "nomic-ai/CodeRankEmbed",
        files: &[],
        kind: Kind::Onnx,
        pooling: Pooling::Cls,
        query_prefix: CODE_QUERY,
        max_tokens: 8_192,
        dimensions: 768,
        truncatable: &[],
        about: "137 M parameters; for code; needs an export",
    },
    Known {
        name: "nomic-embed-code",
        aliases: &["nomic-ai/nomic-embed-code"],
        repository: "nomic-ai/nomic-embed-code",
        files: &[],
        kind: Kind::Onnx,
        pooling: Pooling::Last,
        query_prefix: CODE_QUERY,
        max_tokens: 32_768,
        dimensions: 3_584,
        truncatable: &[],
        about: "7 B parameters; for code, on a large GPU; needs an export",
    },
    Known {
        name: "Qwen3-Embedding-0.6B",
        aliases: &["qwen3", "Qwen/Qwen3-Embedding-0.6B"],
        repository: "onnx-community/Qwen3-Embedding-0.6B-ONNX",
        files: XENOVA,
        kind: Kind::Onnx,
        pooling: Pooling::Last,
        query_prefix: "Instruct: Given a question about code, retrieve the code that answers it\nQuery:",
        max_tokens: 8_192,
        dimensions: 1_024,
        truncatable: &[32, 64, 128, 256, 512, 768],
        about: "600 M parameters; many languages, long texts; may be cut to fewer dimensions",
    },
    Known {
        name: "potion-code-16M",
        aliases: &["minishlab/potion-code-16M"],
        repository: "minishlab/potion-code-16M",
        files: &[(Fp32, "model.safetensors")],
        kind: Kind::Model2vec,
        pooling: Pooling::Mean,
        query_prefix: "",
        max_tokens: 1 << 20,
        dimensions: 256,
        truncatable: &[],
        about: "a table of word vectors for code: no ONNX Runtime needed",
    },
    Known {
        name: "potion-base-8M",
        aliases: &["minishlab/potion-base-8M"],
        repository: "minishlab/potion-base-8M",
        files: &[(Fp32, "model.safetensors")],
        kind: Kind::Model2vec,
        pooling: Pooling::Mean,
        query_prefix: "",
        max_tokens: 1 << 20,
        dimensions: 256,
        truncatable: &[],
        about: "a table of word vectors for prose: no ONNX Runtime needed",
    },
];

impl Known {
    /// The model of this name or alias, in whatever case.
    pub fn named(name: &str) -> Option<&'static Self> {
        let is = |other: &&str| other.eq_ignore_ascii_case(name);
        KNOWN.iter().find(|known| is(&known.name) || known.aliases.iter().any(&is))
    }

    /// All of it that is not the hub's.
    pub fn description(&self) -> Description {
        // A folder of one's own export has its file under the usual name.
        let files = if self.files.is_empty() { &[(Fp32, "model.onnx")] } else { self.files };
        Description {
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

    /// Whether a hub is known to have its files.
    pub fn is_on_hub(&self) -> bool {
        !self.files.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_known_by_their_names_however_they_are_written() {
        for name in ["all-minilm-l6-v2", "MiniLM", "sentence-transformers/all-MiniLM-L6-v2"] {
            assert_eq!(Known::named(name).map(|known| known.name), Some("all-MiniLM-L6-v2"));
        }
        assert!(Known::named("word2vec").is_none());
        for known in KNOWN {
            let description = known.description();
            assert!(known.truncatable.iter().all(|width| *width < description.dimensions), "{}", known.name);
            assert_eq!(Known::named(known.name).map(|found| found.name), Some(known.name));
        }
    }
}
