//! The files of an index whose folder is not here, such as that of a collection: rebuilt from the texts of their
//! chunks.

use std::path::Path;

use crate::error::{EngineError, PathError};
use crate::state::Engine;
use retrieval::{PartRequest, load_part};
use search::Snapshot;
use source::walk::FileContents;
use text::display::unescape_name;
use types::{FileStat, RepoPath};

/// The text of a line that no chunk has.
const MISSING_LINE: &str = "";

impl Engine {
    /// Returns whether the files of the index need not be in its folder, so that their texts come from the index.
    pub(crate) fn reads_stored_texts(&self) -> bool {
        self.trusts_base()
    }

    /// Resolves a path in the index: that of a file, or of a folder with indexed files.
    ///
    /// # Errors
    /// When nothing is indexed there, or the index cannot be read.
    pub(crate) fn resolve_stored_path(&self, path: &str) -> Result<RepoPath, PathError> {
        let named = unescape_name(path);
        let below = Path::new(&*named).strip_prefix(self.root()).ok().and_then(Path::to_str).unwrap_or(&named);
        let below = below.trim_start_matches("./").trim_matches('/');
        let wanted = RepoPath::new(below);
        let missing = |nearest| PathError::Missing { path: path.to_owned(), root: self.root().to_owned(), nearest };
        if below.is_empty() || below == "." {
            return Ok(RepoPath::new(""));
        }
        let is_repository = |name: &String| name == below;
        if self.list_collection_repositories().is_some_and(|names| names.iter().any(is_repository)) {
            return Ok(wanted);
        }
        let Ok(all) = self.current_snapshot() else { return Err(missing(None)) };
        let has_file = |snapshot: &Snapshot| snapshot.record(&wanted).is_some();
        let loaded = load_part(&all, &PartRequest::Files(std::slice::from_ref(&wanted)));
        if loaded.is_ok_and(|snapshot| has_file(&snapshot)) || self.has_stored_folder(&all, below) {
            return Ok(wanted);
        }
        Err(missing(search::find_nearest_path(&all, below)))
    }

    /// Returns whether the index has files with chunks below a folder; false if it cannot be read.
    pub(crate) fn has_stored_folder(&self, all: &std::sync::Arc<Snapshot>, folder: &str) -> bool {
        let start = format!("{folder}/");
        let loaded = load_part(all, &PartRequest::Folder(folder));
        loaded.is_ok_and(|snapshot| {
            let from = snapshot.files.partition_point(|file| file.path.as_str() < start.as_str());
            snapshot.files.get(from).is_some_and(|file| file.path.as_str().starts_with(&start))
        })
    }

    /// Rebuilds a file from the texts of its chunks. Lines that no chunk has are empty; the others have their numbers.
    ///
    /// # Errors
    /// When the file is not indexed, or the index cannot be read.
    pub(crate) fn read_stored_file(&self, path: &RepoPath) -> Result<FileContents, PathError> {
        let text = self
            .rebuild_text(path)
            .map_err(|error| PathError::Io { path: path.clone(), source: std::io::Error::other(error.to_string()) })?;
        match text {
            Some(text) => Ok(FileContents {
                stat: FileStat { size_bytes: text.len() as u64, ..FileStat::default() },
                bytes: text.into_bytes(),
            }),
            None => Err(PathError::Io { path: path.clone(), source: std::io::ErrorKind::NotFound.into() }),
        }
    }

    fn rebuild_text(&self, path: &RepoPath) -> Result<Option<String>, EngineError> {
        let all = self.current_snapshot()?;
        let snapshot = load_part(&all, &PartRequest::Files(std::slice::from_ref(path)))?;
        let Some(file) = snapshot.file_index(path.as_str()) else { return Ok(None) };
        let chunks: Vec<u32> = snapshot.chunks_of_file(file).collect();
        let texts = snapshot.read_texts(&chunks)?;
        let mut lines: Vec<&str> = Vec::new();
        for (chunk, text) in chunks.iter().zip(&texts) {
            let first = snapshot.chunk(*chunk).span.start_line as usize - 1;
            for (offset, line) in text.text.lines().enumerate() {
                if lines.len() <= first + offset {
                    lines.resize(first + offset + 1, MISSING_LINE);
                }
                lines[first + offset] = line;
            }
        }
        Ok(Some(lines.iter().flat_map(|line| [*line, "\n"]).collect()))
    }
}
