//! The files of a commit, and copies of an index that share them.
//!
//! Every file that a manifest names is immutable, so a copy of an index consists of hard links to the files of one
//! commit and of another manifest. Neither index changes when the other one commits, compacts or is removed: their
//! writers only add files and remove names.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::error::StoreError;
use crate::lance::location::{IndexLocation, SNAPSHOT_CACHE};
use crate::lance::lock::WriterLock;
use crate::lance::manifest::{self, CommitRecord, TableVersion};
use crate::lance::segments::SEGMENTS_FOLDER;
use crate::manifest::{IndexOrigin, Manifest};
use platform::atomic_file;
use platform::clock::now_ms;
use platform::file_format::HEADER_BYTES;

/// File with the object ids that git gives to the contents of an index's files; it need not exist.
pub const OBJECTS: &str = "objects";

/// Maximum number of attempts to link the files of a commit while a writer replaces it.
const MAX_ATTEMPTS: usize = 16;

/// The files of one commit that its readers and later writers need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexParts {
    pub manifest: Manifest,
    /// The immutable files, without the manifest, sorted by path. [`OBJECTS`] and the snapshot cache are among them
    /// if they exist; an index works without these two.
    pub files: Vec<IndexPart>,
    commit: CommitRecord,
}

/// An immutable file of an index.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct IndexPart {
    /// The path relative to the folder of the index, with slashes.
    pub path: String,
    pub size_bytes: u64,
}

impl IndexPart {
    /// Returns whether an index works, only more slowly, without the file at a path in the index folder.
    pub fn is_optional(path: &str) -> bool {
        [SNAPSHOT_CACHE, OBJECTS].contains(&path)
    }

    /// Returns whether a reader that reads an index in place leaves the file at a path in the index folder where it is.
    /// Of files with rows or of search indexes it needs small ranges, of the snapshot cache and the object ids nothing.
    /// The other files are small or read as a whole.
    pub fn is_left_in_place(path: &str) -> bool {
        if Self::is_optional(path) {
            return true;
        }
        let mut names = path.split('/');
        names.next() == Some("data")
            && names.next().is_some_and(|table| table.ends_with(".lance"))
            && matches!(names.next(), Some("data" | "_indices"))
            && names.next().is_some()
    }
}

impl IndexParts {
    /// Returns the contents of a `manifest.json` for a folder that has only these files. The indexed folder in it is
    /// `root`, which [`crate::lance::LanceStore::clone_index`] records as the origin of a clone.
    ///
    /// # Errors
    /// When the manifest cannot be encoded.
    pub fn manifest_file(&self, root: &Path) -> Result<Vec<u8>, StoreError> {
        let mut commit = self.commit.clone();
        root.clone_into(&mut commit.manifest.root);
        manifest::encode_manifest(&IndexLocation::of_any_root(root), &commit)
    }
}

/// Lists the files of the last commit of a store; see [`crate::lance::LanceStore::list_parts`].
pub(in crate::lance) fn list_parts(location: &IndexLocation) -> Result<Option<IndexParts>, StoreError> {
    for attempt in 1.. {
        let Some(commit) = manifest::read_manifest(location)?.map(without_replaced) else { return Ok(None) };
        let Some(names) = list_commit_files(&commit) else { return Ok(None) };
        match measure_parts(location, &names) {
            Ok(mut files) => {
                files.extend([OBJECTS, SNAPSHOT_CACHE].iter().filter_map(|name| measure_part(location, name).ok()));
                files.sort();
                return Ok(Some(IndexParts { manifest: commit.manifest.clone(), files, commit }));
            }
            Err(error) if attempt == MAX_ATTEMPTS || is_current(location, &commit)? => return Err(error),
            Err(_) => {}
        }
    }
    Ok(None)
}

/// Makes `target` a copy of `source`; see [`crate::lance::LanceStore::clone_index`].
pub(in crate::lance) fn clone_index(
    source: &IndexLocation,
    target: &IndexLocation,
    root: &Path,
) -> Result<Manifest, StoreError> {
    let _lock = WriterLock::acquire(target)?;
    if let Some(committed) = manifest::read_manifest(target)? {
        return Ok(committed.manifest);
    }
    for attempt in 1.. {
        let no_parts = || source.engine_error("share the index", &"it has no commit whose files are known");
        let read = manifest::read_manifest(source)?.map(without_replaced);
        let (commit, names) =
            read.and_then(|commit| list_commit_files(&commit).map(|names| (commit, names))).ok_or_else(no_parts)?;
        match link_files(source, target, &names) {
            Ok(()) => return publish_clone(source, target, commit, &names, root),
            Err(error) => {
                let is_gone =
                    matches!(&error, StoreError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound);
                if !is_gone || attempt == MAX_ATTEMPTS || is_current(source, &commit)? {
                    remove_linked(target);
                    return Err(error);
                }
            }
        }
    }
    Err(source.engine_error("share the index", &"its writer replaced every commit"))
}

/// Returns a commit without the earlier commits that its readers may have open or that are saved.
fn without_replaced(mut commit: CommitRecord) -> CommitRecord {
    commit.retired.clear();
    commit.saved.clear();
    commit.dropped_words.clear();
    commit
}

/// Returns whether `commit` is still the last one of a store.
fn is_current(location: &IndexLocation, commit: &CommitRecord) -> Result<bool, StoreError> {
    Ok(manifest::read_manifest(location)?.map(without_replaced).as_ref() == Some(commit))
}

