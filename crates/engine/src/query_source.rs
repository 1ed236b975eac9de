//! The source that queries read from: the index of one folder, or those of a group.

pub(crate) mod group;

use std::path::PathBuf;
use std::sync::Arc;

use crate::damage::TextState;
use crate::error::{EngineError, PathError};
use crate::state::Engine;
use embed::Embedder;
use search::{FileFilter, Filter, FolderScope, Hit, QueryFilters, Snapshot};
use types::{RepoPath, Span};

/// A repository of a group, for display.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRepository {
    /// The first part of the repository's paths in the group, or the name of a folder that cannot be opened.
    pub name: String,
    pub folder: PathBuf,
    /// Number of indexed files; 0 if the repository is left out.
    pub files: u64,
    /// The reason why it is not searched; `None` if it is.
    pub left_out: Option<String>,
}

/// A file or folder that a call names: the engine that it belongs to, and its path there.
#[derive(Clone)]
pub struct LocatedPath<'e> {
    pub engine: &'e Engine,
    /// The path to pass to the engine, which resolves it.
    pub path: String,
    /// The repository of a group; `None` outside of a group.
    pub repository: Option<&'e str>,
}

impl LocatedPath<'_> {
    /// Returns the path in the group of a path in the engine.
    pub fn to_group_path(&self, path: &RepoPath) -> RepoPath {
        match self.repository {
            Some(name) if path.as_str().is_empty() => RepoPath::new(name),
            Some(name) => RepoPath::new(format!("{name}/{path}")),
            None => path.clone(),
        }
    }
}

/// The index of a folder, or those of a group, as the calls of [`QueryCalls`](crate::QueryCalls) use them.
pub trait QuerySource: Send + Sync {
    /// Returns the snapshot to search.
    ///
    /// # Errors
    /// [`EngineError::NotIndexed`], or an error of the store or the model.
    fn snapshot(&self) -> Result<Arc<Snapshot>, EngineError>;

    /// Returns the model that made the vectors of a snapshot.
    ///
    /// # Errors
    /// When the model is not available.
    fn embedder_of(&self, snapshot: &Snapshot) -> Result<Arc<dyn Embedder>, EngineError>;

    /// Returns why searches go without vectors: the model of the published index that the index began as a copy of is
    /// not on this machine. `None` if it is, and for a group, which leaves out such an index.
    fn missing_base_model(&self) -> Option<String>;

    /// Returns the folders that a filter and the filters of a query text stand for.
    ///
    /// # Errors
    /// When a project or a repository is unknown or left out, or the file records cannot be read.
    fn find_folders(
        &self,
        snapshot: &Snapshot,
        filter: &Filter,
        query_filters: &QueryFilters,
    ) -> Result<FolderScope, EngineError>;

    /// Returns the engine of a path that a call names.
    ///
    /// # Errors
    /// When the path is in no repository of a group, or in several of them.
    fn locate(&self, path: &str) -> Result<LocatedPath<'_>, PathError>;

    /// Returns the engine of an indexed file; `None` if the path begins with no name of a repository of the group.
    fn locate_file(&self, path: &RepoPath) -> Option<LocatedPath<'_>>;

    /// Returns the engines of all folders.
    fn engines(&self) -> Vec<&Engine>;

    /// Returns the repositories of a group; empty for one folder.
    fn list_repositories(&self) -> Vec<GroupRepository>;

    /// Returns a note on each folder of a group that is not searched, with the reason; none for one folder.
    fn left_out_notes(&self) -> Vec<String>;

    /// Explains why a path that no file with chunks matches is not indexed; `None` if it does not exist or leads
    /// outside, or if the index is not held in memory.
    fn find_exclusion(&self, snapshot: &Snapshot, path: &str) -> Option<String>;

    /// Sets the project of each hit, which searches leave out. Lists the folders of the hits' files.
    fn set_projects(&self, hits: &mut [Hit]);
}

