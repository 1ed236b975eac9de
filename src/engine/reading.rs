//! Code as it is on disk now, from inside of the root alone.
//!
//! Invariants: what is read has a path that was resolved, lies below the root by its components, holds
//! no secret and is left out by no rule; it is opened without following any link, so that a path that
//! changes after it was checked leads nowhere.

use std::path::Path;

use super::{Engine, EngineError, FoundSymbol, SymbolQuery};
use crate::index;
use crate::parse;
use crate::search::NameQuery;
use crate::types::{AbsPath, ContentHash, Language, RepoPath, SkipReason, Span, Symbol};
use crate::walk::{self, Disk, FileRead, WalkOptions, Walked};

/// What to read: a span of a file, or a definition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadRequest {
    /// Relative to the root, or absolute; may be left out when there is a symbol.
    pub path: Option<String>,
    /// First and last line, 1-based; what is past the end of the file is left away.
    pub lines: Option<(u32, u32)>,
    /// A definition, as [`Engine::find_symbol`] takes it.
    pub symbol: Option<String>,
    /// So many lines before and after, too.
    pub context_lines: u32,
}

/// How a file on disk stands to the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// The same as was indexed.
    Indexed,
    /// Changed since.
    Changed,
    /// Not in the index.
    Unknown,
}

/// A piece of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeRead {
    pub path: RepoPath,
    pub language: Language,
    /// The lines of `text`.
    pub span: Span,
    /// Number of lines of the file.
    pub lines: u32,
    /// Without the last line end.
    pub text: String,
    /// The definition that was asked for.
    pub symbol: Option<Symbol>,
    /// The definitions around all of it, outermost first.
    pub inside: Vec<Symbol>,
    pub freshness: Freshness,
    /// Other definitions of that name.
    pub also: Vec<FoundSymbol>,
}

/// Other definitions of a name that are told with the one that is read.
const MAX_ALSO: usize = 5;

