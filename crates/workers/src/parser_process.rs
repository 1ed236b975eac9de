//! A running worker process, from the side of its parent.
//!
//! One thread writes to the worker and one reads from it, so that the owner waits for an answer, for a deadline and for
//! cancellation at once, and never blocks on a pipe.

use std::io::{Read, Write as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, select, unbounded};

use super::frame::{FrameError, read_frame, read_header, write_frame, write_header};
use super::worker::{STALLED_EXIT, WorkerGreeting, WorkerSetup};
use config::ParserProgram;
use platform::cancel::CancelChannel;
use platform::process::used_processor_time;
use source::parse::syntax::ParserFault;

/// Time in which a new worker must send its greeting.
const START_LIMIT: Duration = Duration::from_secs(30);

/// Maximum number of times that the time limit passes before a worker that computes slowly is given up.
const MAX_WAITS: u32 = 10;

/// Processor time that a worker which computes uses at least in one wait, even on a busy machine.
const MIN_PROGRESS: Duration = Duration::from_millis(100);

/// Maximum number of answers that are read ahead of their use.
const ANSWERS_AHEAD: usize = 64;

/// Maximum part of a worker's standard error that is kept, in bytes.
const MAX_STDERR_BYTES: u64 = 4 << 10;

/// Returns the maximum size, in bytes, of an answer to a text of `text_bytes`.
fn max_answer_bytes(text_bytes: usize) -> usize {
    text_bytes.saturating_mul(64).saturating_add(1 << 20)
}

/// The reason why a worker cannot be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// Settings say that no process is started.
    #[error("parser processes are turned off")]
    TurnedOff,
    /// The system does not start the program, or the threads that talk to it.
    #[error("{program} does not start: {source}")]
    Spawn { program: String, source: std::io::Error },
    /// The program started, but is not a worker of this version.
    #[error("{program} does not answer as a parser process of this version: {message}")]
    Greeting { program: String, message: String },
}

/// The reason why no answer came.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// The caller cancelled the work.
    Cancelled,
    /// The time is over, and the worker has not used more processor time than it may.
    TimedOut,
    /// The worker has used more processor time than it may.
    Hung,
    /// The worker ended, its output cannot be read, or its answer does not fit the text.
    Ended(Option<FrameError>),
}

/// A running worker.
pub(crate) struct ParserProcess {
    child: Child,
    requests: Option<Sender<Vec<u8>>>,
    answers: Option<Receiver<Result<Vec<u8>, FrameError>>>,
    max_answer_bytes: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<()>>,
    greeting: WorkerGreeting,
    /// The number of the next request.
    pub next_number: u64,
    /// The processor time that the worker had used when the last requests were sent.
    used_before: Duration,
}

impl ParserProcess {
    /// Starts a worker that may allocate about `memory_bytes`.
    ///
    /// # Errors
    /// When processes are turned off, the program cannot be started, or it is not a worker of this version.
    pub fn start(program: &ParserProgram, memory_bytes: u64) -> Result<Self, StartError> {
        let (path, name) = match program {
            ParserProgram::InProcess => return Err(StartError::TurnedOff),
            ParserProgram::Program(path) => (path.clone(), path.display().to_string()),
            ParserProgram::Own => {
                let path = config::own_program();
                let name = path.display().to_string();
                (path, name)
            }
        };
        let failed = |source| StartError::Spawn { program: name.clone(), source };
        let mut child = worker_command(&path).spawn().map_err(failed)?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let (requests, queued) = unbounded::<Vec<u8>>();
        let (sender, answers) = bounded(ANSWERS_AHEAD);
        let max_answer_bytes = Arc::new(AtomicUsize::new(max_answer_bytes(0)));
        let mut process = Self {
            child,
            requests: Some(requests),
            answers: Some(answers),
            max_answer_bytes: Arc::clone(&max_answer_bytes),
            threads: Vec::new(),
            greeting: WorkerGreeting { has_memory_limit: false, is_confined: false },
            next_number: 0,
            used_before: Duration::ZERO,
        };
        let (Some(mut stdin), Some(stdout)) = (stdin, stdout) else {
            return Err(failed(std::io::ErrorKind::BrokenPipe.into()));
        };
        let write = move || {
            // An error means that the worker has ended, which its reader reports.
            while let Ok(bytes) = queued.recv()
                && stdin.write_all(&bytes).and_then(|()| stdin.flush()).is_ok()
            {}
        };
        let read = move || read_answers(stdout, &max_answer_bytes, &sender);
        for (thread_name, work) in [
            ("parser-requests", Box::new(write) as Box<dyn FnOnce() + Send>),
            ("parser-answers", Box::new(read) as Box<dyn FnOnce() + Send>),
        ] {
            let thread = thread::Builder::new().name(thread_name.to_owned()).stack_size(256 << 10).spawn(work);
            process.threads.push(thread.map_err(failed)?);
        }
        let mut opening = Vec::new();
        // Writing to memory cannot fail.
        _ = write_header(&mut opening).and_then(|()| write_frame(&mut opening, &WorkerSetup { memory_bytes }.encode()));
        process.send_bytes(opening);
        let greeting = match process.answers.as_ref().map(|answers| answers.recv_timeout(START_LIMIT)) {
            Some(Ok(Ok(payload))) => WorkerGreeting::decode(&payload).ok_or("an unknown greeting".to_owned()),
            Some(Ok(Err(error))) => Err(error.to_string()),
            Some(Err(error)) if error.is_timeout() => Err("no greeting in time".to_owned()),
            _ => Err("it ended".to_owned()),
        };
        process.greeting = greeting.map_err(|message| {
            let (status, stderr) = process.stop();
            let status = status.map(|status| format!(" ({status})")).unwrap_or_default();
            StartError::Greeting { program: name, message: format!("{message}{status} {stderr}").trim_end().to_owned() }
        })?;
        Ok(process)
    }

