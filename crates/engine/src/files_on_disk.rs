//! Reads the current files of the root, and nothing outside of it.
//!
//! A path is resolved; it must be below the root, must not name a secret, and must not be excluded by a rule. The file
//! is then opened without following symbolic links, so a path that changes after the check cannot lead outside.

pub mod allowed_folders;
mod stored;

use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path};

use crate::damage::{TextState, compare_with_file};
use crate::error::PathError;
use crate::state::Engine;
use platform::cancel::CancelToken;
use platform::open::is_link_loop;
use source::secrets;
use source::walk::{self, Disk, FileContents, WalkFinding, WalkOptions};
use text::display::unescape_name;
use types::{AbsPath, ContentHash, FileRecord, FileStat, RepoPath, SkipReason, Span};

impl Engine {
    /// Resolves a path, absolute or relative to the root, to a path relative to the root. Symbolic links that lead
    /// outside are refused. The path may contain escapes that [`unescape_name`] decodes, and may be in another Unicode
    /// normal form than the indexed path.
    ///
    /// # Errors
    /// When the path does not exist, cannot be examined, or is outside of the root.
    pub(crate) fn resolve_path(&self, path: &str) -> Result<RepoPath, PathError> {
        match self.resolve_path_on_disk(path) {
            Err(PathError::Missing { .. }) if self.reads_stored_texts() => self.resolve_stored_path(path),
            resolved => resolved,
        }
    }

    fn resolve_path_on_disk(&self, path: &str) -> Result<RepoPath, PathError> {
        let root = self.root();
        let named = unescape_name(path);
        let path = if root.join(&*named).symlink_metadata().is_ok() { &named } else { path };
        let composed = self.find_composed_path(path);
        let path = composed.as_deref().unwrap_or(path);
        let outside = || PathError::OutsideRoot { path: path.to_owned(), root: root.to_owned() };
        let is_lossy = path.contains(char::REPLACEMENT_CHARACTER) && Path::new(path).is_relative();
        let joined = if is_lossy { RepoPath::new(path).under(root) } else { root.join(path) };
        let resolved = AbsPath::canonical(&joined).map_err(|source| {
            let leads_outside = Path::new(path).components().any(|part| part == Component::ParentDir)
                || (Path::new(path).is_absolute() && !joined.starts_with(root));
            match source.kind() {
                _ if leads_outside => outside(),
                ErrorKind::NotFound | ErrorKind::NotADirectory => {
                    if let Some((file, lines)) = self.split_bad_lines(path) {
                        let (path, file, lines) = (path.to_owned(), file.to_owned(), lines.to_owned());
                        return PathError::NotLines { path, file, lines };
                    }
                    let snapshot = self.current_snapshot().ok();
                    let nearest = snapshot.and_then(|snapshot| search::find_nearest_path(&snapshot, path));
                    PathError::Missing { path: path.to_owned(), root: root.to_owned(), nearest }
                }
                _ if is_link_loop(&source) => PathError::LinkLoop { path: path.to_owned() },
                _ => PathError::Unresolved { path: path.to_owned(), source },
            }
        })?;
        RepoPath::below(root, resolved.as_path()).ok_or_else(outside)
    }

