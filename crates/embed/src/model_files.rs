//! Checks the files of an installed model before they are used.

use crate::error::EmbedError;
use hub::InstalledModel;

/// Compares the model's files with the checksums that were written when it was installed, so that a damaged file gives
/// an error and no wrong vectors. A folder without checksums is not checked.
///
/// # Errors
///
/// Fails if a file differs or cannot be read.
pub fn check_model_files(model: &InstalledModel) -> Result<(), EmbedError> {
    let broken = |path, problem| EmbedError::Model { model: model.description.name.clone(), path, problem };
    match model.find_changed_file() {
        Ok(None) => Ok(()),
        Ok(Some(path)) => Err(broken(path, "its content differs from the installed one".to_owned())),
        Err(error) => Err(broken(model.folder.clone(), error.to_string())),
    }
}
