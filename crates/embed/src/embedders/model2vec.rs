//! Models of the model2vec family: tables of word vectors in safetensors files.
//!
//! The vector of a text is the (weighted) mean of its tokens' rows, as in model2vec. These models need no ONNX Runtime.

use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use tokenizers::Tokenizer;

use crate::embedder::Embedder;
use crate::error::EmbedError;
use crate::model_files::check_model_files;
use crate::vector::normalize;
use hub::InstalledModel;

/// A table of word vectors in memory.
pub struct Model2Vec {
    model: InstalledModel,
    tokenizer: Tokenizer,
    rows: Vec<f32>,
    width: usize,
    /// The weight of each token, if the model keeps weights apart from its rows.
    weights: Option<Vec<f32>>,
    /// The row of each token, if tokens share rows.
    mapping: Option<Vec<u32>>,
    unknown: Option<u32>,
}

impl Model2Vec {
    /// Loads the table and its tokenizer.
    ///
    /// # Errors
    ///
    /// Fails if one of the files is broken, or the files do not fit each other or the description.
    pub fn load(model: InstalledModel) -> Result<Self, EmbedError> {
        let path = model.weights_path();
        let broken =
            |problem: String| EmbedError::Model { model: model.description.name.clone(), path: path.clone(), problem };
        check_model_files(&model)?;
        let bytes = std::fs::read(&path).map_err(|error| broken(error.to_string()))?;
        let tensors = SafeTensors::deserialize(&bytes).map_err(|error| broken(error.to_string()))?;
        let table = tensors.tensor("embeddings").or_else(|_| tensors.tensor("embedding.weight"));
        let table = table.map_err(|_| broken("it has no table named embeddings".to_owned()))?;
        let &[count, width] = table.shape() else {
            return Err(broken(format!("its table has the shape {:?}, not two axes", table.shape())));
        };
        if width != model.description.dimensions {
            let problem =
                format!("its vectors have {width} dimensions, the description says {}", model.description.dimensions);
            return Err(EmbedError::Misfit { path, problem });
        }
        let rows = decode_floats(table.dtype(), table.data())
            .ok_or_else(|| broken("its table has an unsupported number format".to_owned()))?;
        let unsupported = |name: &str| broken(format!("its {name} have an unsupported number format"));
        // Only some models have these.
        let (weights, mapping) = (tensors.tensor("weights").ok(), tensors.tensor("mapping").ok());
        let decode_weights =
            |tensor: TensorView<'_>| decode_floats(tensor.dtype(), tensor.data()).ok_or_else(|| unsupported("weights"));
        let decode_mapping = |tensor: TensorView<'_>| {
            decode_integers(tensor.dtype(), tensor.data()).ok_or_else(|| unsupported("row numbers"))
        };
        let weights = weights.map(decode_weights).transpose()?;
        let mapping = mapping.map(decode_mapping).transpose()?;
        let tokenizer = read_tokenizer(&model.tokenizer_path())?;
        let tokens = tokenizer.get_vocab_size(true);
        let known_tokens = mapping.as_ref().map_or(count, Vec::len);
        if tokens > known_tokens || mapping.iter().flatten().any(|row| *row as usize >= count) {
            let problem = format!("it has {tokens} tokens, the table {} has {known_tokens}", path.display());
            return Err(EmbedError::Tokenizer { path: model.tokenizer_path(), problem });
        }
        if let Some(weights) = weights.as_ref().filter(|weights| weights.len() < tokens) {
            return Err(broken(format!("it has {tokens} tokens, but weights for {}", weights.len())));
        }
        let unknown = ["[UNK]", "<unk>"].into_iter().find_map(|word| tokenizer.token_to_id(word));
        Ok(Self { model, tokenizer, rows, width, weights, mapping, unknown })
    }

    fn embed_text(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        let encoded = self
            .tokenizer
            .encode_fast(text, false)
            .map_err(|error| EmbedError::Tokenizer { path: self.model.tokenizer_path(), problem: error.to_string() })?;
        // Cut the text before dropping unknown tokens, as model2vec does.
        let tokens = encoded.get_ids().iter().take(self.model.description.max_tokens);
        let tokens = tokens.filter(|token| Some(**token) != self.unknown);
        let (mut sum, mut count) = (vec![0.0; self.width], 0.0_f32);
        for token in tokens {
            let at = *token as usize;
            let row = self.mapping.as_ref().map_or(at, |mapping| mapping[at] as usize) * self.width;
            let weight = self.weights.as_ref().map_or(1.0, |weights| weights[at]);
            sum.iter_mut().zip(&self.rows[row..row + self.width]).for_each(|(sum, value)| *sum += weight * value);
            count += 1.0;
        }
        sum.iter_mut().for_each(|value| *value /= count.max(1.0));
        sum.truncate(self.model.description.width());
        if self.model.description.normalize {
            normalize(&mut sum);
        }
        Ok(sum)
    }
}

impl Embedder for Model2Vec {
    fn model_id(&self) -> &str {
        self.model.id()
    }

    fn dimensions(&self) -> usize {
        self.model.description.width()
    }

    fn embed_passages(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        texts.iter().map(|text| self.embed_text(text)).collect()
    }

    fn embed_query(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        self.embed_text(text)
    }

    fn memory_bytes(&self) -> u64 {
        self.rows.len() as u64 * 4
    }
}

