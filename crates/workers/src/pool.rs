//! The pool of worker processes.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Once, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::failed_texts::{self, FailedTexts};
use super::parser_process::{ParserProcess, StartError};
use config::{ParserProgram, Settings};
use platform::cancel::CancelToken;
use platform::process;
use source::parse::syntax::{SyntaxAnalyzer, SyntaxFacts, SyntaxProblem, SyntaxTask, SyntaxToken};
use source::parse::{self, FileReferences, SourceFile};
use types::{Language, Symbol};

/// Smallest memory limit of a worker, in bytes. The compiled queries of all languages fit into it.
const MIN_WORKER_BYTES: u64 = 24 << 20;

/// Number of workers that calls may use beside those of an index run.
const CALL_WORKERS: usize = 4;

/// Memory of an idle worker above which it is ended, in bytes.
const MAX_IDLE_BYTES: u64 = 64 << 20;

/// Time after a failed start of a worker until another one is tried, if none has ever started.
const START_INTERVAL: Duration = Duration::from_secs(30);

/// Maximum size of a text that is coloured, in bytes. [`COLOUR_LIMIT`] is the time limit for it.
const MAX_COLOURED_BYTES: usize = 64 * 1024;
const COLOUR_LIMIT: Duration = Duration::from_millis(100);

/// Options of a pool.
#[derive(Clone, Debug)]
pub struct PoolOptions {
    pub program: ParserProgram,
    /// Memory in bytes that is divided among the workers of an index run and a worker that tries a text alone. Workers
    /// for calls use further memory.
    pub memory_bytes: u64,
    /// Maximum number of workers of an index run.
    pub run_workers: usize,
    /// The index folder, in which failures are remembered; `None` to remember them in this process only.
    pub index_dir: Option<PathBuf>,
}

/// The place where a pool parses: in other processes or in this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PoolState {
    /// In processes of their own.
    Isolated {
        /// Whether the processes limit their memory.
        has_memory_limit: bool,
        /// Whether the processes can neither open files nor use the network.
        is_confined: bool,
    },
    /// In this process, for this reason.
    InProcess { reason: String },
}

/// The parsers of an index: worker processes, and the texts on which they failed. Shared by all threads of a program.
pub struct ParserPool {
    pub(crate) workers: Arc<WorkerSet>,
    pub(crate) failed: FailedTexts,
    /// Done when the texts that ended earlier processes are known.
    adopted: Once,
}

/// Worker processes, which are started when they are needed. All indexes of a process with the same limits share them.
pub(crate) struct WorkerSet {
    program: ParserProgram,
    /// Memory limits of a worker and of the one worker that tries a text alone, in bytes.
    worker_bytes: u64,
    retry_bytes: u64,
    run_workers: usize,
    state: Mutex<WorkersState>,
    /// Notified when a lease ends.
    returned: Condvar,
    /// Held by the thread whose worker may use [`ParserPool::retry_bytes`].
    pub(crate) retry: Mutex<()>,
}

/// The workers of this process that indexes share.
static SHARED_WORKERS: Mutex<Vec<Weak<WorkerSet>>> = Mutex::new(Vec::new());

/// The work that a worker is leased for. Workers keep to one kind of work, because a process that a background run has
/// started keeps the low priority of that run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LeaseKind {
    Run,
    Call,
}

#[derive(Default)]
struct WorkersState {
    /// Workers without a lease and number of leases, by [`LeaseKind`].
    idle: [Vec<ParserProcess>; 2],
    leased: [usize; 2],
    /// The ids of all workers.
    ids: BTreeSet<u32>,
    /// Whether a worker has started before.
    has_started: bool,
    /// Time of the last failure to start a worker; `None` after a success.
    failed_at: Option<Instant>,
}

/// The right of a thread to one worker, which is started when it is needed.
pub struct ParserLease<'p> {
    pub(crate) pool: &'p ParserPool,
    kind: LeaseKind,
    pub(crate) process: Option<ParserProcess>,
    /// The analyzer of a pool without processes.
    pub(crate) analyzer: Option<SyntaxAnalyzer>,
}

impl WorkerSet {
    fn new(options: PoolOptions) -> Self {
        let PoolOptions { program, memory_bytes, run_workers, index_dir: _ } = options;
        // One half is for the workers of an index run, the other one for a text that is tried alone.
        let half = memory_bytes / 2;
        let is_isolated = program != ParserProgram::InProcess;
        let fitting = usize::try_from(half / MIN_WORKER_BYTES).unwrap_or(usize::MAX).max(1);
        let run_workers = if is_isolated { run_workers.min(fitting) } else { run_workers }.max(1);
        let (worker_bytes, retry_bytes) = if is_isolated {
            ((half / run_workers as u64).max(MIN_WORKER_BYTES), half.max(2 * MIN_WORKER_BYTES))
        } else {
            (memory_bytes / run_workers as u64, memory_bytes / run_workers as u64)
        };
        Self {
            program,
            worker_bytes,
            retry_bytes,
            run_workers,
            state: Mutex::default(),
            returned: Condvar::new(),
            retry: Mutex::new(()),
        }
    }

