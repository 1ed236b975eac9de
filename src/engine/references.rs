//! Where a name is used: files from the index, uses from their syntax trees as the files are now.
//!
//! Invariants: files are read in one order, several at a time, and what is told is a run of them without
//! a gap, so that a page can go on where the one before ended; time is bounded.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{CancelToken, Coverage, Engine, EngineError, coverage};
use crate::index;
use crate::parse::{self, Use, UseKind, Uses};
use crate::search::{ContentFilter, Filter, NameQuery, files_with};
use crate::types::{Language, RepoPath, Symbol, qualified_name};

/// A name to find the uses of.
#[derive(Clone, Debug)]
pub struct ReferenceQuery {
    /// An identifier; what qualifies it is not looked at.
    pub name: String,
    /// Only these kinds of use; empty for all but definitions.
    pub kinds: Vec<UseKind>,
    /// Whether definitions of the name are told, too.
    pub include_definitions: bool,
    pub filter: Filter,
    /// Where to go on: see [`ReferenceAnswer::next`].
    pub from: Position,
    /// At most so many uses.
    pub limit: usize,
    /// No further file is read after this time.
    pub time_limit: Duration,
}

/// A place in the answer: how many files, and how many uses of the next one, are before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub files: usize,
    pub uses: usize,
}

/// One use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// 1-based.
    pub line: u32,
    /// 1-based, in characters.
    pub column: u32,
    pub kind: UseKind,
    /// The innermost definition around it with its containers; empty at the top of a file.
    pub within: String,
    /// The line, without the white space around it.
    pub text: String,
}

/// The uses in one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferencedFile {
    pub path: RepoPath,
    pub language: Language,
    /// Its place in the order of all files, as [`Position::files`] counts.
    pub place: usize,
    /// In the order of the text.
    pub references: Vec<Reference>,
    /// What the parser could not do, if anything.
    pub problem: Option<String>,
}

/// Uses of a name: real code first, then tests and examples, each by path.
#[derive(Clone, Debug, Default)]
pub struct ReferenceAnswer {
    /// What was looked for, without what qualifies it.
    pub name: String,
    pub files: Vec<ReferencedFile>,
    /// Definitions of the name that were met and not asked for.
    pub definitions_left_out: usize,
    /// Files whose text has the name, and how many of them were read up to here, by this page and
    /// those before.
    pub files_with_name: usize,
    pub files_read: usize,
    /// Where the next page begins; `None` at the end.
    pub next: Option<Position>,
    /// Whether the time was up before the page was full.
    pub out_of_time: bool,
    pub coverage: Coverage,
    /// See [`super::SearchAnswer::edition`].
    pub edition: u64,
}

/// A file gets at least this long, so that every page makes headway.
const LEAST_TIME: Duration = Duration::from_millis(100);

/// Most files read at once.
const MAX_THREADS: usize = 8;

/// Longest line shown, in characters.
const MAX_LINE_CHARS: usize = 200;

/// One file's part of the answer.
struct Part {
    file: ReferencedFile,
    definitions_left_out: usize,
}

impl Engine {
    /// Uses of a name.
    ///
    /// # Errors
    /// [`EngineError::BadQuery`] for a text without a name or a filter that does not hold;
    /// [`EngineError::NotIndexed`]; a failing store.
    pub fn find_references(
        &self,
        query: &ReferenceQuery,
        cancel: &CancelToken,
    ) -> Result<ReferenceAnswer, EngineError> {
        let name = NameQuery::new(&query.name).map(|query| query.name).ok_or_else(|| {
            EngineError::BadQuery(format!("there is no name in {:?}; give an identifier like `parse`", query.name))
        })?;
        // What Ruby and Elixir put behind a name is no part of its word.
        let name = name.trim_end_matches(['?', '!', '=']).to_owned();
        let snapshot = self.snapshot()?;
        // What had to be loaded is for every later question, too.
        let deadline = Instant::now() + query.time_limit;
        let folders = self.folders(&snapshot, &query.filter)?;
        let mut filter = query.filter.clone();
        if filter.content == ContentFilter::CodeAndDocs {
            filter.content = ContentFilter::Code;
        }
        let files = files_with(&snapshot, &filter, &folders, &name)?;
        let files: Vec<(&RepoPath, Language)> =
            files.iter().map(|file| (&snapshot.files[*file].path, snapshot.files[*file].language)).collect();
        let mut answer = ReferenceAnswer {
            files_with_name: files.len(),
            coverage: coverage(&snapshot),
            edition: super::edition(&snapshot),
            ..ReferenceAnswer::default()
        };
        let scan = Scan { engine: self, name: &name, query, deadline, cancel };
        scan.fill(&files, &mut answer);
        answer.name = name;
        Ok(answer)
    }
}

