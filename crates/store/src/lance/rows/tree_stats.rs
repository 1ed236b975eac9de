//! `tree-stats`: the metadata of files that differs from the metadata in their rows.
//!
//! The rows that a copy of an index shares with the original have the metadata of the original's folder. So a copy
//! keeps the metadata of its files in `tree-stats`. So does an index that has returned to a saved tree, because git has
//! written thousands of files again, with other times. An entry says that a path with this metadata had this content,
//! which stays true; so the entries belong to no commit. The next run reads a file without an entry again; so
//! `tree-stats` may be lost, and a file of another version counts as lost.
//!
//! ```text
//! header and checksum as in platform::file_format
//! body     count u32 · keys, 5 bytes each · columns, compressed with Zstandard     little-endian
//! columns  mtime, less that of the entry before · ctime, see encode_ctime · inode, less that of the entry before
//!          (zigzag): numbers of variable length, 7 bits a byte, of the entries by mtime and inode
//! ```
//!
//! Git writes the files of a checkout one after the other, so that their times and inodes ascend together. 30,000 files
//! take 0.16 MB where the clock of the file system advances every 4 ms, and 0.24 MB where it has another value for each
//! file; 0.15 MB of that are the keys, which cannot be compressed.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;

use crate::error::StoreError;
use crate::lance::location::IndexLocation;
use platform::atomic_file::{Durability, replace_with_bytes};
use platform::file_format::{FileFormat, checksum64};
use types::{ContentHash, FileRecord, FileStat, RepoPath};

const NAME: &str = "tree-stats";

const FORMAT: FileFormat = FileFormat { magic: *b"CSCRYTRE", version: 2 };

/// Size of a key in bytes. If two paths have one key, one of them has the metadata of the other, so it is read again in
/// each run. Two contents of a path have one key in one of 10¹² cases.
const KEY_BYTES: usize = 5;

/// Maximum size of an entry in the columns, in bytes: three numbers of 64 bits.
const MAX_COLUMNS_BYTES: usize = 3 * 10;

/// Level of compression. Higher ones save less than a hundredth.
const LEVEL: i32 = 3;

/// The metadata of files by their paths and contents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::lance) struct TreeStats {
    entries: HashMap<u64, TreeStat>,
    is_changed: bool,
}

/// Metadata without the size, which depends on the content alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct TreeStat {
    mtime_ns: i64,
    ctime_ns: i64,
    inode: u64,
}

/// Returns the key of a path with a content, a number of [`KEY_BYTES`] bytes.
fn key_of(path: &RepoPath, hash: &ContentHash) -> u64 {
    checksum64(&[path.as_str().as_bytes(), &[0], hash.as_bytes()].concat()) >> (64 - 8 * KEY_BYTES)
}

impl TreeStats {
    /// Reads `tree-stats` of a store. A file that is missing, unreadable, damaged or of another version has no entries.
    pub fn read(location: &IndexLocation) -> Self {
        let path = location.dir.join(NAME);
        let entries = match fs::read(&path) {
            Ok(bytes) => decode(&bytes),
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::debug!("cannot read {}: {error}", path.display());
                }
                None
            }
        };
        Self { entries: entries.unwrap_or_default(), is_changed: false }
    }

    /// Returns whether a store has a file `tree-stats`.
    pub fn exists(location: &IndexLocation) -> bool {
        location.dir.join(NAME).exists()
    }

    /// Removes `tree-stats` from a store that needs none, and ignores a failure.
    pub fn remove(location: &IndexLocation) {
        _ = fs::remove_file(location.dir.join(NAME));
    }

    /// Replaces the metadata in `records`, except for the size, by that of the entries. In a copy, records without an
    /// entry may have the metadata of another folder, and get metadata that no file has. The records of unread files
    /// are not changed.
    pub fn apply(&self, records: &mut [FileRecord], is_copy: bool) {
        if self.entries.is_empty() && !is_copy {
            return;
        }
        for FileRecord { path, content, stat } in records {
            if stat.mtime_ns == FileStat::UNREAD_NS {
                continue;
            }
            let found = self.entries.get(&key_of(path, &content.hash));
            let unknown = TreeStat { mtime_ns: FileStat::CHANGED_TOO_RECENTLY_NS, ctime_ns: 0, inode: 0 };
            let Some(TreeStat { mtime_ns, ctime_ns, inode }) = found.copied().or(is_copy.then_some(unknown)) else {
                continue;
            };
            *stat = FileStat { size_bytes: stat.size_bytes, mtime_ns, ctime_ns, inode };
        }
    }

    /// Stores the metadata of a record; removes it if it must not be compared.
    pub fn insert(&mut self, record: &FileRecord) {
        let FileStat { mtime_ns, ctime_ns, inode, .. } = record.stat;
        let key = key_of(&record.path, &record.content.hash);
        // A file whose metadata must not be compared has no entry.
        let before = match mtime_ns < 0 {
            true => self.entries.remove(&key),
            false => self.entries.insert(key, TreeStat { mtime_ns, ctime_ns, inode }),
        };
        self.is_changed |= before != self.entries.get(&key).copied();
    }

    /// Drops the entries of paths with contents that are not in `records`.
    pub fn retain<'r>(&mut self, records: impl Iterator<Item = &'r FileRecord>) {
        let live: HashSet<u64> = records.map(|record| key_of(&record.path, &record.content.hash)).collect();
        self.entries.retain(|key, _| live.contains(key));
    }

    /// Writes `tree-stats` of a store, if an entry has changed.
    ///
    /// # Errors
    /// When the entries cannot be compressed, or the file cannot be written.
    pub fn save(&mut self, location: &IndexLocation) -> Result<(), StoreError> {
        if self.is_changed {
            let path = location.dir.join(NAME);
            self.encode()
                .and_then(|body| replace_with_bytes(&path, Durability::Unsynced, &FORMAT.seal(&body)))
                .map_err(|error| location.io_error("write", NAME, error))?;
            self.is_changed = false;
        }
        Ok(())
    }

    /// Returns the body of the file.
    fn encode(&self) -> io::Result<Vec<u8>> {
        let mut entries: Vec<(u64, TreeStat)> = self.entries.iter().map(|(key, stat)| (*key, *stat)).collect();
        entries.sort_unstable_by_key(|(key, stat)| (stat.mtime_ns, stat.inode, *key));
        let count = u32::try_from(entries.len()).map_err(io::Error::other)?;
        let mut body = count.to_le_bytes().to_vec();
        entries.iter().for_each(|(key, _)| body.extend_from_slice(&key.to_le_bytes()[..KEY_BYTES]));
        let (mut columns, mut mtime_ns, mut inode) = (Vec::new(), 0, 0);
        for (_, stat) in &entries {
            write_number(&mut columns, stat.mtime_ns.wrapping_sub(mtime_ns).cast_unsigned());
            mtime_ns = stat.mtime_ns;
        }
        entries.iter().for_each(|(_, stat)| write_number(&mut columns, encode_ctime(stat)));
        for (_, stat) in &entries {
            write_number(&mut columns, encode_zigzag(stat.inode.wrapping_sub(inode).cast_signed()));
            inode = stat.inode;
        }
        body.extend(zstd::bulk::compress(&columns, LEVEL)?);
        Ok(body)
    }
}

