//! The locations of all cached vectors: in a segment of this or another process, or still in memory.
//!
//! A record gets its number when it is added and keeps it, so lookups find it before, during and after it is
//! written.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::key::VectorKey;
use super::segment::VectorSegment;
use crate::identity_hasher::IdentityHasher;

/// Size of the pending records, in bytes, at which they are written.
const MAX_PENDING_BYTES: usize = 4 << 20;

/// Maximum time between writes while vectors are added. A slow model adds few vectors, which are expensive to compute
/// again, so they are written before they reach [`MAX_PENDING_BYTES`].
const MAX_PENDING_TIME: Duration = Duration::from_secs(2);

/// Maximum memory use per key in bytes, reached when [`VectorCacheState::locations`] is half empty.
pub(super) const MAX_BYTES_PER_KEY: u64 = 40;

/// The number of a segment ([`OWN_SEGMENT`] for this process's) and the number of a record in it.
type RecordLocation = (u32, u32);

const OWN_SEGMENT: u32 = u32::MAX;

/// The location to read a record from.
pub(super) enum RecordSource<'s> {
    Memory(&'s [u8]),
    File(&'s Arc<VectorSegment>, u32),
}

pub(super) struct VectorCacheState {
    record_bytes: usize,
    /// Segments that this process only reads; `None` for a removed one.
    segments: Vec<Option<KnownSegment>>,
    /// Locations by [`VectorKey::short_key`].
    locations: HashMap<u64, RecordLocation, BuildHasherDefault<IdentityHasher>>,
    /// The segment of this process, once it exists.
    own: Option<Arc<VectorSegment>>,
    /// Records of this process that are being written.
    writing: RecordBuffer,
    /// Records of this process that wait to be written after those in `writing`.
    pending: RecordBuffer,
    /// The time of the last write.
    last_write: Instant,
    is_off: bool,
}

struct KnownSegment {
    segment: Arc<VectorSegment>,
    /// Number of records whose keys were read.
    records: u32,
}

/// Encoded records in memory.
#[derive(Default)]
struct RecordBuffer {
    /// The number of the first record.
    first: u32,
    bytes: Arc<Vec<u8>>,
}

impl VectorCacheState {
    pub fn new(record_bytes: usize) -> Self {
        Self {
            record_bytes,
            segments: Vec::new(),
            locations: HashMap::default(),
            own: None,
            writing: RecordBuffer::default(),
            pending: RecordBuffer::default(),
            last_write: Instant::now(),
            is_off: false,
        }
    }

    /// Returns the segment of this process; `None` before the first write.
    pub fn own(&self) -> Option<&VectorSegment> {
        self.own.as_deref()
    }

    /// Returns all segments.
    pub fn segments(&self) -> impl Iterator<Item = &VectorSegment> {
        self.segments.iter().flatten().map(|known| &*known.segment).chain(self.own())
    }

    /// Returns a segment that this process only reads, with the number of its records whose keys are known.
    pub fn known_segment(&self, path: &Path) -> Option<(Arc<VectorSegment>, u32)> {
        let known = self.segments.iter().flatten().find(|known| known.segment.path() == path)?;
        Some((Arc::clone(&known.segment), known.records))
    }

    /// Adds the keys of a segment's records, from number `from` on.
    pub fn add_keys(&mut self, segment: Arc<VectorSegment>, from: u32, keys: &[VectorKey]) {
        let is_it =
            |known: &Option<KnownSegment>| known.as_ref().is_some_and(|known| known.segment.path() == segment.path());
        let at = self.segments.iter().position(is_it).unwrap_or_else(|| {
            self.segments.push(None);
            self.segments.len() - 1
        });
        let end = from + to_number(keys.len());
        let number = to_number(at);
        self.locations.extend((from..end).zip(keys).map(|(record, key)| (key.short_key(), (number, record))));
        self.segments[at] = Some(KnownSegment { segment, records: end });
    }

    /// Removes the segments for which `is_gone` returns true, with their keys.
    pub fn forget_segments(&mut self, is_gone: &dyn Fn(&Path) -> bool) {
        let mut gone = Vec::new();
        for (at, known) in (0..).zip(&mut self.segments) {
            if known.take_if(|known| is_gone(known.segment.path())).is_some() {
                gone.push(at);
            }
        }
        if !gone.is_empty() {
            self.locations.retain(|_, location| !gone.contains(&location.0));
        }
    }

    /// Removes the segment of this process, with its keys. Does nothing and returns false if records are
    /// pending.
    pub fn drop_own_segment(&mut self) -> bool {
        if !self.pending.bytes.is_empty() {
            return false;
        }
        (self.own, self.pending.first) = (None, 0);
        self.locations.retain(|_, location| location.0 != OWN_SEGMENT);
        true
    }

    /// Returns the location from which the record of `key` can be read; `None` if it is not in the cache.
    pub fn find_record(&self, key: VectorKey) -> Option<RecordSource<'_>> {
        let &(segment, number) = self.locations.get(&key.short_key())?;
        if segment != OWN_SEGMENT {
            return Some(RecordSource::File(&self.segments.get(segment as usize)?.as_ref()?.segment, number));
        }
        let in_memory = [&self.pending, &self.writing].into_iter().find_map(|records| {
            let at = number.checked_sub(records.first)? as usize * self.record_bytes;
            records.bytes.get(at..at + self.record_bytes)
        });
        in_memory.map(RecordSource::Memory).or_else(|| Some(RecordSource::File(self.own.as_ref()?, number)))
    }

    /// Adds a record to the pending ones unless its key is known or an earlier write failed. Returns true if the
    /// pending ones should be written now.
    pub fn push_record(&mut self, key: VectorKey, record: &[u8]) -> bool {
        if self.is_off {
            return false;
        }
        let at = self.pending.bytes.len() / self.record_bytes;
        let number = self.pending.first + to_number(at);
        let std::collections::hash_map::Entry::Vacant(location) = self.locations.entry(key.short_key()) else {
            return false;
        };
        location.insert((OWN_SEGMENT, number));
        Arc::make_mut(&mut self.pending.bytes).extend_from_slice(record);
        self.pending.bytes.len() >= MAX_PENDING_BYTES || self.last_write.elapsed() >= MAX_PENDING_TIME
    }

    /// Returns the pending records for writing. Lookups still find them.
    pub fn begin_writing(&mut self) -> Arc<Vec<u8>> {
        let records = to_number(self.pending.bytes.len() / self.record_bytes);
        let next = RecordBuffer { first: self.pending.first + records, bytes: Arc::default() };
        self.writing = std::mem::replace(&mut self.pending, next);
        self.last_write = Instant::now();
        Arc::clone(&self.writing.bytes)
    }

    /// Ends a write. `segment` is the segment written to; `None` means that writing failed, which turns off
    /// caching of new vectors.
    pub fn finish_writing(&mut self, segment: Option<Arc<VectorSegment>>) {
        self.writing.bytes = Arc::default();
        if segment.is_some() {
            self.own = segment;
            return;
        }
        self.is_off = true;
        self.pending.bytes = Arc::default();
        let lost = self.writing.first;
        self.locations.retain(|_, (segment, number)| *segment != OWN_SEGMENT || *number < lost);
    }
}

/// Converts a number of records or segments to 32 bits; a cache of one model has far fewer than 2³².
fn to_number(count: usize) -> u32 {
    u32::try_from(count).expect("a cache has fewer than 2^32 records")
}
