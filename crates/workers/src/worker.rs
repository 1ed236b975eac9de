//! The worker: reads requests from standard input and writes facts to standard output.
//!
//! Two threads stand beside the one that parses. One reads requests, and ends the process when the input ends, even
//! while a scanner loops. The other ends the process when the parser uses processor time without progress. Once both
//! run, the process gives up the right to open files, to use the network and to start anything, where the system
//! supports that.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::process::ExitCode;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};

use super::codec::{decode_request, encode_facts};
use super::frame::{FrameError, read_frame, read_header, write_frame, write_header};
use platform::clock::process_cpu_time;
use platform::confinement;
use source::parse::syntax::{ProgressCounter, SyntaxAnalyzer, SyntaxRequest, prepare_language};

/// Exit code of a worker whose parser is stuck.
pub(crate) const STALLED_EXIT: u8 = 75;

/// Exit code of a worker that cannot talk to its parent.
const PROTOCOL_EXIT: u8 = 76;

/// Maximum size of a request, in bytes. Larger files are not indexed by default, and their trees would not fit.
const MAX_REQUEST_BYTES: usize = 1 << 30;

/// Processor time without progress after which a parser is stuck. tree-sitter reports progress every few microseconds,
/// but not while it is inside of a grammar's scanner.
const STALL_LIMIT: Duration = Duration::from_millis(300);

/// Interval between two checks for progress.
const STALL_TICK: Duration = Duration::from_millis(50);

/// Time without a request after which a worker ends.
const IDLE_LIMIT: Duration = Duration::from_secs(60);

/// Time after which a finished answer is written even if further requests wait.
const FLUSH_INTERVAL: Duration = Duration::from_millis(2);

/// The settings that a worker receives before its first request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerSetup {
    /// Memory that the worker may allocate, in bytes.
    pub memory_bytes: u64,
}

impl WorkerSetup {
    /// Encodes the setup as the payload of a frame.
    pub fn encode(self) -> [u8; 8] {
        self.memory_bytes.to_le_bytes()
    }

    fn decode(payload: &[u8]) -> Option<Self> {
        Some(Self { memory_bytes: u64::from_le_bytes(payload.try_into().ok()?) })
    }
}

/// The first frame that a worker sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WorkerGreeting {
    /// Whether the memory of the worker is limited.
    pub has_memory_limit: bool,
    /// Whether the worker can neither open files nor use the network.
    pub is_confined: bool,
}

impl WorkerGreeting {
    /// Decodes the payload of a frame; `None` if it is not a greeting.
    pub fn decode(payload: &[u8]) -> Option<Self> {
        match *payload {
            [flags @ 0..4] => Some(Self { has_memory_limit: flags & 1 != 0, is_confined: flags & 2 != 0 }),
            _ => None,
        }
    }

    fn encode(self) -> [u8; 1] {
        [u8::from(self.has_memory_limit) | u8::from(self.is_confined) << 1]
    }
}

/// Faults to inject before a request is answered, for the worker of a test.
pub type WorkerFaults = fn(&SyntaxRequest<'_>);

/// Runs a worker on standard input and output. Returns when no request comes for a minute, the beginning of the input
/// or a request is invalid, or the output fails; ends the process when the input ends, a later frame is damaged, or the
/// parser is stuck. `inject` is called before each analysis; the worker of the program does nothing there.
pub fn run_parse_worker(inject: WorkerFaults) -> ExitCode {
    confinement::disable_core_dumps();
    match answer_requests(inject) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(PROTOCOL_EXIT),
    }
}

fn answer_requests(inject: WorkerFaults) -> Result<(), FrameError> {
    let mut input = BufReader::with_capacity(64 << 10, open_input()?);
    read_header(&mut input)?;
    let unexpected = || FrameError::from(io::Error::from(io::ErrorKind::InvalidData));
    let setup = read_frame(&mut input, 8)?.as_deref().and_then(WorkerSetup::decode).ok_or_else(unexpected)?;
    let out = Arc::new(Mutex::new(BufWriter::with_capacity(64 << 10, open_output()?)));
    let (progress, busy) = (ProgressCounter::default(), Arc::new(BusyFlag::default()));
    // The channel is unbounded, so that the thread always waits for the end of the input; the parent sends few requests
    // ahead.
    let (sender, requests) = crossbeam_channel::unbounded();
    let spawn = |name: &str, work: Box<dyn FnOnce() + Send>| {
        thread::Builder::new().name(name.to_owned()).stack_size(128 << 10).spawn(work)
    };
    spawn("requests", Box::new(move || read_requests(&mut input, &sender)))?;
    let (watched, watched_busy, watched_out) = (progress.clone(), Arc::clone(&busy), Arc::clone(&out));
    spawn("progress", Box::new(move || watch_progress(&watched, &watched_busy, &watched_out)))?;
    // The threads are started: from here on, memory and system calls are limited.
    let greeting = WorkerGreeting {
        has_memory_limit: confinement::limit_further_memory(setup.memory_bytes).is_ok(),
        is_confined: confinement::forbid_system_calls().is_ok(),
    };
    let lock_out = || out.lock().unwrap_or_else(PoisonError::into_inner);
    write_header(&mut *lock_out())?;
    write_frame(&mut *lock_out(), &greeting.encode())?;
    lock_out().flush()?;
    let mut analyzer = SyntaxAnalyzer::expendable(progress.clone());
    let mut flushed = Instant::now();
    while let Some(payload) = next_request(&requests, &busy) {
        let numbered = decode_request(&payload).ok_or_else(unexpected)?;
        // Compiling a query reports no progress, and depends on nothing hostile.
        busy.set(false);
        prepare_language(numbered.request.language);
        progress.advance();
        busy.set(true);
        inject(&numbered.request);
        let facts = analyzer.analyze(&numbered.request);
        write_frame(&mut *lock_out(), &encode_facts(numbered.number, &facts))?;
        if requests.is_empty() || flushed.elapsed() >= FLUSH_INTERVAL {
            lock_out().flush()?;
            flushed = Instant::now();
        }
    }
    Ok(())
}

