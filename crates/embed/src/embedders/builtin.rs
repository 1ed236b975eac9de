//! The built-in static model as an embedder. It never fails.

use crate::embedder::Embedder;
use crate::error::EmbedError;
use crate::static_model::StaticModel;

impl Embedder for StaticModel {
    fn model_id(&self) -> &str {
        self.id()
    }

    fn dimensions(&self) -> usize {
        self.width()
    }

    fn embed_passages(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        Ok(self.embed_texts(texts))
    }

    fn embed_query(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        Ok(self.embed_text(text))
    }

    fn as_static_model(&self) -> Option<&StaticModel> {
        Some(self)
    }
}
