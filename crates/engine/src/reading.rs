//! Reads source code from disk, inside of the root only.
//!
//! A path is resolved and must be below the root, hold no secret and be excluded by no rule. The file is then
//! opened without following symbolic links, so a path that changes after the check cannot lead outside.

use std::path::Path;

use super::{Engine, EngineError, SymbolHit, SymbolQuery};
use platform::cancel::CancelToken;
use search::NameQuery;
use source::parse;
use source::walk::{self, Disk, FileContents, WalkFinding, WalkOptions};
use types::{AbsPath, ContentHash, Language, RepoPath, SkipReason, Span, Symbol};

/// The code to read: a range of lines or a definition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadRequest {
    /// Absolute or relative to the root; optional if `symbol` is given.
    pub path: Option<String>,
    /// First and last line, 1-based; a range that ends after the file is cut off.
    pub lines: Option<(u32, u32)>,
    /// The name of a definition, as [`Engine::find_symbol`] takes it.
    pub symbol: Option<String>,
    /// Number of further lines to read before and after.
    pub context_lines: u32,
}

/// Whether a file on disk matches the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// The file is the one that was indexed.
    Indexed,
    /// The file has changed since it was indexed.
    Changed,
    /// The file is not in the index.
    Unknown,
}

/// An excerpt of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeExcerpt {
    pub path: RepoPath,
    pub language: Language,
    /// The lines of `text`.
    pub span: Span,
    /// Number of lines in the file.
    pub lines: u32,
    /// Without the last line ending.
    pub text: String,
    /// The requested definition.
    pub symbol: Option<Symbol>,
    /// The definitions that enclose the whole excerpt, outermost first.
    pub inside: Vec<Symbol>,
    pub freshness: Freshness,
    /// Other definitions of the same name.
    pub also: Vec<SymbolHit>,
}

/// Most other definitions returned with an excerpt.
const MAX_ALSO: usize = 5;

impl Engine {
    /// Reads a range of lines or a definition.
    ///
    /// # Errors
    /// [`EngineError::BadPath`] for a path that is missing, outside of the root, excluded or not text, and for
    /// a line that does not exist; [`EngineError::BadQuery`] for an unknown name.
    pub fn read_code(&self, request: &ReadRequest) -> Result<CodeExcerpt, EngineError> {
        match (&request.path, &request.symbol) {
            (Some(path), Some(name)) => self.read_symbol(path, name, request, Vec::new()),
            (None, Some(name)) => {
                let query = SymbolQuery { name: name.clone(), limit: MAX_ALSO + 1, ..SymbolQuery::default() };
                let mut found = self.find_symbol(&query)?.symbols;
                if found.is_empty() {
                    let message = format!("no definition of {name} is indexed; search for it, or give path and lines");
                    return Err(EngineError::BadQuery(message));
                }
                let best = found.remove(0);
                let name = types::qualified_name(&best.symbol.container, &best.symbol.name);
                let also = found.into_iter().filter(|other| other.how == best.how).collect();
                self.read_symbol(best.path.as_str(), &name, request, also)
            }
            (Some(path), None) => self.read_lines(path, request),
            (None, None) => Err(EngineError::BadQuery("no code to read was named; give a path or a symbol".to_owned())),
        }
    }

    fn read_lines(&self, path: &str, request: &ReadRequest) -> Result<CodeExcerpt, EngineError> {
        let opened = self.open_source(path)?;
        let last = opened.lines.max(1);
        let (from, to) = request.lines.unwrap_or((1, last));
        if from == 0 || from > last || from > to {
            let message =
                format!("{} has lines 1 to {last}, not {from} to {to}; give lines in this range", opened.path);
            return Err(EngineError::BadPath(message));
        }
        Ok(opened.cut_excerpt(Span { start_line: from, end_line: to.min(last) }, request.context_lines, None))
    }

