//! The definitions of a folder, with their doc sentences.

use std::ops::ControlFlow;
use std::time::Duration;

use super::doc_comments;
use super::text_pair::hash_text;
use platform::cancel::CancelToken;
use source::decode_source;
use source::parse::SourceFile;
use source::walk::{self, Disk, FileSystem as _, WalkEntry, WalkError, WalkFinding, WalkOptions};
use types::{AbsPath, RepoPath, Symbol};
use workers::ParserPool;

/// Maximum size of a file in bytes; larger files are skipped.
const MAX_FILE_BYTES: u64 = 500_000;

/// The origin of the code that is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum CodeOrigin {
    /// Published code. Its parsing time limit is long, so that slow machines extract the same pairs as fast ones.
    Published,
    /// The user's own code. Files with secrets are skipped, and parsing has a short time limit since the user
    /// waits.
    User,
}

/// Time limit for parsing a file of the user's code.
const PARSE_TIME_LIMIT: Duration = Duration::from_secs(2);

/// Time limit for parsing a file of published code. It is never reached in practice, so results do not depend on
/// the machine's speed.
const PUBLISHED_PARSE_TIME_LIMIT: Duration = Duration::from_secs(3_600);

/// A definition with its doc sentence and the doc sentence of its container.
pub struct CodeDefinition {
    pub path: RepoPath,
    pub symbol: Symbol,
    /// The definition's lines, with comment and attributes.
    pub text: String,
    pub sentence: Option<String>,
    /// The definition's lines without the comment.
    pub rest: String,
    /// The doc sentence of the innermost enclosing container that has one.
    pub container_sentence: Option<String>,
    pub target: u64,
}

/// Reads all definitions of a folder of published code.
///
/// # Errors
///
/// Fails if the folder cannot be read.
pub fn read_definitions(root: &AbsPath) -> Result<Vec<CodeDefinition>, WalkError> {
    let (parsers, cancel) = (ParserPool::in_process(), CancelToken::default());
    Ok(read_folder(root, CodeOrigin::Published, &parsers, &cancel, &mut |_, _| ())?.unwrap_or_default())
}

pub(super) fn read_folder(
    root: &AbsPath,
    origin: CodeOrigin,
    parsers: &ParserPool,
    cancel: &CancelToken,
    observe: &mut dyn FnMut(usize, usize),
) -> Result<Option<Vec<CodeDefinition>>, WalkError> {
    let mut entries = Vec::new();
    let options = WalkOptions::new(MAX_FILE_BYTES, cancel);
    walk::walk_tree(root, &options, &mut |walked| {
        if let WalkFinding::File(entry) = walked {
            entries.push(entry);
        }
        ControlFlow::Continue(())
    })?;
    let time_limit = if origin == CodeOrigin::User { PARSE_TIME_LIMIT } else { PUBLISHED_PARSE_TIME_LIMIT };
    let mut found = Vec::new();
    for (done, entry) in (1..).zip(&entries) {
        if cancel.is_cancelled() {
            break;
        }
        if let Some(file) = read_source(entry, origin) {
            let (symbols, _) = parsers.outline_file(&file, time_limit);
            found.extend(build_definitions(&file, symbols));
        }
        observe(done, entries.len());
    }
    Ok((!cancel.is_cancelled()).then_some(found))
}

fn read_source(entry: &WalkEntry, origin: CodeOrigin) -> Option<SourceFile> {
    let bytes = Disk.read(&entry.abs, MAX_FILE_BYTES).ok()?.bytes;
    let inspect_content =
        if origin == CodeOrigin::User { walk::inspect_content } else { walk::inspect_published_content };
    let is_out = inspect_content(&entry.path, &bytes).is_some();
    // Replacement characters would be learned as words, so a file in another encoding is left out.
    let is_text = std::str::from_utf8(&bytes).is_ok();
    (!is_out && is_text).then(|| decode_source(&entry.path, bytes))
}

fn build_definitions(file: &SourceFile, symbols: Vec<Symbol>) -> Vec<CodeDefinition> {
    let lines: Vec<&str> = file.text.lines().collect();
    let mut found: Vec<CodeDefinition> = Vec::new();
    for symbol in symbols {
        let last = (symbol.span.end_line as usize).min(lines.len());
        let text = lines[(symbol.span.start_line as usize - 1).min(last)..last].join("\n");
        let documented = doc_comments::split_doc_comment(&text, file.language);
        let (sentence, rest) = match documented {
            Some(documented) => (Some(documented.sentence), documented.rest),
            None => (None, text.clone()),
        };
        let target = hash_text(&format!("{}\0{}\0{}", file.path, symbol.span.start_line, symbol.name));
        let path = file.path.clone();
        found.push(CodeDefinition { path, symbol, text, sentence, rest, container_sentence: None, target });
    }
    set_container_sentences(&mut found);
    found
}

/// Sets the container's sentence of each definition.
fn set_container_sentences(found: &mut [CodeDefinition]) {
    let sentences: Vec<_> =
        found.iter().map(|one| (one.symbol.span, one.symbol.kind.is_container(), one.sentence.clone())).collect();
    for one in found {
        let span = one.symbol.span;
        let holds = |outer: &&(types::Span, bool, Option<String>)| {
            outer.1 && outer.0 != span && outer.0.contains(span.start_line) && outer.0.contains(span.end_line)
        };
        one.container_sentence = sentences.iter().filter(holds).filter_map(|outer| outer.2.clone()).next_back();
    }
}
