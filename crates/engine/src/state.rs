//! The state of an engine: its settings, its store, its models, and the snapshot it keeps between calls.

mod project_cache;
pub mod published;
mod snapshot_slot;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex};

use crate::damage::{CurrentTexts, DamageState};
use crate::error::EngineError;
use crate::models::{EmbeddingModel, IndexModels};
use config::Settings;
use git_rules::GitProject;
use project_cache::ProjectCache;
use search::Snapshot;
use snapshot_slot::SnapshotSlot;
use source::language::LanguageChoices;
use source::walk::FaultLog;
use store::{ChunkStore, StoreView};
use types::{AbsPath, RepoPath};
use workers::ParserPool;

/// The index, search and read calls for one root folder.
pub struct Engine {
    pub(crate) settings: Settings,
    /// The folder below the root that searches are narrowed to; `None` for the whole root.
    pub(crate) part: Option<RepoPath>,
    pub(crate) store: Arc<dyn ChunkStore>,
    pub(crate) models: IndexModels,
    /// The snapshot that searches use; replaced when the store has a newer commit.
    pub(crate) snapshot: Arc<SnapshotSlot>,
    /// Held by the search that is loading a newer snapshot from the store.
    pub(crate) loading: Mutex<()>,
    /// Number of index runs that are refreshing the snapshot; see [`Engine::refresh_snapshot_during`].
    pub(crate) refreshing_runs: AtomicUsize,
    /// Whether a warm-up has found no index. An index run that begins with a copy of another index then loads the copy.
    pub(crate) awaits_index: AtomicBool,
    /// The projects of the generation that was examined last.
    pub(crate) projects: ProjectCache,
    /// The parsers of index runs and of calls.
    pub(crate) parsers: ParserPool,
    /// Logs the ignore files that cannot be used, once for all walks.
    pub(crate) fault_log: FaultLog,
    pub(crate) damage: DamageState,
    /// Comparisons of texts in answers with the files on disk.
    pub(crate) current_texts: CurrentTexts,
}

impl Engine {
    /// Returns the languages that the user and the project choose for files. If a `languages.toml` cannot be used, no
    /// language is chosen; index runs report the problem.
    pub(crate) fn language_choices(&self) -> LanguageChoices {
        LanguageChoices::load(&self.settings.languages_file, self.settings.root.as_path()).unwrap_or_default()
    }

    /// Opens the engine of a root. Creates no files, except in the cache for a published index that is read in place.
    ///
    /// # Errors
    /// When the limit of address space is too low, a thread cannot be started, the chosen model is not available, or a
    /// published index cannot be opened in place. An index that cannot be read is not an error here.
    pub fn open(mut settings: Settings) -> Result<Self, EngineError> {
        check_address_space()?;
        search::start_search_threads()?;
        let store = open_store(&mut settings)?;
        // An unreadable index can still be rebuilt, so only the calls that read it fail.
        let view = store.view().unwrap_or_else(|error| {
            tracing::debug!("the model is chosen without the index: {error}");
            None
        });
        let models = IndexModels::open(&settings, view.as_deref())?;
        Ok(Self::new(settings, store, models))
    }

    pub(crate) fn new(settings: Settings, store: Box<dyn ChunkStore>, models: IndexModels) -> Self {
        let store: Arc<dyn ChunkStore> = Arc::from(store);
        Self {
            parsers: ParserPool::for_settings(&settings),
            settings,
            part: None,
            models,
            snapshot: SnapshotSlot::new(Arc::clone(&store)),
            store,
            loading: Mutex::default(),
            refreshing_runs: AtomicUsize::new(0),
            awaits_index: AtomicBool::new(false),
            projects: ProjectCache::default(),
            fault_log: FaultLog::default(),
            damage: DamageState::default(),
            current_texts: CurrentTexts::default(),
        }
    }

    /// Narrows searches to a folder below the root. Path filters may be relative to that folder or to the root.
    #[must_use]
    pub fn narrowed_to(self, part: Option<RepoPath>) -> Self {
        Self { part, ..self }
    }

    /// Returns whether the index is the combined one of a collection.
    pub fn is_collection(&self) -> bool {
        self.settings.base.as_ref().is_some_and(|base| base.is_collection)
    }

    /// Returns the names of the repositories of a collection, sorted; `None` for any other index.
    pub(crate) fn list_collection_repositories(&self) -> Option<Vec<String>> {
        #[cfg(feature = "locations")]
        if self.is_collection() {
            let fetched = published::FetchedCollection::read(&self.settings.index_dir);
            return Some(fetched.map_or_else(Vec::new, |fetched| fetched.repositories));
        }
        None
    }

