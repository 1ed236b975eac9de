//! The two tables of a generation: creation, opening, rollback, insertion and deletion.
//!
//! New tables get names that do not exist on disk, so that a table that a reader has open is never overwritten.

mod metadata_sums;
pub mod parts;
pub mod search_indexes;

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{RecordBatchIterator, RecordBatchReader, UInt32Array};
use arrow_schema::ArrowError;
use futures::{StreamExt, TryStreamExt};
use lance::Dataset;
use lance::dataset::fragment::FileFragment;
use lance::io::ObjectStoreRegistry;
use lancedb::query::{ExecutableQuery, QueryBase, Select};
use lancedb::{Connection, Session, Table};

use super::location::IndexLocation;
use super::manifest::{CommitRecord, TableVersion};
use super::rows;
use crate::commit::{EmbeddedChunk, RowKey};
use crate::error::StoreError;
use crate::inverted_index::DocNumber;
use types::{FileRecord, RepoPath};

pub(super) use metadata_sums::check_metadata;

/// Maximum number of paths in one delete statement.
const MAX_DELETE_PATHS: usize = 4_000;

/// Maximum number of fragments whose deletion vectors are read concurrently.
const CONCURRENT_FRAGMENTS: usize = 16;

/// Memory for the parts of search indexes that LanceDB keeps for each connection, in bytes. Its default is 6 GiB.
const INDEX_CACHE_BYTES: usize = 256 << 20;

/// Memory for the metadata of files that LanceDB keeps for each connection, in bytes. Its default is 1 GiB.
const METADATA_CACHE_BYTES: usize = 128 << 20;

/// The chunks table and the files table, either writable or pinned at the versions of a commit.
pub(super) struct Tables {
    pub chunks: Table,
    pub files: Table,
}

/// Opens a connection to the folder of a store, with caches separate from other connections.
///
/// # Errors
/// When LanceDB cannot create or open the folder, or when its path is not UTF-8.
pub(super) fn open_connection(location: &IndexLocation) -> Result<Connection, StoreError> {
    let data = location.data_dir();
    let Some(path) = data.to_str() else {
        return Err(location.engine_error("open", &"LanceDB requires a UTF-8 path; choose another --index-dir"));
    };
    let (path, registry) = match &location.remote {
        Some(remote) => remote.register(&location.dir).map_err(|error| location.engine_error("open", &error))?,
        None => (path.to_owned(), ObjectStoreRegistry::default()),
    };
    let session = Session::new(INDEX_CACHE_BYTES, METADATA_CACHE_BYTES, Arc::new(registry));
    location.block_on("open the database", lancedb::connect(&path).session(Arc::new(session)).execute())
}

impl Tables {
    /// Creates empty tables under new names, with a table number of at least `number`.
    pub async fn create(
        location: &IndexLocation,
        connection: &Connection,
        number: u64,
        dimensions: u32,
    ) -> lancedb::Result<Self> {
        let number = number.max(highest_table_number(&location.data_dir()) + 1);
        let (chunks, files) = (rows::chunks_schema(dimensions), rows::files_schema());
        let chunks = connection.create_empty_table(format!("chunks_{number}"), chunks).execute().await?;
        let files = connection.create_empty_table(format!("files_{number}"), files).execute().await?;
        Ok(Self { chunks, files })
    }

    /// Opens the tables of a commit for reading, pinned at its versions.
    pub async fn open_pinned(connection: &Connection, committed: &CommitRecord) -> lancedb::Result<Self> {
        let pin = async |wanted: &TableVersion| {
            let table = connection.open_table(&wanted.name).execute().await?;
            table.checkout(wanted.version).await?;
            Ok::<_, lancedb::Error>(table)
        };
        Ok(Self { chunks: pin(&committed.chunks).await?, files: pin(&committed.files).await? })
    }

    /// Opens the tables of a commit at their latest versions.
    pub async fn open(connection: &Connection, committed: &CommitRecord) -> lancedb::Result<Self> {
        let chunks = connection.open_table(&committed.chunks.name).execute().await?;
        let files = connection.open_table(&committed.files.name).execute().await?;
        Ok(Self { chunks, files })
    }

