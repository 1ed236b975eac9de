//! The contents of files, known from git's index without reading them.
//!
//! An entry of the index has the metadata that a file had when git last compared it with an object. While the file has
//! that metadata, it has the contents of the object. This does not hold for a file that may have changed within the
//! resolution of the clock after git examined it, and for one that git converts.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use crate::conversions::Conversions;
use crate::files::GitFiles;
use crate::index::{IndexEntry, stat_number, visit_file_entries};
use crate::project::find_top;
use crate::repository::MAX_INDEX_BYTES;
use platform::open::read_without_links;
use types::FileStat;

/// Positions in the metadata of an entry: change time, modification time, inode and size.
const CTIME_AT: usize = 0;
const MTIME_AT: usize = 8;
const INODE_AT: usize = 20;
const SIZE_AT: usize = 36;

/// The name of the files with attributes in working trees.
const ATTRIBUTES: &[u8] = b".gitattributes";

/// The id that git gives to the contents of a file: a SHA-256, or a SHA-1 with zeros after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId([u8; 32]);

impl ObjectId {
    /// Returns the id with these bytes; `None` if there are more than 32.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let mut id = [0; 32];
        id.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(Self(id))
    }

    /// Returns the bytes, with zeros after the 20 bytes of a SHA-1.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The object ids of the files in a working tree whose contents follow from git's index, by their paths relative to a
/// folder of it.
#[derive(Debug, Default)]
pub struct TreeObjects {
    entries: HashMap<Box<[u8]>, TreeEntry>,
}

#[derive(Clone, Copy, Debug)]
struct TreeEntry {
    /// Change time, in seconds and nanoseconds.
    ctime: (u32, u32),
    mtime: (u32, u32),
    /// The low 32 bits of the inode number.
    inode: u32,
    size: u32,
    id: ObjectId,
}

impl TreeEntry {
    fn new(entry: IndexEntry<'_>) -> Option<Self> {
        let number = |at| stat_number(entry.stat, at);
        Some(Self {
            ctime: (number(CTIME_AT), number(CTIME_AT + 4)),
            mtime: (number(MTIME_AT), number(MTIME_AT + 4)),
            inode: number(INODE_AT),
            size: number(SIZE_AT),
            id: ObjectId::new(entry.id)?,
        })
    }

    /// Returns whether the file had this metadata. Change times and inodes are compared where the system has them.
    fn has_stat(&self, stat: &FileStat) -> bool {
        let is_unix = stat.ctime_ns != 0 || stat.inode != 0;
        let low = |number: u64| (number & u64::from(u32::MAX)) as u32;
        u64::from(self.size) == stat.size_bytes
            && split_time(stat.mtime_ns) == Some(self.mtime)
            && (!is_unix || (split_time(stat.ctime_ns) == Some(self.ctime) && low(stat.inode) == self.inode))
    }
}

/// Splits a time into seconds, of which git keeps 32 bits, and nanoseconds; `None` for a time that is unknown.
fn split_time(time_ns: i64) -> Option<(u32, u32)> {
    let time_ns = u64::try_from(time_ns).ok().filter(|time| *time > 0)?;
    let seconds = (time_ns / 1_000_000_000) & u64::from(u32::MAX);
    Some((seconds as u32, (time_ns % 1_000_000_000) as u32))
}

impl TreeObjects {
    /// Reads the ids of the files below `folder` whose contents follow from git's index; `None` if `folder` is in no
    /// working tree, or git's index cannot be used.
    pub fn read(folder: &Path) -> Option<Self> {
        let (top, part) = find_top(folder)?;
        let files = GitFiles::find(&top).ok()??;
        let index = read_without_links(&files.index_file().canonicalize().ok()?, MAX_INDEX_BYTES).ok()?;
        let written = split_time(FileStat::from_metadata(&index.metadata).mtime_ns)?;
        let part = if part.is_empty() { String::new() } else { format!("{part}/") };
        let mut found: Vec<(Vec<u8>, TreeEntry)> = Vec::new();
        let (mut folders, mut tracked) = (HashSet::from([Vec::new()]), HashSet::new());
        // Every folder on the way to the part and every folder in it may have attributes.
        folders.extend(part.match_indices('/').map(|(slash, _)| part.as_bytes()[..=slash].to_vec()));
        visit_file_entries(&index.bytes, files.hash_bytes(), &mut |path, entry| {
            let above = &path[..memchr::memrchr(b'/', path).map_or(0, |slash| slash + 1)];
            if path[above.len()..] == *ATTRIBUTES {
                tracked.insert(above.to_vec());
            }
            if !path.starts_with(part.as_bytes()) {
                return;
            }
            if !folders.contains(above) {
                let ends = memchr::memchr_iter(b'/', above).map(|slash| above[..=slash].to_vec());
                folders.extend(ends);
            }
            // A file that was written when the index was may have changed again since. Git marks such files with the
            // size 0 when it writes the index again.
            let entry = TreeEntry::new(entry).filter(|tree| entry.is_plain && tree.size > 0 && tree.mtime < written);
            found.extend(entry.map(|entry| (path.to_vec(), entry)));
        })
        .ok()?;
        let conversions = Conversions::read(&top, &files, &folders, &tracked);
        let kept = found.into_iter().filter(|(path, _)| !conversions.may_convert(path));
        let entries = kept.map(|(path, entry)| (path[part.len()..].into(), entry)).collect();
        Some(Self { entries })
    }

