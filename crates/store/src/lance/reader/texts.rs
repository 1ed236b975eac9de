//! Reads the texts of chunks.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use arrow_array::RecordBatch;
use futures::future::try_join_all;
use lance::dataset::{Dataset, ProjectionRequest};

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
        let mut sorted = rows.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        let batches = self.location.block_on_read(operation, self.take_text_batches(&dataset, &sorted))?;
        let read: usize = batches.iter().map(RecordBatch::num_rows).sum();
        if read != sorted.len() {
            return Err(self.location.damage_error(operation, &"a row belongs to another generation"));
        }
        let mut texts = Vec::with_capacity(sorted.len());
        for batch in &batches {
            let decoded = rows::decode_chunk_texts(batch, self.layout);
            texts.extend(decoded.map_err(|error| self.location.damage_error(operation, &error))?);
        }
        // Few texts have a mask, and the column costs as much as another text.
        let with_mask: Vec<usize> = (0..texts.len()).filter(|index| texts[*index].text.contains(MASK)).collect();
        if !with_mask.is_empty() && self.layout == RowLayout::Checked {
            let keys: Vec<RowKey> = with_mask.iter().map(|index| sorted[*index]).collect();
            let projection = ProjectionRequest::from_columns([rows::MASKED], dataset.schema());
            let batch = self.location.block_on_read(operation, dataset.take_rows(&keys, projection))?;
            let masked = rows::decode_masked(&batch).map_err(|error| self.location.damage_error(operation, &error))?;
            with_mask.into_iter().zip(masked).for_each(|(index, is_masked)| texts[index].is_masked = is_masked);
        }
        let damaged = texts.iter().filter(|text| text.is_damaged).count() as u64;
        self.damaged_rows.fetch_add(damaged, Ordering::Relaxed);
        let place = |row| sorted.binary_search(row).ok().and_then(|index| texts.get(index).cloned());
        Ok(rows.iter().filter_map(place).collect())
    }

    /// Reads the columns of texts of `rows`, which are sorted.
    async fn take_text_batches(&self, dataset: &Dataset, rows: &[RowKey]) -> lance::Result<Vec<RecordBatch>> {
        let mut by_fragment: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for row in rows {
            // A row's key is its address: the fragment above the row in it.
            by_fragment.entry((row >> 32) as u32).or_default().push(*row as u32);
        }
        let columns = self.layout.text_columns();
        let reads = by_fragment.iter().map(async |(fragment, offsets)| {
            match self.text_readers.get_or_open(dataset, *fragment, &columns).await? {
                Some(reader) => reader.take_as_batch(offsets, None).await.map(Some),
                None => Ok(None),
            }
        });
        Ok(try_join_all(reads).await?.into_iter().flatten().collect())
    }
}