    fn read_symbol(
        &self,
        path: &str,
        name: &str,
        request: &ReadRequest,
        also: Vec<SymbolHit>,
    ) -> Result<CodeExcerpt, EngineError> {
        let opened = self.open_source(path)?;
        let found = find_symbol_in_file(&opened.symbols, name).cloned().ok_or_else(|| {
            let names: Vec<&str> = opened.symbols.iter().take(20).map(|symbol| symbol.name.as_str()).collect();
            let known = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
            EngineError::BadQuery(format!("{} does not define {name}; it defines {known}", opened.path))
        })?;
        Ok(CodeExcerpt { also, ..opened.cut_excerpt(found.span, request.context_lines, Some(found)) })
    }

    fn open_source(&self, path: &str) -> Result<OpenedSource, EngineError> {
        let (path, read) = self.read_visible_file(path)?;
        let freshness = self.freshness(&path, &read);
        let file = index::decode_source(&path, read.bytes);
        let lines = u32::try_from(file.text.lines().count()).unwrap_or(u32::MAX);
        let (symbols, _) = parse::outline_file(&file, self.settings.parse_time_limit);
        Ok(OpenedSource { path, language: file.language, text: file.text, lines, symbols, freshness })
    }

    /// Compares a file with its indexed record. Without a usable index, every file is unknown.
    fn freshness(&self, path: &RepoPath, read: &FileContents) -> Freshness {
        let snapshot = self.snapshot().ok();
        match snapshot.as_ref().and_then(|snapshot| snapshot.record(path)) {
            None => Freshness::Unknown,
            Some(record) if record.content.hash == ContentHash::of_bytes(&read.bytes) => Freshness::Indexed,
            Some(_) => Freshness::Changed,
        }
    }

    /// Resolves a path, absolute or relative to the root, to a path below the root. Links that lead outside
    /// are refused.
    ///
    /// # Errors
    /// [`EngineError::BadPath`].
    pub(super) fn resolve_path(&self, path: &str) -> Result<RepoPath, EngineError> {
        let root = self.root();
        let refused = |why: &str| {
            EngineError::BadPath(format!("{path} is {why} {}; give a path inside of the root", root.display()))
        };
        let joined = root.join(path);
        let resolved = AbsPath::canonical(&joined).map_err(|_| {
            let outside = Path::new(path).components().any(|part| part == std::path::Component::ParentDir)
                || (Path::new(path).is_absolute() && !joined.starts_with(root));
            refused(if outside { "outside of" } else { "not in" })
        })?;
        RepoPath::below(root, resolved.as_path()).ok_or_else(|| refused("outside of"))
    }

    /// Reads a text file that a client may see. Returns its resolved path and its bytes.
    ///
    /// # Errors
    /// [`EngineError::BadPath`] for secrets, excluded files and folders.
    pub(super) fn read_visible_file(&self, path: &str) -> Result<(RepoPath, FileContents), EngineError> {
        let resolved = self.resolve_path(path)?;
        // The name of a link can match a secret rule that its target does not match.
        let link_path = RepoPath::below(self.root(), &self.root().join(path)).unwrap_or_else(|| resolved.clone());
        let bad = |why: String| EngineError::BadPath(format!("cannot read {resolved}: {why}"));
        if let Some(rule) = walk::secret_pattern(&resolved).or_else(|| walk::secret_pattern(&link_path)) {
            return Err(bad(format!("it may hold credentials (it matches {rule})")));
        }
        let options = WalkOptions { max_file_bytes: u64::MAX, files: &Disk, cancel: &CancelToken::default() };
        match walk::judge_path(&self.settings.root, &options, &resolved).map_err(|error| bad(error.to_string()))? {
            Some(WalkFinding::File(_)) => {}
            // Data files are not indexed, but a client may still read them.
            Some(WalkFinding::Skipped(skipped)) if is_readable_anyway(&skipped.reason) => {}
            Some(WalkFinding::Skipped(skipped)) => return Err(bad(format!("it is left out: {}", skipped.reason))),
            None if resolved.under(self.root()).is_dir() => {
                return Err(bad("it is a folder; give a file in it, or list its files with outline".to_owned()));
            }
            None => return Err(bad("it is left out".to_owned())),
        }
        let read = self.read_included_file(&resolved)?;
        Ok((resolved, read))
    }