    /// Returns the root folder.
    pub fn root(&self) -> &Path {
        self.settings.root.as_path()
    }

    /// Returns the folder of the index.
    pub fn index_dir(&self) -> &Path {
        &self.settings.index_dir
    }

    /// Opens the last commit. Returns `None` if there is none, or if its schema version is too old to be
    /// read.
    ///
    /// # Errors
    /// [`EngineError::OtherRoot`] if the index belongs to another folder; otherwise if the store cannot be opened.
    pub(crate) fn open_view(&self) -> Result<Option<Arc<dyn StoreView>>, EngineError> {
        let view = self.store.view()?;
        match view.as_ref().map(|view| &view.manifest().root) {
            Some(indexed) if indexed != self.root() && !self.is_collection() => Err(EngineError::OtherRoot {
                index_dir: self.settings.index_dir.clone(),
                indexed: indexed.clone(),
                root: self.root().to_owned(),
            }),
            _ => Ok(view.filter(|view| view.manifest().fingerprint.is_readable())),
        }
    }

    /// Opens the last commit.
    ///
    /// # Errors
    /// [`EngineError::NotIndexed`] if there is no commit that can be read; otherwise fails like [`Engine::open_view`].
    pub(crate) fn require_view(&self) -> Result<Arc<dyn StoreView>, EngineError> {
        self.open_view()?.ok_or_else(|| EngineError::NotIndexed { root: self.root().to_owned() })
    }

    /// Returns the model that made the vectors of a snapshot.
    ///
    /// # Errors
    /// Fails like [`IndexModels::require_stored`].
    pub(crate) fn model_of_snapshot(&self, snapshot: &Snapshot) -> Result<Arc<EmbeddingModel>, EngineError> {
        self.models.require_stored(&self.settings, &snapshot.manifest().fingerprint)
    }
}

/// Address space that every process needs, in bytes: the program, the model and the libraries.
const LEAST_ADDRESS_SPACE: u64 = 1 << 30;

/// Address space that the threads of a core need, in bytes: stacks and reserved heaps, most of which is never used.
const ADDRESS_SPACE_PER_CORE: u64 = 192 << 20;

/// Maximum address space that is required, however many cores there are, in bytes.
const MAX_NEEDED_ADDRESS_SPACE: u64 = 4 << 30;

/// Checks that a limit of the address space (`ulimit -v`), if there is one, leaves room for the threads. Without room,
/// threads fail to start and allocations abort the process.
fn check_address_space() -> Result<(), EngineError> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
    let least = (LEAST_ADDRESS_SPACE + cores * ADDRESS_SPACE_PER_CORE).min(MAX_NEEDED_ADDRESS_SPACE);
    match platform::threads::address_space_limit_bytes() {
        Some(limit) if limit < least => {
            Err(EngineError::AddressSpace { limit_mib: limit >> 20, least_mib: least >> 20 })
        }
        _ => Ok(()),
    }
}

/// Returns the folder that identifies the project of `root`: the one that all worktrees of its repository share, or
/// `root` itself.
pub fn project_folder(root: &AbsPath) -> PathBuf {
    GitProject::find(root.as_path()).map_or_else(|| root.as_path().to_owned(), |project| project.common_folder)
}

/// Opens the store of `settings`. For an index that is read in place, their index folder becomes the one in the cache.
#[cfg(feature = "lance")]
fn open_store(settings: &mut Settings) -> Result<Box<dyn ChunkStore>, EngineError> {
    #[cfg(feature = "locations")]
    if settings.base.as_ref().is_some_and(|base| base.is_collection) {
        return Ok(Box::new(published::CollectionStore::new(settings)));
    }
    #[cfg(feature = "locations")]
    if let Some(base) = settings.base.as_ref().filter(|base| base.is_in_place) {
        let opened = published::open_in_place(settings, base, &platform::cancel::CancelToken::default(), &|_| ())?;
        settings.index_dir = opened.dir;
        return Ok(Box::new(opened.store));
    }
    let store = store::lance::LanceStore::open(&settings.index_dir, settings.root.as_path())?;
    let store = store.with_resident_limit(settings.pipeline.resident_chunks);
    Ok(Box::new(store))
}

/// Opens a store in memory: without LanceDB, an index lives as long as its process.
#[cfg(not(feature = "lance"))]
#[expect(clippy::unnecessary_wraps, reason = "the signature of the store on disk")]
fn open_store(settings: &mut Settings) -> Result<Box<dyn ChunkStore>, EngineError> {
    Ok(Box::new(store::memory::MemoryStore::new(settings.root.as_path().to_owned())))
}