fn read_tokenizer(path: &Path) -> Result<Tokenizer, EmbedError> {
    let broken = |problem: String| EmbedError::Tokenizer { path: path.to_owned(), problem };
    let bytes = std::fs::read(path).map_err(|error| broken(error.to_string()))?;
    let mut tokenizer =
        Tokenizer::from_bytes(bytes).map_err(|error| broken(format!("it is not a tokenizer: {error}")))?;
    tokenizer.with_padding(None);
    tokenizer.with_truncation(None).map_err(|error| broken(error.to_string()))?;
    Ok(tokenizer)
}

fn decode_floats(kind: Dtype, bytes: &[u8]) -> Option<Vec<f32>> {
    match kind {
        Dtype::F32 => Some(bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()),
        Dtype::F64 => {
            #[expect(clippy::cast_possible_truncation, reason = "a weight needs no more than 24 bits")]
            let narrow = |bytes: &[u8; 8]| f64::from_le_bytes(*bytes) as f32;
            Some(bytes.as_chunks::<8>().0.iter().map(narrow).collect())
        }
        Dtype::F16 => {
            Some(bytes.as_chunks::<2>().0.iter().map(|bytes| half::f16::from_le_bytes(*bytes).to_f32()).collect())
        }
        Dtype::BF16 => {
            Some(bytes.as_chunks::<2>().0.iter().map(|bytes| half::bf16::from_le_bytes(*bytes).to_f32()).collect())
        }
        Dtype::I8 => Some(bytes.iter().map(|byte| f32::from(byte.cast_signed())).collect()),
        _ => None,
    }
}

fn decode_integers(kind: Dtype, bytes: &[u8]) -> Option<Vec<u32>> {
    match kind {
        Dtype::I64 => {
            let number = |bytes: &[u8; 8]| u32::try_from(i64::from_le_bytes(*bytes)).ok();
            bytes.as_chunks::<8>().0.iter().map(number).collect()
        }
        Dtype::I32 => {
            let number = |bytes: &[u8; 4]| u32::try_from(i32::from_le_bytes(*bytes)).ok();
            bytes.as_chunks::<4>().0.iter().map(number).collect()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use hub::{ModelDescription, ModelKind, Precision};

    const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/onnx");

    #[derive(serde::Deserialize)]
    struct Golden {
        texts: Vec<String>,
        vectors: Vec<Vec<f32>>,
    }

    fn description(max_tokens: usize) -> ModelDescription {
        ModelDescription {
            name: "words".into(),
            kind: ModelKind::Model2vec,
            files: BTreeMap::from([(Precision::Fp32, "model2vec.safetensors".into())]),
            tokenizer: "tokenizer.json".into(),
            dimensions: 8,
            max_tokens,
            normalize: true,
            ..ModelDescription::default()
        }
    }

    #[test]
    fn a_file_that_changed_since_the_installation_is_refused() {
        let scratch = tempfile::tempdir().expect("a folder");
        let folder = scratch.path();
        for file in ["model2vec.safetensors", "tokenizer.json"] {
            std::fs::copy(Path::new(FIXTURES).join(file), folder.join(file)).expect("copied");
        }
        let load = || {
            let model = InstalledModel::new(description(512), folder.into(), &[Precision::Fp32]);
            Model2Vec::load(model.expect("it is complete")).map(drop).map_err(|error| error.to_string())
        };
        assert_eq!(load(), Ok(()), "a folder without checksums");
        let bytes = std::fs::read(folder.join("model2vec.safetensors")).expect("read");
        let checksum = blake3::hash(&bytes).to_hex();
        let checksums = format!("{{\"model2vec.safetensors\": \"{checksum}\"}}");
        std::fs::write(folder.join("codescry-checksums.json"), checksums).expect("written");
        assert_eq!(load(), Ok(()));
        let flipped = [&bytes[..bytes.len() - 1], &[bytes[bytes.len() - 1] ^ 1]].concat();
        std::fs::write(folder.join("model2vec.safetensors"), flipped).expect("written");
        let error = load().expect_err("one bit differs");
        assert!(
            error.contains("differs from the installed one") && error.contains("codescry models install"),
            "{error}"
        );
    }

    #[test]
    fn vectors_equal_those_of_the_python_package_for_short_and_long_texts() {
        let golden = std::fs::read(Path::new(FIXTURES).join("model2vec.json")).expect("the fixture");
        let Golden { texts, vectors } = serde_json::from_slice(&golden).expect("the fixture holds");
        let open = |max_tokens| {
            let model = InstalledModel::new(description(max_tokens), FIXTURES.into(), &[Precision::Fp32]);
            Model2Vec::load(model.expect("it is complete")).unwrap_or_else(|error| panic!("{error}"))
        };
        let difference = |model: &Model2Vec, at: usize| {
            let vector = model.embed_query(&texts[at]).expect("a vector");
            vector.iter().zip(&vectors[at]).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max)
        };
        let model = open(512);
        for (at, text) in texts.iter().enumerate() {
            assert!(difference(&model, at) < 1e-5, "{text:.40}: {}", difference(&model, at));
        }
        let long = texts.iter().position(|text| text.len() > 2_000).expect("one is long");
        assert!(difference(&open(1 << 20), long) > 0.1, "the text is cut");
    }
}