/// Decodes the entries in `tree-stats`; `None` if the file is damaged or of another version.
fn decode(bytes: &[u8]) -> Option<HashMap<u64, TreeStat>> {
    let (count, rest) = FORMAT.unseal(bytes).ok()?.split_first_chunk::<4>()?;
    let count = usize::try_from(u32::from_le_bytes(*count)).ok()?;
    let (keys, columns) = rest.split_at_checked(count.checked_mul(KEY_BYTES)?)?;
    let columns = zstd::bulk::decompress(columns, count.saturating_mul(MAX_COLUMNS_BYTES)).ok()?;
    let mut rest = columns.as_slice();
    let mut read_column = || (0..count).map(|_| read_number(&mut rest)).collect::<Option<Vec<u64>>>();
    let (mtimes, ctimes, inodes) = (read_column()?, read_column()?, read_column()?);
    let (mut mtime_ns, mut inode) = (0_i64, 0_u64);
    let mut entries = HashMap::with_capacity(count);
    for (at, key) in keys.as_chunks::<KEY_BYTES>().0.iter().enumerate() {
        let key = key.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        mtime_ns = mtime_ns.wrapping_add(mtimes[at].cast_signed());
        inode = inode.wrapping_add(decode_zigzag(inodes[at]).cast_unsigned());
        entries.insert(key, TreeStat { mtime_ns, ctime_ns: decode_ctime(ctimes[at], mtime_ns), inode });
    }
    Some(entries)
}

/// Encodes a change time: 0 if it is the modification time, 1 if it is unknown, otherwise the difference of both
/// (zigzag) plus 1.
fn encode_ctime(stat: &TreeStat) -> u64 {
    match stat.ctime_ns {
        same if same == stat.mtime_ns => 0,
        0 => 1,
        // Only times 292 years apart do not fit, and then the file is read again.
        other => encode_zigzag(other.wrapping_sub(stat.mtime_ns)).wrapping_add(1),
    }
}

fn decode_ctime(code: u64, mtime_ns: i64) -> i64 {
    match code {
        0 => mtime_ns,
        1 => 0,
        other => mtime_ns.wrapping_add(decode_zigzag(other - 1)),
    }
}

fn encode_zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

fn decode_zigzag(code: u64) -> i64 {
    (code >> 1).cast_signed() ^ -(code & 1).cast_signed()
}

