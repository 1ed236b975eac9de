//! Reads a range of lines or a definition from disk.

use super::find_symbol::{SymbolAnswer, find_symbol_in, split_name_filters};
use super::matching_symbols::{SymbolHit, SymbolQuery};
use crate::error::{DefinedNames, EngineError, PathError, RequestError, fail_if_cancelled};
use crate::query_source::QuerySource;
use crate::state::Engine;
use platform::cancel::CancelToken;
use retrieval::{PartRequest, load_part};
use search::{NameMatch, NameQuery};
use source::parse::SourceFile;
use source::secrets::{MASK, TextMask};
use source::walk::FileContents;
use source::{count_lines, decode_source_as, language};
use text::display::escape_name;
use text::name_key::is_same_name;
use text::unicode::{is_same_ignoring_ascii_case, is_same_text};
use types::{ContentHash, Language, RepoPath, Span, Symbol, is_declaration};

/// The code to read: a range of lines or a definition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadRequest {
    /// Path of the file, absolute or relative to the root; optional if `symbol` is given.
    pub path: Option<String>,
    /// First and last line, 1-based; a range that extends beyond the last line ends there. `None` for the whole file.
    /// Ignored if `symbol` is given.
    pub lines: Option<(u32, u32)>,
    /// Name of a definition, in the form that [`SymbolQuery::name`](crate::SymbolQuery::name) describes.
    pub symbol: Option<String>,
    /// Number of further lines to read before and after.
    pub context_lines: u32,
}

/// Whether a file on disk matches the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// The file is unchanged since it was indexed.
    Indexed,
    /// The file has changed since it was indexed.
    Changed,
    /// The file is not in the index, or the index cannot be read.
    Unknown,
}

/// An excerpt of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeExcerpt {
    pub path: RepoPath,
    pub language: Language,
    /// The range of lines that `text` contains.
    pub span: Span,
    /// Number of lines in the file.
    pub lines: u32,
    /// The text of the lines, without the last line ending.
    pub text: String,
    /// The requested definition; `None` if lines were requested.
    pub symbol: Option<Symbol>,
    /// The definitions that enclose the requested lines or definition, outermost first. The context lines may extend
    /// beyond them.
    pub inside: Vec<Symbol>,
    pub freshness: Freshness,
    /// The credentials that are masked in `text`: their lines and the rules that found them.
    pub masked: Vec<(u32, &'static str)>,
    /// At most five other definitions that match the name equally well; empty if a path was given.
    pub also: Vec<SymbolHit>,
    /// False if the definition does not lie in the container that the name requests; otherwise true.
    pub is_qualified: bool,
    /// Whether no definition has the requested name, and that of this one is similar.
    pub is_similar: bool,
    /// The container that the name requests, if neither a definition nor a file or folder has its name.
    pub unknown_container: Option<String>,
}

/// Maximum number of masked credentials that a note names.
const MAX_LISTED_MASKS: usize = 5;

impl CodeExcerpt {
    /// Returns whether the file is a notebook, whose lines are those of its cells.
    pub fn is_notebook(&self) -> bool {
        source::is_notebook(&self.path)
    }

    /// Returns a note that the definition is not the requested one, which `name` names; `None` if it is.
    pub fn name_note(&self, name: &str) -> Option<String> {
        let symbol = self.symbol.as_ref()?;
        let (asked, shown) = (escape_name(name.trim()), types::qualified_name(&symbol.container, &symbol.name));
        match (self.is_similar, self.is_qualified) {
            (true, _) => Some(format!("there is no {asked}; this is {}, a similar name", escape_name(&shown))),
            (false, false) => {
                let missing = self.unknown_container.as_deref().map_or(asked, escape_name);
                let (name, path) = (escape_name(&symbol.name), escape_name(self.path.as_str()));
                Some(match symbol.container.as_str() {
                    "" => format!("there is no {missing}; {name} is defined in {path}"),
                    container => format!("there is no {missing}; {name} is defined in {}", escape_name(container)),
                })
            }
            (false, true) => None,
        }
    }

    /// Returns a note about the credentials that are masked; `None` if there are none.
    pub fn masked_note(&self) -> Option<String> {
        describe_masks(&self.masked)
    }
}

