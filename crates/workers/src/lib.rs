//! Parsers in processes of their own.
//!
//! A grammar is C code that reads hostile bytes: it may crash, run forever or take all memory. [`ParserPool`] gives the
//! texts to worker processes, which are this program with the command `parse-worker` and do nothing but
//! [`run_parse_worker`]. A worker finds facts about a text; the pool checks them, and the caller builds chunks, symbols
//! and references from them. A worker that fails is replaced, and its text is tried again alone. If that fails, too,
//! the failure becomes the problem of the text. A text that causes a failure is remembered, so that no later run and no
//! other process tries it again.
//!
//! ```text
//! pool ── batch ──▶ worker process ── parser_process ── frame ──▶ pipe ──▶ worker
//!      ◀─ facts ───                 ◀─ codec ─────── frame ────── pipe ◀──
//! ```

mod batch;
mod codec;
mod failed_texts;
mod frame;
mod parser_process;
mod pool;
mod worker;

pub use codec::{decode_facts, decode_request, encode_facts, encode_request};
pub use frame::{FrameError, read_frame, write_frame, write_header};
pub use pool::{ParserLease, ParserPool, PoolOptions, PoolState};
pub use worker::{WorkerFaults, WorkerSetup, run_parse_worker};
