//! Keeps the texts of chunks that were read last: one query reads many of its texts twice, to rank them and to show them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::commit::{ChunkText, RowKey};
use crate::error::StoreError;

/// Number of texts above which the newer half is kept.
const MAX_NEW_TEXTS: usize = 256;

/// The texts that were read last, which never change: those since the last cleanup, and those before it.
#[derive(Default)]
pub(super) struct RecentTexts(Mutex<[HashMap<RowKey, ChunkText>; 2]>);

impl RecentTexts {
    /// Returns the texts of rows, in their order. `read` reads those that are not kept; damaged ones are read again.
    ///
    /// # Errors
    /// The error of `read`.
    pub(super) fn get_or_read(
        &self,
        rows: &[RowKey],
        read: impl FnOnce(&[RowKey]) -> Result<Vec<ChunkText>, StoreError>,
    ) -> Result<Vec<ChunkText>, StoreError> {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found: Vec<Option<ChunkText>> = {
            let kept = lock();
            rows.iter().map(|row| kept.iter().find_map(|texts| texts.get(row)).cloned()).collect()
        };
        let missing: Vec<RowKey> =
            rows.iter().zip(&found).filter(|(_, text)| text.is_none()).map(|(row, _)| *row).collect();
        let mut fresh = if missing.is_empty() { Vec::new() } else { read(&missing)? }.into_iter();
        found.iter_mut().filter(|text| text.is_none()).for_each(|text| *text = fresh.next());
        let texts: Vec<ChunkText> = found.into_iter().flatten().collect();
        let mut kept = lock();
        if kept[0].len() + texts.len() > MAX_NEW_TEXTS {
            kept[1] = std::mem::take(&mut kept[0]);
        }
        let intact = rows.iter().zip(&texts).filter(|(_, text)| !text.is_damaged);
        kept[0].extend(intact.map(|(row, text)| (*row, text.clone())));
        drop(kept);
        Ok(texts)
    }
}
