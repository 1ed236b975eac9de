//! Keeps the files of the chunks table open for reading texts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use lance::dataset::Dataset;
use lance::dataset::fragment::{FragReadConfig, FragmentReader};

/// Maximum number of open files of a table.
const MAX_READERS: usize = 32;

/// The open files of the chunks table with the columns of texts, by fragment. A query reads texts four times, and to open
/// a file takes longer than to read from it.
#[derive(Default)]
pub(super) struct TextReaders(Mutex<HashMap<u32, Arc<FragmentReader>>>);

impl TextReaders {
    /// Returns the reader of `fragment`, opened on first use; `None` if the table does not have the fragment.
    pub async fn get_or_open(
        &self,
        dataset: &Dataset,
        fragment: u32,
        columns: &[&str],
    ) -> lance::Result<Option<Arc<FragmentReader>>> {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reader) = lock().get(&fragment) {
            return Ok(Some(reader.clone()));
        }
        let Some(file) = dataset.get_fragment(fragment as usize) else { return Ok(None) };
        let reader = Arc::new(file.open(&dataset.schema().project(columns)?, FragReadConfig::default()).await?);
        let mut readers = lock();
        if readers.len() >= MAX_READERS {
            readers.clear();
        }
        readers.insert(fragment, reader.clone());
        Ok(Some(reader))
    }
}
