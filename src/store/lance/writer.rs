//! Commits: rows first, then the manifest that makes them visible.

use std::collections::HashSet;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use lancedb::index::Index;
use lancedb::index::scalar::FtsIndexBuilder;
use lancedb::table::{CompactionOptions, OptimizeAction, OptimizeOptions};
use lancedb::{Connection, Table};

use super::lock::WriterLock;
use super::manifest::{self, Committed, TableVersion};
use super::reader::{LanceView, connect};
use super::{Place, rows};
use crate::store::{
    Commit, EmbeddedChunk, Manifest, Recipe, RunState, SCHEMA_VERSION, StoreError, StoreView, StoreWriter, now_ms,
};
use crate::types::RepoPath;

/// Rows of one append.
const BATCH_ROWS: usize = 8_192;

/// Paths of one deletion.
const DELETE_PATHS: usize = 500;

/// Fragments above which small ones are joined.
const MOST_FRAGMENTS: usize = 16;

/// Old versions of the tables stay this long for readers that still have them open.
const KEEP_VERSIONS: Duration = Duration::from_secs(600);

/// Longest word that is indexed, in bytes; longer ones are no words.
const MAX_WORD_BYTES: usize = 128;

pub(super) struct LanceWriter {
    place: Place,
    recipe: Recipe,
    connection: Connection,
    base: Option<Arc<LanceView>>,
    chunks: Table,
    files: Table,
    generation: u64,
    /// Paths that have rows.
    stored: HashSet<RepoPath>,
    /// Whether the full-text index is there, and whether it was made by this writer.
    indexed: bool,
    made_index: bool,
    /// Chunks appended since the full-text index was last complete.
    unindexed: usize,
    /// Whether the tables hold more than the last commit: a commit failed half-way.
    torn: bool,
    _lock: WriterLock,
}

impl LanceWriter {
    /// Takes the lock, and rolls back what a crash left behind.
    pub fn start(place: Place, recipe: Recipe, fresh: bool) -> Result<Self, StoreError> {
        let lock = WriterLock::take(&place)?;
        // A rebuild must get past a manifest that cannot be read.
        let committed = if fresh { manifest::read(&place).unwrap_or_default() } else { manifest::read(&place)? };
        let generation = committed.as_ref().map_or(0, |committed| committed.manifest.generation);
        let kept = committed.filter(|committed| !fresh && committed.manifest.recipe.schema_version == SCHEMA_VERSION);
        let base = kept.map(|committed| LanceView::open(place.clone(), committed).map(Arc::new)).transpose()?;
        let connection = place.block_on("open the database", connect(&place))?;
        let (chunks, files) = match &base {
            Some(view) => roll_back_both(&place, &connection, view.committed())?,
            None => create_both(&place, &connection, recipe.dimensions, generation + 1)?,
        };
        let stored = match &base {
            Some(view) => view.files()?.into_iter().map(|file| file.path).collect(),
            None => HashSet::new(),
        };
        let indexed = place.block_on("list the indices", async {
            Ok::<_, lancedb::Error>(!chunks.list_indices().await?.is_empty())
        })?;
        Ok(Self {
            place,
            recipe,
            connection,
            base,
            chunks,
            files,
            generation,
            stored,
            indexed,
            made_index: false,
            unindexed: 0,
            torn: false,
            _lock: lock,
        })
    }

    /// Undoes a commit that failed half-way, so that the next one does not take its rows along.
    fn mend(&mut self) -> Result<(), StoreError> {
        if !self.torn {
            return Ok(());
        }
        let Some(view) = &self.base else {
            return Err(self.place.failed("write", &"the first commit failed half-way"));
        };
        let tables = roll_back_both(&self.place, &self.connection, view.committed())?;
        (self.chunks, self.files) = tables;
        self.torn = false;
        Ok(())
    }

