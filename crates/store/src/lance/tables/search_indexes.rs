//! Builds the search indexes of the chunks table, by which chunks are found that are not held in memory.
//!
//! LanceDB keeps deleted rows out of their results and searches rows without an index one by one, so answers are right
//! after every commit; [`update_search_indexes`] only keeps them fast.

use std::sync::Arc;

use arrow_schema::Schema;
use lance::dataset::{BatchUDF, NewColumnTransform};
use lance::index::DatasetIndexExt as _;
use lancedb::index::Index;
use lancedb::index::scalar::{BTreeIndexBuilder, BitmapIndexBuilder, FtsIndexBuilder};
use lancedb::index::vector::IvfFlatIndexBuilder;
use lancedb::table::{OptimizeAction, OptimizeOptions};
use lancedb::{DistanceType, Table};

use crate::lance::rows::{self, RowLayout};

/// Number of rows without an index above which an index is updated; in a large table, a fiftieth of its rows.
const MIN_UNINDEXED_ROWS: usize = 8_192;

/// Number of rows at which the vector index is divided into partitions; fewer rows are one partition.
const MIN_PARTITIONED_ROWS: usize = 4_096;

/// Maximum number of partitions of the vector index.
const MAX_PARTITIONS: usize = 8_192;

/// Number of vectors per partition from which the partitions are computed, and the maximum number of passes over them.
/// LanceDB's defaults, 256 and 50, take 40 times as long, and hardly change which chunks are found.
const SAMPLES: u32 = 32;
const PASSES: u32 = 10;

/// The vector index is divided into new partitions when the table has more than this number of times the rows for which
/// it was divided.
const REBUILD_FACTOR: usize = 4;

/// The indexes of the chunks table, each named like its column.
const CHUNK_INDEXES: [&str; 4] = [rows::SIGNS, rows::WORDS, "path", "language"];

/// Returns whether the chunks table has the columns of the search indexes.
///
/// # Errors
/// When the table cannot be read.
pub async fn has_search_columns(chunks: &Table) -> lancedb::Result<bool> {
    Ok(chunks.schema().await?.field_with_name(rows::PACKED).is_ok())
}

/// Returns whether the chunks table and the files table have all search indexes.
///
/// # Errors
/// When a table cannot be read.
pub async fn has_search_indexes([chunks, files]: [&Table; 2]) -> lancedb::Result<bool> {
    let names = |table: &Table| {
        let table = table.clone();
        async move {
            Ok::<_, lancedb::Error>(table.list_indices().await?.into_iter().map(|index| index.name).collect::<Vec<_>>())
        }
    };
    let (chunks, files) = (names(chunks).await?, names(files).await?);
    Ok(CHUNK_INDEXES.iter().all(|name| chunks.iter().any(|other| other == name))
        && files.iter().any(|name| name == "path"))
}

/// Adds the columns of the search indexes and builds the indexes that are missing. Adds new rows to an index if there
/// are many. Builds the vector index again if the table has outgrown its partitions, see [`REBUILD_FACTOR`].
///
/// # Errors
/// When LanceDB fails.
pub async fn update_search_indexes(tables: [&Table; 2], dimensions: u32) -> lancedb::Result<()> {
    update_search_indexes_partly(tables, dimensions, usize::MAX).await
}

/// Performs the first `steps` steps of [`update_search_indexes`]: the columns, then each index.
///
/// # Errors
/// When LanceDB fails.
pub async fn update_search_indexes_partly(
    [chunks, files]: [&Table; 2],
    dimensions: u32,
    steps: usize,
) -> lancedb::Result<()> {
    if steps > 0 && !has_search_columns(chunks).await? {
        add_columns(chunks, dimensions).await?;
    }
    let rows = chunks.count_rows(None).await?;
    for name in CHUNK_INDEXES.into_iter().take(steps.saturating_sub(1)) {
        update_index(chunks, name, rows).await?;
    }
    if steps > 1 + CHUNK_INDEXES.len() {
        update_index(files, "path", files.count_rows(None).await?).await?;
    }
    Ok(())
}

