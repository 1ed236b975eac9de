//! Ranges of the parts of a published index, read where they are.
//!
//! A range is read in aligned blocks, each of which is verified by its checksum and kept ([`BlockCache`]). Neighbouring
//! blocks come with one request, and a block that several readers want at once comes once.

use std::collections::HashMap;
use std::fs::File;
use std::future::Future;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared, try_join_all};

use super::block_cache::{BlockCache, BlockId};
use crate::error::LocationError;
use crate::layout::{BasePart, BlockSums, part_object};
use crate::runtime::spawn;
use crate::storage::Storage;
use platform::file_format::checksum64;

/// Maximum number of blocks that come with one request.
const RUN_BLOCKS: u64 = 16;

/// Maximum number of attempts to read blocks. Within an attempt, object_store repeats requests that fail.
const ATTEMPTS: u32 = 3;

/// The parts of an index that are left in place.
#[derive(Clone)]
pub struct RemoteParts(Arc<Parts>);

struct Parts {
    storage: Storage,
    /// Numbers of the parts, by their paths in the index folder.
    numbers: HashMap<String, usize>,
    parts: Vec<RemotePart>,
    block_bytes: u64,
    cache: BlockCache,
    /// The blocks that are being read.
    loading: Mutex<HashMap<BlockId, Loading>>,
    fetched_bytes: AtomicU64,
    requests: AtomicU64,
    _in_use: File,
}

struct RemotePart {
    sha256: String,
    bytes: u64,
    /// The checksums of the blocks.
    sums: Vec<u64>,
}

/// The blocks of a run, in order. Several readers may wait for them, so the error is shared.
type RunResult = Result<Arc<Vec<Bytes>>, Arc<LocationError>>;

/// A run of blocks that is being read: the number of its first block, and its blocks when they are there.
#[derive(Clone)]
struct Loading {
    first: u64,
    blocks: Shared<BoxFuture<'static, RunResult>>,
}

impl RemoteParts {
    /// Returns `parts` of a location, without a request; `None` if `sums` lacks one of them. Blocks are kept in files
    /// in the folder `blocks`, if there is one.
    pub(super) fn open<'p>(
        storage: Storage,
        parts: impl Iterator<Item = &'p BasePart>,
        mut sums: BlockSums,
        blocks: Option<PathBuf>,
        in_use: File,
    ) -> Option<Self> {
        let (mut numbers, mut all) = (HashMap::new(), Vec::<RemotePart>::new());
        let mut by_content: HashMap<&str, usize> = HashMap::new();
        for part in parts {
            let number = match by_content.get(part.sha256.as_str()) {
                Some(number) => *number,
                None => {
                    let sums = sums.take(&part.sha256, part.bytes)?;
                    all.push(RemotePart { sha256: part.sha256.clone(), bytes: part.bytes, sums });
                    by_content.insert(&part.sha256, all.len() - 1);
                    all.len() - 1
                }
            };
            numbers.insert(part.path.clone(), number);
        }
        Some(Self(Arc::new(Parts {
            storage,
            numbers,
            parts: all,
            block_bytes: sums.block_bytes,
            cache: BlockCache::new(blocks),
            loading: Mutex::default(),
            fetched_bytes: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            _in_use: in_use,
        })))
    }

    /// Returns the address of the location, for messages.
    pub fn shown(&self) -> &str {
        self.0.storage.shown()
    }

    /// Returns the size in bytes of the part with this path in the index folder; `None` if it is not left in place.
    pub fn size_of(&self, path: &str) -> Option<u64> {
        self.0.numbers.get(path).map(|number| self.0.parts[*number].bytes)
    }

    /// Returns the number of bytes and of requests with which blocks were read from the location.
    pub fn count_fetched(&self) -> (u64, u64) {
        (self.0.fetched_bytes.load(Ordering::Relaxed), self.0.requests.load(Ordering::Relaxed))
    }

    /// Reads a range of the part with this path in the index folder. The future may be polled on any runtime.
    ///
    /// # Errors
    /// When there is no such part or range, or the location fails, refuses or has other bytes than were published.
    pub fn read(
        &self,
        path: &str,
        range: Range<u64>,
    ) -> impl Future<Output = Result<Bytes, Arc<LocationError>>> + Send + use<> {
        let parts = Arc::clone(&self.0);
        let number = parts.numbers.get(path).copied().filter(|number| range.end <= parts.parts[*number].bytes);
        let missing =
            || Arc::new(LocationError::Missing { location: self.shown().to_owned(), object: path.to_owned() });
        let number = number.ok_or_else(missing);
        async move { parts.read(number?, range).await }
    }
}

