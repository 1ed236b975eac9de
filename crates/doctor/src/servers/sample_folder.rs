//! A temporary folder with a few files, on which servers are tested.

use std::fs::{self, DirBuilder};
use std::io;
use std::path::{Path, PathBuf};

/// The source file of the sample folder.
const SAMPLE: &str = "/// Calls the request again after a failure, waiting longer each time.
pub fn retry_with_backoff(request: impl Fn() -> bool, attempts: u32) -> bool {
    (0..attempts).any(|_| request())
}
";

/// A temporary folder with sample files, removed on drop.
pub struct SampleFolder(PathBuf);

impl SampleFolder {
    /// Creates the folder; `name` distinguishes it from others of this process.
    ///
    /// # Errors
    /// If the folder exists or cannot be written.
    pub fn create(name: &str) -> io::Result<Self> {
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        let folder = std::env::temp_dir().join(format!("codescry-doctor-{}-{name}", std::process::id()));
        // Fails if the folder exists, so that another user cannot prepare it.
        builder.create(&folder)?;
        let sample = Self(folder);
        fs::create_dir(sample.0.join("code"))?;
        fs::write(sample.0.join("code/retry.rs"), SAMPLE)?;
        fs::write(sample.0.join("code/notes.md"), "# Notes\n\nWhat there is to know about invoices.\n")?;
        Ok(sample)
    }

    /// Returns the path of the folder.
    pub fn folder(&self) -> &Path {
        &self.0
    }
}

impl Drop for SampleFolder {
    fn drop(&mut self) {
        // On failure, the system cleans up temporary files.
        _ = fs::remove_dir_all(&self.0);
    }
}
