//! Where each vector is: in a segment of this cache or of another one, or still in memory.
//!
//! Invariant: a record's number is given when it is added and stays, so that it is found before,
//! while and after it is written. Must never import: anything of this crate but `cache` and the hasher beside it.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::VectorKey;
use super::segment::Segment;
use crate::embed::hashed::AsItIs;

/// Records held back before they are written, …
const PENDING_BYTES: usize = 4 << 20;

/// … and for how long: a slow model's vectors are worth a system call each.
const PENDING_FOR: Duration = Duration::from_secs(2);

/// Memory that a key takes at most: [`State::places`] may be half empty.
pub(super) const BYTES_A_KEY: u64 = 40;

/// The number of a segment, [`OWN`] for the one written here, and of a record in it.
type Place = (u32, u32);

const OWN: u32 = u32::MAX;

/// Where the record of a key may be.
pub(super) enum Source<'s> {
    Memory(&'s [u8]),
    File(&'s Arc<Segment>, u32),
}

pub(super) struct State {
    record_bytes: usize,
    /// Of other caches; `None` for one that was removed.
    segments: Vec<Option<Known>>,
    /// By [`VectorKey::short`].
    places: HashMap<u64, Place, BuildHasherDefault<AsItIs>>,
    /// The one written here, once there is one.
    own: Option<Arc<Segment>>,
    /// Records of it that are being written, …
    writing: Records,
    /// … and those that follow them.
    pending: Records,
    /// When pending ones were last taken to be written.
    since: Instant,
    is_off: bool,
}

struct Known {
    segment: Arc<Segment>,
    /// Records whose keys were read.
    records: u32,
}

/// Records in memory.
#[derive(Default)]
struct Records {
    /// The number of the first one.
    first: u32,
    bytes: Arc<Vec<u8>>,
}

impl State {
    pub fn new(record_bytes: usize) -> Self {
        Self {
            record_bytes,
            segments: Vec::new(),
            places: HashMap::default(),
            own: None,
            writing: Records::default(),
            pending: Records::default(),
            since: Instant::now(),
            is_off: false,
        }
    }

    /// The segment written here.
    pub fn own(&self) -> Option<&Segment> {
        self.own.as_deref()
    }

    /// All segments.
    pub fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter().flatten().map(|known| &*known.segment).chain(self.own())
    }

    /// A segment of another cache, and how many of its records are known.
    pub fn known(&self, path: &Path) -> Option<(Arc<Segment>, u32)> {
        let known = self.segments.iter().flatten().find(|known| known.segment.path() == path)?;
        Some((Arc::clone(&known.segment), known.records))
    }

    /// Adds the keys of a segment's records from number `from` on.
    pub fn add(&mut self, segment: Arc<Segment>, from: u32, keys: &[VectorKey]) {
        let is_it = |known: &Option<Known>| known.as_ref().is_some_and(|known| known.segment.path() == segment.path());
        let at = self.segments.iter().position(is_it).unwrap_or_else(|| {
            self.segments.push(None);
            self.segments.len() - 1
        });
        let end = from.saturating_add(u32::try_from(keys.len()).unwrap_or(u32::MAX));
        let number = u32::try_from(at).unwrap_or(OWN);
        self.places.extend((from..end).zip(keys).map(|(record, key)| (key.short(), (number, record))));
        self.segments[at] = Some(Known { segment, records: end });
    }

    /// Forgets the segments of other caches that are gone.
    pub fn forget(&mut self, is_gone: &dyn Fn(&Path) -> bool) {
        let mut gone = Vec::new();
        for (at, known) in (0..).zip(&mut self.segments) {
            if known.take_if(|known| is_gone(known.segment.path())).is_some() {
                gone.push(at);
            }
        }
        if !gone.is_empty() {
            self.places.retain(|_, place| !gone.contains(&place.0));
        }
    }

    /// Forgets the segment written here. False when there are records that belong to it.
    pub fn begin_anew(&mut self) -> bool {
        if !self.pending.bytes.is_empty() {
            return false;
        }
        (self.own, self.pending.first) = (None, 0);
        self.places.retain(|_, place| place.0 != OWN);
        true
    }

    /// Where the record of `key` may be.
    pub fn find(&self, key: VectorKey) -> Option<Source<'_>> {
        let &(segment, number) = self.places.get(&key.short())?;
        if segment != OWN {
            return Some(Source::File(&self.segments.get(segment as usize)?.as_ref()?.segment, number));
        }
        let in_memory = [&self.pending, &self.writing].into_iter().find_map(|records| {
            let at = number.checked_sub(records.first)? as usize * self.record_bytes;
            records.bytes.get(at..at + self.record_bytes)
        });
        in_memory.map(Source::Memory).or_else(|| Some(Source::File(self.own.as_ref()?, number)))
    }

    /// Adds a record to those held back, unless its key is there. True when they are to be written now.
    pub fn push(&mut self, key: VectorKey, record: &[u8]) -> bool {
        if self.is_off {
            return false;
        }
        let at = self.pending.bytes.len() / self.record_bytes;
        let number = self.pending.first.saturating_add(u32::try_from(at).unwrap_or(u32::MAX));
        let std::collections::hash_map::Entry::Vacant(place) = self.places.entry(key.short()) else { return false };
        place.insert((OWN, number));
        Arc::make_mut(&mut self.pending.bytes).extend_from_slice(record);
        self.pending.bytes.len() >= PENDING_BYTES || self.since.elapsed() >= PENDING_FOR
    }

    /// Takes the records held back, which stay to be found meanwhile.
    pub fn begin_writing(&mut self) -> Arc<Vec<u8>> {
        let records = u32::try_from(self.pending.bytes.len() / self.record_bytes).unwrap_or(u32::MAX);
        let next = Records { first: self.pending.first.saturating_add(records), bytes: Arc::default() };
        self.writing = std::mem::replace(&mut self.pending, next);
        self.since = Instant::now();
        Arc::clone(&self.writing.bytes)
    }

    /// What was taken has been written to that segment; `None` when it could not.
    pub fn end_writing(&mut self, segment: Option<Arc<Segment>>) {
        self.writing.bytes = Arc::default();
        if segment.is_some() {
            self.own = segment;
            return;
        }
        self.is_off = true;
        self.pending.bytes = Arc::default();
        let lost = self.writing.first;
        self.places.retain(|_, (segment, number)| *segment != OWN || *number < lost);
    }
}