    /// Returns whether both sets start the same workers.
    fn has_limits_of(&self, other: &Self) -> bool {
        let limits = |workers: &Self| (workers.worker_bytes, workers.retry_bytes, workers.run_workers);
        self.program == other.program && limits(self) == limits(other)
    }
}

impl ParserPool {
    /// Creates a pool with workers of its own; starts no process.
    pub fn new(options: PoolOptions) -> Self {
        let index_dir = options.index_dir.clone();
        Self::with_workers(Arc::new(WorkerSet::new(options)), index_dir)
    }

    fn with_workers(workers: Arc<WorkerSet>, index_dir: Option<PathBuf>) -> Self {
        let failed = FailedTexts::new(index_dir.map(|folder| folder.join(failed_texts::FILE_NAME)));
        Self { workers, failed, adopted: Once::new() }
    }

    /// Creates the pool of a folder's index, with the workers of the other indexes in this process that have the same
    /// limits.
    pub fn for_settings(settings: &Settings) -> Self {
        let index_dir = Some(settings.index_dir.clone());
        let fresh = WorkerSet::new(PoolOptions {
            program: settings.pipeline.parser_program.clone(),
            memory_bytes: settings.pipeline.parser_memory_bytes(),
            run_workers: settings.pipeline.parse_workers,
            index_dir: index_dir.clone(),
        });
        let mut shared = SHARED_WORKERS.lock();
        shared.retain(|workers| workers.strong_count() > 0);
        let workers = shared.iter().filter_map(Weak::upgrade).find(|workers| workers.has_limits_of(&fresh));
        let workers = workers.unwrap_or_else(|| {
            let fresh = Arc::new(fresh);
            shared.push(Arc::downgrade(&fresh));
            fresh
        });
        Self::with_workers(workers, index_dir)
    }

    /// Creates a pool that parses on the calling threads. Texts on which a grammar is known to crash are not parsed,
    /// but any other one may end this process.
    pub fn in_process() -> Self {
        let program = ParserProgram::InProcess;
        Self::new(PoolOptions { program, memory_bytes: u64::MAX, run_workers: 1, index_dir: None })
    }

    /// Returns the number of workers that an index run may lease.
    pub fn run_workers(&self) -> usize {
        self.workers.run_workers
    }

    /// Returns the memory limit of a worker, in bytes.
    pub(crate) fn worker_bytes(&self) -> u64 {
        self.workers.worker_bytes
    }

    /// Returns the memory limit of the worker that tries a text alone, in bytes.
    pub(crate) fn retry_bytes(&self) -> u64 {
        self.workers.retry_bytes
    }

    /// Returns the private memory of all workers together, in bytes; a worker whose memory is unknown does not count.
    pub fn memory_bytes(&self) -> u64 {
        self.process_ids().into_iter().filter_map(process::private_bytes).sum()
    }

    /// Returns the ids of the workers.
    pub fn process_ids(&self) -> Vec<u32> {
        self.workers.state.lock().ids.iter().copied().collect()
    }