/// Lists the files that a commit needs, relative to the folder of the index; `None` if its manifest does not name them.
fn list_commit_files(commit: &CommitRecord) -> Option<BTreeSet<String>> {
    let tables = [&commit.chunks, &commit.files];
    let has_names = |table: &&TableVersion| table.metadata.keys().any(|name| name.starts_with("_versions/"));
    if !tables.iter().all(has_names) {
        return None;
    }
    let of_tables =
        tables.into_iter().flat_map(|table| table.metadata.keys().map(move |name| table.path_in_index(name)));
    Some(of_tables.chain(commit.words.iter().map(|name| format!("{SEGMENTS_FOLDER}/{name}"))).collect())
}

fn measure_parts(location: &IndexLocation, names: &BTreeSet<String>) -> Result<Vec<IndexPart>, StoreError> {
    let measure = |name: &String| {
        measure_part(location, name).map_err(|error| {
            let problem = format!("{name}: {error}");
            location.damage_error("list the files of the index", &problem)
        })
    };
    names.iter().map(measure).collect()
}

fn measure_part(location: &IndexLocation, name: &str) -> io::Result<IndexPart> {
    let size_bytes = fs::symlink_metadata(location.dir.join(name))?.len();
    Ok(IndexPart { path: name.to_owned(), size_bytes })
}

/// Links the files `names` of `source` into `target`, after the leftovers of an interrupted clone are removed.
fn link_files(source: &IndexLocation, target: &IndexLocation, names: &BTreeSet<String>) -> Result<(), StoreError> {
    remove_linked(target);
    let folders: BTreeSet<PathBuf> = names.iter().map(|name| folder_of(target, name)).collect();
    for folder in &folders {
        fs::create_dir_all(folder).map_err(|error| target.io_error("create", &folder.to_string_lossy(), error))?;
    }
    for name in names {
        link_file(source, target, name)?;
    }
    Ok(())
}

fn folder_of(location: &IndexLocation, name: &str) -> PathBuf {
    let file = location.dir.join(name);
    file.parent().map_or_else(|| location.dir.clone(), Path::to_owned)
}

/// Links the file `name` of `source` into `target`, or copies it if the file system refuses the link.
fn link_file(source: &IndexLocation, target: &IndexLocation, name: &str) -> Result<(), StoreError> {
    let (from, to) = (source.dir.join(name), target.dir.join(name));
    match fs::hard_link(&from, &to) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(source.io_error("share", name, error)),
        Err(_) => {
            fs::copy(&from, &to).map_err(|error| source.io_error("copy", name, error))?;
            atomic_file::sync_file(&to).map_err(|error| target.io_error("sync", name, error))
        }
    }
}

/// Removes the files that an interrupted or failed clone has left in an index folder without a commit.
fn remove_linked(target: &IndexLocation) {
    for folder in [target.data_dir(), target.dir.join(SEGMENTS_FOLDER)] {
        _ = fs::remove_dir_all(folder);
    }
    for name in [OBJECTS, SNAPSHOT_CACHE] {
        _ = fs::remove_file(target.dir.join(name));
    }
}

/// Publishes a clone whose files are linked.
fn publish_clone(
    source: &IndexLocation,
    target: &IndexLocation,
    mut commit: CommitRecord,
    names: &BTreeSet<String>,
    root: &Path,
) -> Result<Manifest, StoreError> {
    // Neither file is needed, so a failure is no error.
    for name in [OBJECTS, SNAPSHOT_CACHE] {
        _ = link_file(source, target, name);
    }
    let cache = target.dir.join(SNAPSHOT_CACHE);
    if !is_cache_of(&cache, &commit) {
        _ = fs::remove_file(&cache);
    }
    let folders: BTreeSet<PathBuf> = names.iter().map(|name| folder_of(target, name)).collect();
    let above =
        folders.iter().flat_map(|folder| folder.ancestors().skip(1).take_while(|above| above.starts_with(&target.dir)));
    for folder in folders.iter().map(PathBuf::as_path).chain(above).collect::<BTreeSet<_>>() {
        let failed = |source| StoreError::Io { operation: "sync", path: folder.to_owned(), source };
        atomic_file::sync_folder(folder).map_err(failed)?;
    }
    let (now, depth) = (now_ms(), commit.manifest.copy_depth());
    commit.manifest.origin = Some(IndexOrigin {
        root: std::mem::replace(&mut commit.manifest.root, root.to_owned()),
        generation: commit.manifest.generation,
        id: RandomState::new().hash_one(now).max(1),
        is_confirmed: false,
        depth,
    });
    (commit.manifest.complete, commit.manifest.files_found, commit.manifest.committed_at_ms) = (false, 0, now);
    manifest::publish_manifest(target, &commit)?;
    Ok(commit.manifest)
}

/// Returns whether the snapshot cache at `path` can belong to `commit`: its row keys are of the same rows generation,
/// and it is not of a later commit, in which the row keys of the clone's next chunks may mean other chunks. The cache
/// begins with the header of the format, the rows generation and the generation.
fn is_cache_of(path: &Path, commit: &CommitRecord) -> bool {
    let mut start = [0; HEADER_BYTES + 16];
    let is_read = File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok();
    let number = |at: usize| start[at..at + 8].iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    is_read && number(HEADER_BYTES) == commit.rows_generation && number(HEADER_BYTES + 8) <= commit.manifest.generation
}