/// A search for uses under way.
struct Scan<'s> {
    engine: &'s Engine,
    name: &'s str,
    query: &'s ReferenceQuery,
    deadline: Instant,
    cancel: &'s CancelToken,
}

impl Scan<'_> {
    /// Reads files until the page is full, the time is up, or there are no others.
    fn fill(&self, files: &[(&RepoPath, Language)], answer: &mut ReferenceAnswer) {
        let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get).min(MAX_THREADS);
        let Position { files: mut at, uses: mut pass } = self.query.from;
        let mut room = self.query.limit;
        let mut is_first = true;
        while at < files.len() {
            if self.cancel.is_cancelled() || (!is_first && Instant::now() >= self.deadline) {
                answer.out_of_time = true;
                answer.next = Some(Position { files: at, uses: 0 });
                break;
            }
            is_first = false;
            let batch = &files[at..files.len().min(at + 2 * threads)];
            for part in self.read(batch, threads) {
                let Some(mut part) = part else { break };
                part.file.place = at;
                answer.definitions_left_out += if pass == 0 { part.definitions_left_out } else { 0 };
                let passed = pass.min(part.file.references.len());
                part.file.references.drain(..passed);
                let is_whole = part.file.references.len() <= room;
                part.file.references.truncate(room);
                let shown = part.file.references.len();
                room -= shown;
                if shown > 0 || part.file.problem.is_some() {
                    answer.files.push(part.file);
                }
                if !is_whole {
                    answer.next = Some(Position { files: at, uses: passed + shown });
                    answer.files_read = at;
                    return;
                }
                (at, pass) = (at + 1, 0);
            }
        }
        answer.files_read = at.min(files.len());
    }

    /// The parts of these files in their order, the first one in any case; `None` from where the time
    /// was up.
    fn read(&self, files: &[(&RepoPath, Language)], threads: usize) -> Vec<Option<Part>> {
        let next = AtomicUsize::new(0);
        let work = || {
            let mut parts = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let is_late = at > 0 && (Instant::now() >= self.deadline || self.cancel.is_cancelled());
                let Some((path, language)) = files.get(at).filter(|_| !is_late) else {
                    return parts;
                };
                parts.push((at, self.part(path, *language)));
            }
        };
        let mut parts: Vec<Option<Part>> = files.iter().map(|_| None).collect();
        let threads = threads.min(files.len());
        let found = if threads <= 1 {
            work()
        } else {
            thread::scope(|scope| {
                let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
                // It cannot panic but by a bug, which has told of itself.
                workers.into_iter().flat_map(|worker| worker.join().unwrap_or_default()).collect()
            })
        };
        for (at, part) in found {
            parts[at] = Some(part);
        }
        parts
    }

    /// What one file has to tell; nothing when it cannot be read any more.
    fn part(&self, path: &RepoPath, language: Language) -> Part {
        let file = ReferencedFile { path: path.clone(), language, place: 0, references: Vec::new(), problem: None };
        let mut part = Part { file, definitions_left_out: 0 };
        let Ok(read) = self.engine.read_indexed(path) else { return part };
        let source = index::source(path, read.bytes);
        if parse::whole_words(&source.text, self.name).next().is_none() {
            return part;
        }
        let left = self.deadline.saturating_duration_since(Instant::now()).max(LEAST_TIME);
        let limit = left.min(self.engine.settings.parse_time_limit);
        let Uses { uses, symbols, problem } = parse::uses(&source, self.name, limit);
        let lines: Vec<&str> = source.text.lines().collect();
        for one in &uses {
            let asked = match self.query.kinds.as_slice() {
                [] => one.kind != UseKind::Definition || self.query.include_definitions,
                kinds => {
                    kinds.contains(&one.kind) || (one.kind == UseKind::Definition && self.query.include_definitions)
                }
            };
            if asked {
                part.file.references.push(reference(one, &symbols, &lines, self.name));
            } else if one.kind == UseKind::Definition {
                part.definitions_left_out += 1;
            }
        }
        part.file.problem = problem;
        part
    }
}