    fn write(&mut self, commit: &Commit) -> Result<(), StoreError> {
        let gone: Vec<&RepoPath> = commit
            .remove
            .iter()
            .chain(commit.replace.iter().map(|record| &record.path))
            .filter(|path| self.stored.contains(*path))
            .collect();
        let touched: Vec<&RepoPath> =
            commit.touch.iter().map(|record| &record.path).chain(gone.iter().copied()).collect();
        let records: Vec<_> = commit.replace.iter().chain(&commit.touch).cloned().collect();
        self.place.block_on("delete rows", async {
            delete(&self.chunks, &gone).await?;
            delete(&self.files, &touched).await
        })?;
        let arrow = |error: ArrowError| self.place.failed("write rows", &error);
        for part in commit.chunks.chunks(BATCH_ROWS) {
            let batch = self.batch(part).map_err(arrow)?;
            self.append(&self.chunks, batch)?;
        }
        if !records.is_empty() {
            self.append(&self.files, rows::files_batch(&records).map_err(arrow)?)?;
        }
        if !self.indexed && !commit.chunks.is_empty() {
            self.build_index()?;
            (self.indexed, self.made_index) = (true, true);
        } else {
            self.unindexed += commit.chunks.len();
        }
        Ok(())
    }

    fn batch(&self, chunks: &[EmbeddedChunk]) -> Result<RecordBatch, ArrowError> {
        rows::chunks_batch(chunks, self.recipe.dimensions)
    }

    fn append(&self, table: &Table, batch: RecordBatch) -> Result<(), StoreError> {
        self.place.block_on("append rows", table.add(batch).execute()).map(|_| ())
    }

    /// The search text is split into words already: nothing is to be stemmed, folded or dropped.
    fn build_index(&self) -> Result<(), StoreError> {
        let params = FtsIndexBuilder::default()
            .base_tokenizer("whitespace".to_owned())
            .max_token_length(Some(MAX_WORD_BYTES))
            .lower_case(false)
            .stem(false)
            .remove_stop_words(false)
            .ascii_folding(false)
            .with_position(false);
        let build = self.chunks.create_index(&["search_text"], Index::FTS(params)).replace(true);
        self.place.block_on("build the full-text index", build.execute())
    }

    fn publish(&mut self, state: &RunState) -> Result<Manifest, StoreError> {
        let (chunks_version, files_version, rows) = self.place.block_on("read the tables' versions", async {
            Ok::<_, lancedb::Error>((
                self.chunks.version().await?,
                self.files.version().await?,
                self.chunks.count_rows(None).await?,
            ))
        })?;
        let manifest = Manifest {
            generation: self.generation + 1,
            recipe: self.recipe.clone(),
            root: self.place.root.clone(),
            complete: state.complete,
            files_found: state.files_found,
            skipped: state.skipped.clone(),
            committed_at_ms: now_ms(),
            is_empty: rows == 0,
        };
        let table = |table: &Table, version| TableVersion { name: table.name().to_owned(), version };
        let committed = Committed {
            manifest: manifest.clone(),
            chunks: table(&self.chunks, chunks_version),
            files: table(&self.files, files_version),
        };
        manifest::publish(&self.place, &committed)?;
        self.generation += 1;
        self.base = Some(Arc::new(LanceView::open(self.place.clone(), committed)?));
        Ok(manifest)
    }

    /// Joins small fragments. A failure costs time and nothing else, so it is only logged.
    fn compact(&self) {
        let compacted = self.place.block_on("join small fragments", async {
            for table in [&self.chunks, &self.files] {
                if table.stats().await?.fragment_stats.num_fragments > MOST_FRAGMENTS {
                    let options = CompactionOptions::default();
                    table.optimize(OptimizeAction::Compact { options, remap_options: None }).await?;
                }
            }
            Ok::<_, lancedb::Error>(())
        });
        if let Err(error) = compacted {
            tracing::warn!("{error}");
        }
    }

    /// Forgets versions no reader can still have open. Only once the manifest names the latest
    /// ones: LanceDB keeps those, and a crash before that must find the ones it names.
    fn prune(&self) {
        let pruned = self.place.block_on("forget old versions", async {
            for table in [&self.chunks, &self.files] {
                let older_than = chrono_duration(KEEP_VERSIONS);
                let delete_unverified = None;
                let prune = OptimizeAction::Prune { older_than, delete_unverified, error_if_tagged_old_versions: None };
                table.optimize(prune).await?;
            }
            Ok::<_, lancedb::Error>(())
        });
        if let Err(error) = pruned {
            tracing::warn!("{error}");
        }
    }

