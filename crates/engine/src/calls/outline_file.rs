//! Outlines a file: lists the definitions in its current contents on disk.

use super::read_code::describe_masks;
use crate::error::EngineError;
use crate::query_source::QuerySource;
use crate::state::Engine;
use source::secrets::MASK;
use source::{count_lines, decode_source_as};
use types::{RepoPath, Symbol};

/// The definitions of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileOutline {
    pub path: RepoPath,
    pub language: String,
    /// Number of lines in the file.
    pub lines: u32,
    /// The definitions, sorted by first line.
    pub symbols: Vec<Symbol>,
    /// The reason why the file was not parsed, or parsed only in part; `None` if there was no problem.
    pub problem: Option<String>,
    /// A note about credentials that are masked in signatures; `None` if there are none.
    pub masked_note: Option<String>,
}

/// Parses the current contents of a file on disk and returns its definitions.
///
/// # Errors
/// Fails like [`QueryCalls::outline`](crate::QueryCalls::outline).
pub(crate) fn outline_in<S: QuerySource + ?Sized>(source: &S, path: &str) -> Result<FileOutline, EngineError> {
    let located = source.locate(path)?;
    let outline = located.engine.outline_file(&located.path)?;
    Ok(FileOutline { path: located.to_group_path(&outline.path), ..outline })
}

impl Engine {
    fn outline_file(&self, path: &str) -> Result<FileOutline, EngineError> {
        let (path, read) = self.read_visible_file(path)?;
        let file = decode_source_as(&path, read.bytes, &self.language_choices());
        let lines = count_lines(&file.text);
        let (symbols, problem) = self.parsers.outline_file(&file, self.settings.parse_time_limit);
        let has_mask = symbols.iter().any(|symbol| symbol.signature.contains(MASK));
        let masks: Vec<_> = file.masks.iter().map(|mask| (mask.line, mask.rule)).collect();
        let masked_note = describe_masks(&masks).filter(|_| has_mask);
        Ok(FileOutline { path, language: file.language.to_string(), lines, symbols, problem, masked_note })
    }
}