    /// Returns the id of the process.
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Returns the limits that the worker put on itself.
    pub fn greeting(&self) -> WorkerGreeting {
        self.greeting
    }

    /// Returns whether the process is still running.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends requests in frames, without waiting for the worker to read them. `text_bytes` is the length of the longest
    /// text, which limits the size of the answers. [`Self::receive`] returns the errors of sending.
    pub fn send(&mut self, payloads: impl Iterator<Item = Vec<u8>>, text_bytes: usize) {
        self.max_answer_bytes.store(max_answer_bytes(text_bytes), Ordering::Relaxed);
        self.used_before = used_processor_time(self.child.id()).unwrap_or_default();
        let mut bytes = Vec::new();
        for payload in payloads {
            // Writing to memory cannot fail, and a text is far smaller than a frame may be.
            _ = write_frame(&mut bytes, &payload);
        }
        self.send_bytes(bytes);
    }

    fn send_bytes(&self, bytes: Vec<u8>) {
        if let Some(requests) = &self.requests {
            // An error means that the writer has ended because the worker has; the next answer reports it.
            _ = requests.send(bytes);
        }
    }

    /// Waits for the next answer. After `limit`, the wait continues while the worker computes, for up to [`MAX_WAITS`]
    /// times `limit` and `max_used` of processor time: on a busy machine a worker is slow without being to blame.
    ///
    /// # Errors
    /// When the work is cancelled, the time is over, the worker has used more than `max_used` or has ended, or its
    /// output is no valid frame.
    pub fn receive(&self, limit: Duration, max_used: Duration, cancel: &CancelChannel) -> Result<Vec<u8>, NoAnswer> {
        let mut used_last = self.used_before;
        for _ in 0..MAX_WAITS {
            match self.receive_within(limit, cancel) {
                Err(NoAnswer::TimedOut) => {}
                other => return other,
            }
            let used = used_processor_time(self.child.id()).unwrap_or_default();
            if used.saturating_sub(self.used_before) > max_used {
                return Err(NoAnswer::Hung);
            }
            if used <= used_last + MIN_PROGRESS {
                break;
            }
            used_last = used;
        }
        Err(NoAnswer::TimedOut)
    }

    fn receive_within(&self, limit: Duration, cancel: &CancelChannel) -> Result<Vec<u8>, NoAnswer> {
        let Some(answers) = &self.answers else { return Err(NoAnswer::Ended(None)) };
        // An answer that is there is used even if the work is cancelled.
        if let Ok(answer) = answers.try_recv() {
            return answer.map_err(|error| NoAnswer::Ended(Some(error)));
        }
        select! {
            recv(answers) -> answer => match answer {
                Ok(answer) => answer.map_err(|error| NoAnswer::Ended(Some(error))),
                Err(_) => Err(NoAnswer::Ended(None)),
            },
            recv(cancel.receiver()) -> _ => Err(NoAnswer::Cancelled),
            default(limit) => Err(NoAnswer::TimedOut),
        }
    }

