//! Lists the files that an index run would include.

use std::ops::ControlFlow;

use crate::error::{EngineError, fail_if_cancelled};
use crate::state::Engine;
use index::{DryRun, IndexError};
use platform::cancel::CancelToken;
use source::decode_file;
use source::language::LanguageChoices;
use source::walk::{self, Disk, FileContents, FileSystem as _, WalkFinding, WalkOptions};
use types::SkipReason;

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
                                let (source, decoding) = decode_file(&entry.path, bytes, &languages);
                                listing.problems.extend(decoding.problem.map(|problem| (entry.path.clone(), problem)));
                                let masks = source.masks.iter().map(|mask| (entry.path.clone(), mask.line, mask.rule));
                                listing.masked.extend(masks);
                                listing.included.push((entry.path, source.language));
                            }
                        },
                    }
                }
            }
            if cancel.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        walked.map_err(IndexError::from)?;
        fail_if_cancelled(cancel)?;
        listing.included.sort();
        listing.excluded.sort();
        Ok(listing)
    }
}
