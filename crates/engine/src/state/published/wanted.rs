//! The published index that is wanted for a folder or a collection.

use super::checkout::Checkout;
use super::origin::TransferState;
use crate::error::EngineError;
use crate::models::IndexModels;
use config::Settings;
use locations::{COMBINED, FetchRequest, TransferProgress};

/// The checkout and the model by which the published index that fits a folder best is chosen.
pub struct WantedBase {
    checkout: Checkout,
    /// The model that was chosen; `None` if the index decides.
    model_id: Option<String>,
}

impl WantedBase {
    /// Finds the project and the commit of the folder, and the chosen model.
    ///
    /// # Errors
    /// When the chosen model is not available.
    pub fn find(settings: &Settings) -> Result<Self, EngineError> {
        let models = settings.pipeline.embedder.as_ref().map(|_| IndexModels::open(settings, None));
        let model_id = models.transpose()?.map(|models| models.current().embedder.model_id().to_owned());
        Ok(Self { checkout: Checkout::find(settings.root.as_path()), model_id })
    }

    /// Returns the request for the best index.
    pub fn request<'r>(&'r self, settings: &'r Settings) -> FetchRequest<'r> {
        FetchRequest {
            cache_dir: &settings.cache_dir,
            project: &self.checkout.project,
            commit: self.checkout.commit.as_deref(),
            model_id: self.model_id.as_deref(),
        }
    }
}

/// Returns an observer of transfers that passes their bytes on.
pub fn observe_transfer(observe: &(dyn Fn(TransferState) + Send + Sync)) -> impl Fn(&TransferProgress) + Send + Sync {
    |progress| observe(TransferState::from(progress))
}

/// Returns the request for the combined index of a collection.
pub fn collection_request(settings: &Settings) -> FetchRequest<'_> {
    let cache_dir = &settings.cache_dir;
    FetchRequest { cache_dir, project: COMBINED, commit: None, model_id: None }
}