/// Compiles a filter and the filters of a query text for the files of a snapshot.
pub(crate) fn compile_filter<S: QuerySource + ?Sized>(
    source: &S,
    snapshot: &Snapshot,
    filter: &Filter,
    query_filters: &QueryFilters,
) -> Result<FileFilter, EngineError> {
    let folders = source.find_folders(snapshot, filter, query_filters)?;
    let compiled = FileFilter::with_query_filters(filter, query_filters);
    Ok(compiled.map_err(|error| error.with_languages_of(snapshot))?.in_folders(&folders).for_snapshot(snapshot))
}

/// Compares texts from the index with the lines of the file at `path`.
pub(crate) fn compare_texts<S: QuerySource + ?Sized>(
    source: &S,
    snapshot: &Snapshot,
    path: &RepoPath,
    texts: &[(Span, &str)],
) -> Vec<TextState> {
    match source.locate_file(path) {
        Some(located) => located.engine.compare_texts(snapshot.record(path), texts),
        None => vec![TextState::Stale; texts.len()],
    }
}

/// Requests a repair of the indexes that may be damaged, if the call failed because of damage.
pub(crate) fn track_damage<S: QuerySource + ?Sized, T>(
    source: &S,
    result: Result<T, EngineError>,
) -> Result<T, EngineError> {
    result.inspect_err(|error| {
        if error.is_damage() {
            request_repair(source);
        }
    })
}

/// Requests a repair of the indexes that may be damaged: those in which a read has met damage, or all if there are
/// none.
pub(crate) fn request_repair<S: QuerySource + ?Sized>(source: &S) {
    let engines = source.engines();
    let damaged: Vec<&Engine> = engines.iter().copied().filter(|engine| engine.has_met_damage()).collect();
    let suspects = if damaged.is_empty() { engines } else { damaged };
    suspects.into_iter().for_each(Engine::request_repair);
}

impl QuerySource for Engine {
    fn snapshot(&self) -> Result<Arc<Snapshot>, EngineError> {
        self.current_snapshot()
    }

    fn embedder_of(&self, snapshot: &Snapshot) -> Result<Arc<dyn Embedder>, EngineError> {
        // Retrieval by words needs no vectors of the base's model.
        let model = match Engine::missing_base_model(self) {
            Some(_) => self.models.current(),
            None => self.model_of_snapshot(snapshot)?,
        };
        Ok(Arc::clone(&model.embedder))
    }

    fn missing_base_model(&self) -> Option<String> {
        Engine::missing_base_model(self)
    }

    fn find_folders(
        &self,
        snapshot: &Snapshot,
        filter: &Filter,
        query_filters: &QueryFilters,
    ) -> Result<FolderScope, EngineError> {
        self.resolve_folder_scope(snapshot, filter, query_filters)
    }

    fn locate(&self, path: &str) -> Result<LocatedPath<'_>, PathError> {
        Ok(LocatedPath { engine: self, path: path.to_owned(), repository: None })
    }

    fn locate_file(&self, path: &RepoPath) -> Option<LocatedPath<'_>> {
        Some(LocatedPath { engine: self, path: path.as_str().to_owned(), repository: None })
    }

    fn engines(&self) -> Vec<&Engine> {
        vec![self]
    }

    fn list_repositories(&self) -> Vec<GroupRepository> {
        Vec::new()
    }

    fn left_out_notes(&self) -> Vec<String> {
        Vec::new()
    }

    fn find_exclusion(&self, snapshot: &Snapshot, path: &str) -> Option<String> {
        if snapshot.is_part() {
            return None;
        }
        self.why_not_indexed(path, |path| snapshot.record(path).is_some())
    }

    fn set_projects(&self, hits: &mut [Hit]) {
        self.set_project_names(&mut hits.iter_mut().collect::<Vec<_>>(), RepoPath::clone);
    }
}