    /// Returns the id of the file at `path`, which has the metadata `stat`; `None` if its contents are not known from
    /// git's index.
    pub fn find(&self, path: &str, stat: &FileStat) -> Option<ObjectId> {
        // Such a character may stand for bytes of a name that is no UTF-8.
        let is_exact = !path.contains(char::REPLACEMENT_CHARACTER);
        let entry = self.entries.get(path.as_bytes()).filter(|entry| is_exact && entry.has_stat(stat))?;
        Some(entry.id)
    }

    /// Returns the number of files whose contents may be known.
    pub fn count(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::path::PathBuf;
    use std::process::Command;
    use std::time::{Duration, SystemTime};

    use super::*;

    struct Tree {
        _folder: tempfile::TempDir,
        top: PathBuf,
    }

    impl Tree {
        /// Creates a repository with the files `a.rs` and `d/b.rs`, and an index that is newer than they are.
        fn new(format: &str) -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let top = folder.path().canonicalize().expect("a folder");
            let tree = Self { _folder: folder, top };
            tree.git(&["init", "-q", &format!("--object-format={format}")]);
            tree.write("a.rs", "fn a() {}\n");
            tree.write("d/b.rs", "fn b() {}\n");
            tree.git(&["add", "-A"]);
            tree.settle();
            tree
        }

        fn git(&self, arguments: &[&str]) -> String {
            let mut command = Command::new("git");
            command.args(arguments).current_dir(&self.top).env("HOME", &self.top).env("GIT_CONFIG_NOSYSTEM", "1");
            let ran = command.env_remove("GIT_DIR").env_remove("XDG_CONFIG_HOME").output().expect("git is installed");
            assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
            String::from_utf8_lossy(&ran.stdout).trim().to_owned()
        }

        fn write(&self, path: &str, text: &str) {
            let path = self.top.join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        }

        /// Makes the index newer than every file.
        fn settle(&self) {
            self.set_index_time(SystemTime::now() + Duration::from_secs(5));
        }

        fn set_index_time(&self, time: SystemTime) {
            let index = File::options().write(true).open(self.top.join(".git/index")).expect("an index");
            index.set_modified(time).expect("a time");
        }

        fn stat(&self, path: &str) -> FileStat {
            FileStat::from_metadata(&self.top.join(path).symlink_metadata().expect("a file"))
        }

        /// Returns the ids of both files as they are known from the index.
        fn known(&self) -> [Option<String>; 2] {
            let objects = TreeObjects::read(&self.top).unwrap_or_default();
            ["a.rs", "d/b.rs"].map(|path| objects.find(path, &self.stat(path)).map(|id| hex(&id)))
        }

        fn are_known(&self) -> [bool; 2] {
            self.known().map(|id| id.is_some())
        }
    }

    fn hex(id: &ObjectId) -> String {
        let text: String = id.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        text.strip_suffix(&"0".repeat(24)).map_or(text.clone(), str::to_owned)
    }

    #[test]
    fn ids_are_those_of_git_in_every_format() {
        for (format, version) in [("sha1", "2"), ("sha1", "4"), ("sha256", "2"), ("sha256", "4")] {
            let tree = Tree::new(format);
            tree.git(&["update-index", "--index-version", version]);
            tree.settle();
            let wanted = ["a.rs", "d/b.rs"].map(|path| Some(tree.git(&["hash-object", path])));
            assert_eq!(tree.known(), wanted, "{format} {version}");
            let below = TreeObjects::read(&tree.top.join("d")).expect("it is in the tree");
            assert_eq!(below.find("b.rs", &tree.stat("d/b.rs")).map(|id| hex(&id)), wanted[1]);
        }
    }