/// Returns a note about masked credentials, given by line and rule; `None` if there are none.
pub(crate) fn describe_masks(masked: &[(u32, &str)]) -> Option<String> {
    if masked.is_empty() {
        return None;
    }
    let listed = masked.iter().take(MAX_LISTED_MASKS).map(|(line, rule)| format!("{rule} in line {line}"));
    let more = masked.len().saturating_sub(MAX_LISTED_MASKS);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Some(format!("{MASK} stands for a credential: {}{more}", listed.collect::<Vec<_>>().join(", ")))
}

/// Returns whether a name is that of a file in a known language, such as `a.rs`, rather than a name of a definition.
pub fn is_source_name(name: &str) -> bool {
    language::detect_language(&RepoPath::new(name), None) != language::text_language()
}

/// Maximum number of definitions of a name among which one with a body is looked for.
const MAX_COMPARED: usize = 64;

/// Maximum number of other definitions returned with an excerpt.
const MAX_ALSO: usize = 5;

/// Maximum number of files in which the members of a container are looked for.
const MAX_CONTAINER_FILES: usize = 4;

/// Reads a range of lines or a definition.
///
/// # Errors
/// Fails like [`QueryCalls::read_code`](crate::QueryCalls::read_code).
pub(crate) fn read_code_in<S: QuerySource + ?Sized>(
    source: &S,
    request: &ReadRequest,
    cancel: &CancelToken,
) -> Result<CodeExcerpt, EngineError> {
    fail_if_cancelled(cancel)?;
    match (&request.path, &request.symbol) {
        (Some(path), Some(name)) => {
            let opened = open_source_in(source, path)?;
            let found = find_symbol_in_file(&opened.symbols, name).map(|found| opened.with_body(found));
            let found = found.ok_or_else(|| {
                let defined = DefinedNames::new(&opened.symbols, name);
                RequestError::NotDefined {
                    path: opened.path.clone(),
                    name: name.to_owned(),
                    defined: Box::new(defined),
                    problem: opened.problem.clone(),
                }
            })?;
            let is_qualified = NameQuery::parse(name)
                .is_none_or(|query| query.fit(&found.name, &found.container, &opened.path).is_some());
            let found = found.clone();
            let excerpt = opened.cut_excerpt(found.span, request.context_lines, Some(found));
            Ok(CodeExcerpt { is_qualified, ..excerpt })
        }
        (None, Some(name)) => {
            let query = SymbolQuery { name: name.clone(), limit: MAX_COMPARED, ..SymbolQuery::default() };
            let SymbolAnswer { symbols: mut found, is_qualified, .. } = find_symbol_in(source, &query, cancel)?;
            if found.is_empty() {
                return Err(RequestError::UnknownName { name: name.clone() }.into());
            }
            fail_if_cancelled(cancel)?;
            let first = &found[0];
            let is_body = |hit: &SymbolHit| {
                let (symbol, wanted) = (&hit.symbol, &first.symbol);
                !hit.is_declaration && (&symbol.name, &symbol.container) == (&wanted.name, &wanted.container)
            };
            let best = found.iter().position(is_body).unwrap_or(0);
            let best = found.remove(best);
            let also = found.into_iter().filter(|other| other.how == best.how).take(MAX_ALSO).collect();
            let is_similar = best.how > NameMatch::Normalized;
            if is_similar && !is_qualified {
                return Err(explain_missing_member(source, name, &best, cancel)?.into());
            }
            let unknown_container = if is_qualified { None } else { find_unknown_container(source, name, cancel)? };
            let opened = open_source_in(source, best.path.as_str())?;
            // The file may have changed since it was indexed.
            let found = find_same_definition(&opened.symbols, &best.symbol).cloned().unwrap_or(best.symbol);
            let excerpt = opened.cut_excerpt(found.span, request.context_lines, Some(found));
            Ok(CodeExcerpt { also, is_qualified, is_similar, unknown_container, ..excerpt })
        }
        (Some(path), None) => read_lines(source, path, request),
        (None, None) => Err(RequestError::NothingToRead.into()),
    }
}