    /// Removes tables of earlier rebuilds. Readers that still have them open keep what they read.
    fn drop_old_tables(&self) {
        let keep = [self.chunks.name(), self.files.name()].map(|name| format!("{name}.lance"));
        for entry in fs::read_dir(self.place.data()).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if (name.starts_with("chunks_") || name.starts_with("files_")) && !keep.contains(&name) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}

impl StoreWriter for LanceWriter {
    fn base(&self) -> Option<Arc<dyn StoreView>> {
        self.base.clone().map(|view| view as Arc<dyn StoreView>)
    }

    fn commit(&mut self, commit: Commit, state: &RunState) -> Result<Manifest, StoreError> {
        self.mend()?;
        self.torn = true;
        self.write(&commit)?;
        let manifest = self.publish(state)?;
        self.torn = false;
        for path in &commit.remove {
            self.stored.remove(path);
        }
        self.stored.extend(commit.replace.into_iter().map(|record| record.path));
        Ok(manifest)
    }

    fn finish(&mut self, state: &RunState) -> Result<Manifest, StoreError> {
        self.mend()?;
        if self.unindexed > 0 && self.made_index {
            self.build_index()?;
        } else if self.unindexed > 0 {
            let update = self.chunks.optimize(OptimizeAction::Index(OptimizeOptions::default()));
            self.place.block_on("update the full-text index", update)?;
        }
        self.unindexed = 0;
        self.compact();
        let manifest = self.publish(state)?;
        self.prune();
        self.drop_old_tables();
        Ok(manifest)
    }
}

/// Opens both tables for writing; what a crash left beyond their last commit is undone.
fn roll_back_both(place: &Place, connection: &Connection, committed: &Committed) -> Result<(Table, Table), StoreError> {
    place.block_on("roll back to the last commit", async {
        let chunks = roll_back(connection, &committed.chunks).await?;
        Ok::<_, lancedb::Error>((chunks, roll_back(connection, &committed.files).await?))
    })
}

/// Makes empty tables, named after the generation they will first be seen in. What an earlier
/// attempt left under these names was never committed: nobody reads it.
fn create_both(
    place: &Place,
    connection: &Connection,
    dimensions: u32,
    generation: u64,
) -> Result<(Table, Table), StoreError> {
    let names = [format!("chunks_{generation}"), format!("files_{generation}")];
    for name in &names {
        let _ = fs::remove_dir_all(place.data().join(format!("{name}.lance")));
    }
    let [chunks, files] = names;
    place.block_on("create the tables", async {
        let chunks = create(connection, chunks, rows::chunks_schema(dimensions)).await?;
        Ok::<_, lancedb::Error>((chunks, create(connection, files, rows::files_schema()).await?))
    })
}

async fn create(connection: &Connection, name: String, schema: arrow_schema::SchemaRef) -> lancedb::Result<Table> {
    let mode = lancedb::database::CreateTableMode::Overwrite;
    connection.create_empty_table(name, schema).mode(mode).execute().await
}

/// Opens a table for writing; rows beyond the committed version are undone.
async fn roll_back(connection: &Connection, committed: &TableVersion) -> lancedb::Result<Table> {
    let table = connection.open_table(&committed.name).execute().await?;
    if table.version().await? != committed.version {
        table.checkout(committed.version).await?;
        table.restore().await?;
    }
    Ok(table)
}

async fn delete(table: &Table, paths: &[&RepoPath]) -> lancedb::Result<()> {
    for part in paths.chunks(DELETE_PATHS) {
        let list: Vec<String> = part.iter().map(|path| format!("'{}'", path.as_str().replace('\'', "''"))).collect();
        table.delete(format!("path IN ({})", list.join(", ")).as_str()).await?;
    }
    Ok(())
}

fn chrono_duration(time: Duration) -> Option<lancedb::table::Duration> {
    lancedb::table::Duration::from_std(time).ok()
}
