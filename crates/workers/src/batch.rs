//! The analysis of a batch of texts by the worker of a lease, and the replacement of workers that fail.

use std::time::Duration;

use super::codec::{decode_facts, encode_request};
use super::parser_process::{NoAnswer, ParserProcess};
use super::pool::{ParserLease, ParserPool};
use platform::cancel::{CancelChannel, CancelToken};
use source::parse::estimate_tree_bytes;
use source::parse::syntax::{ParserFault, SyntaxAnalyzer, SyntaxFacts, SyntaxProblem, SyntaxRequest};

/// Maximum size of the texts that are sent to a worker at once, in bytes. A single text may be larger.
const GROUP_BYTES: usize = 256 << 10;

/// Time in addition to four times the time limit of a text, after which its worker is ended unless it still computes.
/// The worker enforces the limit itself, in processor time; this is for a worker that is stopped, or cannot do that.
const GRACE: Duration = Duration::from_secs(10);

/// Maximum number of attempts for a text whose worker cannot be started or is ended by others.
const ATTEMPTS: u32 = 3;

/// Maximum size of a text that is not tried again after the parser hung on it, in bytes, so that other files do not wait
/// twice. On a larger one, a slow machine could seem to hang.
const MAX_HUNG_ONCE_BYTES: usize = 16 << 10;

/// Maximum time for which a text that needs much memory waits for it.
const MEMORY_WAIT: Duration = Duration::from_secs(30);

/// Maximum time for which a text that does not need much memory waits for the memory of a second attempt, before it is
/// tried with less.
const RETRY_WAIT: Duration = Duration::from_millis(200);

/// The error of a batch that ended early because it was cancelled.
#[derive(Debug)]
struct Cancelled;

/// Receives the facts about a text, with its index in the batch.
type Receive<'c> = &'c mut dyn FnMut(usize, SyntaxFacts);

