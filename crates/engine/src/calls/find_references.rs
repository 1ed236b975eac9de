//! Finds the uses of a name. The index gives the files, their current syntax trees give the uses.
//!
//! A qualified name is compared by its last part; [`containers`] then leaves out uses of other definitions. Uses that
//! may be of any definition come last: a second round through the files lists them.
//!
//! Files are scanned several at a time, but reported in a fixed order without gaps, so the next page starts where this
//! one ends. A time limit ends a page early.

use retrieval::{PartRequest, load_part};
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use self::containers::{ContainerFilter, FileScope, UseOwner};
use self::left_out::{LeftOutUses, explain_no_use, has_names, paths_of};
use self::remarks::{find_similar_member, note_missing, note_others, note_uncertain};
use self::spelling::spelling_in;
use super::find_symbol::{SymbolAnswer, find_symbol_in, note_invalid_filters, split_name_filters};
use super::matching_symbols::{SymbolHit, SymbolQuery};
use super::named_kinds::{note_unused_kinds, split_use_kinds};
use crate::answer::IndexCoverage;
use crate::error::{EngineError, PathError, RequestError};
use crate::query_source::{LocatedPath, QuerySource, compile_filter};
use crate::state::Engine;
use platform::cancel::CancelToken;
use platform::threads::run_on_threads;
use search::{ContentFilter, Filter, InvalidFilter, NameMatch, NameQuery, find_files_with_identifier};
use source::decode_source_as;
use source::language::{self, LanguageChoices};
use source::parse::{FileReferences, ReferenceKind, ReferenceSite};
use types::{ContentKind, Language, RepoPath, Symbol, qualified_name};

mod containers;
mod left_out;
mod remarks;
mod spelling;

/// The name whose uses to find, and which of them to return.
#[derive(Clone, Debug)]
pub struct ReferenceQuery {
    /// An identifier. Qualifiers, as in `Store.open`, leave out the uses that are of another definition by the code
    /// around them. Filters may follow, as in a search, and kinds of uses: `parse -test path:src kind:call`.
    pub name: String,
    /// Kinds of uses to return; empty for all kinds but definitions.
    pub kinds: Vec<ReferenceKind>,
    /// Whether to return definitions of the name as well.
    pub include_definitions: bool,
    pub filter: Filter,
    /// The position to start at; see [`ReferenceAnswer::next`].
    pub from: ReferencePosition,
    /// Maximum number of uses to return.
    pub limit: usize,
    /// Time after which no further file is read; the first file of a page is always read.
    pub time_limit: Duration,
}

/// A position in the list of uses: the number of files before it in both rounds, and the number of uses before it in
/// its file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReferencePosition {
    pub files: usize,
    pub uses: usize,
}

/// A use of the name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeReference {
    /// Line of the use; 1-based.
    pub line: u32,
    /// Column of the use, in characters; 1-based.
    pub column: u32,
    pub kind: ReferenceKind,
    /// Qualified name of the innermost enclosing definition; empty at the top level of a file.
    pub within: String,
    /// The line, trimmed and cut to at most 200 characters.
    pub text: String,
}

/// The uses of the name in one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferencedFile {
    pub path: RepoPath,
    pub language: Language,
    /// Index of the file in the list of all files, as counted by [`ReferencePosition::files`].
    pub position: usize,
    /// Whether the uses may be of another definition than that in the requested container, because the types of their
    /// receivers are not known. Such uses come last, so a file with both kinds of uses is listed twice.
    pub is_uncertain: bool,
    /// The uses in source order.
    pub references: Vec<CodeReference>,
    /// The reason why the file was not read, or parsed only in part; `None` if there was no problem.
    pub problem: Option<String>,
}