/// Opens standard input without the buffer of the standard library.
fn open_input() -> io::Result<File> {
    #[cfg(unix)]
    use std::os::fd::AsFd as _;
    #[cfg(windows)]
    use std::os::windows::io::AsHandle as _;
    #[cfg(unix)]
    let input = io::stdin().as_fd().try_clone_to_owned()?;
    #[cfg(windows)]
    let input = io::stdin().as_handle().try_clone_to_owned()?;
    Ok(input.into())
}

/// Opens standard output without the buffer of the standard library, which writes line by line.
fn open_output() -> io::Result<File> {
    #[cfg(unix)]
    use std::os::fd::AsFd as _;
    #[cfg(windows)]
    use std::os::windows::io::AsHandle as _;
    #[cfg(unix)]
    let output = io::stdout().as_fd().try_clone_to_owned()?;
    #[cfg(windows)]
    let output = io::stdout().as_handle().try_clone_to_owned()?;
    Ok(output.into())
}

/// Returns the next request; `None` if none comes within [`IDLE_LIMIT`] or no more can come.
fn next_request(requests: &Receiver<Vec<u8>>, busy: &BusyFlag) -> Option<Vec<u8>> {
    if let Ok(payload) = requests.try_recv() {
        return Some(payload);
    }
    busy.set(false);
    requests.recv_timeout(IDLE_LIMIT).ok()
}

/// Passes the requests on until the input ends or is invalid, then ends the process. Returns only if the worker is
/// ending already.
fn read_requests(input: &mut impl io::Read, requests: &Sender<Vec<u8>>) {
    let code = loop {
        match read_frame(input, MAX_REQUEST_BYTES) {
            Ok(Some(payload)) => {
                if requests.send(payload).is_err() {
                    return; // the worker is ending
                }
            }
            Ok(None) => break 0,
            Err(_) => break PROTOCOL_EXIT,
        }
    };
    std::process::exit(code.into());
}

/// Ends the process when it is busy but makes no progress for [`STALL_LIMIT`] of processor time. Writes the finished
/// answers to `out` before, so that the parent knows on which text the parser is stuck.
fn watch_progress(progress: &ProgressCounter, busy: &BusyFlag, out: &Mutex<impl Write>) {
    loop {
        busy.wait();
        let (mut seen, mut since) = (progress.current(), process_cpu_time());
        while busy.is_set() {
            thread::sleep(STALL_TICK);
            let (now, current) = (process_cpu_time(), progress.current());
            if current != seen {
                (seen, since) = (current, now);
            }
            let stuck = now.zip(since).is_some_and(|(now, since)| now.saturating_sub(since) >= STALL_LIMIT);
            if stuck && busy.is_set() {
                // A lock that is held means that an answer is being written after all, perhaps to a parent that has gone.
                if let Ok(mut out) = out.try_lock() {
                    _ = out.flush();
                }
                std::process::exit(STALLED_EXIT.into());
            }
        }
    }
}

/// Whether a text is being analyzed.
#[derive(Default)]
struct BusyFlag {
    is_busy: Mutex<bool>,
    changed: Condvar,
}

impl BusyFlag {
    fn set(&self, is_busy: bool) {
        let mut current = self.is_busy.lock().unwrap_or_else(PoisonError::into_inner);
        if *current != is_busy {
            *current = is_busy;
            self.changed.notify_all();
        }
    }

    fn is_set(&self) -> bool {
        *self.is_busy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self) {
        let current = self.is_busy.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.changed.wait_while(current, |is_busy| !*is_busy));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setup_and_greeting_are_read_back() {
        let setup = WorkerSetup { memory_bytes: 48 << 20 };
        assert_eq!(WorkerSetup::decode(&setup.encode()), Some(setup));
        assert_eq!(WorkerSetup::decode(&[1, 2]), None);
        let greeting = WorkerGreeting { has_memory_limit: true, is_confined: false };
        assert_eq!(WorkerGreeting::decode(&greeting.encode()), Some(greeting));
        assert!(WorkerGreeting::decode(&[4]).is_none() && WorkerGreeting::decode(b"no").is_none());
    }
}