    #[test]
    fn other_metadata_is_of_other_contents() {
        let tree = Tree::new("sha1");
        let (objects, stat) = (TreeObjects::read(&tree.top).expect("a tree"), tree.stat("a.rs"));
        assert!(objects.find("a.rs", &stat).is_some());
        for other in [
            FileStat { size_bytes: stat.size_bytes + 1, ..stat },
            FileStat { mtime_ns: stat.mtime_ns + 1, ..stat },
            FileStat { mtime_ns: FileStat::CHANGED_TOO_RECENTLY_NS, ..stat },
            #[cfg(unix)]
            FileStat { ctime_ns: stat.ctime_ns + 1, ..stat },
            #[cfg(unix)]
            FileStat { inode: stat.inode + 1, ..stat },
        ] {
            assert_eq!(objects.find("a.rs", &other), None, "{other:?}");
        }
        tree.write("a.rs", "fn x() {}\n");
        assert_eq!(tree.are_known(), [false, true]);
        // Git may take a file of the same size for unchanged within a second.
        tree.write("a.rs", "fn longer() {}\n");
        tree.git(&["add", "a.rs"]);
        tree.settle();
        assert_eq!(tree.known()[0], Some(tree.git(&["hash-object", "a.rs"])));
    }

    #[test]
    fn a_file_as_new_as_the_index_is_not_known() {
        let tree = Tree::new("sha1");
        let time = fs::metadata(tree.top.join("a.rs")).and_then(|metadata| metadata.modified()).expect("a time");
        tree.set_index_time(time);
        assert!(!tree.are_known()[0]);
        tree.set_index_time(time - Duration::from_nanos(1));
        assert!(!tree.are_known()[0]);
        tree.set_index_time(time + Duration::from_nanos(1));
        assert!(tree.are_known()[0]);
    }

    #[test]
    fn files_that_git_does_not_compare_are_not_known() {
        for set in [["update-index", "--assume-unchanged", "a.rs"], ["update-index", "--skip-worktree", "a.rs"]] {
            let tree = Tree::new("sha1");
            tree.git(&set);
            tree.settle();
            assert_eq!(tree.are_known(), [false, true], "{set:?}");
        }
        let tree = Tree::new("sha1");
        tree.git(&["rm", "-q", "--cached", "a.rs"]);
        tree.git(&["add", "--intent-to-add", "a.rs"]);
        tree.settle();
        assert_eq!(tree.are_known(), [false, true]);
        let tree = Tree::new("sha1");
        tree.git(&["update-index", "--split-index"]);
        tree.settle();
        assert!(TreeObjects::read(&tree.top).is_none());
        assert!(TreeObjects::read(Path::new("/")).is_none(), "no repository");
    }

    #[test]
    fn files_that_git_converts_are_not_known() {
        for (name, value) in [("core.autocrlf", "true"), ("core.autocrlf", "input")] {
            let tree = Tree::new("sha1");
            tree.git(&["config", name, value]);
            assert_eq!(tree.are_known(), [false, false], "{name}={value}");
            tree.git(&["config", name, "false"]);
            assert_eq!(tree.are_known(), [true, true]);
        }
        let tree = Tree::new("sha1");
        tree.write("d/.gitattributes", "*.rs text\n");
        assert_eq!(tree.are_known(), [true, false], "also when git does not track the attributes");
        fs::remove_file(tree.top.join("d/.gitattributes")).expect("removed");
        tree.write(".git/info/attributes", "/a.rs filter=f\n");
        assert_eq!(tree.are_known(), [false, true]);
        fs::remove_file(tree.top.join(".git/info/attributes")).expect("removed");
        tree.write("attributes", "*.rs ident\n");
        tree.git(&["config", "core.attributesFile", &tree.top.join("attributes").to_string_lossy()]);
        assert_eq!(tree.are_known(), [false, false]);
        tree.git(&["config", "--unset", "core.attributesFile"]);
        tree.write("d/.gitattributes", "*.rs text\n");
        tree.git(&["add", "d/.gitattributes"]);
        fs::remove_file(tree.top.join("d/.gitattributes")).expect("removed");
        tree.settle();
        assert_eq!(tree.are_known(), [true, false], "git uses the tracked file while it is absent");
    }
}
