//! Reads git's index: the paths that git tracks, and the metadata and object ids of files.
//!
//! The formats are those of `gitformat-index(5)`, versions 2 to 4. The file may have any bytes: nothing is read beyond
//! its end, and at most 256 MiB of paths are kept. (In version 4, a path can share the start of the one before it, so
//! the paths may be longer than the file.)

use std::ops::Range;

use platform::file_format::checksum64;

/// Maximum number of bytes of all paths, several times that of the largest repositories.
const MAX_PATHS_BYTES: usize = 256 << 20;

/// The mode of an entry that is a submodule, without permissions.
const SUBMODULE_MODE: u32 = 0o160_000;

/// The mode of an entry that stands for a whole folder, in a sparse index.
const FOLDER_MODE: u32 = 0o040_000;

/// The mode of an entry that is a regular file, without permissions.
const FILE_MODE: u32 = 0o100_000;

/// The part of a mode that is the kind of an entry.
const KIND_BITS: u32 = 0o170_000;

/// Bytes of an entry before its hash: times, device, inode, mode, user, group and size.
pub const STAT_BYTES: usize = 40;

/// Offset of the mode in an entry.
const MODE_AT: usize = 24;

/// Bits of the first byte of an entry's flags: assume the file to be unchanged, more flags follow, and two bits that
/// are set while files are merged.
const FLAG_BITS: u8 = 0b1111_0000;

/// The bit of [`FLAG_BITS`] that says that more flags follow.
const EXTENDED_FLAG: u8 = 0x40;

/// Bits of the first byte of the further flags: one without a meaning, not in the working tree, and still to be added.
const EXTENDED_FLAG_BITS: u8 = 0b1110_0000;

/// The mandatory extensions that this module supports: `sdir`, entries for whole folders.
const KNOWN_EXTENSIONS: [&[u8]; 1] = [b"sdir"];

/// The paths of files and submodules in an index, sorted.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct TrackedPaths {
    /// The paths, one after the other.
    bytes: Vec<u8>,
    /// The end of each path in `bytes`, and whether it is a submodule.
    ends: Vec<(u32, bool)>,
}

/// The reason why an index cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IndexFault {
    #[error("it is not an index of git, or it is cut off")]
    Malformed,
    #[error("its version {0} is unknown")]
    UnknownVersion(u32),
    #[error("it has an extension that is unknown")]
    UnknownExtension,
    #[error("it is split into two files; `git update-index --no-split-index` joins them")]
    Split,
}

impl TrackedPaths {
    /// Parses an index whose hashes have `hash_bytes` bytes: 20 for SHA-1, 32 for SHA-256.
    ///
    /// # Errors
    /// When the index is malformed, of an unknown version or split, or has an unsupported mandatory extension or more
    /// than 256 MiB of paths.
    pub fn parse(index: &[u8], hash_bytes: usize) -> Result<Self, IndexFault> {
        let mut reader = IndexReader { rest: index };
        let (version, count) = reader.header()?;
        let mut paths = Self::default();
        let (mut path, mut is_sorted) = (Vec::new(), true);
        for _ in 0..count {
            let before = std::mem::take(&mut path);
            let mode = reader.entry(version, hash_bytes, &before, &mut path)?.mode;
            // During a merge, a path with a conflict has several entries.
            is_sorted &= before <= path || paths.ends.is_empty();
            if mode & KIND_BITS != FOLDER_MODE && (before != path || paths.ends.is_empty()) {
                paths.push(&path, mode & KIND_BITS == SUBMODULE_MODE)?;
            }
        }
        reader.extensions(hash_bytes)?;
        let mut paths = if is_sorted { paths } else { paths.sort()? };
        // An index is kept for as long as its folder is followed.
        paths.bytes.shrink_to_fit();
        paths.ends.shrink_to_fit();
        Ok(paths)
    }

    /// Returns a hash of the paths.
    pub fn digest(&self) -> u64 {
        let ends: Vec<u8> = self.ends.iter().flat_map(|(end, _)| end.to_le_bytes()).collect();
        checksum64(&self.bytes) ^ checksum64(&ends).rotate_left(1)
    }

    fn push(&mut self, path: &[u8], is_submodule: bool) -> Result<(), IndexFault> {
        if self.bytes.len() + path.len() > MAX_PATHS_BYTES {
            return Err(IndexFault::Malformed);
        }
        self.bytes.extend_from_slice(path);
        let end = u32::try_from(self.bytes.len()).map_err(|_| IndexFault::Malformed)?;
        self.ends.push((end, is_submodule));
        Ok(())
    }

    fn sort(self) -> Result<Self, IndexFault> {
        let mut order: Vec<usize> = (0..self.ends.len()).collect();
        order.sort_by_key(|number| self.path(*number));
        let mut sorted = Self::default();
        order.into_iter().try_for_each(|number| sorted.push(self.path(number), self.ends[number].1))?;
        Ok(sorted)
    }