impl Parts {
    async fn read(self: Arc<Self>, part: usize, range: Range<u64>) -> Result<Bytes, Arc<LocationError>> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let first = range.start / self.block_bytes;
        let blocks = self.load(part, first..range.end.div_ceil(self.block_bytes)).await?;
        // A copy does not keep whole blocks in the caches of the reader.
        let mut bytes = BytesMut::with_capacity(usize::try_from(range.end - range.start).unwrap_or(0));
        for (number, block) in (first..).zip(blocks) {
            let start = number * self.block_bytes;
            let within = |at: u64| usize::try_from(at.saturating_sub(start)).unwrap_or(usize::MAX).min(block.len());
            bytes.extend_from_slice(&block[within(range.start)..within(range.end)]);
        }
        Ok(bytes.freeze())
    }

    /// Returns these blocks of a part, in order.
    async fn load(self: &Arc<Self>, part: usize, wanted: Range<u64>) -> Result<Vec<Bytes>, Arc<LocationError>> {
        let (mut found, mut waiting) = (HashMap::new(), Vec::new());
        {
            let mut loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
            let mut missing: Vec<Range<u64>> = Vec::new();
            for number in wanted.clone() {
                if let Some(block) = self.cache.find((part, number)) {
                    found.insert(number, block);
                } else if let Some(run) = loading.get(&(part, number)) {
                    waiting.push((number, run.clone()));
                } else {
                    match missing.last_mut() {
                        Some(run) if run.end == number && number - run.start < RUN_BLOCKS => run.end = number + 1,
                        _ => missing.push(number..number + 1),
                    }
                }
            }
            for run in missing {
                let task = spawn(Arc::clone(self).load_run(part, run.clone())).map_err(Arc::new)?;
                let (parts, first) = (Arc::clone(self), run.start);
                let done = task.map(move |done| done.unwrap_or_else(|_| Err(Arc::new(parts.interrupted()))));
                let blocks = done.boxed().shared();
                for number in run {
                    let run = Loading { first, blocks: blocks.clone() };
                    loading.insert((part, number), run.clone());
                    waiting.push((number, run));
                }
            }
        }
        for (number, run) in waiting {
            let blocks = run.blocks.await?;
            let at = usize::try_from(number - run.first).unwrap_or(usize::MAX);
            found.insert(number, blocks.get(at).cloned().ok_or_else(|| Arc::new(self.interrupted()))?);
        }
        Ok(wanted.filter_map(|number| found.remove(&number)).collect())
    }

    /// Reads a run of blocks, keeps them, and takes them off the list of running reads.
    async fn load_run(self: Arc<Self>, part: usize, run: Range<u64>) -> RunResult {
        let blocks = Arc::clone(&self).read_run(part, run.clone()).await.map_err(Arc::new);
        if let Ok(blocks) = &blocks {
            run.clone().zip(blocks).for_each(|(number, block)| self.cache.keep((part, number), block));
        }
        let mut loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        run.for_each(|number| _ = loading.remove(&(part, number)));
        blocks.map(Arc::new)
    }

    /// Reads a run of blocks from files, and those without a file from the location.
    async fn read_run(self: Arc<Self>, part: usize, run: Range<u64>) -> Result<Vec<Bytes>, LocationError> {
        let (parts, numbers) = (Arc::clone(&self), run.clone());
        let in_files = tokio::task::spawn_blocking(move || {
            let of = &parts.parts[part];
            let read = |number: u64| parts.cache.read(&of.sha256, number, of.sums[usize::try_from(number).ok()?]);
            numbers.map(read).collect::<Vec<_>>()
        });
        let mut blocks: HashMap<u64, Bytes> = HashMap::new();
        let mut missing: Vec<Range<u64>> = Vec::new();
        for (number, block) in run.clone().zip(in_files.await.map_err(|_| self.interrupted())?) {
            match (block, missing.last_mut()) {
                (Some(block), _) => _ = blocks.insert(number, block),
                (None, Some(run)) if run.end == number => run.end = number + 1,
                (None, _) => missing.push(number..number + 1),
            }
        }
        let fetched = try_join_all(missing.iter().map(|run| self.fetch_run(part, run.clone()))).await?;
        let fetched: Vec<(u64, Bytes)> =
            missing.into_iter().zip(fetched).flat_map(|(run, fetched)| run.zip(fetched)).collect();
        if !fetched.is_empty() {
            let (parts, kept) = (Arc::clone(&self), fetched.clone());
            // A process that ends after this answer leaves the blocks for the next one.
            let written = tokio::task::spawn_blocking(move || {
                let sha256 = &parts.parts[part].sha256;
                kept.iter().for_each(|(number, block)| parts.cache.write_block(sha256, *number, block));
            });
            _ = written.await;
        }
        blocks.extend(fetched);
        Ok(run.filter_map(|number| blocks.remove(&number)).collect())
    }

    /// Fetches a run of blocks with one request, repeated if it fails, and verifies them.
    async fn fetch_run(&self, part: usize, run: Range<u64>) -> Result<Vec<Bytes>, LocationError> {
        let part = &self.parts[part];
        let object = part_object(&part.sha256);
        let range = run.start * self.block_bytes..part.bytes.min(run.end * self.block_bytes);
        let mut attempt = 0;
        loop {
            attempt += 1;
            self.requests.fetch_add(1, Ordering::Relaxed);
            let problem = match self.storage.read_range(&object, range.clone()).await {
                Ok(bytes) => {
                    self.fetched_bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                    let size = usize::try_from(self.block_bytes).unwrap_or(usize::MAX);
                    let starts = (0..bytes.len()).step_by(size);
                    // Each block is kept or dropped by itself.
                    let block = |start| Bytes::copy_from_slice(&bytes[start..bytes.len().min(start + size)]);
                    let blocks: Vec<Bytes> = starts.map(block).collect();
                    let is_good = |(number, block): (u64, &Bytes)| {
                        usize::try_from(number).ok().and_then(|number| part.sums.get(number))
                            == Some(&checksum64(block))
                    };
                    match run.clone().zip(&blocks).find(|one| !is_good(*one)) {
                        None => return Ok(blocks),
                        Some((number, _)) => LocationError::Damaged {
                            location: self.storage.shown().to_owned(),
                            object: object.clone(),
                            problem: format!("block {number} has another checksum"),
                        },
                    }
                }
                Err(error) => error,
            };
            let may_pass = problem.is_temporary() || matches!(problem, LocationError::Damaged { .. });
            if attempt == ATTEMPTS || !may_pass {
                return Err(problem);
            }
        }
    }

    fn interrupted(&self) -> LocationError {
        LocationError::Failing {
            location: self.storage.shown().to_owned(),
            operation: "to read",
            code: "interrupted".to_owned(),
        }
    }
}
