//! `tree-stats`: the metadata of files that differs from the metadata in their rows.
//!
//! The rows that a copy of an index shares with the original have the metadata of the original's folder. So a copy
//! keeps the metadata of its files in `tree-stats`. So does an index that has returned to a saved tree, because git has
//! written thousands of files again, with other times. An entry says that a path with this metadata had this content,
//! which stays true; so the entries belong to no commit. The next run reads a file without an entry again; so
//! `tree-stats` may be lost.
//!
//! ```text
//! header and checksum as in platform::file_format; numbers of variable length, 7 bits a byte
//! count · least mtime · least inode · for each entry, by key: key (less the one before), mtime and inode (less the
//! least), ctime less mtime (zigzag)
//! ```

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;

use crate::error::StoreError;
use crate::lance::location::IndexLocation;
use platform::atomic_file::{Durability, replace_with_bytes};
use platform::file_format::{FileFormat, checksum64};
use types::{ContentHash, FileRecord, FileStat, RepoPath};

const NAME: &str = "tree-stats";

const FORMAT: FileFormat = FileFormat { magic: *b"CSCRYTRE", version: 1 };

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

/// Returns the key of a path with a content.
fn key_of(path: &RepoPath, hash: &ContentHash) -> u64 {
    checksum64(&[path.as_str().as_bytes(), &[0], hash.as_bytes()].concat())
}

impl TreeStats {
    /// Reads `tree-stats` of a store. A missing, unreadable or damaged file has no entries.
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
    /// When the file cannot be written.
    pub fn save(&mut self, location: &IndexLocation) -> Result<(), StoreError> {
        if self.is_changed {
            let bytes = FORMAT.seal(&self.encode());
            replace_with_bytes(&location.dir.join(NAME), Durability::Unsynced, &bytes)
                .map_err(|error| location.io_error("write", NAME, error))?;
            self.is_changed = false;
        }
        Ok(())
    }

    fn encode(&self) -> Vec<u8> {
        let mut entries: Vec<(u64, TreeStat)> = self.entries.iter().map(|(key, stat)| (*key, *stat)).collect();
        entries.sort_unstable_by_key(|(key, _)| *key);
        let least_mtime = entries.iter().map(|(_, stat)| stat.mtime_ns).min().unwrap_or(0);
        let least_inode = entries.iter().map(|(_, stat)| stat.inode).min().unwrap_or(0);
        let mut bytes = Vec::with_capacity(24 + entries.len() * 20);
        for number in [entries.len() as u64, least_mtime.cast_unsigned(), least_inode] {
            write_number(&mut bytes, number);
        }
        let mut before = 0;
        for (key, TreeStat { mtime_ns, ctime_ns, inode }) in entries {
            write_number(&mut bytes, key - before);
            write_number(&mut bytes, mtime_ns.wrapping_sub(least_mtime).cast_unsigned());
            write_number(&mut bytes, inode - least_inode);
            let later = ctime_ns.wrapping_sub(mtime_ns);
            write_number(&mut bytes, ((later << 1) ^ (later >> 63)).cast_unsigned());
            before = key;
        }
        bytes
    }
}

/// Decodes the entries in `tree-stats`; `None` if the file is damaged.
fn decode(bytes: &[u8]) -> Option<HashMap<u64, TreeStat>> {
    let mut rest = FORMAT.unseal(bytes).ok()?;
    let count = usize::try_from(read_number(&mut rest)?).ok()?;
    let (least_mtime, least_inode) = (read_number(&mut rest)?.cast_signed(), read_number(&mut rest)?);
    let mut entries = HashMap::with_capacity(count.min(rest.len()));
    let mut key = 0_u64;
    for _ in 0..count {
        key = key.checked_add(read_number(&mut rest)?)?;
        let mtime_ns = least_mtime.wrapping_add(read_number(&mut rest)?.cast_signed());
        let inode = least_inode.wrapping_add(read_number(&mut rest)?);
        let zigzag = read_number(&mut rest)?;
        let later = (zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed();
        entries.insert(key, TreeStat { mtime_ns, ctime_ns: mtime_ns.wrapping_add(later), inode });
    }
    Some(entries)
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
        let records: Vec<_> = (0..1_000).map(|number| record(&format!("{number}.rs"), "a", stat(number))).collect();
        records.iter().for_each(|record| stats.insert(record));
        stats.insert(&record("new.rs", "a", FileStat { mtime_ns: FileStat::CHANGED_TOO_RECENTLY_NS, ..stat(1) }));
        stats.save(&location).expect("written");
        let size = fs::metadata(folder.path().join(NAME)).expect("a file").len();
        assert!(size < 30_000, "{size}");

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