impl Engine {
    /// Reads a span or a definition.
    ///
    /// # Errors
    /// [`EngineError::BadPath`] for what is outside of the root, missing, left out by a rule or no
    /// text, and for a line that is not there; [`EngineError::BadQuery`] for a name that is not there.
    pub fn read_code(&self, request: &ReadRequest) -> Result<CodeRead, EngineError> {
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
                let name = crate::types::qualified_name(&best.symbol.container, &best.symbol.name);
                let also = found.into_iter().filter(|other| other.how == best.how).collect();
                self.read_symbol(best.path.as_str(), &name, request, also)
            }
            (Some(path), None) => self.read_lines(path, request),
            (None, None) => Err(EngineError::BadQuery("there is nothing to read; give a path or a symbol".to_owned())),
        }
    }

    fn read_lines(&self, path: &str, request: &ReadRequest) -> Result<CodeRead, EngineError> {
        let opened = self.open_text(path)?;
        let last = opened.lines.max(1);
        let (from, to) = request.lines.unwrap_or((1, last));
        if from == 0 || from > last || from > to {
            let message = format!("{} has lines 1 to {last}, not {from} to {to}; give lines inside of it", opened.path);
            return Err(EngineError::BadPath(message));
        }
        Ok(opened.cut(Span { start_line: from, end_line: to.min(last) }, request.context_lines, None))
    }

    fn read_symbol(
        &self,
        path: &str,
        name: &str,
        request: &ReadRequest,
        also: Vec<FoundSymbol>,
    ) -> Result<CodeRead, EngineError> {
        let opened = self.open_text(path)?;
        let found = named(&opened.symbols, name).cloned().ok_or_else(|| {
            let names: Vec<&str> = opened.symbols.iter().take(20).map(|symbol| symbol.name.as_str()).collect();
            let known = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
            EngineError::BadQuery(format!("{} does not define {name}; it defines {known}", opened.path))
        })?;
        Ok(CodeRead { also, ..opened.cut(found.span, request.context_lines, Some(found)) })
    }

    fn open_text(&self, path: &str) -> Result<Opened, EngineError> {
        let (path, read) = self.open_file(path)?;
        let freshness = self.freshness(&path, &read);
        let file = index::source(&path, read.bytes);
        let lines = u32::try_from(file.text.lines().count()).unwrap_or(u32::MAX);
        let (symbols, _) = parse::outline(&file, self.settings.parse_time_limit);
        Ok(Opened { path, language: file.language, text: file.text, lines, symbols, freshness })
    }

    /// What the index says of a file; a young or broken index is none.
    fn freshness(&self, path: &RepoPath, read: &FileRead) -> Freshness {
        let snapshot = self.snapshot().ok();
        match snapshot.as_ref().and_then(|snapshot| snapshot.record(path)) {
            None => Freshness::Unknown,
            Some(record) if record.hash == ContentHash::of(&read.bytes) => Freshness::Indexed,
            Some(_) => Freshness::Changed,
        }
    }

    /// A path below the root, given relative to it or absolute; links that lead out are refused.
    pub(super) fn inside(&self, path: &str) -> Result<RepoPath, EngineError> {
        let root = self.root();
        let refused =
            |why: &str| EngineError::BadPath(format!("{path} is {why} {}; give a path inside of it", root.display()));
        let joined = root.join(path);
        let resolved = AbsPath::canonical(&joined).map_err(|_| {
            let outside = Path::new(path).components().any(|part| part == std::path::Component::ParentDir)
                || (Path::new(path).is_absolute() && !joined.starts_with(root));
            refused(if outside { "outside of" } else { "not in" })
        })?;
        RepoPath::below(root, resolved.as_path()).ok_or_else(|| refused("outside of"))
    }

    /// The bytes of a text file that may be shown, and its path.
    pub(super) fn open_file(&self, path: &str) -> Result<(RepoPath, FileRead), EngineError> {
        let resolved = self.inside(path)?;
        // A link's own name may say more than what it leads to.
        let named = RepoPath::below(self.root(), &self.root().join(path)).unwrap_or_else(|| resolved.clone());
        let bad = |why: String| EngineError::BadPath(format!("cannot read {resolved}: {why}"));
        if let Some(rule) = walk::secret(&resolved).or_else(|| walk::secret(&named)) {
            return Err(bad(format!("it may hold credentials (it matches {rule})")));
        }
        let options = WalkOptions { max_file_bytes: u64::MAX, files: &Disk, stop: &walk::to_the_end };
        match walk::judge(&self.settings.root, &options, &resolved).map_err(|error| bad(error.to_string()))? {
            Some(Walked::File(_)) => {}
            // A whole file of data is no use to a search, but somebody may want to see it.
            Some(Walked::Skipped(skipped)) if is_readable(&skipped.reason) => {}
            Some(Walked::Skipped(skipped)) => return Err(bad(format!("it is left out: {}", skipped.reason))),
            None if resolved.under(self.root()).is_dir() => {
                return Err(bad("it is a folder; give a file inside of it, or ask outline for the files".to_owned()));
            }
            None => return Err(bad("it is left out".to_owned())),
        }
        let read = self.read_indexed(&resolved)?;
        Ok((resolved, read))
    }

    /// The bytes of a text file that a walk has let in.
    pub(super) fn read_indexed(&self, path: &RepoPath) -> Result<FileRead, EngineError> {
        let bad = |why: String| EngineError::BadPath(format!("cannot read {path}: {why}"));
        if let Some(rule) = walk::secret(path) {
            return Err(bad(format!("it may hold credentials (it matches {rule})")));
        }
        let most = self.settings.max_file_bytes;
        let read =
            walk::read_beneath(self.root(), path, most.saturating_add(1)).map_err(|error| bad(error.to_string()))?;
        if read.bytes.len() as u64 > most {
            return Err(bad(format!("it has {} bytes, more than --max-file-bytes {most}", read.size_bytes)));
        }
        match walk::inspect(path, &read.bytes) {
            Some(reason @ SkipReason::Binary) => Err(bad(format!("it is {reason}"))),
            Some(SkipReason::Secret { .. }) => Err(bad("it holds a private key".to_owned())),
            _ => Ok(read),
        }
    }
}

/// Whether a file that is not worth indexing may be shown all the same.
fn is_readable(reason: &SkipReason) -> bool {
    matches!(reason, SkipReason::LockFile | SkipReason::Data | SkipReason::Minified)
}

/// The definition that a name, qualified or not, stands for: exactly so before in another case.
fn named<'s>(symbols: &'s [Symbol], name: &str) -> Option<&'s Symbol> {
    let whole = symbols.iter().find(|symbol| crate::types::qualified_name(&symbol.container, &symbol.name) == name);
    let query = NameQuery::new(name)?;
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

/// A text file that may be shown.
struct Opened {
    path: RepoPath,
    language: Language,
    text: String,
    lines: u32,
    symbols: Vec<Symbol>,
    freshness: Freshness,
}

impl Opened {
    /// The lines of `span` with so many more around it.
    fn cut(self, span: Span, context_lines: u32, symbol: Option<Symbol>) -> CodeRead {
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
        CodeRead {
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