/// Uses of a name: files of the project's code first, then tests and examples, each sorted by path. Uses that may be of
/// another definition follow in the same order.
#[derive(Clone, Debug, Default)]
pub struct ReferenceAnswer {
    /// The name without its qualifiers.
    pub name: String,
    /// The kinds of uses that were requested; empty for all kinds but definitions.
    pub kinds: Vec<ReferenceKind>,
    /// A similar defined name, if no file spells the name itself; only if the first page is the last.
    pub similar_name: Option<String>,
    pub files: Vec<ReferencedFile>,
    /// The first [`MAX_DEFINITIONS`] definitions of the name in the files that pass the filter; only on the first page.
    /// Of a qualified name, those in its container.
    pub definitions: Vec<SymbolHit>,
    /// Whether there are more definitions of the name.
    pub has_more_definitions: bool,
    /// Number of definitions of the name, local ones included, that were not requested, in files that begin on this
    /// page.
    pub definitions_left_out: usize,
    /// Number of uses of the kinds that were not requested, by kind, in files that begin on this page; definitions are
    /// not among them.
    pub other_kinds: BTreeMap<ReferenceKind, usize>,
    /// Number of files that pass the filter and whose words contain the name, in any case and with any separators.
    pub files_with_name: usize,
    /// Number of files whose uses this page and the earlier pages cover completely, apart from uncertain uses.
    pub files_read: usize,
    /// Number of the files read for this page whose text contains the name as a word, as it is spelled.
    pub files_spelled: usize,
    /// The position at which the next page starts; `None` on the last page.
    pub next: Option<ReferencePosition>,
    /// Whether the time limit or a cancellation ended the page or the lookup of definitions early.
    pub out_of_time: bool,
    /// Number of uses whose line has masked credentials.
    pub masked: usize,
    /// Number of uses that are of definitions in other containers than the one that the name requests, in files that
    /// begin on this page.
    pub uses_of_others: usize,
    /// Number of uses with [`ReferencedFile::is_uncertain`], in files that begin on this page.
    pub uncertain_uses: usize,
    /// Remarks: a container that does not exist, uses of other or unknown containers, masked credentials, left-out
    /// folders of a group, and reasons of an empty answer.
    pub notes: Vec<String>,
    pub coverage: IndexCoverage,
    /// Hash of the commit; see [`crate::SearchAnswer::generation`].
    pub generation: u64,
}

/// Minimum time limit for parsing a file, so that every page makes progress.
const MIN_FILE_TIME: Duration = Duration::from_millis(100);

/// Maximum number of definitions listed with the uses.
pub const MAX_DEFINITIONS: usize = 12;

/// Maximum number of files read at once.
const MAX_THREADS: usize = 8;

/// Maximum length of a returned line, in characters.
const MAX_LINE_CHARS: usize = 200;

/// The references of one file, and the numbers of those left out.
struct ScannedFile {
    file: ReferencedFile,
    uncertain_uses: usize,
    definitions_left_out: usize,
    is_spelled: bool,
    /// The lines with masked credentials.
    masked_lines: BTreeSet<u32>,
    other_kinds: BTreeMap<ReferenceKind, usize>,
    uses_of_others: usize,
}

