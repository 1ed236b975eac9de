//! The errors of an index run.

use std::path::PathBuf;

use embed::EmbedError;
use platform::threads::describe_thread_limits;
use source::language::LanguageChoicesError;
use source::walk::WalkError;
use store::StoreError;

/// The reason why an index run failed.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The root could not be walked.
    #[error(transparent)]
    Walk(#[from] WalkError),
    /// A `languages.toml` cannot be used.
    #[error(transparent)]
    Languages(#[from] LanguageChoicesError),
    /// The store could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// All parsed files together would exceed the memory limit.
    #[error(
        "--preparse would hold about {needed_bytes} bytes for {files} files, more than the {ceiling_bytes} that --max-memory leaves for files; raise --max-memory or leave --preparse out"
    )]
    Preparse { files: u64, needed_bytes: u64, ceiling_bytes: u64 },
    /// Other processes keep committing to the same index.
    #[error("the index of {root} keeps being changed by another process; wait for it to end, then run this again")]
    Contended { root: PathBuf },
    /// A thread could not be started.
    #[error("cannot start the {stage} stage: {source}; {}", describe_thread_limits())]
    Thread { stage: &'static str, source: std::io::Error },
    /// The model or its device failed.
    #[error(transparent)]
    Embed(#[from] EmbedError),
    /// A stage panicked, which is a bug.
    #[error("the {stage} stage failed: {message}; what was committed before is kept; please report this")]
    Panic { stage: &'static str, message: String },
    /// The cancel token of the run was cancelled.
    #[error("stopped; the files of {root} that are indexed so far are kept: run the same command again for the rest")]
    Cancelled { root: PathBuf },
}

impl IndexError {
    /// Returns whether another process is writing the index, so a later attempt may succeed.
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Contended { .. } | Self::Store(StoreError::Locked { .. }))
    }
}