fn read_lines<S: QuerySource + ?Sized>(
    source: &S,
    path: &str,
    request: &ReadRequest,
) -> Result<CodeExcerpt, EngineError> {
    let opened = open_source_in(source, path)?;
    let last = opened.lines.max(1);
    let (from, to) = request.lines.unwrap_or((1, last));
    if from == 0 || from > last || from > to {
        return Err(PathError::NoSuchLines { path: opened.path, last, from, to }.into());
    }
    Ok(opened.cut_excerpt(Span { start_line: from, end_line: to.min(last) }, request.context_lines, None))
}

fn open_source_in<S: QuerySource + ?Sized>(source: &S, path: &str) -> Result<OpenedSource, EngineError> {
    let located = source.locate(path)?;
    let opened = located.engine.open_source(&located.path)?;
    Ok(OpenedSource { path: located.to_group_path(&opened.path), ..opened })
}

impl Engine {
    fn open_source(&self, path: &str) -> Result<OpenedSource, EngineError> {
        let (path, read) = self.read_visible_file(path)?;
        let freshness = self.freshness(&path, &read);
        let file = decode_source_as(&path, read.bytes, &self.language_choices());
        let lines = count_lines(&file.text);
        let (symbols, problem) = self.parsers.outline_file(&file, self.settings.parse_time_limit);
        let SourceFile { language, text, masks, .. } = file;
        Ok(OpenedSource { path, language, text, masks, lines, symbols, problem, freshness })
    }

    /// Compares a file with its indexed record. Returns [`Freshness::Unknown`] if the index cannot be read or has no
    /// record of the file.
    fn freshness(&self, path: &RepoPath, read: &FileContents) -> Freshness {
        let loaded = self
            .current_snapshot()
            .and_then(|all| Ok(load_part(&all, &PartRequest::Files(std::slice::from_ref(path)))?));
        let snapshot = loaded.inspect_err(|error| match error {
            EngineError::NotIndexed { .. } | EngineError::Outdated { .. } | EngineError::IndexModel(_) => {}
            other => tracing::warn!("cannot compare {path} with the index: {other}"),
        });
        match snapshot.as_ref().ok().and_then(|snapshot| snapshot.record(path)) {
            None => Freshness::Unknown,
            Some(record) if record.content.hash == ContentHash::of_bytes(&read.bytes) => Freshness::Indexed,
            // The text was rebuilt from the index.
            Some(_) if self.reads_stored_texts() && path.under(self.root()).symlink_metadata().is_err() => {
                Freshness::Indexed
            }
            Some(_) => Freshness::Changed,
        }
    }
}

/// Finds the definition of the same name and container that begins nearest to `wanted`, or else the definition that its
/// qualified name refers to.
fn find_same_definition<'s>(symbols: &'s [Symbol], wanted: &Symbol) -> Option<&'s Symbol> {
    let same = |symbol: &&Symbol| symbol.name == wanted.name && symbol.container == wanted.container;
    let distance = |symbol: &&Symbol| symbol.span.start_line.abs_diff(wanted.span.start_line);
    symbols.iter().filter(same).min_by_key(distance).or_else(|| {
        let name = types::qualified_name(&wanted.container, &wanted.name);
        find_symbol_in_file(symbols, &name)
    })
}

/// Finds the definition that a name, qualified or not, refers to. A match in the same case wins over one in another
/// case. If no match has the qualifiers, returns the first definition with the same spelling of the plain name.
fn find_symbol_in_file<'s>(symbols: &'s [Symbol], name: &str) -> Option<&'s Symbol> {
    let whole =
        symbols.iter().find(|symbol| is_same_text(&types::qualified_name(&symbol.container, &symbol.name), name));
    let query = NameQuery::parse(name)?;
    let fits = |symbol: &&Symbol| {
        let mut parts = symbol.container.split(['.', ':']);
        query.qualifiers.iter().all(|asked| parts.any(|part| is_same_ignoring_ascii_case(part, asked)))
    };
    let same = |symbol: &&Symbol| is_same_text(&symbol.name, &query.name);
    let plain = |symbol: &&Symbol| is_same_ignoring_ascii_case(&symbol.name, &query.name);
    whole
        .or_else(|| symbols.iter().filter(same).find(fits))
        .or_else(|| symbols.iter().filter(plain).find(fits))
        .or_else(|| symbols.iter().find(same))
}