/// Finds the uses of a name. If the call is cancelled while files are read, the answer has the uses found so far.
///
/// # Errors
/// Fails like [`QueryCalls::find_references`](crate::QueryCalls::find_references).
pub(crate) fn find_references_in<S: QuerySource + ?Sized>(
    source: &S,
    query: &ReferenceQuery,
    cancel: &CancelToken,
) -> Result<ReferenceAnswer, EngineError> {
    let (in_text, rest) = split_use_kinds(&query.name);
    let (mut query_filters, text) = split_name_filters(&rest);
    let NameQuery { name, qualifiers, .. } = NameQuery::parse(&text)
        .ok_or_else(|| RequestError::NoName { text: text.clone(), example: "an identifier like `parse`" })?;
    let kinds = query.kinds.iter().copied().chain(in_text).collect();
    let query = &ReferenceQuery { kinds, ..query.clone() };
    // In Ruby and Elixir these characters are part of a name, but the index holds the word without them.
    let mark = if text.trim_end().ends_with('!') && !name.ends_with('!') { "!" } else { "" };
    let name = format!("{}{mark}", name.trim_end_matches('='));
    let word = name.trim_end_matches(['?', '!']);
    let snapshot = load_part(&source.snapshot()?, &PartRequest::Identifier(word))?;
    // The time for loading the snapshot does not count, because later queries use the snapshot too.
    let deadline = Instant::now() + query.time_limit;
    let mut filter = query.filter.clone();
    let is_default = filter.content == ContentFilter::CodeAndDocs;
    if is_default {
        filter.content = ContentFilter::CodeAndConfig;
    }
    let compiled = compile_filter(source, &snapshot, &filter, &query_filters)?;
    let is_read = |language: Language| !is_default || has_names(language);
    let files = find_files_with_identifier(&snapshot, word, |file| is_read(file.language) && compiled.allows(file))?;
    let files = paths_of(&snapshot, &files);
    let mut answer = ReferenceAnswer {
        files_with_name: files.len(),
        coverage: IndexCoverage::of_snapshot(&snapshot),
        generation: snapshot.generation().stable_hash(),
        ..ReferenceAnswer::default()
    };
    let languages = source.engines().into_iter().map(|engine| (engine, engine.language_choices())).collect();
    let containers = match qualifiers.is_empty() {
        true => None,
        false => ContainerFilter::find(source, &text, cancel)?,
    };
    let scan =
        ReferenceScan { source, name: &name, query, languages, containers: containers.as_ref(), deadline, cancel };
    scan.fill_page(&files, &mut answer);
    let mut is_spelled_elsewhere = false;
    if answer.files.is_empty() && answer.next.is_none() && query.from == ReferencePosition::default() {
        let is_docs = |language: Language| language::language_content(language) == ContentKind::Docs;
        let others = find_files_with_identifier(&snapshot, word, |file| {
            has_names(file.language) && !is_docs(file.language) && !compiled.allows(file)
        })?;
        let left_out = scan.find_left_out(&paths_of(&snapshot, &others));
        is_spelled_elsewhere = left_out.is_spelled;
        answer.notes = explain_no_use(source, &snapshot, (&filter, &query_filters), &left_out)?;
    }
    if query.from == ReferencePosition::default() {
        if !qualifiers.is_empty() && containers.is_none() {
            answer.notes.push(note_missing(text.trim(), &name, answer.files.is_empty()));
        }
        let named =
            QualifiedName { text: &text, filtered: &rest, containers: containers.as_ref(), is_spelled_elsewhere };
        match add_definitions(source, &mut answer, &named, &query.filter, cancel) {
            // The uses found before stay an answer.
            Err(EngineError::Cancelled) => answer.out_of_time = true,
            added => added?,
        }
    }
    let other_definitions = containers.map_or(0, |containers| containers.other_definitions);
    answer.notes.extend(note_unused_kinds(&query_filters));
    query_filters.invalid.retain(|filter| !matches!(filter, InvalidFilter::Kind(_)));
    answer.notes.extend(note_invalid_filters(&query_filters, &snapshot));
    answer.notes.extend(note_uncertain(&name, answer.uncertain_uses));
    answer.notes.extend(note_others(&name, answer.uses_of_others, other_definitions));
    answer.notes.extend(search::masked_note(answer.masked));
    answer.notes.extend(source.left_out_notes());
    answer.name = name;
    answer.kinds = query.kinds.clone();
    Ok(answer)
}

/// The name of a query for uses.
struct QualifiedName<'q> {
    /// The name with its qualifiers.
    text: &'q str,
    /// The name with its qualifiers and the filters that follow it.
    filtered: &'q str,
    /// The definitions in the container that the name requests.
    containers: Option<&'q ContainerFilter>,
    /// Whether a file that the filters leave out spells the name.
    is_spelled_elsewhere: bool,
}

/// Sets the definitions of a name, and a similar name if no file spells it.
fn add_definitions<S: QuerySource + ?Sized>(
    source: &S,
    answer: &mut ReferenceAnswer,
    named: &QualifiedName<'_>,
    filter: &Filter,
    cancel: &CancelToken,
) -> Result<(), EngineError> {
    let QualifiedName { text, filtered, containers, is_spelled_elsewhere } = *named;
    let plain = NameQuery::parse(text).map_or_else(|| text.to_owned(), |parsed| parsed.name);
    let find = |name: String, limit: usize| {
        let query = SymbolQuery { name, filter: filter.clone(), limit, ..SymbolQuery::default() };
        find_symbol_in(source, &query, cancel)
    };
    let SymbolAnswer { symbols, more, .. } = find(filtered.replacen(text, &plain, 1), MAX_DEFINITIONS)?;
    if answer.files_spelled == 0 && answer.next.is_none() {
        let other = symbols.iter().map(|hit| &hit.symbol.name).find(|name| **name != plain);
        let member = match containers {
            None if text.trim() != plain => find_similar_member(find(filtered.to_owned(), 1)?),
            _ => None,
        };
        answer.similar_name = member.or_else(|| other.filter(|_| !is_spelled_elsewhere).cloned());
    }
    let (mut definitions, mut has_more) = (symbols, more);
    if let Some(containers) = containers {
        let qualified = find(filtered.to_owned(), MAX_DEFINITIONS)?;
        (definitions, has_more) = (qualified.symbols, qualified.more);
        // Filters may leave out every definition in the container.
        definitions.retain(|hit| qualified.is_qualified && containers.requests(&hit.symbol, &hit.path));
    }
    answer.definitions = definitions.into_iter().filter(|hit| hit.how == NameMatch::Exact).collect();
    answer.has_more_definitions = has_more && answer.definitions.len() == MAX_DEFINITIONS;
    Ok(())
}

