//! Commits: rows first, then the manifest that makes them visible.
//!
//! Invariants: whatever fails before the manifest is replaced changes nothing for a reader, and the
//! next commit, by this writer or another one, starts from the last manifest.
//! Must never import: anything above `store`.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use lancedb::Connection;

use super::Place;
use super::lock::WriterLock;
use super::manifest::{self, Committed};
use super::reader::LanceView;
use super::tables::{self, Tables};
use super::upkeep::{self, Limits};
use super::words::{self, Words};
use crate::store::{
    Commit, EmbeddedChunk, Manifest, Recipe, RunState, Stop, StoreError, StoreView, StoreWriter, now_ms,
};
use crate::types::{FileRecord, RepoPath};

pub(super) struct LanceWriter {
    place: Place,
    recipe: Recipe,
    limits: Limits,
    connection: Connection,
    tables: Tables,
    /// The words of the next commit.
    words: Words,
    /// The generation this writer goes on from.
    base: Option<Arc<LanceView>>,
    /// The last commit by anyone, even if this writer does not go on from it.
    last: Option<Committed>,
    /// Number of the last commit.
    generation: u64,
    /// Paths that have rows.
    stored: HashSet<RepoPath>,
    /// Whether rows have other keys than in the last commit.
    renumbered: bool,
    /// Whether a retired commit has had its time since versions were last removed.
    expired: bool,
    /// Whether the tables may hold more than the last commit: something failed half-way.
    torn: bool,
    /// See [`StoreWriter::hide`].
    hides: bool,
    stop: Stop,
    _lock: WriterLock,
}

/// What a commit does to the tables of a store.
struct Change {
    /// Paths whose chunks go.
    gone: Vec<RepoPath>,
    /// Paths whose record goes.
    outdated: Vec<RepoPath>,
    records: Vec<FileRecord>,
    chunks: Vec<EmbeddedChunk>,
    /// Paths that have no rows afterwards, …
    removed: Vec<RepoPath>,
    /// … unless they are among these, which have.
    replaced: HashSet<RepoPath>,
}

impl Change {
    /// What `commit` changes where `stored` has rows. Chunks of a file that is not replaced, and
    /// records of a file that is not there to be touched, change nothing.
    fn of(commit: Commit, stored: &HashSet<RepoPath>) -> Self {
        let gone: BTreeSet<RepoPath> = commit.remove.iter().cloned().collect();
        let is_there = |record: &FileRecord| stored.contains(&record.path) && !gone.contains(&record.path);
        let touched = commit.touch.into_iter().filter(is_there).collect::<Vec<_>>();
        let replaced: HashSet<RepoPath> = commit.replace.iter().map(|record| record.path.clone()).collect();
        let gone: BTreeSet<RepoPath> = gone.into_iter().chain(replaced.iter().cloned()).collect();
        let outdated = touched.iter().map(|record| record.path.clone()).chain(gone.iter().cloned()).collect();
        // One record a path, the last one given.
        let records: BTreeMap<RepoPath, FileRecord> =
            touched.into_iter().chain(commit.replace).map(|record| (record.path.clone(), record)).collect();
        let chunks = commit.chunks.into_iter().filter(|chunk| replaced.contains(&chunk.chunk.path)).collect();
        let there = |paths: BTreeSet<RepoPath>| paths.into_iter().filter(|path| stored.contains(path)).collect();
        Self {
            gone: there(gone),
            outdated: there(outdated),
            records: records.into_values().collect(),
            chunks,
            removed: commit.remove,
            replaced,
        }
    }
}