fn write_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn read_number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use types::{ContentRecord, FileOutcome, Language, TextEncoding};

    fn record(path: &str, text: &str, stat: FileStat) -> FileRecord {
        FileRecord {
            path: RepoPath::new(path),
            content: ContentRecord {
                hash: ContentHash::of_bytes(text.as_bytes()),
                encoding: TextEncoding::Utf8,
                language: Language("rust"),
                outcome: FileOutcome::Indexed { chunks: 1, problem: None },
            },
            stat,
        }
    }

    #[test]
    fn metadata_is_read_back_for_the_same_content_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let location = IndexLocation::new(folder.path(), Path::new("/root")).expect("a location");
        let mut stats = TreeStats::read(&location);
        let stat = |number: i64| FileStat {
            size_bytes: 7,
            mtime_ns: 1_700_000_000_000_000_000 + number * 1_000_003,
            ctime_ns: 1_700_000_000_000_000_000 - number,
            inode: u64::MAX - number.unsigned_abs(),
        };
        let mut records: Vec<_> = (0..1_000).map(|number| record(&format!("{number}.rs"), "a", stat(number))).collect();
        // Not every system knows a change time and an inode.
        records.push(record("other.rs", "a", FileStat { ctime_ns: 0, inode: 0, ..stat(7) }));
        records.iter().for_each(|record| stats.insert(record));
        stats.insert(&record("new.rs", "a", FileStat { mtime_ns: FileStat::CHANGED_TOO_RECENTLY_NS, ..stat(1) }));
        stats.save(&location).expect("written");

        let read = TreeStats::read(&location);
        let mut found: Vec<_> = records
            .iter()
            .map(|record| FileRecord { stat: FileStat { size_bytes: 7, ..FileStat::default() }, ..record.clone() })
            .collect();
        read.apply(&mut found, true);
        assert_eq!(found, records);
        let mut others = [record("1.rs", "b", stat(1)), record("new.rs", "a", stat(1))];
        read.apply(&mut others, false);
        assert_eq!(others, [record("1.rs", "b", stat(1)), record("new.rs", "a", stat(1))], "rows of its own folder");
        read.apply(&mut others, true);
        assert!(others.iter().all(|other| other.stat.mtime_ns == FileStat::CHANGED_TOO_RECENTLY_NS));
        let mut unread = [record("1.rs", "a", FileStat { mtime_ns: FileStat::UNREAD_NS, ..stat(5) })];
        read.apply(&mut unread, true);
        assert!(unread[0].is_unread());
    }

    #[test]
    fn thirty_thousand_files_of_a_checkout_take_less_than_a_quarter_of_a_megabyte() {
        let folder = tempfile::tempdir().expect("a folder");
        let location = IndexLocation::new(folder.path(), Path::new("/root")).expect("a location");
        let random = |number: u64, below: u64| checksum64(&number.to_le_bytes()) % below;
        for (clock_ns, limit_bytes) in [(1, 250_000), (4_000_000, 180_000)] {
            let (mut now, mut inode, mut stats) = (1_764_500_000_000_000_000_i64, 5_000_000, TreeStats::default());
            let mut records = Vec::new();
            for number in 0..30_000 {
                now += 30_000 + random(number, 370_000).cast_signed();
                inode += if number.is_multiple_of(9) { random(number, 9_000) } else { 1 };
                let mtime_ns = now - now % clock_ns;
                let stat = FileStat { size_bytes: 1, mtime_ns, ctime_ns: mtime_ns, inode };
                records.push(record(&format!("src/part_{number}.rs"), "a", stat));
            }
            records.iter().for_each(|record| stats.insert(record));
            stats.save(&location).expect("written");
            let size = fs::metadata(folder.path().join(NAME)).expect("a file").len();
            assert!(size < limit_bytes, "{size} bytes with a clock of {clock_ns} ns");
            assert_eq!(TreeStats::read(&location).entries, stats.entries);
        }
    }

    #[test]
    fn a_file_of_an_earlier_version_has_no_entries_and_is_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let location = IndexLocation::new(folder.path(), Path::new("/root")).expect("a location");
        let earlier = FileFormat { version: 1, ..FORMAT }.seal(&[1, 5, 7, 9, 0, 0, 1]);
        fs::write(folder.path().join(NAME), earlier).expect("a file");
        assert!(TreeStats::exists(&location));
        let mut stats = TreeStats::read(&location);
        assert!(stats.entries.is_empty());
        stats.insert(&record("a.rs", "a", FileStat { size_bytes: 1, mtime_ns: 5, ctime_ns: 6, inode: 7 }));
        stats.save(&location).expect("written");
        assert_eq!(TreeStats::read(&location).entries, stats.entries);
    }

    #[test]
    fn a_damaged_file_has_no_entries() {
        let folder = tempfile::tempdir().expect("a folder");
        let location = IndexLocation::new(folder.path(), Path::new("/root")).expect("a location");
        let mut stats = TreeStats::default();
        stats.insert(&record("a.rs", "a", FileStat { size_bytes: 1, mtime_ns: 5, ctime_ns: 6, inode: 7 }));
        stats.save(&location).expect("written");
        let path = folder.path().join(NAME);
        let bytes = fs::read(&path).expect("a file");
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 4;
            fs::write(&path, &damaged).expect("a file");
            assert!(TreeStats::read(&location).entries.is_empty(), "byte {at}");
            fs::write(&path, &bytes[..at]).expect("a file");
            assert!(TreeStats::read(&location).entries.is_empty(), "cut at {at}");
        }
    }
}