/// A search for uses that is under way.
struct ReferenceScan<'s, S: ?Sized> {
    source: &'s S,
    name: &'s str,
    query: &'s ReferenceQuery,
    /// The languages that each engine's user and project choose.
    languages: Vec<(&'s Engine, LanguageChoices)>,
    /// The definitions in the container that the name requests, if there are any.
    containers: Option<&'s ContainerFilter>,
    deadline: Instant,
    cancel: &'s CancelToken,
}

impl<S: QuerySource + ?Sized> ReferenceScan<'_, S> {
    /// Scans files until the page is full, the time is up, the call is cancelled, or no file is left. With a container,
    /// a second round through the files adds the uses that may be of another one.
    fn fill_page(&self, files: &[(&RepoPath, Language)], answer: &mut ReferenceAnswer) {
        let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get).min(MAX_THREADS);
        let ReferencePosition { files: mut at, uses: mut pass } = self.query.from;
        let mut room = self.query.limit;
        let mut is_first = true;
        let end = if self.containers.is_some() { 2 * files.len() } else { files.len() };
        while at < end {
            let is_second = at >= files.len();
            let is_counted = is_second && self.query.from == ReferencePosition::default();
            if is_counted && answer.uncertain_uses == 0 {
                break;
            }
            if self.cancel.is_cancelled() || (!is_first && Instant::now() >= self.deadline) {
                answer.out_of_time = true;
                answer.next = Some(ReferencePosition { files: at, uses: 0 });
                break;
            }
            is_first = false;
            let start = at - if is_second { files.len() } else { 0 };
            let batch = &files[start..files.len().min(start + 2 * threads)];
            for scanned in self.scan_batch(batch, threads, is_second) {
                let Some(mut scanned) = scanned else { break };
                scanned.file.position = at;
                if !is_second {
                    answer.files_spelled += usize::from(scanned.is_spelled);
                }
                if pass == 0 && !is_second {
                    answer.uncertain_uses += scanned.uncertain_uses;
                    answer.definitions_left_out += scanned.definitions_left_out;
                    answer.uses_of_others += scanned.uses_of_others;
                    for (kind, count) in &scanned.other_kinds {
                        *answer.other_kinds.entry(*kind).or_default() += count;
                    }
                }
                let passed = pass.min(scanned.file.references.len());
                scanned.file.references.drain(..passed);
                let is_whole = scanned.file.references.len() <= room;
                scanned.file.references.truncate(room);
                let shown = scanned.file.references.len();
                room -= shown;
                let is_masked = |found: &&CodeReference| scanned.masked_lines.contains(&found.line);
                answer.masked += scanned.file.references.iter().filter(is_masked).count();
                if shown > 0 || (scanned.file.problem.is_some() && !is_second) {
                    answer.files.push(scanned.file);
                }
                if !is_whole {
                    answer.next = Some(ReferencePosition { files: at, uses: passed + shown });
                    answer.files_read = at.min(files.len());
                    return;
                }
                (at, pass) = (at + 1, 0);
            }
        }
        answer.files_read = at.min(files.len());
    }

    /// Finds the requested uses in `files`, which the filters leave out.
    fn find_left_out(&self, files: &[(&RepoPath, Language)]) -> LeftOutUses<'_> {
        let query =
            ReferenceQuery { from: ReferencePosition::default(), limit: left_out::MAX_COUNTED, ..self.query.clone() };
        let deadline = self.deadline.min(Instant::now() + left_out::TIME_LIMIT);
        let languages = self.languages.clone();
        let mut found = ReferenceAnswer::default();
        ReferenceScan { query: &query, languages, deadline, ..*self }.fill_page(files, &mut found);
        let mut uses = found.files.iter().flat_map(|file| file.references.iter().map(|one| (&file.path, one.line)));
        LeftOutUses {
            name: self.name,
            count: uses.clone().count(),
            first: uses.next().map(|(path, line)| (path.clone(), line)),
            has_more: found.next.is_some(),
            is_spelled: found.files_spelled > 0,
            other_kinds: found.other_kinds,
        }
    }

    /// Scans a batch of files in parallel. Returns one element for each file in order; `None` for files that were not
    /// scanned before the time limit or a cancellation. The first file is always scanned.
    fn scan_batch(
        &self,
        files: &[(&RepoPath, Language)],
        threads: usize,
        is_uncertain: bool,
    ) -> Vec<Option<ScannedFile>> {
        let next = AtomicUsize::new(0);
        let work = || {
            let mut parts = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let is_late = at > 0 && (Instant::now() >= self.deadline || self.cancel.is_cancelled());
                let Some((path, language)) = files.get(at).filter(|_| !is_late) else {
                    return parts;
                };
                parts.push((at, self.scan_file(path, *language, is_uncertain)));
            }
        };
        let mut parts: Vec<Option<ScannedFile>> = files.iter().map(|_| None).collect();
        let found = run_on_threads("references", threads.min(files.len()), work);
        for (at, scanned) in found.into_iter().flatten() {
            parts[at] = Some(scanned);
        }
        parts
    }

    /// Finds the uses in one file: those of the requested definitions or, with `is_uncertain`, the uncertain ones. A
    /// file that does not exist has none; if it cannot be read, `problem` is set.
    fn scan_file(&self, path: &RepoPath, language: Language, is_uncertain: bool) -> ScannedFile {
        let file = ReferencedFile {
            path: path.clone(),
            language,
            position: 0,
            is_uncertain,
            references: Vec::new(),
            problem: None,
        };
        let mut scanned = ScannedFile {
            file,
            uncertain_uses: 0,
            definitions_left_out: 0,
            is_spelled: false,
            masked_lines: BTreeSet::new(),
            other_kinds: BTreeMap::new(),
            uses_of_others: 0,
        };
        let Some(LocatedPath { engine, path: inner, .. }) = self.source.locate_file(path) else { return scanned };
        let inner = RepoPath::new(inner);
        let read = match engine.read_included_file(&inner) {
            Ok(read) => read,
            Err(PathError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => return scanned,
            Err(error) => {
                scanned.file.problem = Some(error.to_string());
                return scanned;
            }
        };
        let chosen = self.languages.iter().find(|(other, _)| std::ptr::eq(*other, engine));
        let none = LanguageChoices::default();
        let source = decode_source_as(&inner, read.bytes, chosen.map_or(&none, |(_, languages)| languages));
        let Some(name) = spelling_in(&source.text, self.name, source.language) else { return scanned };
        scanned.is_spelled = true;
        let left = self.deadline.saturating_duration_since(Instant::now()).max(MIN_FILE_TIME);
        let limit = left.min(engine.settings.parse_time_limit);
        let FileReferences { sites, symbols, problem } = engine.parsers.find_name_in_file(&source, &name, limit);
        let lines: Vec<&str> = source.text.lines().collect();
        let scope = FileScope { path, language, lines: &lines, symbols: &symbols, sites: &sites };
        for site in &sites {
            let owner = self.containers.map_or(UseOwner::Requested, |containers| containers.owner_of(site, &scope));
            if owner == UseOwner::Other {
                scanned.uses_of_others += usize::from(site.kind != ReferenceKind::Definition);
                continue;
            }
            let is_requested = match self.query.kinds.as_slice() {
                [] => site.kind != ReferenceKind::Definition || self.query.include_definitions,
                kinds => {
                    kinds.contains(&site.kind)
                        || (site.kind == ReferenceKind::Definition && self.query.include_definitions)
                }
            };
            if is_requested && is_uncertain != (owner == UseOwner::Unknown) {
                scanned.uncertain_uses += 1;
            } else if is_requested {
                scanned.file.references.push(describe_reference(site, &symbols, &lines, &name));
            } else if site.kind == ReferenceKind::Definition {
                scanned.definitions_left_out += 1;
            } else {
                *scanned.other_kinds.entry(site.kind).or_default() += 1;
            }
        }
        scanned.masked_lines = source.masks.iter().map(|mask| mask.line).collect();
        scanned.file.problem = problem;
        scanned
    }
}

fn describe_reference(site: &ReferenceSite, symbols: &[Symbol], lines: &[&str], name: &str) -> CodeReference {
    let text = lines.get(site.line as usize - 1).map_or("", |line| line.trim());
    let is_definition = |symbol: &Symbol| site.kind == ReferenceKind::Definition && symbol.name == name;
    let around = symbols.iter().filter(|symbol| symbol.span.contains(site.line) && !is_definition(symbol));
    let innermost = around.max_by_key(|symbol| (symbol.span.start_line, std::cmp::Reverse(symbol.span.end_line)));
    CodeReference {
        line: site.line,
        column: site.column,
        kind: site.kind,
        within: innermost.map(|symbol| qualified_name(&symbol.container, &symbol.name)).unwrap_or_default(),
        text: text.chars().take(MAX_LINE_CHARS).collect(),
    }
}

#[cfg(test)]
mod tests;
