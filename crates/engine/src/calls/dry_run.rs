//! Lists the files that an index run would include.

use std::ops::ControlFlow;

use crate::error::{EngineError, fail_if_cancelled};
use crate::state::Engine;
use index::{ChangeCounts, DryRun, IncludedFile, IndexError};
use platform::cancel::CancelToken;
use source::decode_file;
use source::language::LanguageChoices;
use source::walk::{self, Disk, FileContents, FileSystem as _, WalkFinding, WalkOptions};
use types::{ContentHash, SkipReason};

impl Engine {
    /// Lists the files that an index run would include and exclude, with reasons. Reads the files and writes nothing.
    ///
    /// # Errors
    /// When the root cannot be walked or a `languages.toml` cannot be used; [`EngineError::Cancelled`].
    pub fn dry_run(&self, cancel: &CancelToken) -> Result<DryRun, EngineError> {
        let options = WalkOptions {
            max_file_bytes: self.settings.max_file_bytes,
            files: &Disk,
            cross_file_systems: self.settings.cross_file_systems,
            fault_log: Some(&self.fault_log),
            cancel,
        };
        let languages = LanguageChoices::load(&self.settings.languages_file, self.settings.root.as_path())
            .map_err(IndexError::from)?;
        let mut listing = DryRun::default();
        let walked = walk::walk_tree(&self.settings.root, &options, &mut |walked| {
            match walked {
                WalkFinding::Skipped(skipped) => listing.excluded.push((skipped.path, skipped.is_dir, skipped.reason)),
                WalkFinding::File(entry) => {
                    match Disk.read(&entry.abs, walk::max_bytes_of(&entry.path, self.settings.max_file_bytes)) {
                        Err(error) => listing.excluded.push((
                            entry.path,
                            false,
                            SkipReason::Unreadable { message: error.to_string() },
                        )),
                        Ok(FileContents { bytes, .. }) => match walk::inspect_content(&entry.path, &bytes) {
                            Some(reason) => listing.excluded.push((entry.path, false, reason)),
                            None => {
                                let hash = ContentHash::of_bytes(&bytes);
                                let (source, decoding) = decode_file(&entry.path, bytes, &languages);
                                listing.problems.extend(decoding.problem.map(|problem| (entry.path.clone(), problem)));
                                let masks = source.masks.iter().map(|mask| (entry.path.clone(), mask.line, mask.rule));
                                listing.masked.extend(masks);
                                let (path, language) = (entry.path, source.language);
                                listing.included.push(IncludedFile { path, language, hash });
                            }
                        },
                    }
                }
            }
            if cancel.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        walked.map_err(IndexError::from)?;
        fail_if_cancelled(cancel)?;
        listing.included.sort_by(|a, b| a.path.cmp(&b.path));
        listing.excluded.sort();
        Ok(listing)
    }

    /// Compares the contents of the files that a dry run included with the index; `None` without an index.
    ///
    /// # Errors
    /// When the index cannot be read, or belongs to another folder.
    pub fn count_changes(&self, found: &DryRun) -> Result<Option<ChangeCounts>, EngineError> {
        let Some(view) = self.open_view()? else { return Ok(None) };
        Ok(Some(found.count_changes(&view.files()?)))
    }
}