impl ParserLease<'_> {
    /// Analyzes texts and calls `receive` once for each, with its index and with facts that fit it. When `cancel` is
    /// cancelled, the remaining texts get no call.
    pub fn analyze(&mut self, requests: &[SyntaxRequest<'_>], cancel: &CancelToken, receive: Receive<'_>) {
        let (mut usual, mut large) = (Vec::new(), Vec::new());
        for (index, request) in requests.iter().enumerate() {
            let tree_bytes = estimate_tree_bytes(request.text);
            if tree_bytes > self.pool.retry_bytes() {
                receive(index, SyntaxFacts::failed(SyntaxProblem::TooLarge));
            } else if let Some(fault) = self.pool.failed.find(request, self.pool.retry_bytes()) {
                receive(index, SyntaxFacts::failed(SyntaxProblem::Fault(fault)));
            } else if tree_bytes > self.pool.worker_bytes() {
                large.push(index);
            } else {
                usual.push(index);
            }
        }
        let mut batch = Batch { requests, cancel: &cancel.channel(), receive };
        _ = self.analyze_usual(&mut batch, &usual).and_then(|()| self.analyze_alone(&mut batch, &large, MEMORY_WAIT));
    }

    /// Analyzes texts with the worker of this lease, several at a time, or on this thread if the pool has no processes.
    /// Texts that a failed worker has not answered are tried again alone, except a short one on which the parser is
    /// known to have hung.
    fn analyze_usual(&mut self, batch: &mut Batch<'_, '_>, indices: &[usize]) -> Result<(), Cancelled> {
        let mut rest = indices;
        while !rest.is_empty() {
            if self.pool.is_in_process() {
                return self.analyze_here(batch, rest);
            }
            let group = batch.group_length(rest);
            let Ok(process) = self.running_process() else {
                if self.pool.is_in_process() {
                    continue; // no worker has ever started
                }
                self.analyze_alone(batch, &rest[..group], RETRY_WAIT)?;
                rest = &rest[group..];
                continue;
            };
            let (answered, failure) = batch.exchange(process, &rest[..group]);
            if let Some(reason) = failure {
                let fault = self.end_process(&reason).ok_or(Cancelled)?;
                // A worker that ends itself because its parser hangs has sent its earlier answers.
                let has_hung = fault == ParserFault::Hung && matches!(reason, NoAnswer::Ended(_));
                let (index, request) = (rest[answered], &batch.requests[rest[answered]]);
                if has_hung && request.text.len() <= MAX_HUNG_ONCE_BYTES {
                    self.pool.failed.remember(request, fault, self.pool.worker_bytes());
                    (batch.receive)(index, SyntaxFacts::failed(SyntaxProblem::Fault(fault)));
                    rest = &rest[answered + 1..];
                    continue;
                }
                // Any of these texts may have caused it.
                self.analyze_alone(batch, &rest[answered..group], RETRY_WAIT)?;
            }
            rest = &rest[group..];
        }
        Ok(())
    }

    /// Analyzes texts on this thread, except those that are remembered to fail.
    fn analyze_here(&mut self, batch: &mut Batch<'_, '_>, indices: &[usize]) -> Result<(), Cancelled> {
        let token = batch.cancel.token().clone();
        let pool = self.pool;
        pool.adopt_attempts_once();
        let analyzer = self.analyzer.get_or_insert_with(|| SyntaxAnalyzer::default().with_cancel(token));
        for index in indices {
            let request = &batch.requests[*index];
            let facts = match pool.failed.find(request, pool.retry_bytes()) {
                Some(fault) => SyntaxFacts::failed(SyntaxProblem::Fault(fault)),
                None => {
                    let _record = pool.failed.record_attempt(request);
                    analyzer.analyze(request)
                }
            };
            if batch.cancel.is_cancelled() {
                return Err(Cancelled);
            }
            (batch.receive)(*index, facts);
        }
        Ok(())
    }

    /// Analyzes texts one after the other, each alone, in a worker with [`ParserPool::retry_bytes`] or, if that memory
    /// is in use for `memory_wait`, with [`ParserPool::worker_bytes`]; on this thread if the pool has no processes.
    /// Texts that are remembered to fail are not tried.
    fn analyze_alone(
        &mut self,
        batch: &mut Batch<'_, '_>,
        indices: &[usize],
        memory_wait: Duration,
    ) -> Result<(), Cancelled> {
        if indices.is_empty() {
            return Ok(());
        }
        if self.pool.is_in_process() {
            return self.analyze_here(batch, indices);
        }
        let pool = self.pool;
        // One worker at a time may use this memory. Waiting for it ends, so that nothing waits behind a parser that
        // hangs.
        let permit = pool.workers.retry.try_lock_for(memory_wait);
        let memory_bytes = if permit.is_some() { pool.retry_bytes() } else { pool.worker_bytes() };
        let mut worker = LoneWorker { pool, memory_bytes, process: None };
        for index in indices {
            let request = &batch.requests[*index];
            let facts = match pool.failed.find(request, pool.retry_bytes()) {
                Some(fault) => SyntaxFacts::failed(SyntaxProblem::Fault(fault)),
                None => worker.analyze(batch, *index, permit.is_some())?,
            };
            (batch.receive)(*index, facts);
        }
        Ok(())
    }

    /// Ends the worker of this lease, which gave no answer. Returns its fault; `None` if there is no worker, or the
    /// caller cancelled the work.
    fn end_process(&mut self, reason: &NoAnswer) -> Option<ParserFault> {
        end_process(self.pool, self.process.take()?, reason)
    }
}

fn end_process(pool: &ParserPool, process: ParserProcess, reason: &NoAnswer) -> Option<ParserFault> {
    pool.forget_process(process.process_id());
    process.end_after(reason)
}

/// A worker that tries one text at a time.
struct LoneWorker<'p> {
    pool: &'p ParserPool,
    memory_bytes: u64,
    process: Option<ParserProcess>,
}