async fn update_index(table: &Table, column: &str, rows: usize) -> lancedb::Result<()> {
    let stats = table.index_stats(column).await?;
    let is_outgrown = column == rows::SIGNS
        && count_partitions(table).await?.is_some_and(|partitions| {
            partitions < count_wanted_partitions(rows) && rows > partitions * partitions * REBUILD_FACTOR
        });
    match stats {
        Some(stats) if !is_outgrown => {
            if stats.num_unindexed_rows > MIN_UNINDEXED_ROWS.max(rows / 50) {
                let options = OptimizeOptions::merge(usize::MAX).index_names(vec![column.to_owned()]);
                table.optimize(OptimizeAction::Index(options)).await?;
            }
            Ok(())
        }
        _ if rows == 0 => Ok(()),
        _ => table.create_index(&[column], index_of(column, rows)).name(column.to_owned()).execute().await,
    }
}

/// Returns the number of partitions for a table with this number of rows.
fn count_wanted_partitions(rows: usize) -> usize {
    if rows < MIN_PARTITIONED_ROWS { 1 } else { rows.isqrt().min(MAX_PARTITIONS) }
}

/// Returns the number of partitions of the vector index; `None` if there is no such index.
pub async fn count_partitions(chunks: &Table) -> lancedb::Result<Option<usize>> {
    let Some(wrapper) = chunks.dataset() else { return Ok(None) };
    let dataset = wrapper.get().await?;
    if dataset.load_indices_by_name(rows::SIGNS).await?.is_empty() {
        return Ok(None);
    }
    let statistics = dataset.index_statistics(rows::SIGNS).await?;
    let statistics: serde_json::Value = serde_json::from_str(&statistics).unwrap_or_default();
    Ok(statistics["indices"][0]["num_partitions"].as_u64().and_then(|count| usize::try_from(count).ok()))
}

fn index_of(column: &str, rows: usize) -> Index {
    match column {
        rows::SIGNS => {
            let partitions = u32::try_from(count_wanted_partitions(rows)).expect("at most MAX_PARTITIONS");
            let builder = IvfFlatIndexBuilder::default().distance_type(DistanceType::Hamming);
            Index::IvfFlat(builder.num_partitions(partitions).sample_rate(SAMPLES).max_iterations(PASSES))
        }
        rows::WORDS => Index::FTS(
            FtsIndexBuilder::default()
                .base_tokenizer("whitespace".to_owned())
                .max_token_length(None)
                .lower_case(false)
                .stem(false)
                .remove_stop_words(false)
                .ascii_folding(false)
                .with_position(false),
        ),
        "language" => Index::Bitmap(BitmapIndexBuilder::default()),
        _ => Index::BTree(BTreeIndexBuilder::default()),
    }
}

/// Adds the columns of the search indexes that the table lacks to all rows.
async fn add_columns(chunks: &Table, dimensions: u32) -> lancedb::Result<()> {
    let (present, all) = (chunks.schema().await?, rows::search_columns_schema(dimensions));
    let missing = all.fields().iter().filter(|field| present.field_with_name(field.name()).is_err());
    let missing = Schema::new(missing.cloned().collect::<Vec<_>>());
    let positions = missing.fields().iter().map(|field| all.index_of(field.name())).collect::<Result<Vec<_>, _>>();
    let positions = positions.map_err(|source| lancedb::Error::Arrow { source })?;
    let derive = move |batch: &arrow_array::RecordBatch| {
        let derived = rows::derive_search_columns(batch, RowLayout::Checked, dimensions);
        derived.and_then(|derived| derived.project(&positions)).map_err(lance::Error::from)
    };
    let added = BatchUDF { mapper: Box::new(derive), output_schema: Arc::new(missing), result_checkpoint: None };
    let read = rows::SOURCE_COLUMNS.map(str::to_owned).to_vec();
    let builder = chunks.add_columns().transform(NewColumnTransform::BatchUDF(added)).read_columns(read);
    builder.execute().await.map(drop)
}