    /// Leases a worker for one of the threads of an index run, of which there are at most [`ParserPool::run_workers`].
    /// Does not wait, so that a run which another one is about to replace can end.
    pub fn lease_for_run(&self) -> ParserLease<'_> {
        self.lease(LeaseKind::Run, usize::MAX)
    }

    /// Leases a worker for a call. Waits while [`CALL_WORKERS`] workers are leased for calls, unless processes are
    /// turned off.
    pub fn lease_for_call(&self) -> ParserLease<'_> {
        self.lease(LeaseKind::Call, CALL_WORKERS)
    }

    fn lease(&self, kind: LeaseKind, most: usize) -> ParserLease<'_> {
        let mut state = self.workers.state.lock();
        while self.workers.program != ParserProgram::InProcess && state.leased[kind as usize] >= most {
            self.workers.returned.wait(&mut state);
        }
        state.leased[kind as usize] += 1;
        ParserLease { pool: self, kind, process: state.idle[kind as usize].pop(), analyzer: None }
    }

    /// Starts a worker unless one for calls is idle, and returns how this pool parses.
    pub fn probe(&self) -> PoolState {
        let mut lease = self.lease_for_call();
        match lease.running_process() {
            Ok(process) => {
                let greeting = process.greeting();
                PoolState::Isolated { has_memory_limit: greeting.has_memory_limit, is_confined: greeting.is_confined }
            }
            Err(error) => PoolState::InProcess { reason: error.to_string() },
        }
    }

    /// Returns the definitions of a file, and the problem of parsing it, if there is one.
    pub fn outline_file(&self, file: &SourceFile, time_limit: Duration) -> (Vec<Symbol>, Option<String>) {
        let facts = self.find_facts(file, SyntaxTask::Definitions, time_limit);
        parse::build_outline(file, facts, time_limit)
    }

    /// Finds the references to `name` in a file. `name` is an identifier without sigils such as `@` or `$`.
    pub fn find_name_in_file(&self, file: &SourceFile, name: &str, time_limit: Duration) -> FileReferences {
        let facts = self.find_facts(file, SyntaxTask::References { name }, time_limit);
        parse::build_references(file, name, facts, time_limit)
    }

    /// Returns the classified byte ranges of `text`, in order and without overlap.
    ///
    /// Empty if the language cannot be parsed, the text is larger than 64 KiB, or parsing fails or takes too long. If
    /// time runs out after parsing, the later ranges are missing.
    pub fn highlight_tokens(&self, language: Language, text: &str) -> Vec<SyntaxToken> {
        if text.len() > MAX_COLOURED_BYTES {
            return Vec::new();
        }
        let file = SourceFile { path: types::RepoPath::new(""), language, text: text.to_owned(), masks: Vec::new() };
        let facts = self.find_facts(&file, SyntaxTask::Tokens, COLOUR_LIMIT);
        facts.map(|facts| facts.tokens).unwrap_or_default()
    }

    /// Finds facts about one file; `None` if [`SourceFile::syntax_request`] returns `None`.
    fn find_facts(&self, file: &SourceFile, task: SyntaxTask<'_>, time_limit: Duration) -> Option<SyntaxFacts> {
        let request = file.syntax_request(task, time_limit)?;
        // Every text is answered, because nothing cancels this.
        let mut found = SyntaxFacts::failed(SyntaxProblem::TimedOut);
        self.lease_for_call().analyze(&[request], &CancelToken::default(), &mut |_, facts| found = facts);
        Some(found)
    }

    /// Starts a worker that may allocate `memory_bytes`.
    ///
    /// # Errors
    /// When processes are turned off, or the worker cannot be started.
    pub(crate) fn start_process(&self, memory_bytes: u64) -> Result<ParserProcess, StartError> {
        let started = ParserProcess::start(&self.workers.program, memory_bytes);
        let mut state = self.workers.state.lock();
        match &started {
            Ok(process) => {
                state.has_started = true;
                state.failed_at = None;
                state.ids.insert(process.process_id());
            }
            Err(error) => {
                if state.has_started || state.failed_at.is_some() || matches!(error, StartError::TurnedOff) {
                    tracing::debug!("a parser process was not started: {error}");
                } else {
                    tracing::warn!("no parser process can be started, so files are parsed in this process: {error}");
                }
                state.failed_at = Some(Instant::now());
            }
        }
        started
    }

    /// Returns whether texts are parsed in this process: processes are turned off, or no worker has ever started and
    /// the last attempt failed less than [`START_INTERVAL`] ago.
    pub(crate) fn is_in_process(&self) -> bool {
        let state = self.workers.state.lock();
        let has_failed = state.failed_at.is_some_and(|failed_at| failed_at.elapsed() < START_INTERVAL);
        self.workers.program == ParserProgram::InProcess || (has_failed && !state.has_started)
    }

    /// Remembers the texts that earlier processes were parsing without a worker when they ended. Only the first call
    /// does anything.
    pub(crate) fn adopt_attempts_once(&self) {
        self.adopted.call_once(|| self.failed.adopt_attempts());
    }

    /// Forgets a worker that has ended or will end.
    pub(crate) fn forget_process(&self, id: u32) {
        self.workers.state.lock().ids.remove(&id);
    }
}

impl ParserLease<'_> {
    /// Ends the worker, so that the next text gets a new one.
    pub fn renew(&mut self) {
        if let Some(process) = self.process.take() {
            self.pool.forget_process(process.process_id());
        }
        self.analyzer = None;
    }

    /// Returns the leased worker; starts one if there is none or it has ended.
    ///
    /// # Errors
    /// When the lease has no running worker and none can be started.
    pub(crate) fn running_process(&mut self) -> Result<&mut ParserProcess, StartError> {
        if let Some(process) = &mut self.process
            && !process.is_running()
        {
            let id = process.process_id();
            self.pool.forget_process(id);
            self.process = None;
        }
        let process = match self.process.take() {
            Some(process) => process,
            None => self.pool.start_process(self.pool.workers.worker_bytes)?,
        };
        Ok(self.process.insert(process))
    }
}

impl Drop for ParserLease<'_> {
    fn drop(&mut self) {
        let pool = self.pool;
        // A worker that needed much memory gives it back by ending.
        let (kept, ended) = match self.process.take() {
            Some(process)
                if process::private_bytes(process.process_id()).is_none_or(|bytes| bytes <= MAX_IDLE_BYTES) =>
            {
                (Some(process), None)
            }
            other => (None, other),
        };
        let mut state = pool.workers.state.lock();
        state.leased[self.kind as usize] -= 1;
        state.idle[self.kind as usize].extend(kept);
        if let Some(process) = &ended {
            state.ids.remove(&process.process_id());
        }
        drop(state);
        pool.workers.returned.notify_all();
    }
}