impl LoneWorker<'_> {
    /// Analyzes one text of a batch. A fault that the text causes is remembered, unless the worker had too little
    /// memory and could have had more.
    fn analyze(
        &mut self,
        batch: &mut Batch<'_, '_>,
        index: usize,
        has_most_memory: bool,
    ) -> Result<SyntaxFacts, Cancelled> {
        let request = &batch.requests[index];
        let mut fault = ParserFault::NotStarted;
        for _ in 0..ATTEMPTS {
            let process = match self.process.take().map_or_else(|| self.pool.start_process(self.memory_bytes), Ok) {
                Ok(process) => self.process.insert(process),
                Err(_) => continue,
            };
            let reason = match batch.ask_alone(process, index) {
                Ok(facts) => return Ok(facts),
                Err(reason) => reason,
            };
            let Some(process) = self.process.take() else { continue };
            fault = end_process(self.pool, process, &reason).ok_or(Cancelled)?;
            if ParserFault::LASTING.contains(&fault) {
                if has_most_memory || fault != ParserFault::OutOfMemory {
                    self.pool.failed.remember(request, fault, self.memory_bytes);
                }
                break;
            }
            if fault == ParserFault::Late {
                break;
            }
        }
        Ok(SyntaxFacts::failed(SyntaxProblem::Fault(fault)))
    }
}

impl Drop for LoneWorker<'_> {
    fn drop(&mut self) {
        if let Some(process) = &self.process {
            self.pool.forget_process(process.process_id());
        }
    }
}

/// The texts of a call, and the receiver of their facts.
struct Batch<'r, 'c> {
    requests: &'r [SyntaxRequest<'r>],
    cancel: &'c CancelChannel,
    receive: Receive<'c>,
}

impl Batch<'_, '_> {
    /// Returns how many of the first texts are sent at once: at least one, even if it is larger than [`GROUP_BYTES`].
    fn group_length(&self, indices: &[usize]) -> usize {
        let mut bytes = 0;
        let fitting = indices.iter().take_while(|index| {
            bytes += self.requests[**index].text.len();
            bytes <= GROUP_BYTES
        });
        fitting.count().max(1)
    }

    /// Sends texts and receives their facts. Returns how many were answered, and the reason if that is not all of them.
    fn exchange(&mut self, process: &mut ParserProcess, indices: &[usize]) -> (usize, Option<NoAnswer>) {
        let first = self.send(process, indices);
        for (answered, index) in indices.iter().enumerate() {
            match self.receive_one(process, first + answered as u64, *index, indices.len()) {
                Ok(facts) => (self.receive)(*index, facts),
                Err(reason) => return (answered, Some(reason)),
            }
        }
        (indices.len(), None)
    }

    /// Sends one text and waits for its facts.
    fn ask_alone(&self, process: &mut ParserProcess, index: usize) -> Result<SyntaxFacts, NoAnswer> {
        let number = self.send(process, &[index]);
        self.receive_one(process, number, index, 1)
    }

    /// Sends texts; returns the number of the first request.
    fn send(&self, process: &mut ParserProcess, indices: &[usize]) -> u64 {
        let first = process.next_number;
        process.next_number += indices.len() as u64;
        let longest = indices.iter().map(|index| self.requests[*index].text.len()).max().unwrap_or(0);
        let payloads = (first..).zip(indices).map(|(number, index)| encode_request(number, &self.requests[*index]));
        process.send(payloads, longest);
        first
    }

    /// Receives and checks the facts about one text.
    fn receive_one(
        &self,
        process: &ParserProcess,
        number: u64,
        index: usize,
        sent_together: usize,
    ) -> Result<SyntaxFacts, NoAnswer> {
        let request = &self.requests[index];
        let limit = request.time_limit.saturating_mul(4).saturating_add(GRACE);
        // The requests that were sent together may each use up their limit.
        let max_used = limit.saturating_mul(u32::try_from(sent_together).unwrap_or(u32::MAX));
        let payload = process.receive(limit, max_used, self.cancel)?;
        let facts =
            decode_facts(&payload).filter(|(answered, facts)| *answered == number && facts.fits_request(request));
        facts.map(|(_, facts)| facts).ok_or(NoAnswer::Ended(Some(super::frame::FrameError::Damaged)))
    }
}