impl LanceWriter {
    /// Takes the lock, and rolls back what a crash left behind.
    pub fn start(place: Place, recipe: Recipe, limits: Limits, fresh: bool) -> Result<Self, StoreError> {
        let lock = WriterLock::take(&place)?;
        let (last, legible) = match manifest::read(&place) {
            Ok(last) => (last, true),
            Err(_) if fresh => (None, false), // a rebuild gets past it
            Err(error) => return Err(error),
        };
        let generation = match &last {
            Some(last) => last.manifest.generation,
            None if legible => 0,
            None => manifest::generation_past(&place),
        };
        let kept = last.clone().filter(|last| !fresh && same_tables(&last.manifest.recipe, &recipe));
        let base = kept.map(|kept| LanceView::open(place.clone(), kept, None).map(Arc::new)).transpose()?;
        let stored = match &base {
            Some(view) => view.files()?.into_iter().map(|file| file.path).collect(),
            None => HashSet::new(),
        };
        let connection = tables::connect(&place)?;
        let tables = open(&place, &connection, base.as_deref(), generation, &recipe)?;
        if legible {
            upkeep::forget_tables(&place, &tables, last.as_ref());
            words::forget(&place, last.as_ref());
        }
        let words = base.as_ref().map(|view| view.segments().clone()).unwrap_or_default();
        let (renumbered, expired, torn, hides) = (false, false, false, false);
        Ok(Self {
            place,
            recipe,
            limits,
            connection,
            tables,
            words,
            base,
            last,
            generation,
            stored,
            renumbered,
            expired,
            torn,
            hides,
            stop: Arc::new(|| false),
            _lock: lock,
        })
    }

    /// Undoes what failed half-way, so that the next commit does not take its rows along. From here
    /// on the tables count as torn until the manifest is replaced.
    fn begin(&mut self) -> Result<(), StoreError> {
        if self.torn {
            self.tables = open(&self.place, &self.connection, self.base.as_deref(), self.generation, &self.recipe)?;
            self.words = self.base.as_ref().map(|view| view.segments().clone()).unwrap_or_default();
            self.renumbered = false;
        }
        self.torn = true;
        Ok(())
    }

    fn write(&mut self, change: Change) -> Result<(), StoreError> {
        let Change { gone, outdated, records, chunks, .. } = change;
        let first = self.words.add(&self.place, self.generation + 1, &chunks)?;
        let (tables, dimensions) = (&self.tables, self.recipe.dimensions);
        self.place.block_on_until("delete rows", &self.stop, async {
            tables::delete(&tables.chunks, &gone).await?;
            tables::delete(&tables.files, &outdated).await
        })?;
        self.place.block_on_until("append rows", &self.stop, async {
            tables.add_chunks(chunks, first, dimensions).await?;
            tables.add_files(&records).await
        })?;
        let upkeep = upkeep::after_commit(tables, &self.limits);
        self.renumbered |= self.place.block_on_until("join small fragments", &self.stop, upkeep)?;
        self.tidy_words(usize::MAX)
    }

    /// Joins segments of the word index where there are too many, or all when more of what they
    /// name is gone than there are rows.
    fn tidy_words(&mut self, rows: usize) -> Result<(), StoreError> {
        let is_stale = self.words.index().docs() / 2 > rows;
        let count = if is_stale { usize::MAX } else { self.words.worth_joining(self.limits.segments) };
        if count == 0 {
            return Ok(());
        }
        let numbers = tables::numbers(&self.tables.chunks);
        let live = self.place.block_on_until("read the chunks' numbers", &self.stop, numbers)?;
        self.words.join(&self.place, self.generation + 1, count, live, &self.stop)
    }

