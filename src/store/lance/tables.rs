//! The two tables of a generation: made, opened, rolled back, filled and emptied.
//!
//! Invariants: a new pair takes names that nothing on disk has, so that no reader's table is ever
//! written over. Must never import: anything above `store`.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use arrow_array::{RecordBatchIterator, RecordBatchReader, UInt32Array};
use arrow_schema::ArrowError;
use futures::{StreamExt, TryStreamExt};
use lance::Dataset;
use lance::dataset::fragment::FileFragment;
use lancedb::query::{ExecutableQuery, QueryBase, Select};
use lancedb::{Connection, Table};

use super::manifest::{Committed, TableVersion};
use super::{Place, rows};
use crate::lexical::DocNumber;
use crate::store::{EmbeddedChunk, RowKey, StoreError};
use crate::types::{FileRecord, RepoPath};

/// Paths of one deletion; more make another one.
const DELETE_PATHS: usize = 4_000;

/// Fragments whose deletions are read at the same time.
const FRAGMENTS_AHEAD: usize = 16;

/// Both tables, to write to or at the version of one commit.
pub(super) struct Tables {
    pub chunks: Table,
    pub files: Table,
}

/// A connection to the folder of a store. Its caches are its own.
///
/// # Errors
/// When LanceDB cannot make or open the folder.
pub(super) fn connect(place: &Place) -> Result<Connection, StoreError> {
    let data = place.data();
    let Some(path) = data.to_str() else {
        return Err(place.failed("open", &"LanceDB takes no path that is not UTF-8; choose another --index-dir"));
    };
    place.block_on("open the database", lancedb::connect(path).execute())
}

impl Tables {
    /// Empty tables under new names, numbered from `number`.
    pub async fn create(place: &Place, connection: &Connection, number: u64, dimensions: u32) -> lancedb::Result<Self> {
        let number = number.max(highest_number(&place.data()) + 1);
        let (chunks, files) = (rows::chunks_schema(dimensions), rows::files_schema());
        let chunks = connection.create_empty_table(format!("chunks_{number}"), chunks).execute().await?;
        let files = connection.create_empty_table(format!("files_{number}"), files).execute().await?;
        Ok(Self { chunks, files })
    }

    /// The tables of a commit, held at its versions: for reading.
    pub async fn pinned(connection: &Connection, committed: &Committed) -> lancedb::Result<Self> {
        let pin = async |wanted: &TableVersion| {
            let table = connection.open_table(&wanted.name).execute().await?;
            table.checkout(wanted.version).await?;
            Ok::<_, lancedb::Error>(table)
        };
        Ok(Self { chunks: pin(&committed.chunks).await?, files: pin(&committed.files).await? })
    }

    /// The tables of a commit, for writing; what lies beyond its versions is undone.
    pub async fn rolled_back(connection: &Connection, committed: &Committed) -> lancedb::Result<Self> {
        let roll_back = async |wanted: &TableVersion| {
            let table = connection.open_table(&wanted.name).execute().await?;
            if table.version().await? != wanted.version {
                table.checkout(wanted.version).await?;
                table.restore().await?;
            }
            Ok::<_, lancedb::Error>(table)
        };
        Ok(Self { chunks: roll_back(&committed.chunks).await?, files: roll_back(&committed.files).await? })
    }

    /// Both, chunks first.
    pub fn both(&self) -> [&Table; 2] {
        [&self.chunks, &self.files]
    }

    /// The versions written last.
    pub async fn versions(&self) -> lancedb::Result<(TableVersion, TableVersion)> {
        let version = async |table: &Table| {
            Ok::<_, lancedb::Error>(TableVersion { name: table.name().to_owned(), version: table.version().await? })
        };
        Ok((version(&self.chunks).await?, version(&self.files).await?))
    }

    /// Appends all of `chunks`, numbered from `first`, as one version.
    pub async fn add_chunks(
        &self,
        chunks: Vec<EmbeddedChunk>,
        first: DocNumber,
        dimensions: u32,
    ) -> lancedb::Result<()> {
        if chunks.is_empty() {
            return Ok(());
        }
        let batches = rows::chunks_batches(chunks, first, dimensions);
        let reader: Box<dyn RecordBatchReader + Send> =
            Box::new(RecordBatchIterator::new(batches, rows::chunks_schema(dimensions)));
        self.chunks.add(reader).execute().await.map(|_| ())
    }

    /// Appends all of `records` as one version.
    pub async fn add_files(&self, records: &[FileRecord]) -> lancedb::Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        let batch = rows::files_batch(records).map_err(arrow)?;
        self.files.add(batch).execute().await.map(|_| ())
    }
}

/// Deletes every row of these paths.
pub(super) async fn delete(table: &Table, paths: &[RepoPath]) -> lancedb::Result<()> {
    for part in paths.chunks(DELETE_PATHS) {
        let list: Vec<String> = part.iter().map(|path| format!("'{}'", path.as_str().replace('\'', "''"))).collect();
        table.delete(format!("path IN ({})", list.join(", ")).as_str()).await?;
    }
    Ok(())
}

/// The numbers of all chunks that are there.
pub(super) async fn numbers(chunks: &Table) -> lancedb::Result<HashSet<DocNumber>> {
    let mut batches = chunks.query().select(Select::columns(&["number"])).execute().await?;
    let mut numbers = HashSet::new();
    while let Some(batch) = batches.try_next().await? {
        numbers.extend(rows::column::<UInt32Array>(&batch, "number").map_err(arrow)?.values());
    }
    Ok(numbers)
}

/// The keys of all rows, rising. Reads which rows are deleted and nothing else.
pub(super) async fn keys(dataset: &Dataset) -> lance::Result<Vec<RowKey>> {
    let parts = futures::stream::iter(dataset.get_fragments()).map(fragment_keys).buffered(FRAGMENTS_AHEAD);
    let mut keys = parts.try_collect::<Vec<_>>().await?.concat();
    keys.sort_unstable();
    Ok(keys)
}

/// A row's key is the number of its fragment, which no other one ever gets, and its place in it.
async fn fragment_keys(fragment: FileFragment) -> lance::Result<Vec<RowKey>> {
    let first = fragment.metadata().id << 32;
    let rows = fragment.physical_rows().await? as u64;
    let all = first..first + rows;
    let Some(deleted) = fragment.get_deletion_vector().await? else {
        return Ok(all.collect());
    };
    let mut deleted = deleted.to_sorted_iter().map(|place| first + RowKey::from(place)).peekable();
    Ok(all.filter(|key| deleted.next_if_eq(key).is_none()).collect())
}

fn arrow(source: ArrowError) -> lancedb::Error {
    lancedb::Error::Arrow { source }
}

/// The number of a table by its folder's name: 7 of `chunks_7.lance`; `None` for other folders.
pub(super) fn number_of(folder: &str) -> Option<u64> {
    let name = folder.strip_suffix(".lance")?;
    name.strip_prefix("chunks_").or_else(|| name.strip_prefix("files_"))?.parse().ok()
}

fn highest_number(data: &Path) -> u64 {
    let names = fs::read_dir(data).into_iter().flatten().flatten();
    names.filter_map(|entry| number_of(entry.file_name().to_str()?)).max().unwrap_or(0)
}