/// Describes that the container of a qualified name has no such member; `similar` is a definition elsewhere.
fn explain_missing_member<S: QuerySource + ?Sized>(
    source: &S,
    name: &str,
    similar: &SymbolHit,
    cancel: &CancelToken,
) -> Result<RequestError, EngineError> {
    let (_, name) = split_name_filters(name);
    let mut paths: Vec<RepoPath> = Vec::new();
    for hit in find_container(source, &name, cancel)? {
        if paths.len() < MAX_CONTAINER_FILES && !paths.contains(&hit.path) {
            paths.push(hit.path);
        }
    }
    let mut symbols = Vec::new();
    for path in paths {
        fail_if_cancelled(cancel)?;
        // A file that cannot be read now has no members to suggest.
        symbols.extend(open_source_in(source, path.as_str()).map_or_else(|_| Vec::new(), |opened| opened.symbols));
    }
    let members = DefinedNames::new(&symbols, &name);
    let other = types::qualified_name(&similar.symbol.container, &similar.symbol.name);
    let similar = format!("{other} in {}:{}", similar.path, similar.symbol.span.start_line);
    Ok(RequestError::NoMember { name, members: Box::new(members), similar })
}

/// Returns the last qualifier of a name if no definition, file or folder has it.
fn find_unknown_container<S: QuerySource + ?Sized>(
    source: &S,
    name: &str,
    cancel: &CancelToken,
) -> Result<Option<String>, EngineError> {
    let (_, name) = split_name_filters(name);
    let Some(container) = NameQuery::parse(&name).and_then(|query| query.qualifiers.last().cloned()) else {
        return Ok(None);
    };
    let has_name = |path: &RepoPath| {
        let parts = path.folder().split('/').chain([path.stem()]);
        parts.into_iter().any(|part| is_same_name(part, &container))
    };
    let snapshot = source.snapshot()?;
    // A large index does not hold all paths in memory.
    let is_path = snapshot.is_part() || snapshot.files.iter().any(|file| has_name(&file.path));
    let is_known = is_path || !find_container(source, &name, cancel)?.is_empty();
    Ok(if is_known { None } else { Some(container) })
}

/// Returns the definitions that have the last qualifier of a name.
fn find_container<S: QuerySource + ?Sized>(
    source: &S,
    name: &str,
    cancel: &CancelToken,
) -> Result<Vec<SymbolHit>, EngineError> {
    let Some(container) = NameQuery::parse(name).and_then(|query| query.qualifiers.last().cloned()) else {
        return Ok(Vec::new());
    };
    let query = SymbolQuery { name: container, limit: MAX_COMPARED, ..SymbolQuery::default() };
    let mut found = find_symbol_in(source, &query, cancel)?.symbols;
    found.retain(|hit| hit.how <= NameMatch::Normalized);
    Ok(found)
}

/// A text file, parsed.
struct OpenedSource {
    path: RepoPath,
    language: Language,
    text: String,
    masks: Vec<TextMask>,
    lines: u32,
    symbols: Vec<Symbol>,
    /// The reason why `symbols` may lack definitions; `None` if there is none.
    problem: Option<String>,
    freshness: Freshness,
}

impl OpenedSource {
    /// Returns the first definition with the name and container of `found` that has a body, or else `found`.
    fn with_body<'s>(&'s self, found: &'s Symbol) -> &'s Symbol {
        let is_same = |symbol: &&Symbol| symbol.name == found.name && symbol.container == found.container;
        let has_body = |symbol: &&Symbol| {
            let count = (symbol.span.end_line + 1).saturating_sub(symbol.span.start_line) as usize;
            let lines = self.text.lines().skip(symbol.span.start_line as usize - 1).take(count);
            !is_declaration(self.language, symbol.kind, &lines.collect::<Vec<_>>().join("\n"))
        };
        self.symbols.iter().filter(is_same).find(has_body).unwrap_or(found)
    }

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
        let shown = self.masks.iter().filter(|mask| (start_line..=end_line).contains(&mask.line));
        let masked = shown.map(|mask| (mask.line, mask.rule)).collect();
        CodeExcerpt {
            span: Span { start_line, end_line },
            lines: self.lines,
            text: lines.join("\n"),
            inside,
            symbol,
            path: self.path,
            language: self.language,
            freshness: self.freshness,
            masked,
            also: Vec::new(),
            is_qualified: true,
            is_similar: false,
            unknown_container: None,
        }
    }
}