fn reference(one: &Use, symbols: &[Symbol], lines: &[&str], name: &str) -> Reference {
    let text = lines.get(one.line as usize - 1).map_or("", |line| line.trim());
    let itself = |symbol: &Symbol| one.kind == UseKind::Definition && symbol.name == name;
    let around = symbols.iter().filter(|symbol| symbol.span.contains(one.line) && !itself(symbol));
    let innermost = around.max_by_key(|symbol| (symbol.span.start_line, std::cmp::Reverse(symbol.span.end_line)));
    Reference {
        line: one.line,
        column: one.column,
        kind: one.kind,
        within: innermost.map(|symbol| qualified_name(&symbol.container, &symbol.name)).unwrap_or_default(),
        text: text.chars().take(MAX_LINE_CHARS).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{IndexRequest, Options, Settings};

    fn engine(folder: &std::path::Path, files: usize) -> Engine {
        for n in 0..files {
            let text = format!("fn caller_{n}() {{\n    price_of({n});\n    price_of(0);\n}}\n");
            std::fs::write(folder.join(format!("f{n:02}.rs")), text).expect("a file");
        }
        let options = Options {
            path: Some(folder.to_owned()),
            index_dir: Some(folder.join(".index")),
            max_cache_bytes: Some(0),
            ..Options::default()
        };
        let engine = Engine::open(Settings::resolve(&options).expect("settings")).expect("it opens");
        engine.index(&IndexRequest::default(), &CancelToken::default(), &|_| ()).expect("an index");
        engine
    }

    fn query(from: Position, time_limit: Duration) -> ReferenceQuery {
        let filter = Filter::default();
        let (name, kinds) = ("price_of".to_owned(), Vec::new());
        ReferenceQuery { name, kinds, include_definitions: false, filter, from, limit: 7, time_limit }
    }

    /// Every use by asking for part after part, and the number of parts.
    fn all(engine: &Engine, time_limit: Duration, cancel: &CancelToken) -> (Vec<String>, usize) {
        let (mut found, mut from) = (Vec::new(), Position::default());
        for parts in 1..100 {
            let answer = engine.find_references(&query(from, time_limit), cancel).expect("an answer");
            for file in &answer.files {
                found.extend(file.references.iter().map(|one| format!("{}:{} {}", file.path, one.line, one.within)));
            }
            match answer.next {
                Some(next) => assert!(next > from, "no headway from {from:?}"),
                None => return (found, parts),
            }
            from = answer.next.unwrap_or_default();
        }
        panic!("it does not end: {found:?}");
    }

    #[test]
    fn without_time_every_part_makes_headway_and_nothing_is_missed() {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = engine(folder.path(), 12);
        let wanted: Vec<String> =
            (0..12).flat_map(|n| [2, 3].map(|line| format!("f{n:02}.rs:{line} caller_{n}"))).collect();
        let cancel = CancelToken::default();
        assert_eq!(all(&engine, Duration::from_secs(60), &cancel), (wanted.clone(), 4));
        let (hurried, parts) = all(&engine, Duration::ZERO, &cancel);
        assert_eq!(hurried, wanted);
        assert_eq!(parts, 12, "a file each");
        cancel.cancel();
        let answer = engine.find_references(&query(Position::default(), Duration::from_secs(60)), &cancel);
        let answer = answer.expect("what there is");
        assert!(answer.out_of_time && answer.files.len() <= 1, "{answer:?}");
    }
}
