//! The first index of a folder: a copy of the index of another working tree of the same project, if there is one.
//!
//! The copy shares the files of that index on disk. The run that follows compares it with the folder like any other
//! run, so a poorly chosen index costs only time.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::gone_worktrees::remove_gone_worktrees;
use super::stored_indexes::{read_git_project, write_git_project};
use crate::error::EngineError;
use crate::state::Engine;
use crate::state::published::BaseOrigin;
use git_rules::{GitProject, ProjectRelation};
use index::KnownObjects;
#[cfg(feature = "lance")]
use store::lance::LanceStore;
use store::{ChunkStore as _, IndexFingerprint, Manifest};

/// Maximum number of indexes to try to copy, best first.
const MAX_TRIED: usize = 3;

/// Age of the recorded git object ids after which a run that indexes files writes them again.
const OBJECTS_AGE: Duration = Duration::from_secs(24 * 3_600);

/// A run that indexes more than 1 / `OBJECTS_SHARE` of the files writes the git object ids again.
const OBJECTS_SHARE: u64 = 20;

/// An index to copy as the start of another one.
struct BaseIndex {
    dir: PathBuf,
    manifest: Manifest,
    relation: ProjectRelation,
    has_same_commit: bool,
}

impl BaseIndex {
    /// Returns the rank of an index as a start, greater if better: by the relation of the trees, then the same commit,
    /// then the depth of the copy, then the time of the commit.
    ///
    /// A copy of a copy has the files that differ in both trees, and shares less with the other trees.
    fn preference(&self) -> impl Ord + use<> {
        let by_depth = std::cmp::Reverse(self.manifest.copy_depth());
        (self.relation, self.has_same_commit, by_depth, self.manifest.committed_at_ms)
    }
}

impl Engine {
    /// Makes the index of this folder a copy of that of another working tree of the same project. Returns false if
    /// there is no such index or copying fails; the run then indexes the folder from its files.
    pub(crate) fn copy_related_index(&self, fingerprint: &IndexFingerprint) -> bool {
        let Some(project) = GitProject::find(self.root()) else { return false };
        let Ok(data) = config::data_folder() else { return false };
        let mut bases = self.find_bases(&data, &project, fingerprint);
        bases.sort_by_key(BaseIndex::preference);
        for base in bases.iter().rev().take(MAX_TRIED) {
            match self.copy_index(base) {
                Ok(()) => {
                    BaseOrigin::copy(&base.dir, &self.settings.index_dir);
                    remove_gone_worktrees(&data);
                    return true;
                }
                Err(error) => tracing::debug!("cannot start from the index in {}: {error}", base.dir.display()),
            }
        }
        false
    }

    /// Lists the complete indexes of other working trees of a project that were made with the same settings.
    fn find_bases(&self, data: &Path, project: &GitProject, fingerprint: &IndexFingerprint) -> Vec<BaseIndex> {
        let own = &self.settings.index_dir;
        let dirs = fs::read_dir(data).into_iter().flatten().flatten().map(|entry| entry.path());
        let read = |dir: PathBuf| {
            let manifest = LanceStore::read_manifest(&dir).ok()??;
            let is_usable =
                manifest.complete && !manifest.is_unconfirmed_copy() && manifest.fingerprint == *fingerprint;
            if !is_usable || manifest.root == self.root() {
                return None;
            }
            let other = GitProject::find(&manifest.root).or_else(|| read_git_project(&dir))?;
            let has_same_commit = project.commit.is_some() && project.commit == other.commit;
            Some(BaseIndex { relation: project.relation(&other)?, manifest, dir, has_same_commit })
        };
        dirs.filter(|dir| dir != own).filter_map(read).collect()
    }

    fn copy_index(&self, base: &BaseIndex) -> Result<(), EngineError> {
        let (index_dir, root) = (&self.settings.index_dir, &base.manifest.root);
        if KnownObjects::file_age(&base.dir).is_some() {
            // The copy shares the ids that are recorded there. Those of files that changed since are not among them.
            LanceStore::clone_index(&base.dir, index_dir, self.root())?;
            return Ok(());
        }
        // The object ids of the other tree's files are read while the copy is made.
        let (objects, copied) = std::thread::scope(|scope| {
            let objects = || {
                let view = LanceStore::open(&base.dir, root)?.view()?;
                let records = view.map(|view| view.files()).transpose()?.unwrap_or_default();
                Ok::<_, EngineError>(KnownObjects::find(&base.dir, root, &records))
            };
            let reader = std::thread::Builder::new().name("objects".to_owned()).spawn_scoped(scope, objects);
            let copied = LanceStore::clone_index(&base.dir, index_dir, self.root());
            let objects = reader.ok().and_then(|reader| reader.join().ok()).and_then(Result::ok);
            (objects.unwrap_or_default(), copied)
        });
        copied?;
        tracing::debug!("started from the index of {}: {} objects are known", root.display(), objects.count());
        if let Err(error) = objects.save(index_dir) {
            tracing::debug!("cannot write the object ids of {}: {error}", index_dir.display());
        }
        Ok(())
    }

    /// Records beside the index which repository its folder is in. Also records the git object ids of its files if the
    /// run has indexed many files, or the recorded ids are old or missing, but not in an index that began as a copy.
    /// Both are only for later copies of the index, so a failure is only logged. Does nothing outside of a git
    /// repository.
    pub(crate) fn record_git_project(&self, files_indexed: u64) {
        let index_dir = &self.settings.index_dir;
        let Some(project) = GitProject::find(self.root()) else { return };
        if read_git_project(index_dir).as_ref() != Some(&project)
            && let Err(error) = write_git_project(index_dir, &project)
        {
            tracing::debug!("cannot record the repository of {}: {error}", self.root().display());
        }
        let Ok(Some(view)) = self.open_view() else { return };
        if view.manifest().origin.is_some() {
            // A confirmed copy does not need them any more, but a file that other indexes share costs nothing.
            KnownObjects::remove_unshared(index_dir);
            return;
        }
        let is_much = files_indexed * OBJECTS_SHARE > view.manifest().files_found;
        if is_much || KnownObjects::file_age(index_dir).is_none_or(|age| age > OBJECTS_AGE) {
            let records = view.files().unwrap_or_default();
            if let Err(error) = KnownObjects::find(index_dir, self.root(), &records).save(index_dir) {
                tracing::debug!("cannot write the object ids of {}: {error}", index_dir.display());
            }
        }
    }
}