    fn range(&self, number: usize) -> Range<usize> {
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before].0 as usize);
        start..self.ends[number].0 as usize
    }

    fn path(&self, number: usize) -> &[u8] {
        &self.bytes[self.range(number)]
    }

    /// Returns the index of the first path that is not less than `path`; the number of paths if all are less.
    fn lower_bound(&self, path: &[u8]) -> usize {
        let (mut low, mut high) = (0, self.ends.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.path(middle) < path { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// Returns whether git tracks the file or the submodule at `path`, relative to the top of the repository.
    pub fn has(&self, path: &[u8]) -> bool {
        let number = self.lower_bound(path);
        number < self.ends.len() && self.path(number) == path
    }

    /// Returns whether git tracks a submodule at `path`.
    pub fn is_submodule(&self, path: &[u8]) -> bool {
        let number = self.lower_bound(path);
        number < self.ends.len() && self.path(number) == path && self.ends[number].1
    }

    /// Returns whether git tracks a file or a submodule below the folder `path`.
    pub fn has_below(&self, path: &[u8]) -> bool {
        let folder = [path, b"/"].concat();
        let number = self.lower_bound(&folder);
        number < self.ends.len() && self.path(number).starts_with(&folder)
    }
}

/// An entry of an index without its path.
#[derive(Clone, Copy)]
pub struct IndexEntry<'i> {
    pub mode: u32,
    /// Times, device, inode, mode, user, group and size of the file when git last examined it.
    pub stat: &'i [u8; STAT_BYTES],
    /// The object id: 20 or 32 bytes.
    pub id: &'i [u8],
    /// Whether the entry stands for a file in the working tree that git compares with it: no merge is under way, and
    /// no bit tells git to assume that the file is unchanged, absent or still to be added.
    pub is_plain: bool,
}

/// Calls `each` with the path of every entry of an index that is a regular file, and with the entry. On an error,
/// `each` was called for the entries before it, too.
///
/// # Errors
/// When the index is malformed, of an unknown version or split, or has an unsupported mandatory extension.
pub fn visit_file_entries<'i>(
    index: &'i [u8],
    hash_bytes: usize,
    each: &mut dyn FnMut(&[u8], IndexEntry<'i>),
) -> Result<(), IndexFault> {
    let mut reader = IndexReader { rest: index };
    let (version, count) = reader.header()?;
    let mut path = Vec::new();
    for _ in 0..count {
        let before = std::mem::take(&mut path);
        let entry = reader.entry(version, hash_bytes, &before, &mut path)?;
        if entry.mode & KIND_BITS == FILE_MODE {
            each(&path, entry);
        }
    }
    reader.extensions(hash_bytes)
}

/// Returns the number of 32 bits at the byte `at` of an entry's metadata.
pub fn stat_number(stat: &[u8; STAT_BYTES], at: usize) -> u32 {
    stat[at..at + 4].iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte))
}

/// Reads an index from its start to its end.
struct IndexReader<'i> {
    rest: &'i [u8],
}

impl<'i> IndexReader<'i> {
    fn take(&mut self, bytes: usize) -> Result<&'i [u8], IndexFault> {
        let (taken, rest) = self.rest.split_at_checked(bytes).ok_or(IndexFault::Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u32, IndexFault> {
        let bytes = self.take(4)?;
        Ok(u32::from_be_bytes(bytes.try_into().map_err(|_| IndexFault::Malformed)?))
    }

    /// Reads the version and the number of entries.
    fn header(&mut self) -> Result<(u32, u32), IndexFault> {
        if self.take(4)? != b"DIRC" {
            return Err(IndexFault::Malformed);
        }
        let (version, count) = (self.number()?, self.number()?);
        if (2..=4).contains(&version) { Ok((version, count)) } else { Err(IndexFault::UnknownVersion(version)) }
    }

    /// Reads the extensions after the entries. The checksum of the file follows.
    fn extensions(&mut self, hash_bytes: usize) -> Result<(), IndexFault> {
        while self.rest.len() >= hash_bytes + 8 {
            let signature = self.take(4)?;
            let size = self.number()? as usize;
            if signature == b"link" {
                return Err(IndexFault::Split);
            }
            // An extension whose name begins with a lower-case letter changes the meaning of the entries.
            if !signature[0].is_ascii_uppercase() && !KNOWN_EXTENSIONS.contains(&signature) {
                return Err(IndexFault::UnknownExtension);
            }
            self.take(size)?;
        }
        Ok(())
    }

    /// Takes the bytes up to the next zero, and the zero.
    fn take_text(&mut self) -> Result<&'i [u8], IndexFault> {
        let end = memchr::memchr(0, self.rest).ok_or(IndexFault::Malformed)?;
        let text = self.take(end)?;
        self.take(1)?;
        Ok(text)
    }

