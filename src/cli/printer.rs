//! The only place that writes to standard output; notes for people go to standard error.
//!
//! Invariants: one lock for the whole command; an answer is flushed when it is complete; a reader
//! that went away is an [`io::ErrorKind::BrokenPipe`], which `cli::failed` takes for a good end.
//! Must never import: anything of this crate.

use std::io::{self, BufWriter, StdoutLock, Write as _};

use serde::Serialize;

use super::text;

/// Standard output.
pub struct Printer {
    out: BufWriter<StdoutLock<'static>>,
}

impl Printer {
    /// Locks standard output.
    pub fn new() -> Self {
        Self { out: BufWriter::with_capacity(64 * 1024, io::stdout().lock()) }
    }

    /// Writes a line. The caller has made it [visible](text::visible).
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn line(&mut self, line: &str) -> io::Result<()> {
        self.out.write_all(line.as_bytes())?;
        self.out.write_all(b"\n")
    }

    /// Writes a text that this program made for another one.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)
    }

    /// Writes `value` as one line of JSON and flushes it.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        // One line whatever a path or a text holds: JSON escapes line ends.
        serde_json::to_writer(&mut self.out, value)?;
        self.out.write_all(b"\n")?;
        self.out.flush()
    }

    /// Writes out what is still held back, and goes on.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Writes out what is still held back.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn finish(mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Tells a person something on standard error. Nobody may be reading: that is no error.
pub fn note(message: &str) {
    _ = writeln!(io::stderr(), "{}", text::visible_lines(message));
}

/// As [`note`], with the answer on the same line.
pub fn ask(question: &str) {
    let mut err = io::stderr();
    _ = write!(err, "{}", text::visible(question)).and_then(|()| err.flush());
}
