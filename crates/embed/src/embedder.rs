//! The interface of all models.

use crate::device_report::DeviceReport;
use crate::error::EmbedError;
use crate::static_model::StaticModel;

/// A model that turns texts into vectors with a fixed number of dimensions.
pub trait Embedder: Send + Sync {
    /// Returns an identifier of the model and its version. Vectors stored under another identifier cannot be
    /// compared with new ones.
    fn model_id(&self) -> &str;

    /// Returns the number of values in every vector.
    fn dimensions(&self) -> usize;

    /// Embeds passages. Returns one vector per text, in order. Each has unit length, unless the model's description
    /// turns that off, or is all zeros for a text without a known word.
    ///
    /// # Errors
    ///
    /// Fails if the model or its device fails.
    fn embed_passages(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError>;

    /// Embeds path texts, a few words each (see [`crate::build_path_passage`]). The result has the form of
    /// [`Embedder::embed_passages`].
    ///
    /// # Errors
    ///
    /// Fails if the model or its device fails.
    fn embed_paths(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        self.embed_passages(texts)
    }

    /// Embeds a query. Models that distinguish queries from passages add their query prefix.
    ///
    /// # Errors
    ///
    /// Fails if the model or its device fails.
    fn embed_query(&self, text: &str) -> Result<Vec<f32>, EmbedError>;

    /// Embeds passages like [`Embedder::embed_passages`], and passes each vector to `each` with the index of its text,
    /// in any order. A model that forms batches itself passes a vector as soon as it is computed. Stops early when
    /// `each` returns false.
    ///
    /// # Errors
    ///
    /// Fails if the model or its device fails; `each` may have received some of the vectors by then.
    fn embed_each(&self, texts: &[&str], each: &mut dyn FnMut(usize, Vec<f32>) -> bool) -> Result<(), EmbedError> {
        _ = self.embed_passages(texts)?.into_iter().enumerate().all(|(index, vector)| each(index, vector));
        Ok(())
    }

    /// Returns the static model if the embedder is one. The pipeline then embeds a passage from the words that
    /// were counted while splitting it for lexical search, without reading its text again.
    fn as_static_model(&self) -> Option<&StaticModel> {
        None
    }

    /// Loads the model if it is otherwise loaded with the first text. Does nothing for a model that is always loaded.
    ///
    /// # Errors
    ///
    /// Fails if the model cannot be used; the message names the remedy.
    fn prepare(&self) -> Result<(), EmbedError> {
        Ok(())
    }

    /// Returns whether the model runs on the device of the settings. Other models run on the CPU only.
    fn runs_on_device(&self) -> bool {
        false
    }

    /// Returns whether the model forms batches itself. [`Embedder::embed_each`] then takes a whole window of
    /// texts.
    fn batches_internally(&self) -> bool {
        false
    }

    /// Returns the number of threads that keep the model busy, if it is known.
    fn worker_count(&self) -> Option<usize> {
        None
    }

    /// Returns the number of chunks in a window, if the model needs another number than the default.
    fn window_chunks(&self) -> Option<usize> {
        None
    }

    /// Returns the size in bytes of the memory that the model takes from the memory limit of a run.
    fn memory_bytes(&self) -> u64 {
        0
    }

    /// Resets the device report, if the model has one, at the beginning of an index run.
    fn reset_report(&self) {}

    /// Samples the utilization of the device, if the model uses one. Called several times per second during a run.
    fn sample_device(&self) {}

    /// Returns a report of the devices and their use of time since the beginning of the run; `None` if the model uses
    /// no device.
    fn device_report(&self) -> Option<DeviceReport> {
        None
    }
}
