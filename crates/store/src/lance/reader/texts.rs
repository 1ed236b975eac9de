//! Reads the texts of chunks.

use std::sync::atomic::Ordering;

use lance::dataset::ProjectionRequest;

use super::super::rows::{self, RowLayout};
use super::LanceView;
use crate::commit::{ChunkText, RowKey};
use crate::error::StoreError;
use source::secrets::MASK;

impl LanceView {
    /// Reads the texts of rows, in their order.
    ///
    /// # Errors
    /// If the table cannot be read, or a row is not in it.
    pub(super) fn take_texts(&self, rows: &[RowKey]) -> Result<Vec<ChunkText>, StoreError> {
        let operation = "read chunks' texts";
        let dataset = self.chunks_dataset(operation)?;
        let projection = ProjectionRequest::from_columns(self.layout.text_columns(), dataset.schema());
        let batch = self.location.block_on_read(operation, dataset.take_rows(rows, projection))?;
        if batch.num_rows() != rows.len() {
            return Err(self.location.damage_error(operation, &"a row belongs to another generation"));
        }
        let mut texts = rows::decode_chunk_texts(&batch, self.layout)
            .map_err(|error| self.location.damage_error(operation, &error))?;
        // Few texts have a mask, and the column costs as much as another text.
        let with_mask: Vec<usize> = (0..texts.len()).filter(|index| texts[*index].text.contains(MASK)).collect();
        if !with_mask.is_empty() && self.layout == RowLayout::Checked {
            let keys: Vec<RowKey> = with_mask.iter().map(|index| rows[*index]).collect();
            let projection = ProjectionRequest::from_columns([rows::MASKED], dataset.schema());
            let batch = self.location.block_on_read(operation, dataset.take_rows(&keys, projection))?;
            let masked = rows::decode_masked(&batch).map_err(|error| self.location.damage_error(operation, &error))?;
            with_mask.into_iter().zip(masked).for_each(|(index, is_masked)| texts[index].is_masked = is_masked);
        }
        let damaged = texts.iter().filter(|text| text.is_damaged).count() as u64;
        self.damaged_rows.fetch_add(damaged, Ordering::Relaxed);
        Ok(texts)
    }
}