    /// Ends a worker that gave no answer, and returns its fault; `None` if the caller cancelled the work.
    pub fn end_after(mut self, reason: &NoAnswer) -> Option<ParserFault> {
        let fault = match reason {
            NoAnswer::Cancelled => return None,
            NoAnswer::TimedOut => ParserFault::Late,
            NoAnswer::Hung => ParserFault::Hung,
            NoAnswer::Ended(Some(FrameError::Damaged | FrameError::TooLong { .. } | FrameError::Protocol(_))) => {
                ParserFault::DamagedAnswer
            }
            NoAnswer::Ended(_) => {
                // Where the output has ended, the process is ending, and its status does not change any more.
                let (status, stderr) = self.stop();
                tracing::debug!("a parser process ended with {status:?}: {stderr}");
                return Some(classify_end(status, &stderr));
            }
        };
        let (status, stderr) = self.stop();
        tracing::debug!("a parser process was ended, {fault:?}, {status:?}: {stderr}");
        Some(fault)
    }

    /// Kills the process unless it has ended, joins the threads, and returns the exit status and at most
    /// [`MAX_STDERR_BYTES`] of the standard error.
    fn stop(&mut self) -> (Option<ExitStatus>, String) {
        // An error means that the process has ended already.
        _ = self.child.kill();
        let status = self.child.wait().ok();
        self.requests = None;
        self.answers = None;
        for thread in self.threads.drain(..) {
            // The threads do not panic, and a panic of one would change nothing here.
            _ = thread.join();
        }
        let mut stderr = Vec::new();
        if let Some(pipe) = self.child.stderr.take() {
            // A part of the standard error is enough.
            _ = pipe.take(MAX_STDERR_BYTES).read_to_end(&mut stderr);
        }
        (status, String::from_utf8_lossy(&stderr).into_owned())
    }
}

impl Drop for ParserProcess {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Returns the command that starts a worker.
fn worker_command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg(config::PARSE_WORKER_COMMAND).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt as _;
        // Ctrl-C in a terminal is for the parent alone. The worker needs no variables, so it gets no secrets.
        command.arg0("codescry").process_group(0).current_dir("/").env_clear();
        // One heap, so that the limit on memory is not spent on reserves.
        command.env("MALLOC_ARENA_MAX", "1");
    }
    command
}

/// Passes the worker's answers on until its output ends or cannot be read; that error is passed on too.
fn read_answers(stdout: impl Read, max_answer_bytes: &AtomicUsize, answers: &Sender<Result<Vec<u8>, FrameError>>) {
    let mut input = std::io::BufReader::with_capacity(64 << 10, stdout);
    if let Err(error) = read_header(&mut input) {
        _ = answers.send(Err(error));
        return;
    }
    loop {
        let answer = match read_frame(&mut input, max_answer_bytes.load(Ordering::Relaxed)) {
            Ok(None) => return,
            Ok(Some(payload)) => Ok(payload),
            Err(error) => Err(error),
        };
        let is_last = answer.is_err();
        if answers.send(answer).is_err() || is_last {
            return;
        }
    }
}

/// Returns the fault of a worker that ended without being stopped by this process.
fn classify_end(status: Option<ExitStatus>, stderr: &str) -> ParserFault {
    let Some(status) = status else { return ParserFault::Killed };
    // The messages of tree-sitter ("failed to reallocate 64 bytes") and of Rust.
    let ran_out = stderr.contains("tree-sitter failed to") || stderr.contains("memory allocation of");
    match status.code() {
        Some(code) if code == i32::from(STALLED_EXIT) => return ParserFault::Hung,
        // It ended because it was idle for long, or because its input ended.
        Some(0) => return ParserFault::Killed,
        _ if ran_out => return ParserFault::OutOfMemory,
        Some(_) => return ParserFault::Crashed,
        None => {}
    }
    #[cfg(unix)]
    {
        use platform::process::is_sent_by_others;
        use std::os::unix::process::ExitStatusExt as _;
        if status.signal().is_some_and(is_sent_by_others) {
            return ParserFault::Killed;
        }
    }
    ParserFault::Crashed
}
