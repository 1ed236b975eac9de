//! Output to standard output; notes for users go to standard error.
//!
//! Invariants: standard output is locked while a [`Printer`] exists; an answer is flushed when it is complete; a closed
//! pipe is an [`io::ErrorKind::BrokenPipe`], which `exit::report_failure` treats as success.

use std::io::{self, BufWriter, IsTerminal as _, StdoutLock, Write as _};

use console::Term;
use serde::Serialize;

use super::text_output::palette::find_columns;
use super::text_output::remedies::for_command_line;

/// A buffered writer to standard output.
pub struct Printer {
    out: BufWriter<StdoutLock<'static>>,
    /// The width at which lines are wrapped; `None` if standard output is not a terminal or its width is unknown.
    columns: Option<usize>,
}

impl Printer {
    /// Locks standard output.
    pub fn new() -> Self {
        let columns = io::stdout().is_terminal().then(|| find_columns(&Term::stdout())).flatten();
        Self { out: BufWriter::with_capacity(64 * 1024, io::stdout().lock()), columns }
    }

    /// Writes a line, in which the caller has [escaped control characters](terminal_text::escape_controls). On a
    /// terminal, a line that is too long is wrapped between words.
    ///
    /// # Errors
    /// If standard output cannot be written.
    pub fn line(&mut self, line: &str) -> io::Result<()> {
        let wrapped = self.columns.map(|columns| terminal_text::wrap_line(line, columns).join("\n"));
        self.out.write_all(wrapped.as_deref().unwrap_or(line).as_bytes())?;
        self.out.write_all(b"\n")
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)
    }

    /// Writes `value` as one line of JSON and flushes it.
    ///
    /// # Errors
    /// If standard output cannot be written.
    pub fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        // JSON escapes line ends in strings, so the value is always one line.
        let json = serde_json::to_string(value)?;
        self.out.write_all(terminal_text::escape_json(&json).as_bytes())?;
        self.out.write_all(b"\n")?;
        self.out.flush()
    }

    /// Writes buffered output.
    ///
    /// # Errors
    /// If standard output cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Writes buffered output and releases standard output.
    ///
    /// # Errors
    /// If standard output cannot be written.
    pub fn finish(mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Writes generated text to standard output, unescaped.
///
/// # Errors
/// If standard output cannot be written.
pub fn print_bytes(bytes: &[u8]) -> io::Result<()> {
    let mut printer = Printer::new();
    printer.bytes(bytes)?;
    printer.finish()
}

/// Prints a message of the engine or a command on standard error, with remedies for the command line. Ignores errors:
/// the reader may have closed the pipe.
pub fn print_note(message: &str) {
    _ = writeln!(io::stderr(), "{}", format_note(message));
}

/// Formats a message for standard error, with remedies for the command line.
pub fn format_note(message: &str) -> String {
    wrap_for_stderr(&terminal_text::escape_lines(&for_command_line(message)))
}

/// Wraps the lines of a text at the width of the terminal, if standard error is one.
fn wrap_for_stderr(text: &str) -> String {
    let columns = io::stderr().is_terminal().then(|| find_columns(&Term::stderr())).flatten();
    columns.map_or_else(|| text.to_owned(), |columns| terminal_text::wrap_lines(text, columns))
}

/// Prints help on standard output, or a usage error on standard error, wrapped at the width of the terminal.
///
/// # Errors
/// If standard output cannot be written.
pub fn print_usage(text: &str, is_error: bool) -> io::Result<()> {
    if is_error {
        _ = write!(io::stderr(), "{}", wrap_for_stderr(text));
        return Ok(());
    }
    let columns = io::stdout().is_terminal().then(|| find_columns(&Term::stdout())).flatten();
    let wrapped = columns.map(|columns| terminal_text::wrap_lines(text, columns));
    print_bytes(wrapped.as_deref().unwrap_or(text).as_bytes())
}

/// Prints a question on standard error without a line end; the user answers on the same line.
pub fn print_prompt(question: &str) {
    let mut err = io::stderr();
    _ = write!(err, "{}", terminal_text::escape_controls(question)).and_then(|()| err.flush());
}