    /// Opens the tables of a commit for writing, and rolls back later versions.
    pub async fn open_rolled_back(connection: &Connection, committed: &CommitRecord) -> lancedb::Result<Self> {
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

    /// Returns both tables, chunks first.
    pub fn both(&self) -> [&Table; 2] {
        [&self.chunks, &self.files]
    }

    /// Returns the current versions of the chunks table and the files table. Reuses the checksums of files in `last`.
    ///
    /// # Errors
    /// When the tables or their metadata cannot be read.
    pub fn versions(
        &self,
        location: &IndexLocation,
        last: Option<&CommitRecord>,
    ) -> Result<(TableVersion, TableVersion), StoreError> {
        let operation = "read the tables' versions";
        let version = |table: &Table, known: Option<&TableVersion>| {
            let (version, files) = location.block_on_read(operation, async {
                let files = match table.dataset() {
                    Some(wrapper) => metadata_sums::list_metadata_files(wrapper.get().await?.as_ref()).await?,
                    None => Vec::new(),
                };
                Ok::<_, lancedb::Error>((table.version().await?, files))
            })?;
            let metadata = metadata_sums::sum_metadata(location, table.name(), files, known)?;
            Ok::<_, StoreError>(TableVersion { name: table.name().to_owned(), version, metadata })
        };
        let known = (last.map(|last| &last.chunks), last.map(|last| &last.files));
        Ok((version(&self.chunks, known.0)?, version(&self.files, known.1)?))
    }

    /// Numbers `chunks` from `first` and appends them as one version.
    pub async fn add_chunks(
        &self,
        chunks: Vec<EmbeddedChunk>,
        first: DocNumber,
        dimensions: u32,
    ) -> lancedb::Result<()> {
        if chunks.is_empty() {
            return Ok(());
        }
        let has_search_columns = search_indexes::has_search_columns(&self.chunks).await?;
        let batches = rows::encode_chunk_batches(chunks, first, dimensions);
        let schema = rows::chunks_schema(dimensions);
        let reader: Box<dyn RecordBatchReader + Send> = if has_search_columns {
            let batches =
                batches.map(move |batch| batch.and_then(|batch| rows::add_search_columns(&batch, dimensions)));
            Box::new(RecordBatchIterator::new(batches, rows::with_search_columns(&schema, dimensions)))
        } else {
            Box::new(RecordBatchIterator::new(batches, schema))
        };
        self.chunks.add(reader).execute().await.map(|_| ())
    }

    /// Appends `records` as one version.
    pub async fn add_files(&self, records: &[FileRecord]) -> lancedb::Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        let batch = rows::encode_files(records).map_err(arrow_error)?;
        self.files.add(batch).execute().await.map(|_| ())
    }
}

/// Deletes every row with one of these paths.
pub(super) async fn delete_paths(table: &Table, paths: &[RepoPath]) -> lancedb::Result<()> {
    for part in paths.chunks(MAX_DELETE_PATHS) {
        let list: Vec<String> = part.iter().map(|path| format!("'{}'", path.as_str().replace('\'', "''"))).collect();
        table.delete(format!("path IN ({})", list.join(", ")).as_str()).await?;
    }
    Ok(())
}

/// Reads the document numbers of all chunks.
pub(super) async fn read_doc_numbers(chunks: &Table) -> lancedb::Result<HashSet<DocNumber>> {
    let mut batches = chunks.query().select(Select::columns(&["number"])).execute().await?;
    let mut numbers = HashSet::new();
    while let Some(batch) = batches.try_next().await? {
        numbers.extend(rows::typed_column::<UInt32Array>(&batch, "number").map_err(arrow_error)?.values());
    }
    Ok(numbers)
}

/// Returns the keys of all rows in ascending order. Reads only the deletion vectors.
pub(super) async fn list_row_keys(dataset: &Dataset) -> lance::Result<Vec<RowKey>> {
    let parts = futures::stream::iter(dataset.get_fragments()).map(list_fragment_keys).buffered(CONCURRENT_FRAGMENTS);
    let mut keys = parts.try_collect::<Vec<_>>().await?.concat();
    keys.sort_unstable();
    Ok(keys)
}

/// Returns the keys of a fragment's rows.
///
/// A key is the fragment's number, which is never reused, in the high 32 bits and the row's position in
/// the fragment in the low 32 bits.
async fn list_fragment_keys(fragment: FileFragment) -> lance::Result<Vec<RowKey>> {
    let first = fragment.metadata().id << 32;
    let rows = fragment.physical_rows().await? as u64;
    let all = first..first + rows;
    let Some(deleted) = fragment.get_deletion_vector().await? else {
        return Ok(all.collect());
    };
    let mut deleted = deleted.to_sorted_iter().map(|position| first + RowKey::from(position)).peekable();
    Ok(all.filter(|key| deleted.next_if_eq(key).is_none()).collect())
}

fn arrow_error(source: ArrowError) -> lancedb::Error {
    lancedb::Error::Arrow { source }
}

/// Returns the table number in a folder's name: 7 for `chunks_7.lance`; `None` for other folders.
pub(super) fn parse_table_number(folder: &str) -> Option<u64> {
    let name = folder.strip_suffix(".lance")?;
    name.strip_prefix("chunks_").or_else(|| name.strip_prefix("files_"))?.parse().ok()
}

fn highest_table_number(data: &Path) -> u64 {
    let names = fs::read_dir(data).into_iter().flatten().flatten();
    names.filter_map(|entry| parse_table_number(entry.file_name().to_str()?)).max().unwrap_or(0)
}