    fn publish(&mut self, state: &RunState) -> Result<Manifest, StoreError> {
        let tables = &self.tables;
        let ((chunks, files), rows) = self.place.block_on("read the tables' versions", async {
            Ok::<_, lancedb::Error>((tables.versions().await?, tables.chunks.count_rows(None).await?))
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
        let retired = self.last.as_ref().map(|last| last.retire(self.limits.keep_ms)).unwrap_or_default();
        let words = self.words.names().to_vec();
        let dropped = self.last.as_ref().map(|last| last.drop_words(&words, self.limits.keep_ms));
        let committed = Committed {
            manifest: manifest.clone(),
            chunks,
            files,
            words,
            next_number: self.words.next(),
            dropped_words: dropped.unwrap_or_default(),
            rows_epoch: self.rows_epoch(),
            retired,
        };
        // Opened before it is published: what cannot be opened must not become visible.
        let view = LanceView::with_words(self.place.clone(), committed.clone(), self.words.clone())?;
        self.generation += 1;
        if state.complete || !self.hides {
            manifest::publish(&self.place, &committed).inspect_err(|_| self.generation -= 1)?;
            let kept = |retired| committed.retired.contains(retired);
            self.expired |= self.last.as_ref().is_some_and(|last| !last.retired.iter().all(kept));
            self.last = Some(committed);
        }
        self.base = Some(Arc::new(view));
        (self.torn, self.renumbered) = (false, false);
        Ok(manifest)
    }

    /// The epoch of the next commit: the last one's, raised when rows were renumbered since.
    fn rows_epoch(&self) -> u64 {
        match self.base.as_ref().map(|base| base.committed().rows_epoch) {
            Some(last) if last > 0 => last.wrapping_add(u64::from(self.renumbered)),
            _ => manifest::first_epoch(),
        }
    }

    /// Removes what no reader needs. A failure costs space and nothing else, so it is only logged.
    fn forget(&mut self) {
        let Some(committed) = &self.last else { return };
        upkeep::forget_tables(&self.place, &self.tables, Some(committed));
        words::forget(&self.place, Some(committed));
        if self.expired {
            let forget = upkeep::forget_versions(&self.tables, committed);
            match self.place.block_on_until("remove old versions", &self.stop, forget) {
                Ok(()) | Err(StoreError::Stopped { .. }) => {} // what is left goes with the next ones
                Err(error) => tracing::warn!("{error}"),
            }
            self.expired = false;
        }
    }
}

impl StoreWriter for LanceWriter {
    fn base(&self) -> Option<Arc<dyn StoreView>> {
        self.base.clone().map(|view| view as Arc<dyn StoreView>)
    }

    fn commit(&mut self, commit: Commit, state: &RunState) -> Result<Manifest, StoreError> {
        self.begin()?;
        let mut change = Change::of(commit, &self.stored);
        let (removed, replaced) = (std::mem::take(&mut change.removed), std::mem::take(&mut change.replaced));
        self.write(change)?;
        let manifest = self.publish(state)?;
        removed.iter().for_each(|path| _ = self.stored.remove(path));
        self.stored.extend(replaced);
        Ok(manifest)
    }

    fn hide(&mut self) {
        self.hides = true;
    }

    fn stop_when(&mut self, stop: Stop) {
        self.stop = stop;
    }

    fn finish(&mut self, state: &RunState) -> Result<Manifest, StoreError> {
        self.begin()?;
        let upkeep = upkeep::at_end(&self.tables, &self.limits);
        self.renumbered |= self.place.block_on_until("join small fragments", &self.stop, upkeep)?;
        let rows = self.place.block_on("count the chunks", self.tables.chunks.count_rows(None))?;
        self.tidy_words(rows)?;
        let manifest = self.publish(state)?;
        self.forget();
        Ok(manifest)
    }
}

/// Whether rows of one recipe fit the tables of the other.
fn same_tables(stored: &Recipe, now: &Recipe) -> bool {
    (stored.schema_version, stored.dimensions) == (now.schema_version, now.dimensions)
}

/// The tables of `base`, rolled back to it; new ones where there is none.
fn open(
    place: &Place,
    connection: &Connection,
    base: Option<&LanceView>,
    generation: u64,
    recipe: &Recipe,
) -> Result<Tables, StoreError> {
    match base {
        Some(view) => place.block_on("roll back", Tables::rolled_back(connection, view.committed())),
        None => place.block_on("make the tables", Tables::create(place, connection, generation + 1, recipe.dimensions)),
    }
}