    /// Reads an entry, and appends its path to `path`, which must be empty. `before` is the path of the entry before,
    /// whose start it may share.
    fn entry(
        &mut self,
        version: u32,
        hash_bytes: usize,
        before: &[u8],
        path: &mut Vec<u8>,
    ) -> Result<IndexEntry<'i>, IndexFault> {
        let start = self.rest.len();
        let stat: &[u8; STAT_BYTES] = self.take(STAT_BYTES)?.try_into().map_err(|_| IndexFault::Malformed)?;
        let mode = stat_number(stat, MODE_AT);
        let id = self.take(hash_bytes)?;
        let flags = self.take(2)?;
        let mut is_plain = flags[0] & !EXTENDED_FLAG & FLAG_BITS == 0;
        if version >= 3 && flags[0] & EXTENDED_FLAG != 0 {
            is_plain &= self.take(2)?[0] & EXTENDED_FLAG_BITS == 0;
        }
        if version == 4 {
            let kept = before.len().checked_sub(self.offset()?).ok_or(IndexFault::Malformed)?;
            path.extend_from_slice(&before[..kept]);
            path.extend_from_slice(self.take_text()?);
        } else {
            path.extend_from_slice(self.take_text()?);
            // Zeros fill the entry up to a multiple of eight bytes; the first one ends the path.
            let length = start - self.rest.len();
            self.take(length.next_multiple_of(8) - length)?;
        }
        // Only the entries of a split index that replace others have no path.
        if path.is_empty() { Err(IndexFault::Split) } else { Ok(IndexEntry { mode, stat, id, is_plain }) }
    }

    /// Reads a number of variable length, in the encoding of the offsets in git's pack files.
    fn offset(&mut self) -> Result<usize, IndexFault> {
        let mut byte = self.take(1)?[0];
        let mut value = usize::from(byte & 0x7f);
        while byte & 0x80 != 0 {
            byte = self.take(1)?[0];
            value = value.checked_add(1).and_then(|value| value.checked_mul(128)).ok_or(IndexFault::Malformed)?;
            value |= usize::from(byte & 0x7f);
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An index of version 2 with these paths and modes.
    fn index_of(entries: &[(&str, u32)]) -> Vec<u8> {
        let mut index = [b"DIRC".as_slice(), &2_u32.to_be_bytes(), &(entries.len() as u32).to_be_bytes()].concat();
        for (path, mode) in entries {
            let start = index.len();
            index.extend([0; MODE_AT]);
            index.extend(mode.to_be_bytes());
            index.extend([0; STAT_BYTES - MODE_AT - 4 + 20]);
            index.extend((path.len() as u16).to_be_bytes());
            index.extend(path.as_bytes());
            index.push(0);
            let length = index.len() - start;
            index.resize(start + length.next_multiple_of(8), 0);
        }
        index.extend([0; 20]);
        index
    }

    #[test]
    fn files_folders_and_submodules_are_told_apart() {
        let index = index_of(&[
            ("a.rs", 0o100_644),
            ("lib/deep/b.rs", 0o100_755),
            ("lib-x.rs", 0o120_000),
            ("mod", 0o160_000),
            ("sparse/", 0o040_000),
        ]);
        let paths = TrackedPaths::parse(&index, 20).expect("an index");
        for path in ["a.rs", "lib/deep/b.rs", "lib-x.rs", "mod"] {
            assert!(paths.has(path.as_bytes()), "{path}");
        }
        for path in ["", "a", "a.rs/", "lib", "lib/deep", "sparse", "sparse/", "z"] {
            assert!(!paths.has(path.as_bytes()), "{path}");
        }
        assert!(paths.has_below(b"lib") && paths.has_below(b"lib/deep"));
        assert!(!paths.has_below(b"li") && !paths.has_below(b"sparse") && !paths.has_below(b"mod"));
        assert!(paths.is_submodule(b"mod") && !paths.is_submodule(b"a.rs"));
    }

    #[test]
    fn what_cannot_be_used_is_an_error() {
        let parse = |index: &[u8]| TrackedPaths::parse(index, 20).expect_err("no index");
        let index = index_of(&[("a.rs", 0o100_644)]);
        for length in 0..index.len() - 20 {
            assert_eq!(parse(&index[..length]), IndexFault::Malformed, "{length}");
        }
        let mut newer = index.clone();
        newer[7] = 9;
        assert_eq!(parse(&newer), IndexFault::UnknownVersion(9));
        let mut many = index.clone();
        many[8..12].copy_from_slice(&u32::MAX.to_be_bytes());
        assert_eq!(parse(&many), IndexFault::Malformed);
        let mut split = index[..index.len() - 20].to_vec();
        split.extend([b"link".as_slice(), &3_u32.to_be_bytes(), b"abc", &[0; 20]].concat());
        assert_eq!(parse(&split), IndexFault::Split);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn damaged_indexes_do_not_panic(
            version in 2_u8..=4,
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
            length in any::<prop::sample::Index>(),
        ) {
            let mut index = index_of(&[("a.rs", 0o100_644), ("b/c.rs", 0o100_644), ("b/d.rs", 0o160_000)]);
            index[7] = version;
            for (at, byte) in changes {
                let at = at.index(index.len());
                index[at] = byte;
            }
            index.truncate(length.index(index.len()) + 1);
            if let Ok(paths) = TrackedPaths::parse(&index, 20) {
                paths.has(b"b/c.rs");
                paths.has_below(b"b");
            }
        }

        #[test]
        fn any_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let index = [b"DIRC\0\0\0\x04\0\0\0\x05".as_slice(), &bytes].concat();
            TrackedPaths::parse(&index, 20).ok();
        }
    }
}