    /// Splits a path that does not exist into that of a file and the text after a colon or `#`, such as `a.rs` and `0`;
    /// `None` if there is no such file.
    fn split_bad_lines<'p>(&self, path: &'p str) -> Option<(&'p str, &'p str)> {
        let splits = path.match_indices([':', '#']).map(|(at, _)| (&path[..at], &path[at + 1..]));
        splits.into_iter().find(|(file, lines)| !lines.is_empty() && self.root().join(file).is_file())
    }

    /// Returns the indexed path that equals `path` once both are in NFC, if `path` has other characters than ASCII and
    /// does not exist. Operating systems write accents in different normal forms.
    fn find_composed_path(&self, path: &str) -> Option<String> {
        if path.is_ascii() || self.root().join(path).symlink_metadata().is_ok() {
            return None;
        }
        let below = Path::new(path).strip_prefix(self.root()).ok().and_then(Path::to_str).unwrap_or(path);
        let snapshot = self.current_snapshot().ok()?;
        snapshot.find_composed_path(below.trim_start_matches("./").trim_end_matches('/')).map(str::to_owned)
    }

    /// Returns whether files in a folder below the root can be in the index: no rule leaves the folder out. False if it
    /// cannot be examined.
    pub fn covers_folder(&self, folder: &RepoPath) -> bool {
        walk::enters_folder(&self.settings.root, folder).unwrap_or(false)
    }

    /// Reads a text file that a client may see, and returns its resolved path with its contents. Such a file is
    /// included in the index, or is excluded only as data, as a lock file or as minified.
    ///
    /// # Errors
    /// When the path cannot be resolved, names a secret or a folder, or is excluded for another reason, and like
    /// [`Engine::read_included_file`].
    pub(crate) fn read_visible_file(&self, path: &str) -> Result<(RepoPath, FileContents), PathError> {
        let resolved = self.resolve_path(path)?;
        if self.reads_stored_texts() && resolved.under(self.root()).symlink_metadata().is_err() {
            let read = self.read_stored_file(&resolved).map_err(|error| match error {
                PathError::Io { ref source, .. } if source.kind() == ErrorKind::NotFound => {
                    PathError::Folder { path: resolved.clone() }
                }
                other => other,
            })?;
            return Ok((resolved, read));
        }
        // The name of a link can match a secret rule that its target does not match.
        let link_path = RepoPath::below(self.root(), &self.root().join(path)).unwrap_or_else(|| resolved.clone());
        if let Some(rule) = secrets::secret_pattern(&resolved).or_else(|| secrets::secret_pattern(&link_path)) {
            return Err(PathError::Secret { path: resolved, rule });
        }
        let options = WalkOptions {
            max_file_bytes: u64::MAX,
            files: &Disk,
            cross_file_systems: self.settings.cross_file_systems,
            fault_log: None,
            cancel: &CancelToken::default(),
        };
        let found = walk::judge_path(&self.settings.root, &options, &resolved)
            .map_err(|source| PathError::Walk { path: resolved.clone(), source })?;
        match found {
            Some(WalkFinding::File(_)) => {}
            // Data files are not indexed, but a client may still read them.
            Some(WalkFinding::Skipped(skipped)) if is_readable_anyway(&skipped.reason) => {}
            Some(WalkFinding::Skipped(skipped)) => {
                return Err(PathError::LeftOut { path: resolved, reason: skipped.reason });
            }
            None if resolved.under(self.root()).is_dir() => return Err(PathError::Folder { path: resolved }),
            None => return Err(PathError::Unreachable { path: resolved }),
        }
        let read = self.read_included_file(&resolved)?;
        Ok((resolved, read))
    }

    /// Reads a text file, without checking whether ignore rules exclude it.
    ///
    /// # Errors
    /// For secrets, binary files, files that hold credentials or are too large, and when the file cannot be read.
    pub(crate) fn read_included_file(&self, path: &RepoPath) -> Result<FileContents, PathError> {
        if let Some(rule) = secrets::secret_pattern(path) {
            return Err(PathError::Secret { path: path.clone(), rule });
        }
        let max_bytes = walk::max_bytes_of(path, self.settings.max_file_bytes);
        let read = match FileContents::read_beneath(self.root(), path, max_bytes.saturating_add(1)) {
            Err(error) if error.kind() == ErrorKind::NotFound && self.reads_stored_texts() => {
                return self.read_stored_file(path);
            }
            read => read.map_err(|source| PathError::Io { path: path.clone(), source })?,
        };
        if read.bytes.len() as u64 > max_bytes {
            return Err(PathError::TooLarge { path: path.clone(), size_bytes: read.stat.size_bytes, max_bytes });
        }
        match walk::inspect_content(path, &read.bytes) {
            Some(reason @ SkipReason::Binary) => Err(PathError::NotText { path: path.clone(), reason }),
            Some(SkipReason::Credentials { found }) => Err(PathError::Credentials { path: path.clone(), found }),
            _ => Ok(read),
        }
    }

    /// Compares texts from the index with the lines of their file; `record` is the file's record. All are stale without
    /// a record, or if the file cannot be read or has changed; in a changed notebook, only the texts that differ are
    /// stale. If answers come from a published index alone, the texts of a missing file are current.
    pub(crate) fn compare_texts(&self, record: Option<&FileRecord>, texts: &[(Span, &str)]) -> Vec<TextState> {
        let stale = || vec![TextState::Stale; texts.len()];
        let Some(record) = record else { return stale() };
        let metadata = match fs::symlink_metadata(record.path.under(self.root())) {
            Ok(metadata) => metadata,
            // There is no file to compare with.
            Err(_) if self.reads_stored_texts() => return vec![TextState::Current; texts.len()],
            Err(_) => return stale(),
        };
        let stat = FileStat::from_metadata(&metadata);
        if let Some(states) = self.current_texts.recall(record, stat, texts) {
            return states;
        }
        let max_bytes = walk::max_bytes_of(&record.path, self.settings.max_file_bytes);
        let Ok(FileContents { bytes, stat: read }) = FileContents::read_beneath(self.root(), &record.path, max_bytes)
        else {
            return stale();
        };
        let is_current = ContentHash::of_bytes(&bytes) == record.content.hash;
        let states = match is_current {
            true => compare_with_file(&record.path, bytes, texts),
            // The cells of a notebook are the same when only its outputs have changed.
            false if source::is_notebook(&record.path) => {
                let compared = compare_with_file(&record.path, bytes, texts).into_iter();
                compared.map(|state| if state == TextState::Damaged { TextState::Stale } else { state }).collect()
            }
            false => stale(),
        };
        let is_damaged = states.contains(&TextState::Damaged);
        if read == stat && !is_damaged && (is_current || !source::is_notebook(&record.path)) {
            self.current_texts.remember(record, stat, is_current, texts);
        }
        states
    }
}

/// Returns whether a file that is not indexed for `reason` may still be read.
fn is_readable_anyway(reason: &SkipReason) -> bool {
    matches!(reason, SkipReason::LockFile | SkipReason::Data | SkipReason::Minified)
}