    /// Reads the bytes of a text file that the walk includes.
    ///
    /// # Errors
    /// [`EngineError::BadPath`] for secrets, binary files and files that are too large.
    pub(super) fn read_included_file(&self, path: &RepoPath) -> Result<FileContents, EngineError> {
        let bad = |why: String| EngineError::BadPath(format!("cannot read {path}: {why}"));
        if let Some(rule) = walk::secret_pattern(path) {
            return Err(bad(format!("it may hold credentials (it matches {rule})")));
        }
        let max_bytes = self.settings.max_file_bytes;
        let read = FileContents::read_beneath(self.root(), path, max_bytes.saturating_add(1))
            .map_err(|error| bad(error.to_string()))?;
        if read.bytes.len() as u64 > max_bytes {
            return Err(bad(format!("it has {} bytes, more than --max-file-bytes {max_bytes}", read.stat.size_bytes)));
        }
        match walk::inspect_content(path, &read.bytes) {
            Some(reason @ SkipReason::Binary) => Err(bad(format!("it is {reason}"))),
            Some(SkipReason::Secret { .. }) => Err(bad("it holds a private key".to_owned())),
            _ => Ok(read),
        }
    }
}

/// Returns whether a file that is not indexed for this reason may still be read.
fn is_readable_anyway(reason: &SkipReason) -> bool {
    matches!(reason, SkipReason::LockFile | SkipReason::Data | SkipReason::Minified)
}

/// Finds the definition that a name, qualified or not, refers to. A match in the same case wins over one in
/// another case.
fn find_symbol_in_file<'s>(symbols: &'s [Symbol], name: &str) -> Option<&'s Symbol> {
    let whole = symbols.iter().find(|symbol| types::qualified_name(&symbol.container, &symbol.name) == name);
    let query = NameQuery::parse(name)?;
    let fits = |symbol: &&Symbol| {
        let mut parts = symbol.container.split(['.', ':']);
        query.qualifiers.iter().all(|asked| parts.any(|part| part.eq_ignore_ascii_case(asked)))
    };
    let same = |symbol: &&Symbol| symbol.name == query.name;
    let plain = |symbol: &&Symbol| symbol.name.eq_ignore_ascii_case(&query.name);
    whole
        .or_else(|| symbols.iter().filter(same).find(fits))
        .or_else(|| symbols.iter().filter(plain).find(fits))
        .or_else(|| symbols.iter().find(same))
}

/// A text file, parsed.
struct OpenedSource {
    path: RepoPath,
    language: Language,
    text: String,
    lines: u32,
    symbols: Vec<Symbol>,
    freshness: Freshness,
}

impl OpenedSource {
    /// Returns the lines of `span` with `context_lines` more on both sides.
    fn cut_excerpt(self, span: Span, context_lines: u32, symbol: Option<Symbol>) -> CodeExcerpt {
        let start_line = span.start_line.saturating_sub(context_lines).max(1);
        let end_line = span.end_line.saturating_add(context_lines).min(self.lines.max(1));
        let count = (end_line + 1).saturating_sub(start_line) as usize;
        let lines: Vec<&str> = self.text.lines().skip(start_line as usize - 1).take(count).collect();
        let is_itself = |other: &Symbol| symbol.as_ref() == Some(other);
        let around = |other: &&Symbol| {
            let holds = other.span.start_line <= span.start_line && other.span.end_line >= span.end_line;
            holds && !is_itself(other) && (other.span != span || symbol.is_none())
        };
        let inside = self.symbols.iter().filter(around).cloned().collect();
        CodeExcerpt {
            span: Span { start_line, end_line },
            lines: self.lines,
            text: lines.join("\n"),
            inside,
            symbol,
            path: self.path,
            language: self.language,
            freshness: self.freshness,
            also: Vec::new(),
        }
    }
}
